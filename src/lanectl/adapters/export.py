"""A ledger's export in a file: read in bounded lines, written whole or not at all."""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from lanectl.adapters.nofollow import open_regular
from lanectl.errors import Remedy, UnreadableError
from lanectl.formats import ledger_export as exports
from lanectl.model.display import display
from lanectl.model.report import Fault, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lanectl.formats.ledger_export import Header
    from lanectl.model.ledger import Event


class ExportFile:
    """The events in an export, without a back end. Raises UnreadableError for no export."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.header = self._read_header()

    def events(self, *, after: int = 0) -> Iterator[Event]:
        """Yield the events above a number. Raises MalformedError at a line that is none."""
        with self._open() as file:
            lines = itertools.islice(_lines(file), 1, None)
            for event in exports.read_events(lines):
                if event.seq > after:
                    yield event

    def handoffs(self) -> None:
        """Return nothing: an export holds events alone."""
        return

    def _read_header(self) -> Header:
        try:
            with self._open() as file:
                return exports.read_header(next(_lines(file), b""))
        except MalformedError as error:
            raise UnreadableError(
                f"{display(self._path)} is no export of a ledger",
                why=display(error.fault.got),
                remedies=(Remedy("Make one.", ("lanectl", "ledger", "export")),),
            ) from error

    def _open(self) -> IO[bytes]:
        try:
            fd, _ = open_regular(os.fsencode(self._path))
        except FileNotFoundError as error:
            raise UnreadableError(f"{display(self._path)} does not exist") from error
        return os.fdopen(fd, "rb")


def write_export(path: str | None, header: Header, events: Iterable[Event]) -> int:
    """Write an export to a file, by rename, or to standard output; return how many events.

    Raises UnreadableError if the file cannot be written.
    """
    if path is None:
        sys.stdout.flush()
        return _write(sys.stdout.buffer, header, events)
    target = Path(path)
    try:
        fd, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise UnreadableError(f"{display(path)} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(fd, "wb") as file:
            count = _write(file, header, events)
            file.flush()
            os.fsync(fd)
        os.rename(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
    return count


def _write(file: IO[bytes], header: Header, events: Iterable[Event]) -> int:
    file.write(exports.write_header(header))
    count = 0
    for event in events:
        file.write(exports.write_event(event))
        count += 1
    return count


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    while line := file.readline(exports.LINE_LIMIT + 1):
        if len(line) > exports.LINE_LIMIT:
            raise MalformedError(
                Fault("ledger/malformed", "a line", "a longer one", f"{exports.LINE_LIMIT} bytes")
            )
        yield line
