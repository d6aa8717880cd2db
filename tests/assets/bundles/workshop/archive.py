"""Tar and gzip written by hand: the canonical form, and every odd one that a reader must refuse.

The DEFLATE encoder is our own, so that the bytes do not depend on the machine's zlib.
"""

from __future__ import annotations

import functools
import struct
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GZIP = b"\x1f\x8b\x08\x00\0\0\0\0\x00\xff"
_FIELDS = {
    "name": 100, "mode": 8, "uid": 8, "gid": 8, "size": 12, "mtime": 12, "checksum": 8, "type": 1,
    "linkname": 100, "magic": 6, "version": 2, "uname": 32, "gname": 32, "major": 8, "minor": 8,
    "prefix": 155, "rest": 12,
}  # fmt: skip


def header(name: str, size: int, /, **odd: bytes) -> bytes:
    """Return a USTAR header; `odd` replaces fields, and the checksum fits unless it is one."""
    values = {
        "name": name.encode(), "mode": b"0000644\0", "uid": b"0000000\0", "gid": b"0000000\0",
        "size": b"%011o\0" % size, "mtime": b"00000000000\0", "checksum": b" " * 8, "type": b"0",
        "magic": b"ustar\0", "version": b"00", "major": b"0000000\0", "minor": b"0000000\0",
    } | {k: v for k, v in odd.items() if k != "checksum"}  # fmt: skip
    block = b"".join(values.get(f, b"").ljust(width, b"\0") for f, width in _FIELDS.items())
    checksum = odd.get("checksum", b"%06o\0 " % sum(block))
    return block[:148] + checksum + block[156:]


def member(name: str, data: bytes, /, **odd: bytes) -> bytes:
    """Return header, content and padding of one member."""
    return header(name, len(data), **odd) + data + bytes(-len(data) % 512)


def end(size: int, filler: bytes = b"\0") -> bytes:
    """Return the two empty blocks after `size` bytes and what fills the record."""
    return bytes(1024) + filler * (-(size + 1024) % 10240)


def tar(members: Mapping[str, bytes] | Iterable[tuple[str, bytes]], **odd: Any) -> bytes:
    """Return an archive; `odd` maps a member's name (dots as _) to its odd header fields."""
    pairs = members.items() if hasattr(members, "items") else members
    body = b"".join(
        member(n, d, **odd.get(n.replace(".", "_").replace("-", "_"), {})) for n, d in pairs
    )
    return body + end(len(body))


def gzip(data: bytes) -> bytes:
    """Return one canonical gzip stream."""
    return GZIP + deflate(data) + trailer(data)


def trailer(data: bytes) -> bytes:
    return struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


@functools.cache  # most bundles differ in their statement only
def deflate(data: bytes, *, final: bool = True) -> bytes:
    """Return one DEFLATE block with the fixed codes (RFC 1951), greedy matches."""
    out = _Bits()
    out.put(0b11 if final else 0b10, 3)
    seen: dict[bytes, int] = {}
    at = 0
    while at < len(data):
        key = data[at : at + 3]
        length = _match(data, seen.get(key, -1), at) if len(key) == 3 else 0
        if length >= 3:
            _copy(out, length, at - seen[key])
        else:
            _symbol(out, data[at])
        seen[key] = at
        at += max(length, 1)
    _symbol(out, 256)
    return out.done()


class _Bits:
    def __init__(self) -> None:
        self.bytes, self.held, self.count = bytearray(), 0, 0

    def put(self, value: int, width: int) -> None:
        self.held |= value << self.count
        self.count += width
        while self.count >= 8:
            self.bytes.append(self.held & 255)
            self.held >>= 8
            self.count -= 8

    def done(self) -> bytes:
        return bytes(self.bytes) + (bytes([self.held]) if self.count else b"")


def _match(data: bytes, start: int, at: int) -> int:
    if start < 0 or at - start > 32768:
        return 0
    limit = min(258, len(data) - at)
    length = 3
    while length < limit and data[start + length] == data[at + length]:
        length += 1
    return length


def _symbol(out: _Bits, symbol: int) -> None:
    if symbol < 144:
        code, width = 0x30 + symbol, 8
    elif symbol < 256:
        code, width = 0x190 + symbol - 144, 9
    elif symbol < 280:
        code, width = symbol - 256, 7
    else:
        code, width = 0xC0 + symbol - 280, 8
    out.put(int(f"{code:0{width}b}"[::-1], 2), width)


def _copy(out: _Bits, length: int, distance: int) -> None:
    length -= 3
    if length == 255:
        _symbol(out, 285)
    elif length < 4:
        _symbol(out, 257 + length)
    else:
        extra = length.bit_length() - 3
        _symbol(out, 261 + 4 * extra + (length >> extra & 3))
        out.put(length & (1 << extra) - 1, extra)
    distance -= 1
    extra = max(distance.bit_length() - 2, 0)
    code = distance if distance < 4 else 2 * extra + 2 + (distance >> extra & 1)
    out.put(int(f"{code:05b}"[::-1], 2), 5)
    if distance >= 4:
        out.put(distance & (1 << extra) - 1, extra)
