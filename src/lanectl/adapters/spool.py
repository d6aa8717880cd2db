"""Events that wait for their ledger: JSON lines in a folder, appended and synced, replayed by one process.

A line that a crash cut short was never put. Events hold no secret, and the file is its owner's alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING, Final

from lanectl.adapters import files
from lanectl.adapters.durable import sync_folder
from lanectl.adapters.nofollow import read_regular
from lanectl.errors import Remedy, UnavailableError, UnreadableError
from lanectl.formats import event as bodies
from lanectl.model.display import display
from lanectl.model.ledger import LedgerId
from lanectl.model.report import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lanectl.model.ledger import NewEvent

_NOWHERE: Final = LedgerId("0" * 32)
"""What a waiting event names as its ledger: `record` puts the right one in."""

_LIMIT: Final = 64 << 20
"""Bytes of the file: a ledger that is away for so long needs a person."""

_PATIENCE: Final = 60.0
"""Seconds to wait for another process."""


class FileSpool:
    """Events in `spool.jsonl` of a folder, which is made when the first one is put.

    `put` never waits for a replay: `drop` takes away only what `waiting` has read. `limit`: bytes
    of the file; `patience`: seconds to wait for another process.
    """

    def __init__(self, folder: Path, *, limit: int = _LIMIT, patience: float = _PATIENCE) -> None:
        self._folder = folder
        self._path = folder / "spool.jsonl"
        self._limit, self._patience = limit, patience
        self._read = 0

    def put(self, event: NewEvent) -> None:
        """Append an event; it is on the disk when this returns.

        Raises ValueError for one that no reader would take, UnavailableError if the spool is full
        or locked for a minute, UnreadableError if it cannot be written.
        """
        line = bodies.write(event, _NOWHERE) + b"\n"
        with self._locked("spool.lock"), _readable(self._path):
            is_new = not self._path.exists()
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "r+b") as file:
                end = _whole(file.read())
                if end + len(line) > self._limit:
                    raise _full(self._path, self._limit)
                file.seek(end)
                file.truncate()
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                sync_folder(self._folder)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the right to replay. Raises UnavailableError if another process has it for a minute."""
        with self._locked("replay.lock"):
            yield

    def waiting(self) -> Iterator[NewEvent]:
        """Yield the events in their order; what is put meanwhile comes next time.

        Raises UnreadableError at a line that is no event.
        """
        self._read = 0
        with self._locked("spool.lock"):
            data = self._bytes()
        for number, line in enumerate(data[: _whole(data)].splitlines(keepends=True), 1):
            try:
                _, event = bodies.read(line[:-1])
            except MalformedError as error:
                raise UnreadableError(
                    f"line {number} of {display(str(self._path))} is no event", why=display(str(error)),
                    remedies=(Remedy("Take the line away; what it said is not in the ledger."),),
                ) from error  # fmt: skip
            yield event
            self._read += len(line)

    def drop(self) -> None:
        """Take away, at once, what `waiting` has yielded and its caller has gone past."""
        with self._locked("spool.lock"), _readable(self._path):
            if rest := self._bytes()[self._read :]:
                files.replace(str(self._path), rest, mode=0o600)
            else:
                self._path.unlink(missing_ok=True)
            sync_folder(self._folder)
        self._read = 0

    def _bytes(self) -> bytes:
        try:
            return read_regular(os.fsencode(self._path), limit=self._limit)
        except FileNotFoundError:
            return b""

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        path = self._folder / name
        with _readable(path):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _lock(fd, self._patience)
            yield
        finally:
            os.close(fd)


def _whole(data: bytes) -> int:
    """Return where the last whole line ends."""
    return data.rfind(b"\n") + 1


def _lock(fd: int, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise UnavailableError(
                    "another lanectl has been replaying what waits for the ledger for a minute",
                    remedies=(Remedy("Wait for it, or end it, and run the command again."),),
                ) from error
            time.sleep(0.05)
        else:
            return


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnreadableError(
            f"{display(str(path))} cannot be written: {error.strerror}",
            remedies=(Remedy("Look at the disk's space and the folder's rights."),),
        ) from error


def _full(path: Path, limit: int) -> UnavailableError:
    return UnavailableError(
        f"{display(str(path))} is full", why=f"it would hold more than {limit} bytes",
        remedies=(Remedy("Bring the ledger back, so that what waits is replayed."),),
    )  # fmt: skip
