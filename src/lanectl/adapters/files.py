"""Files that a person names, and atomic, exclusive writing."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from pathlib import Path

from lanectl.adapters.nofollow import open_regular, read_open, read_regular
from lanectl.errors import Remedy, UnreadableError, UsageError
from lanectl.model.display import display


def read(path: str, *, limit: int) -> bytes:
    """Return a file that a person named. Raises UnreadableError: missing, no file, too large."""
    try:
        return read_regular(os.fsencode(path), limit=limit)
    except FileNotFoundError as error:
        raise UnreadableError(
            f"{display(path) or 'a file without a name'} does not exist"
        ) from error


def read_with_mode(path: str, *, limit: int) -> tuple[bytes, int]:
    """Return a file that a person named, with its permission bits. Raises UnreadableError."""
    try:
        fd, status = open_regular(os.fsencode(path))
    except FileNotFoundError as error:
        raise UnreadableError(f"{display(path)} does not exist") from error
    return read_open(fd, os.fsencode(path), limit=limit), stat.S_IMODE(status.st_mode)


def read_optional(path: str, *, limit: int) -> bytes | None:
    """Return a file's bytes, or None where there is none."""
    try:
        return read_regular(os.fsencode(path), limit=limit)
    except FileNotFoundError:
        return None


def write_exclusive(path: str, data: bytes, *, mode: int) -> None:
    """Write a new file; an existing one, a link too, is refused. Raises UsageError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        if not Path(path).parent.is_dir():
            Path(path).parent.mkdir(mode=0o700, parents=True)
        fd = os.open(path, flags, mode)
    except FileExistsError as error:
        if not os.path.lexists(path):  # it is a folder's name that is taken
            raise UnreadableError(f"{display(path)} cannot be written: no folder") from error
        raise exists(path) from error
    except OSError as error:
        raise UnreadableError(f"{display(path)} cannot be written: {error.strerror}") from error
    with os.fdopen(fd, "wb") as file:
        os.fchmod(fd, mode)
        file.write(data)


def exists(path: str) -> UsageError:
    """Return what to raise for a new file whose name is taken."""
    return UsageError(
        f"{display(path)} exists and is not overwritten",
        remedies=(Remedy("Name another file."),),
    )


def append_line(path: str, line: bytes) -> None:
    """Append a line and sync it; a line that a crash cut short is ended first.

    Raises UnreadableError. Processes that append at once wait for each other.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(path, flags, 0o600), "r+b", buffering=0) as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            size = file.seek(0, os.SEEK_END)
            cut = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
            file.write((b"\n" if cut else b"") + line.rstrip(b"\n") + b"\n")
            os.fsync(file.fileno())
    except OSError as error:
        raise UnreadableError(f"{display(path)} cannot be written: {error.strerror}") from error


def replace(path: str, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file whole or not at all, by rename; folders are made. Raises UnreadableError."""
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fd, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                os.fchmod(fd, mode)
                file.flush()
                os.fsync(fd)
            os.rename(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise UnreadableError(f"{display(path)} cannot be written: {error.strerror}") from error
