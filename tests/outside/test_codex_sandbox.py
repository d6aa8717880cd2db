"""The Builder's side in the real Codex sandbox: what it can do there, and what leaves it as a bundle."""

from __future__ import annotations

import contextlib
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanectl.model.lane import Act
from tests.outside.codex import LANECTL, WITHOUT_TEMPORARY_FOLDER, Sandbox
from tests.world import Ran, World, git, lanectl, lanectl_process, snapshot

pytestmark = pytest.mark.e2e

EVERY_KIND = r"""
echo edited > src/f0.py; rm src/f2.py; mv src/f1.py src/g1.py; chmod -x run.sh
printf '\000\001\377' > bin.dat; ln -s run.sh link; mkdir -p 'a b/c'; echo new > 'a b/c/d e.txt'
"""


def packed(sandbox: Sandbox, **extra: str) -> Ran:
    """Pack inside, with variables that the agent sets there."""
    words = ("pack", "--unsigned", "--slug", "fix-login", "--json")
    return sandbox.run("env", *(f"{n}={v}" for n, v in extra.items()), LANECTL, *words)


def tree_of(work_tree: Path) -> str:
    git(work_tree, "add", "-A")
    return git(work_tree, "write-tree")


def hand_over(world: World, bundle: Path) -> str:
    """Sign outside, verify and apply; return the tree of what was applied."""
    signed = lanectl("sign", bundle, "--key", world.key("builder"))
    assert signed.code == 0, signed.err
    assert world.verify(bundle).json["outcome"] == "accepted"
    applied = world.apply(bundle)
    assert applied.code == 0, applied.err
    return git(world.enforcer, "rev-parse", f"{applied.json['commit']}^{{tree}}")


@contextlib.contextmanager
def listening() -> Iterator[str]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_its_walls(far: World, sandbox: Sandbox) -> None:
    sandbox.sh(f"touch mine; touch /tmp/{far.root.name}; rm /tmp/{far.root.name}")
    for place in (far.builder / ".git/x", far.root / "x", sandbox.home / "x", far.enforcer / "x"):
        done = sandbox.run("touch", place)
        assert (done.code, "Read-only file system" in done.err) == (1, True), place
        assert not place.exists()


def test_what_is_packed_inside_is_applied_outside_exactly(far: World, sandbox: Sandbox) -> None:
    sandbox.sh(EVERY_KIND)
    before = snapshot(far.builder / ".git")
    done = packed(sandbox)
    assert done.code == 0, done.err
    assert snapshot(far.builder / ".git") == before
    applied = hand_over(far, Path(done.json["path"]))
    assert applied == tree_of(far.builder)


def test_what_a_profile_shows_in_place_of_a_missing_file_is_not_packed(
    far: World, sandbox: Sandbox
) -> None:
    """Where a rule names a file that is not there, Codex shows an empty one to the agent."""
    sandbox.sh(EVERY_KIND)
    expected = tree_of(Path(shutil.copytree(far.builder, far.root / "copy", symlinks=True)))
    profiled = sandbox.denying(far.keys)
    shown = profiled.run("git", "status", "--porcelain").out
    for name in ("AGENTS.md", ".mcp.json", ".github", ".env.claude"):
        assert f"?? {name}\n" in shown, "git itself takes it for a file"
    done = packed(profiled)
    assert done.code == 0, done.err
    assert hand_over(far, Path(done.json["path"])) == expected


def test_without_a_temporary_folder_it_says_what_is_missing(far: World, sandbox: Sandbox) -> None:
    sandbox.sh(EVERY_KIND)
    narrow = Sandbox(sandbox.home, sandbox.work_tree, WITHOUT_TEMPORARY_FOLDER)
    done = packed(narrow)
    assert done.code == 3
    assert "no folder for temporary files can be written" in done.err
    assert "Set TMPDIR" in done.err
    assert ".lanectl/tmp" in done.err
    again = packed(narrow, TMPDIR=".lanectl/tmp")
    assert again.code == 0, again.err
    assert list((far.builder / ".lanectl/tmp").iterdir()) == []
    applied = hand_over(far, Path(again.json["path"]))
    assert applied == tree_of(far.builder)


def attempts(done: Ran, act: Act) -> dict[str, str]:
    return {a["where"]: a["state"] for a in done.json["attempts"] if a["rule"] == act.rule}


def test_the_network_is_closed_inside_and_open_outside(far: World, sandbox: Sandbox) -> None:
    with listening() as place:
        words = ("lane", "check", "--lane", "codex", "--json", "--reach", place)
        inside = sandbox.lanectl(*words)
        outside = lanectl_process(*words, cwd=far.builder)
    assert attempts(inside, Act.NETWORK)[place] == "ok"
    assert attempts(outside, Act.NETWORK)[place] == "violated"


def test_a_signing_key_can_be_read_inside_unless_it_is_denied(far: World, sandbox: Sandbox) -> None:
    made = lanectl("keys", "new", "--role", "builder")
    assert made.code == 0, made.err
    keys = Path.home() / ".config/lanectl/keys"
    key = str(keys / "builder.pem")
    words = ("lane", "check", "--lane", "codex", "--json")
    assert attempts(sandbox.lanectl(*words), Act.SIGNING_KEY)[key] == "violated"
    assert attempts(sandbox.denying(keys).lanectl(*words), Act.SIGNING_KEY)[key] == "ok"
    assert attempts(lanectl_process(*words, cwd=far.builder), Act.SIGNING_KEY)[key] == "violated"


def test_a_sandbox_in_this_one_cannot_be_made_and_that_is_said(
    far: World, sandbox: Sandbox
) -> None:
    done = sandbox.lanectl("lane", "exec", "codex", "--", "echo", "went on")
    assert (done.code, done.out) == (0, "went on\n"), done.err
    assert "no sandbox: " in done.err
    assert "NOT enforced: " in done.err
    assert sandbox.lanectl("lane", "exec", "codex", "--require-sandbox", "--", "true").code == 6
