"""Blobs read once, hashed, and appended to one pack that Python writes, with its index.

One pack instead of a loose object per file: creating files is most of the cost of `git add` for
many files, and git never touches an object that the user already has. Format: gitformat-pack(5).
"""

from __future__ import annotations

import hashlib
import os
import zlib
from bisect import bisect_right
from typing import TYPE_CHECKING, BinaryIO, Final

from msgspec import Struct

from lanectl.errors import UnreadableError
from lanectl.model.names import ObjectFormat, ObjectId

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

_CHUNK: Final = 1 << 20
_BLOB: Final = 3
_BEYOND: Final = 1 << 31
_STORED: Final = 0  # the pack is thrown away: speed before size
_SNIFFED: Final = 8000  # where git looks for a NUL, which makes a file binary


class BlobFacts(Struct, frozen=True):
    """What one pass over a file's bytes tells."""

    id: ObjectId
    sha256: str
    has_cr: bool
    in_patch: int
    """Bytes, at least, that a patch needs to add it: a text stands there whole."""


def hash_blob(source: BinaryIO, size: int, object_format: ObjectFormat) -> BlobFacts:
    """Return the facts of a blob without keeping it. Raises UnreadableError if its size changed."""
    return _BlobReader(object_format, size).read(source, lambda _chunk: None)


class BlobPack:
    """A pack being written at `path`; `complete` ends it or removes an empty one."""

    def __init__(self, path: bytes, object_format: ObjectFormat) -> None:
        self.path = path
        self._format = object_format
        self._entries: dict[ObjectId, tuple[int, int]] = {}  # place and CRC-32 of each entry
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(fd, "w+b")
        self._file.write(b"PACK" + (2).to_bytes(4, "big") + bytes(4))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def add(self, source: BinaryIO, size: int) -> BlobFacts:
        """Append one blob of `size` bytes, once per id. Raises UnreadableError as `hash_blob`."""
        start, crc = self._file.tell(), 0
        compressor = zlib.compressobj(_STORED)

        def write(data: bytes) -> None:
            nonlocal crc
            crc = zlib.crc32(data, crc)
            self._file.write(data)

        write(_entry_header(size))
        reader = _BlobReader(self._format, size)
        facts = reader.read(source, lambda chunk: write(compressor.compress(chunk)))
        if facts.id in self._entries:
            self._file.seek(start)
            self._file.truncate()
        else:
            write(compressor.flush())
            self._entries[facts.id] = (start, crc)
        return facts

    def complete(self) -> None:
        """Write count, checksum and index, so that git finds what is in the pack."""
        self._file.seek(8)
        self._file.write(len(self._entries).to_bytes(4, "big"))
        self._file.seek(0)
        checksum = hashlib.new(self._format)
        while chunk := self._file.read(_CHUNK):
            checksum.update(chunk)
        self._file.write(checksum.digest())
        self._file.close()
        if not self._entries:
            os.unlink(self.path)
            return
        index = self._index(checksum.digest())
        with open(self.path.removesuffix(b".pack") + b".idx", "xb") as file:
            file.write(index + hashlib.new(self._format, index).digest())

    def _index(self, checksum: bytes) -> bytes:
        """Return the index, version 2: fan-out, ids, CRCs, places, and 64-bit places of those beyond 2 GiB."""
        ids = sorted(self._entries)
        first = [int(name[:2], 16) for name in ids]
        places, crcs = zip(*(self._entries[name] for name in ids), strict=True)
        large = [place for place in places if place >= _BEYOND]
        short = [p if p < _BEYOND else _BEYOND | large.index(p) for p in places]
        return b"".join(
            [
                b"\xfftOc\0\0\0\x02",
                *(bisect_right(first, n).to_bytes(4, "big") for n in range(256)),
                *(bytes.fromhex(name) for name in ids),
                *(crc.to_bytes(4, "big") for crc in crcs),
                *(place.to_bytes(4, "big") for place in short),
                *(place.to_bytes(8, "big") for place in large),
                checksum,
            ]
        )


class _BlobReader:
    def __init__(self, object_format: ObjectFormat, size: int) -> None:
        self._id = hashlib.new(object_format, b"blob %d\0" % size)
        self._sha256 = hashlib.sha256()
        self._size = size

    def read(self, source: BinaryIO, keep: Callable[[bytes], object]) -> BlobFacts:
        done, is_text, has_cr = 0, True, False
        while chunk := source.read(_CHUNK):
            is_text = is_text and (done > 0 or b"\0" not in chunk[:_SNIFFED])
            done += len(chunk)
            self._id.update(chunk)
            self._sha256.update(chunk)
            has_cr = has_cr or b"\r" in chunk
            keep(chunk)
        if done != self._size:
            raise UnreadableError("a file changed while it was read; nothing may write during pack")
        return BlobFacts(
            ObjectId(self._id.hexdigest()),
            self._sha256.hexdigest(),
            has_cr,
            done if is_text else 0,
        )


def _entry_header(size: int) -> bytes:
    head, rest = [_BLOB << 4 | size & 15], size >> 4
    while rest:
        head[-1] |= 0x80
        head.append(rest & 0x7F)
        rest >>= 7
    return bytes(head)
