"""On a terminal: tables are drawn, progress shows on standard error, and no digest is cut."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from tests.world import World


def on_a_terminal(*arguments: str | Path, cwd: Path, columns: int = 60) -> str:
    """Run lanectl with a pseudo-terminal as standard output and error; return what it showed."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "lanectl", *map(str, arguments)], cwd=cwd, stdin=subprocess.DEVNULL,
        stdout=follower, stderr=follower, env={**os.environ, "TERM": "xterm", "COLUMNS": str(columns)},
    )  # fmt: skip
    os.close(follower)
    shown = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:  # how Linux says that the other side is closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(leader)
    assert process.wait() == 0, shown
    return shown.decode()


def test_a_narrow_terminal_cuts_no_digest(world: World) -> None:
    bundle = world.packed()
    shown = on_a_terminal("inspect", bundle, cwd=world.enforcer)
    assert len(re.findall(r"\b[0-9a-f]{64}\b", shown)) == 1
    assert "…" not in shown


def test_progress_is_shown_and_taken_away(world: World) -> None:
    bundle = world.packed()
    shown = on_a_terminal("verify", bundle, cwd=world.enforcer)
    assert "verifying" in shown
    assert "ACCEPTED" in shown
    assert shown.index("verifying") < shown.index("ACCEPTED")
