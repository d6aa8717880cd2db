"""Builds programs of others from their Go modules, once, outside of the tree; skips where it cannot."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lanectl-e2e"
"""Where Go builds: read before a test has its own HOME, so that a program is built once."""


def built(package: str) -> Path:
    """Return the program of a Go package, `path@version`; skip the test if it cannot be built."""
    path, _, version = package.partition("@")
    name = path.rpartition("/")[2]
    tool = CACHE / f"{name}-{version}" / name
    if not tool.exists():
        tool.parent.mkdir(parents=True, exist_ok=True)
        with (tool.parent / ".lock").open("w") as lock:  # workers wait for the first one's build
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not tool.exists():
                _build(package, tool)
    return tool


def _build(package: str, tool: Path) -> None:
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        pytest.skip(f"no go: {tool.name} cannot be built")
    folders = {name: str(CACHE / "go" / name.lower()) for name in ("GOPATH", "GOCACHE")}
    done = subprocess.run(
        [go, "install", package], capture_output=True, text=True, check=False,
        env={**os.environ, **folders, "GOBIN": str(tool.parent), "GOFLAGS": "-modcacherw"},
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"{tool.name} cannot be built: {done.stderr.strip()[-300:]}")
