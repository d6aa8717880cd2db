"""Verifiers written by others, called by the lines that docs/second-verifier.md shows."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import pytest

from tests.forge.node import node
from tests.gotool import built

COSIGN = "github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3"
PAGE = Path(__file__).resolve().parents[2] / "docs/second-verifier.md"
SCRIPT = Path(__file__).with_name("sigstore_verify.mjs")
MODULES = Path(sys.prefix) / "outside/node_modules"


def shown(program: str, about: str) -> list[str]:
    """Return the first command line of the page that starts this program about a file, without it."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    found = (line for line in lines if line.startswith(f"$ {program} ") and f" {about} " in line)
    return shlex.split(next(found))[2:]


def tool(program: str, folder: Path) -> Path:
    """Return the program that a line of the page starts; for Node its script goes into the folder."""
    if program == "cosign":
        return built(COSIGN)
    if program == "sigstore":
        return Path(sys.executable).with_name("sigstore")
    if not (MODULES / "@sigstore/verify").is_dir():
        pytest.skip("@sigstore/verify is not installed: run `make e2e`")
    shutil.copy(SCRIPT, folder)  # Node looks for modules beside the script
    (folder / "node_modules").symlink_to(MODULES)
    return node()
