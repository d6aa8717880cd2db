"""The conformance suite's back end: SQLite, encrypted. An address is a path."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from lanectl.adapters.ledger import sqlite
from lanectl.ports.ledger import Ledger
from tests.ledger import story

KEY = "c0de" * 16


@contextlib.contextmanager
def fresh(folder: Path) -> Iterator[str]:
    """Yield the path of a new ledger."""
    path = str(folder / "ledger.db")
    sqlite.create(path, story.genesis(), KEY)
    yield path


def connect(address: str) -> Ledger:
    """Open it."""
    return sqlite.open_ledger(address, KEY)
