"""Files of a folder that an attacker may write: every component opened without following a link."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING

from lanectl.errors import Remedy, UnreadableError
from lanectl.model.display import display_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO must not block us
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_OPEN = 100  # some systems allow a process 256


def open_regular(path: bytes, *, dir_fd: int | None = None) -> tuple[int, os.stat_result]:
    """Open a regular file for reading; the last component may be no link.

    Raises FileNotFoundError, or UnreadableError for anything that is no regular file.
    """
    try:
        fd = os.open(path, _FILE, dir_fd=dir_fd)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _is_a_link(path) from error
        raise UnreadableError(f"{display_path(path)}: {error.strerror}") from error
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise UnreadableError(f"{display_path(path)}: not a regular file")
    return fd, status


def read_regular(path: bytes, *, limit: int, dir_fd: int | None = None) -> bytes:
    """Return a regular file's bytes. Raises as `open_regular`, and UnreadableError over `limit`."""
    fd, _ = open_regular(path, dir_fd=dir_fd)
    return read_open(fd, path, limit=limit)


def read_open(fd: int, path: bytes, *, limit: int) -> bytes:
    """Return an open file's bytes, and close it. Raises UnreadableError over `limit`.

    Room is made for what the file says it has, not for the limit; it may have more.
    """
    with os.fdopen(fd, "rb") as file:
        size = min(os.fstat(fd).st_size, limit)
        data = file.read(size + 1)
        if len(data) > size:
            data += file.read(limit + 1 - len(data))
    if len(data) > limit:
        raise UnreadableError(f"{display_path(path)}: larger than {limit} bytes")
    return data


def ancestors(path: bytes) -> Iterator[bytes]:
    """Yield the folders above a repository path, nearest first, the top (b"") last."""
    folder = path.rpartition(b"/")[0]
    while folder:
        yield folder
        folder = folder.rpartition(b"/")[0]
    yield b""


def _is_a_link(path: bytes) -> UnreadableError:
    return UnreadableError(
        f"{display_path(path)} is a symbolic link, and none is followed here",
        remedies=(Remedy("Look where it leads; put the file itself in its place."),),
    )


@contextlib.contextmanager
def _readably(path: bytes) -> Iterator[None]:
    """Turn what the system refuses into an UnreadableError that names the path."""
    try:
        yield
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: bytes, error: OSError) -> UnreadableError:
    return UnreadableError(f"{display_path(path)}: {error.strerror}")


def _open_folder(name: bytes, parent: int) -> int | None:
    try:
        return os.open(name, _FOLDER, dir_fd=parent)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            return None
        raise _unreadable(name, error) from error


class FolderTree:
    """The folders below one top, each opened relative to its parent; a bounded number stays open."""

    def __init__(self, top: bytes) -> None:
        try:
            self._open = {b"": os.open(top, _FOLDER)}
        except OSError as error:
            raise _unreadable(top, error) from error
        self._refused: set[bytes] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for fd in self._open.values():
            os.close(fd)

    def folder(self, path: bytes) -> int | None:
        """Return a descriptor of the folder at `path`, or None if it is no real folder.

        Raises UnreadableError for a folder that may not be read: it must not pass for a deleted one.
        """
        if path in self._open:
            return self._open[path]
        if path in self._refused:
            return None
        parent_path, _, name = path.rpartition(b"/")
        parent = self.folder(parent_path)
        fd = None
        if parent is not None:
            fd = _open_folder(name, parent)
        if fd is None:
            self._refused.add(path)
            return None
        self._make_room(path)
        self._open[path] = fd
        return fd

    def status(self, path: bytes) -> os.stat_result | None:
        """Return the status of the entry itself, or None where there is none."""
        folder, _, name = path.rpartition(b"/")
        parent = self.folder(folder)
        if parent is None:
            return None
        try:
            return os.stat(name, dir_fd=parent, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _unreadable(path, error) from error

    def open(self, path: bytes) -> tuple[int, os.stat_result]:
        """Open a regular file below the top. Raises UnreadableError if it is none, or gone."""
        folder, _, name = path.rpartition(b"/")
        parent = self.folder(folder)
        try:
            if parent is not None:
                return open_regular(name, dir_fd=parent)
        except FileNotFoundError:
            pass
        raise UnreadableError(f"{display_path(path)} vanished while it was read")

    def read_link(self, path: bytes) -> bytes:
        """Return the target of a link below the top."""
        folder, _, name = path.rpartition(b"/")
        with _readably(path):
            return os.readlink(name, dir_fd=self.folder(folder))

    def make_folder(self, path: bytes) -> int:
        """Return a descriptor of the folder at `path`, made where it is missing.

        Raises UnreadableError where a link or a file stands in the way.
        """
        fd = self.folder(path)
        if fd is not None:
            return fd
        parent_path, _, name = path.rpartition(b"/")
        parent = self.make_folder(parent_path)
        with _readably(path), contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o777, dir_fd=parent)
        self._refused.discard(path)
        fd = self.folder(path)
        if fd is None:
            raise UnreadableError(
                f"{display_path(path)}: a link or a file stands where a folder must be"
            )
        return fd

    def _make_room(self, wanted: bytes) -> None:
        if len(self._open) < _MAX_OPEN:
            return
        for path in list(self._open):
            if path and not (wanted + b"/").startswith(path + b"/"):
                os.close(self._open.pop(path))
                if len(self._open) < _MAX_OPEN // 2:
                    return
