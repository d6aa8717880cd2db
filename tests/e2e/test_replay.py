"""The replay program on a small real history of every kind of change, and on a lanectl that lies."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.world import fill, git, write

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
LANECTL = f"{shlex.quote(sys.executable)} -P -m lanectl"
AS_IT_IS = f'exec {LANECTL} "$@"'
EDITS_THE_WORK_TREE = f'[ "$1" != pack ] || echo more >> src/f3.py; {AS_IT_IS}'
COMMITS_ANOTHER_TREE = f"""
[ "$1" = apply ] || {AS_IT_IS}
out=$({LANECTL} "$@") || {{ code=$?; echo "$out"; exit $code; }}
old=$(git rev-parse feature/x)
new=$(git commit-tree -p feature/x^ -m x origin/main^{{tree}})
git update-ref refs/heads/feature/x $new
echo "$out" | sed "s/$old/$new/"
"""


def history(top: Path) -> list[str]:
    """Make a repository whose commits have a rare feature each; return their subjects."""
    git(top.parent, "init", "-q", "-b", "main", top.name)
    fill(top)
    commit(top, "root", pointer="1" * 40)
    (top / "src/f1.py").rename(top / "src/été 1.py")
    commit(top, "rename to an odd name", pointer="1" * 40)
    (top / "run.sh").chmod(0o644)
    (top / "lnk").unlink()
    write(top / "lnk", b"now a file\n")
    commit(top, "mode and type", pointer="1" * 40)
    write(top / ".gitattributes", b"*.txt eol=crlf\n*.u16 working-tree-encoding=UTF-16LE\n")
    write(top / "docs/a b/x b/y.txt", b"one\r\ntwo\r\n")
    write(top / "a.u16", "text\n".encode("utf-16-le"))
    write(top / "dos.bat", b"one\r\ntwo\r\n")
    write(top / "none", b"")
    write(top / "bin.dat", bytes(range(255, -1, -1)) * 40)
    commit(top, "attributes, empty, binary", pointer="1" * 40)
    write(top / "forced.log", b"ignored\n")
    git(top, "add", "-f", "forced.log")
    commit(top, "an ignored file", pointer="1" * 40)
    commit(top, "a moved submodule", pointer="2" * 40)
    return git(top, "log", "--format=%s", "--min-parents=1").splitlines()


def commit(top: Path, message: str, *, pointer: str) -> None:
    git(top, "add", "-A")
    git(top, "update-index", "--add", "--cacheinfo", f"160000,{pointer},vendor")
    git(top, "commit", "-q", "-m", message)


def replay(top: Path, tmp_path: Path, lanectl: str, *extra: str) -> tuple[int, Any]:
    program = tmp_path / "lanectl"
    write(program, f"#!/bin/sh\n{lanectl}\n".encode(), 0o755)
    done = subprocess.run(
        [sys.executable, ROOT / "bench/replay.py", top, "--lanectl", program, "--json", *extra],
        capture_output=True, check=False, env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path),
        **{f"GIT_{who}_{what}": "p@example.test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}},
    )  # fmt: skip
    assert not done.stderr, done.stderr.decode()
    return done.returncode, json.loads(done.stdout)


def test_every_tree_is_exact_but_for_what_a_work_tree_cannot_show(tmp_path: Path) -> None:
    subjects = history(tmp_path / "repo")
    code, found = replay(tmp_path / "repo", tmp_path, AS_IT_IS, "--compare-git")
    assert (code, found["commits"]) == (0, len(subjects))
    exact = {"exact": 5, "not showable": 0, "refused": 0, "inexact": 0}
    unstaged = {**exact, "exact": 3, "not showable": 2}
    assert found["counts"] == {"unstaged": unstaged, "staged": exact, "committed": exact}
    submodule = [o["why"] for o in found["outcomes"] if "paths/submodule" in o["why"]]
    assert submodule == []  # the root brought it, and has no parent to be replayed on
    attributes = "held and approved: protected/attributes"
    assert [o["why"] for o in found["outcomes"] if o["why"] == attributes] == [attributes] * 3
    hidden = {o["why"] for o in found["outcomes"] if o["verdict"] == "not showable"}
    assert hidden == {"ignored 1", "submodule 1"}
    assert {"link", "type", "mode", "rename", "odd name", "binary", "submodule", "CRLF"} <= set(
        found["features"]
    )


@pytest.mark.parametrize(
    ("lie", "spared"), [(EDITS_THE_WORK_TREE, {"committed"}), (COMMITS_ANOTHER_TREE, set[str]())]
)  # fmt: skip
def test_a_tampered_tree_is_seen(tmp_path: Path, lie: str, spared: set[str]) -> None:
    history(tmp_path / "repo")
    code, found = replay(tmp_path / "repo", tmp_path, lie, "--commits", "1")
    assert code == 1
    verdicts = {o["state"]: o["verdict"] for o in found["outcomes"]}
    wrong = {"unstaged", "staged", "committed"} - spared
    assert verdicts == {s: "inexact" if s in wrong else "exact" for s in sorted(verdicts)}


def test_a_refusal_is_a_result_with_its_rule(tmp_path: Path) -> None:
    top = tmp_path / "repo"
    history(top)
    write(top / "a:b", b"a colon\n")
    commit(top, "a name that lanectl refuses", pointer="2" * 40)
    code, found = replay(top, tmp_path, AS_IT_IS)
    refused = {(o["state"], o["why"]) for o in found["outcomes"] if o["verdict"] == "refused"}
    assert code == 1
    assert refused == {(s, "pack: paths/name") for s in ("unstaged", "staged", "committed")}
