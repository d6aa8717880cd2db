"""The archive: canonical tar.gz out, bounded and canonical tar.gz in. Never extracts to disk.

The canonical form is docs/bundle-format.md, "Archive". One function makes the headers, so a reader
accepts exactly the bytes that the writer would make. (`tarfile` is not used: its USTAR headers
differ between Python versions in the device fields.)
"""

from __future__ import annotations

import hashlib
import mmap
import re
import struct
import zlib
from typing import TYPE_CHECKING, Final, NoReturn

from msgspec import Struct

from lanectl.model.bundle import MEMBERS, PATCH, REQUIRED, Bundle
from lanectl.model.names import Digest
from lanectl.model.report import Fault, MalformedError
from lanectl.model.settings import INFLATED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BLOCK: Final = 512
_RECORD: Final = 20 * _BLOCK
_MAX_MEMBER: Final = 0o77777777777
_LEVEL: Final = 6
_LARGE: Final = 4 << 20
_SAMPLE: Final = 64 << 10
_CHUNK: Final = 1 << 20
_GZIP_HEADER: Final = b"\x1f\x8b\x08\x00\0\0\0\0\x00\xff"  # no name, mtime 0, unknown system
_GZIP_TRAILER: Final = struct.Struct("<II")
_LITERAL: Final = re.compile(rb"\n(?:literal|delta) ([^\n]*)")
_DIFF: Final = b"\ndiff --git "
_FILE: Final = 2048
"""Bytes of the limit that there must be for each changed file: 20,480 files with 40 MiB, 5 s."""
_INFLATION: Final = 3
"""How many times the limit the binary files of a patch may be, inflated again by git."""
_USTAR: Final = struct.Struct("100s8s8s8s12s12s8s1s100s6s2s32s32s8s8s155s12s")


class Archive(Struct, frozen=True):
    """A written archive: its gzip bytes, and the bundle that a reader will find in them."""

    data: memoryview
    bundle: Bundle


def write(members: Mapping[str, bytes], *, limit: int = INFLATED) -> Archive:
    """Return the canonical archive of these members.

    Raises ValueError for an unknown member or one of 8 GiB and more, MalformedError
    with `archive/limit` for more than a reader would inflate.
    """
    if unknown := set(members) - set(MEMBERS):
        raise ValueError(f"unknown members: {sorted(unknown)}")
    ordered = {name: memoryview(members[name]) for name in MEMBERS if name in members}
    size = sum(len(chunk) for chunk in _tar_chunks(ordered))
    if size > limit:
        _refuse("archive/limit", f"{size} bytes inflated", f"at most {limit} bytes")
    check_patch(ordered.get(PATCH, memoryview(b"")), limit)
    strategy = _strategy(ordered.get(PATCH, memoryview(b"")))
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, 8, strategy)
    data, tar, crc = _Growing(size), hashlib.sha256(), 0
    data.append(_GZIP_HEADER)
    for chunk in _tar_chunks(ordered):
        tar.update(chunk)
        crc = zlib.crc32(chunk, crc)
        data.append(compressor.compress(chunk))
    data.append(compressor.flush())
    data.append(_GZIP_TRAILER.pack(crc, size & 0xFFFFFFFF))
    bundle = Bundle(ordered, Digest.of(data.view), Digest(tar.hexdigest()), size)
    return Archive(data.view, bundle)


def read(data: bytes, *, limit: int = INFLATED) -> Bundle:
    """Return the bundle in these bytes, inflating at most `limit` bytes.

    Raises MalformedError with an `archive/…` rule: not one plain gzip stream, over the limit, an
    unknown, missing, repeated or odd member, or any byte that the writer would not have written.
    """
    tar = _inflate(data, limit)
    members = _split(tar)
    position = 0
    for chunk in _tar_chunks(members):  # the canonical re-encoding, compared without a second copy
        end = position + len(chunk)
        if bytes(tar[position:end]) != bytes(chunk):  # two views are compared byte by byte
            _refuse(
                "archive/not-canonical",
                f"the tar differs from its canonical form near byte {position}",
                "the bytes that `lanectl pack` writes",
            )
        position = end
    if position != len(tar):
        _refuse(
            "archive/not-canonical",
            f"{len(tar) - position} bytes after the end of the archive",
            "nothing",
        )
    check_patch(members[PATCH], limit)
    return Bundle(members, Digest.of(data), Digest.of(tar), len(tar))


def most_files(limit: int) -> int:
    """Return how many files a patch may change under a cap of bytes."""
    return limit // _FILE


def check_patch(patch: memoryview, limit: int) -> None:
    """Raise MalformedError `archive/limit` for a patch that would keep git busy under a cap of bytes.

    That is one of too many files, or with binary files that git would inflate to too much.
    """
    most = most_files(limit)
    files = int(patch[: len(_DIFF) - 1] == _DIFF[1:])
    parts = range(0, len(patch), _CHUNK)  # each with the start of the next: no mark is divided
    files += sum(bytes(patch[at : at + _CHUNK + len(_DIFF) - 1]).count(_DIFF) for at in parts)
    if files > most:
        _refuse("archive/limit", f"{files} changed files", f"at most {most} of them")
    _check_literals(patch, _INFLATION * limit)


def _check_literals(patch: memoryview, most: int) -> None:
    """Refuse binary files that git would inflate to more bytes: 600 kB of a patch can hold 600 MB."""
    total = 0
    for match in _LITERAL.finditer(patch):
        size = bytes(match[1][:40])
        if not size.isdigit() or len(size) > len(str(most)):
            got = f"a binary file of {size!r} bytes"
            _refuse("archive/limit", got, f"at most {most} bytes of them")
        total += int(size)
    if total > most:
        _refuse("archive/limit", f"{total} bytes of binary files", f"at most {most} bytes of them")


