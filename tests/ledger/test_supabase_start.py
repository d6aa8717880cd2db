"""What a command loads: the client of a database only where that database is the ledger."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DATABASES = {"httpx", "postgrest", "psycopg", "pydantic", "supabase"}


def loaded(code: str, *arguments: str) -> set[str]:
    """The packages that a fresh interpreter holds after this code."""
    ending = "\nsys.stdout.write('\\n'.join({m.partition('.')[0] for m in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}{ending}", *arguments],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    return set(done.stdout.splitlines())


RUN = "from lanectl.cli.app import run\nrun(sys.argv[1:])"


@pytest.mark.parametrize("words", [["--help"], ["verify", "nothing"], ["apply", "--help"]])
def test_a_command_without_a_database_loads_no_client_of_one(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "lanectl" in loaded(RUN, *words)
    assert not loaded(RUN, *words) & DATABASES


def test_only_opening_a_project_loads_its_client(tmp_path: Path) -> None:
    code = "from lanectl.adapters.ledger import sqlite, status, supabase\n"
    assert not loaded(code) & DATABASES
    opened = loaded(code + "supabase.open_ledger('https://abc.supabase.co', 'key').close()")
    assert "supabase" in opened
    assert "psycopg" not in opened


def test_the_embedded_ledger_loads_no_client(tmp_path: Path) -> None:
    code = (
        "from lanectl.adapters.ledger import sqlite\nfrom tests.ledger import story\n"
        "sqlite.create(sys.argv[1], story.genesis())\n"
        "ledger = sqlite.open_ledger(sys.argv[1])\nledger.record(story.queued('a'))\nledger.close()"
    )
    assert not loaded(code, str(tmp_path / "ledger.db")) & DATABASES
