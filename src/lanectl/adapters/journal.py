"""The journal of one bundle's steps: JSON lines, appended and synced, locked while a process acts.

A line that a crash cut short was never recorded; the next process that writes ends it first.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from typing import IO, TYPE_CHECKING, Final

from lanectl.errors import Remedy, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_PATIENCE: Final = 120.0
"""Seconds to wait for another process that acts on the same bundle."""


class FileJournal:
    """Implements `ports.publishing.Journal` over an open, locked file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._done: dict[str, Mapping[str, str]] = {}
        text = file.read()
        for line in text.split(b"\n"):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                entry = json.loads(line)
                if entry["state"] == "done":
                    self._done[entry["step"]] = entry["facts"]
        if text and not text.endswith(b"\n"):
            self._write(b"\n")

    def done(self, step: str) -> Mapping[str, str] | None:
        """Return the facts that a step was completed with, or None."""
        return self._done.get(step)

    def intend(self, step: str, facts: Mapping[str, str]) -> None:
        """Record what is about to be done."""
        self._record(step, "intended", facts)

    def complete(self, step: str, facts: Mapping[str, str]) -> None:
        """Record what was done."""
        self._record(step, "done", facts)
        self._done[step] = facts

    def _record(self, step: str, state: str, facts: Mapping[str, str]) -> None:
        entry = {"step": step, "state": state, "facts": dict(facts)}
        self._write(json.dumps(entry, sort_keys=True).encode("ascii") + b"\n")

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()
        os.fsync(self._file.fileno())


@contextlib.contextmanager
def open_journal(path: Path) -> Iterator[FileJournal]:
    """Yield the journal at a path once no other process holds it. Raises UnavailableError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "a+b", buffering=0) as file:
        _lock(file.fileno())
        file.seek(0)
        yield FileJournal(file)


def _lock(fd: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise UnavailableError(
                    "another lanectl has been acting on this bundle for two minutes",
                    remedies=(Remedy("Wait for it, or end it, and run the command again."),),
                ) from error
            time.sleep(0.05)
        else:
            return