def _header(name: str, size: int) -> bytes:
    if size > _MAX_MEMBER:
        raise ValueError(f"{name}: {size} bytes do not fit a USTAR header")
    fields = [
        name.encode("ascii"), b"0000644\0", b"0000000\0", b"0000000\0", b"%011o\0" % size,
        b"00000000000\0", b" " * 8, b"0", b"", b"ustar\0", b"00", b"", b"", b"0000000\0",
        b"0000000\0", b"", b"",
    ]  # fmt: skip
    fields[6] = b"%06o\0 " % sum(_USTAR.pack(*fields))
    return _USTAR.pack(*fields)


def _tar_chunks(members: Mapping[str, memoryview]) -> Iterator[memoryview]:
    total = 0
    for name, content in members.items():
        padding = -len(content) % _BLOCK
        yield memoryview(_header(name, len(content)))
        for start in range(0, len(content), _CHUNK):
            yield content[start : start + _CHUNK]
        yield memoryview(bytes(padding))
        total += _BLOCK + len(content) + padding
    yield memoryview(bytes(-(total + 2 * _BLOCK) % _RECORD + 2 * _BLOCK))


def _strategy(patch: memoryview) -> int:
    """Return zlib's way for a large patch: one that is binary through and through has no repetition.

    Looking for it takes three times as long and finds nothing; a part of the middle tells.
    """
    if len(patch) < _LARGE:
        return zlib.Z_DEFAULT_STRATEGY
    middle = patch[len(patch) // 2 :][:_SAMPLE]
    is_noise = len(zlib.compress(middle, 1)) > 0.75 * len(
        middle
    )  # text: 0.1 to 0.3; literals: 0.82
    return zlib.Z_HUFFMAN_ONLY if is_noise else zlib.Z_DEFAULT_STRATEGY


class _Growing:
    """Bytes that grow in place: room for all is reserved first, and the system gives what is used."""

    def __init__(self, most: int) -> None:
        self._room = memoryview(mmap.mmap(-1, most + most // 1000 + 1024))
        self._end = 0

    def append(self, part: bytes) -> None:
        """Add bytes at the end. Raises ValueError for more than was reserved."""
        self._room[self._end : self._end + len(part)] = part
        self._end += len(part)

    @property
    def view(self) -> memoryview:
        """What was added."""
        return self._room[: self._end].toreadonly()


def _inflate(data: bytes, limit: int) -> memoryview:
    if data[:10] != _GZIP_HEADER:
        _refuse(
            "archive/gzip",
            f"starts with {data[:10].hex(' ') or 'nothing'}",
            f"{_GZIP_HEADER.hex(' ')} (gzip without name and time)",
        )
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    tar, left = bytearray(), memoryview(data)[10:]
    part: bytes | memoryview = b""
    given: bytes | memoryview = left
    try:
        while not inflater.eof and (part or given) and len(tar) <= limit:
            given = inflater.unconsumed_tail
            if not given:
                given, left = left[:_CHUNK], left[_CHUNK:]
            part = inflater.decompress(given, _CHUNK)
            tar += part
    except zlib.error as error:
        _refuse("archive/gzip", f"damaged: {error}", "one whole DEFLATE stream")
    if len(tar) > limit:
        _refuse("archive/limit", f"more than {limit} bytes inflated", f"at most {limit} bytes")
    rest = bytes(inflater.unused_data) + bytes(left)
    if not inflater.eof or len(rest) < _GZIP_TRAILER.size:
        _refuse("archive/gzip", "truncated", "one whole gzip stream")
    if len(rest) > _GZIP_TRAILER.size:
        _refuse(
            "archive/gzip",
            f"{len(rest) - _GZIP_TRAILER.size} bytes after the end",
            "nothing after the gzip stream",
        )
    if rest != _GZIP_TRAILER.pack(zlib.crc32(tar), len(tar) & 0xFFFFFFFF):
        _refuse("archive/gzip", "checksum or length differs", "the checksum of the content")
    return memoryview(tar).toreadonly()


def _split(tar: memoryview) -> dict[str, memoryview]:
    """Return the members in order, reading only names and sizes; the comparison does the rest."""
    members: dict[str, memoryview] = {}
    position, last = 0, -1
    while position + _BLOCK <= len(tar) and tar[position]:
        name = bytes(tar[position : position + 100]).rstrip(b"\0").decode("ascii", "replace")
        if name not in MEMBERS:
            _refuse("archive/member", f"member {name!r}", f"one of {', '.join(MEMBERS)}")
        if MEMBERS.index(name) <= last:
            _refuse(
                "archive/member",
                f"member {name!r} repeated or out of order",
                f"the order {', '.join(MEMBERS)}",
            )
        last = MEMBERS.index(name)
        size = _size(bytes(tar[position + 124 : position + 136]), name)
        position += _BLOCK
        if position + size > len(tar):
            _refuse("archive/gzip", f"member {name!r} is truncated", f"{size} bytes")
        members[name] = tar[position : position + size]
        position += size + -size % _BLOCK
    if missing := REQUIRED - set(members):
        _refuse(
            "archive/member",
            f"without {', '.join(sorted(missing))}",
            f"{', '.join(sorted(REQUIRED))}",
        )
    return members


def _size(field: bytes, name: str) -> int:
    digits = field[:-1]
    if field[-1:] != b"\0" or not digits.isdigit() or b"8" in digits or b"9" in digits:
        _refuse(
            "archive/not-canonical", f"size field of {name!r} is {field!r}", "eleven octal digits"
        )
    return int(digits, 8)


def _refuse(rule: str, got: str, expected: str) -> NoReturn:
    raise MalformedError(Fault(rule, got=got, expected=expected))
