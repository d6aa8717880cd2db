"""The conformance suite's back end: SQLite. An address is a path."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from lanectl.adapters.ledger import sqlite
from lanectl.ports.ledger import Ledger
from tests.ledger import story


@contextlib.contextmanager
def fresh(folder: Path) -> Iterator[str]:
    """Yield the path of a new ledger."""
    path = str(folder / "ledger.db")
    sqlite.create(path, story.genesis())
    yield path


def connect(address: str) -> Ledger:
    """Open it."""
    return sqlite.open_ledger(address)


def raw(address: str) -> sqlite3.Connection:
    """Open the file past the adapter, with the function that the triggers need."""
    db = sqlite3.connect(address, isolation_level=None)
    db.create_function("sha256", 1, lambda text: hashlib.sha256(text.encode()).hexdigest())
    return db


def insert(address: str, body: str) -> str:
    """Append a body past the adapter, at its right place; return why it is refused."""
    with contextlib.closing(raw(address)) as db:
        try:
            db.execute(
                "insert into events (seq, prev, hash, body) select seq + 1, hash,"
                " sha256(hash || char(10) || (seq + 1) || char(10) || :body), :body"
                " from events order by seq desc limit 1",
                {"body": body},
            )
        except sqlite3.Error as error:
            return str(error)
    return ""
