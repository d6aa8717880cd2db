"""Where handoffs are, read from the file of an embedded ledger. Has no way to write."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lanectl.adapters.ledger import sqlite_handoffs as handoffs
from lanectl.adapters.ledger.sqlite_open import opened
from lanectl.errors import RefusedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.adapters.ledger.sqlite_file import Database
    from lanectl.model.ledger import HandoffRow
    from lanectl.model.names import Slug


def open_status(path: str, key: str | None = None) -> SqliteStatus:
    """Return the handoffs of the ledger in this file, which is not written. Raises as `open_ledger`."""
    try:
        return SqliteStatus(opened(path, key, mode="ro"))
    except (UnavailableError, RefusedError):
        # Nobody has it open, and in a folder that cannot be written SQLite cannot share memory.
        if os.access(Path(path).parent, os.W_OK) or os.path.lexists(f"{path}-wal"):
            raise
        return SqliteStatus(opened(path, key, mode="ro", immutable="1"))


class SqliteStatus:
    """Implements `ports.ledger.StatusReader` over a file."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def status(self, slug: Slug | None = None) -> Iterator[HandoffRow]:
        """Yield handoffs, the one that changed last first."""
        return handoffs.listed(self._db, slug)

    def close(self) -> None:
        """End the connection."""
        self._db.close()
