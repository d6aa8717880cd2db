"""The program that judges real histories, on a small one: each verdict, and each against a handoff."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.world import git, write

pytestmark = pytest.mark.e2e

PROGRAM = Path(__file__).resolve().parents[2] / "bench/judge_history.py"


def history(top: Path) -> Path:
    """Make a repository of four commits that can be judged: free, warned about, held, blocked."""
    git(top.parent, "init", "-q", "-b", "main", top.name)
    for name, data in (
        ("a.py", b"a = 1\n"), ("b.py", b"b = 1\n"), ("run.log", b"\x1b[31mred\n"),
        (".github/workflows/ci.yml", b"on: push\n"), ("key", b"ghp_" + b"4xQ9bZ7tK2mW8vR3" * 3),
    ):  # fmt: skip
        write(top / name, data)
        git(top, "add", "-A")
        git(top, "commit", "-q", "-m", f"add {name}")
    return top


def judge(top: Path, home: Path, *extra: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, PROGRAM, top, "--name", "small", *extra],
        capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", "HOME": str(home)},
    )  # fmt: skip
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout.splitlines()


def test_every_verdict_is_counted_and_is_that_of_a_handoff(tmp_path: Path) -> None:
    top = history(tmp_path / "repo")
    code, lines = judge(top, tmp_path, "--show-warnings", "--handoffs", "4")
    assert code == 1, "one commit is blocked"
    assert lines[2] == (
        "| small | 4 | 1 | 1 | 1 | 1 | blocked: `secrets/token` 1 (1); "
        "held: `protected/ci` 1 (1); warned: `text/escape` 1 (1) |"
    )
    said = sorted(
        line.split(" ", 2)[2].partition(": ")[0] for line in lines[3:] if "handed" not in line
    )
    assert "- handed over whole: 4, decided otherwise: 0" in lines
    assert said == [
        "block secrets/token key:1", "hold protected/ci .github/workflows/ci.yml", "warn text/escape run.log:1",
    ]  # fmt: skip


def test_a_history_without_a_block_is_well(tmp_path: Path) -> None:
    top = history(tmp_path / "repo")
    held = git(top, "rev-parse", "HEAD~1")
    code, lines = judge(top, tmp_path, "--show", "--no-header", "--only", held)
    assert code == 0
    assert lines[0].startswith("| small | 1 | 0 | 0 | 1 | 0 |")
    assert len(lines) == 2
