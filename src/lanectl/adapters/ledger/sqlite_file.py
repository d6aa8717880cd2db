"""One connection to a SQLite file, plain or encrypted, and what its errors mean. Knows no table."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import re
import sqlite3
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lanectl.errors import RefusedError, Remedy, UnavailableError, UnreadableError
from lanectl.model.display import display

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lanectl.errors import LaneError

_PATIENCE: Final = 10.0
"""Seconds to wait for other processes that write."""

_KEY: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_OLDEST: Final = (3, 38, 0)
"""The first SQLite with STRICT tables and JSON built in."""


class Database:
    """An open file. Rows are fetched whole, so that no open cursor holds a snapshot or a lock.

    Every method raises UnavailableError (locked, full, input or output), RefusedError (not to be
    written) or UnreadableError (damaged, encrypted).
    """

    def __init__(self, path: str, key: str | None, mode: str = "rw", **more: str) -> None:
        if key is not None and not _KEY.fullmatch(key):
            raise ValueError("a key is 64 hex digits")  # it is never shown
        _refuse_planted(path)
        self._path = path
        self._is_encrypted = key is not None
        library = _library(key)
        uri = Path(path).absolute().as_uri()
        options = "".join(f"&{name}={value}" for name, value in more.items())
        try:
            self._db = library.connect(
                f"{uri}?mode={mode}{options}", uri=True, timeout=_PATIENCE, isolation_level=None
            )
        except library.Error as error:
            raise self._meant(error) from error
        try:
            if key is not None:
                self.rows("pragma cipher_log_level = none")  # it would write to our stderr
                self.rows(f"pragma key = \"x'{key}'\"")
            self.rows("pragma synchronous = full")
            self._db.create_function("sha256", 1, _sha256, deterministic=True)
        except BaseException:
            self.close()
            raise

    def rows(self, sql: str, values: tuple[object, ...] | Mapping[str, object] = ()) -> list[Any]:
        """Run one statement and return its rows."""
        try:
            return self._db.execute(sql, values).fetchall()  # type: ignore[no-any-return]  # untyped library
        except self._db.Error as error:
            raise self._meant(error) from error

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the one lock for writing; all of what happens inside stays, or nothing does."""
        self.rows("begin immediate")
        try:
            yield
            self.rows("commit")
        except BaseException:
            if self._db.in_transaction:
                self._db.rollback()
            raise

    def close(self) -> None:
        """End the connection. Closing twice is harmless."""
        self._db.close()

    def damaged(self, why: str) -> UnreadableError:
        """Return the error for a file that holds what no ledger holds."""
        return UnreadableError(
            f"the ledger {display(self._path)} is damaged or is none", why=display(why),
            remedies=(Remedy("Put the last good copy of the file back."),),
        )  # fmt: skip

    def _meant(self, error: Exception) -> LaneError:
        code, name = getattr(error, "sqlite_errorcode", 0) & 0xFF, display(self._path)
        if code == sqlite3.SQLITE_NOTADB:
            return self._locked_away()
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return UnavailableError(
                f"the ledger {name} has been locked for {_PATIENCE:.0f} seconds",
                why="other processes write to it",
                remedies=(Remedy("Run the command again when they have ended."),),
            )
        if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}:
            return RefusedError(
                f"the ledger {name} cannot be written", why=str(error),
                remedies=(Remedy("Run as the user whose file it is."),),
            )  # fmt: skip
        if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}:
            return UnavailableError(
                f"the ledger {name} cannot be opened, read or written", why=str(error),
                remedies=(Remedy("Look at the disk's space, its health and the folder's rights."),),
            )  # fmt: skip
        return self.damaged(str(error))

    def _locked_away(self) -> UnreadableError:
        name = display(self._path)
        if self._is_encrypted:
            return UnreadableError(
                f"the ledger {name} does not open with this key",
                why="it has another key, is not encrypted at all, or is damaged",
                remedies=(Remedy("Give the key that the ledger was made with."),),
            )
        return UnreadableError(
            f"the ledger {name} is encrypted, or is none",
            why="it does not begin as a SQLite file does",
            remedies=(Remedy("Give its key, or put the last good copy of the file back."),),
        )


def _refuse_planted(path: str) -> None:
    """Raise UnreadableError for what is no plain file, or what anybody on this machine may write."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:  # opening it says why
        return
    if not stat.S_ISREG(mode) or mode & stat.S_IWOTH:
        what = "can be written by everybody" if stat.S_ISREG(mode) else "is no plain file"
        raise UnreadableError(
            f"the ledger {display(path)} {what}",
            why="somebody else may have put it there; it is never followed or believed",
            remedies=(Remedy("Look whose it is.", ("ls", "-l", path)),),
        )


def _library(key: str | None) -> Any:
    if key is not None:
        try:
            return importlib.import_module("sqlcipher3.dbapi2")
        except ImportError as error:
            raise UnreadableError(
                "an encrypted ledger needs SQLCipher, which is not installed",
                remedies=(Remedy("Install it.", ("pip", "install", "lanectl[encryption]")),),
            ) from error
    if sqlite3.sqlite_version_info < _OLDEST:
        raise UnreadableError(
            f"the ledger needs SQLite 3.38 or newer, and Python has {sqlite3.sqlite_version}",
            remedies=(Remedy("Use a Python with a newer SQLite."),),
        )
    return sqlite3


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
