"""Making a ledger in SQLite: whole or not at all, and never over another one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from lanectl.adapters.durable import sync_folder
from lanectl.adapters.ledger.sqlite_file import Database
from lanectl.adapters.ledger.sqlite_schema import STATEMENTS
from lanectl.errors import ConflictError, Remedy, UnreadableError
from lanectl.formats import event as bodies
from lanectl.model.display import display
from lanectl.model.ledger import GENESIS, EventKind

_SPACE: Final = (Remedy("Look at the disk's space and the folder's rights."),)
_APPEND: Final = "insert into events (seq, prev, hash, body) values (?, ?, ?, ?)"


def exists(path: str) -> bool:
    """Return whether there is a ledger; one that a crash left half made is none."""
    return os.path.lexists(path)


def create(path: str, genesis: bytes, key: str | None = None) -> None:
    """Make a ledger (0600) whose first event has this body; `key` (64 hex digits) encrypts it.

    It gets its name when it is whole. Raises ConflictError if there is one or the traces of one,
    UnreadableError if the folder cannot be written.
    """
    target = Path(path)
    if any(os.path.lexists(f"{path}{end}") for end in ("", "-wal", "-shm", "-journal")):
        raise _taken(path)
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
            draft = str(Path(folder) / "ledger")
            os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            _fill(draft, genesis, key)
            _give_name(draft, path)
        sync_folder(target.parent)
    except OSError as error:
        raise UnreadableError(
            f"{display(path)} cannot be made: {error.strerror}", remedies=_SPACE
        ) from error


def _fill(path: str, genesis: bytes, key: str | None) -> None:
    ledger, event = bodies.read(genesis)
    if event.kind is not EventKind.CREATED:
        raise ValueError(f"{event.kind} begins no ledger ({ledger})")
    db = Database(path, key)
    try:
        with db.writing():
            for statement in STATEMENTS:
                db.rows(statement)
            db.rows(_APPEND, (1, GENESIS, bodies.link(GENESIS, 1, genesis), genesis.decode()))
        # last: what lies in a write-ahead log is brought over at the end without a word if that fails
        db.rows("pragma journal_mode = wal")
    finally:
        db.close()


def _give_name(draft: str, path: str) -> None:
    try:
        os.link(draft, path)
    except FileExistsError as error:  # another process was faster
        raise _taken(path) from error


def _taken(path: str) -> ConflictError:
    return ConflictError(
        f"{display(path)} holds a ledger already, or what is left of one",
        why="a ledger is never made anew: its events would be lost",
        remedies=(Remedy("Use it, or name another file."),),
    )
