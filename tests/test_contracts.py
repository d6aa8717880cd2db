"""The import contract of the codex lane holds, and a package that breaks it is caught."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FIRST = "from __future__ import annotations\n"


def lint(folder: Path, contract: str = "codex-cannot-push") -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [program, "--no-cache", "--contract", contract, "--config", folder / "pyproject.toml"],
        cwd=folder, env={"PYTHONPATH": str(folder / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package with its contracts."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src/lanectl", tmp_path / "src/lanectl", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("", ""),
        ("wiring/codex.py", "import httpx"),
        ("wiring/codex.py", "from lanectl.wiring import ledger"),
        ("wiring/common.py", "import sqlite3"),
        ("wiring/common.py", "from lanectl.adapters.probes import remote"),
        ("adapters/keys.py", "import httpx"),  # what the codex lane imports, imports it
        ("adapters/git/builder.py", "def push():\n    import socket"),  # as late as it may be
    ],
)
def test_what_the_codex_lane_cannot_construct(package: Path, file: str, line: str) -> None:
    if file:
        path = package / "src/lanectl" / file
        text = path.read_text()
        assert FIRST in text
        path.write_text(text.replace(FIRST, f"{FIRST}\n{line}\n", 1))
    done = lint(package)
    assert ("1 broken" in done.stdout) == (done.returncode != 0) == bool(file), done.stdout
    assert "1 kept" in done.stdout or file


@pytest.mark.parametrize(
    "line",
    [
        "",
        "from lanectl.wiring import ledger",
        "from lanectl.adapters.ledger.supabase import open_ledger",
        "def write():\n    import psycopg",
    ],
)
def test_what_shows_the_status_cannot_write(package: Path, line: str) -> None:
    path = package / "src/lanectl/wiring/status.py"
    path.write_text(path.read_text().replace(FIRST, f"{FIRST}\n{line}\n", 1))
    done = lint(package, "status-cannot-write")
    assert ("1 broken" in done.stdout) == (done.returncode != 0) == bool(line), done.stdout
