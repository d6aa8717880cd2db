"""A folder of bundles that anybody may have written: found and read without following a link.

Depth and number are bounded: over the bound nothing is left out silently, the folder is refused.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lanectl.adapters.nofollow import FolderTree, read_open
from lanectl.errors import LaneError, Remedy, UnreadableError
from lanectl.model.bundle import ARTIFACT
from lanectl.model.display import display_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

MAX_DEPTH: Final = 32
MAX_ENTRIES: Final = 200_000
_ARTIFACT: Final = ARTIFACT.encode()


class Listing(Struct, frozen=True):
    """The places of a folder's bundles, and links, which are not followed; both sorted.

    A place is a path below the folder: of something called `artifact.tar.gz`, whatever it is, or
    of a folder that could not be looked into.
    """

    places: tuple[bytes, ...]
    links: tuple[bytes, ...]


class Inbox:
    """Reads bundles below one folder. A worker process opens its own."""

    def __init__(self, top: bytes) -> None:
        self._top = top
        self._tree = FolderTree(top)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tree.__exit__(kind, error, trace)

    def listing(self, *, most: int = MAX_ENTRIES) -> Listing:
        """Return where the bundles are. Raises UnreadableError for more than `most` entries."""
        places: list[bytes] = []
        links: list[bytes] = []
        folders, seen = [b""], 0
        while folders:
            folder = folders.pop()
            try:
                entries = self._entries(folder)
            except (LaneError, OSError):
                if not folder:
                    raise
                places.append(folder)
                continue
            seen += len(entries)
            if seen > most:
                raise _too_many(self._top, most)
            for path, mode in entries:
                if os.path.basename(path) == _ARTIFACT or _is_too_deep(path, mode):
                    places.append(path)
                elif stat.S_ISDIR(mode):
                    folders.append(path)
                elif stat.S_ISLNK(mode):
                    links.append(path)
        return Listing(tuple(sorted(places)), tuple(sorted(links)))

    def read(self, place: bytes, limits: Mapping[str, int]) -> dict[str, bytes]:
        """Return the files of a bundle by what their names add to the archive's, those that are there.

        `limits` are the bytes that each may have; "" stands for the archive, which must be there.
        Raises UnreadableError.
        """
        if os.path.basename(place) != _ARTIFACT:
            self._look_into(place)
        found = {"": self._read(place, limits[""])}
        for suffix, limit in limits.items():
            path = place + suffix.encode()
            if suffix and self._tree.status(path) is not None:
                found[suffix] = self._read(path, limit)
        return found

    def _read(self, path: bytes, limit: int) -> bytes:
        fd, _ = self._tree.open(path)
        return read_open(fd, path, limit=limit)

    def _look_into(self, folder: bytes) -> None:
        """Raise why a folder was not looked into."""
        if folder.count(b"/") >= MAX_DEPTH:
            raise UnreadableError(f"{display_path(folder)}: deeper than {MAX_DEPTH} folders")
        self._entries(folder)
        raise UnreadableError(f"{display_path(folder)}: could not be looked into at first")

    def _entries(self, folder: bytes) -> Sequence[tuple[bytes, int]]:
        """Return path and mode of what is in a folder; a link's mode is its own."""
        fd = self._tree.folder(folder)
        if fd is None:
            raise UnreadableError(f"{display_path(folder)}: no folder any more")
        return list(_scan(fd, folder + b"/" if folder else b""))


def _scan(fd: int, prefix: bytes) -> Iterator[tuple[bytes, int]]:
    with os.scandir(fd) as entries:
        for entry in entries:
            if entry.is_symlink():
                mode = stat.S_IFLNK
            else:
                mode = stat.S_IFDIR if entry.is_dir(follow_symlinks=False) else stat.S_IFREG
            yield prefix + os.fsencode(entry.name), mode


def _is_too_deep(path: bytes, mode: int) -> bool:
    return stat.S_ISDIR(mode) and path.count(b"/") >= MAX_DEPTH


def _too_many(top: bytes, most: int) -> UnreadableError:
    return UnreadableError(
        f"{display_path(top)}: more than {most} files and folders",
        remedies=(Remedy("Name a smaller folder, several times."),),
    )
