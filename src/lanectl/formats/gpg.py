"""What gpg writes: armour, packets, status lines and colon listings. Never judges by an exit code.

A signature is one binary detached signature and nothing else; what gpg would forgive is refused.
RFC 9580 for armour and packets, GnuPG's doc/DETAILS for the rest.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lanectl.model.report import Fault, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT: Final = 1 << 16
"""The most bytes of a signature file, and of a file with a public key."""

_ARMOUR: Final = re.compile(
    rb"-----BEGIN PGP (SIGNATURE|PUBLIC KEY BLOCK)-----[ \t]*\r?\n"
    rb"(?:[A-Za-z]{1,20}: [\x20-\x7e]{0,200}\r?\n){0,8}"
    rb"[ \t]*\r?\n"
    rb"((?:[A-Za-z0-9+/]{1,76}={0,2}\r?\n)+)"
    rb"(?:=([A-Za-z0-9+/]{4})\r?\n)?"
    rb"-----END PGP \1-----[ \t]*(?:\r?\n)*"
)
_SIGNATURE, _PUBLIC_KEY = 2, 6
_OF_KEYS: Final = frozenset({_SIGNATURE, _PUBLIC_KEY, 12, 13, 14, 17})
_HASHES: Final = frozenset({8, 9, 10, 12, 14})  # SHA-2 and SHA-3 of 256 bits or more


def _malformed(
    got: str, expected: str = "one detached binary signature, armoured"
) -> MalformedError:
    return MalformedError(Fault("gpg/malformed", "signature", got, expected))


def read_signature(data: bytes) -> bytes:
    """Return the one packet in an armoured detached signature over bytes (type 0x00, version 4).

    Raises MalformedError: larger than 64 KiB, binary, cleartext, more than one signature, over
    text (which forgives changed line ends), or a hash below SHA-256.
    """
    packets = list(_packets(_unarmour(data, b"SIGNATURE")))
    if [tag for tag, _ in packets] != [_SIGNATURE]:
        raise _malformed(f"{len(packets)} packets")
    body = packets[0][1]
    if len(body) < 4 or body[0] != 4:
        raise _malformed("another version of signature", "version 4")
    if body[1] != 0:
        raise _malformed(f"a signature of type {body[1]:#04x}", "0x00: over bytes")
    if body[3] not in _HASHES:
        raise _malformed(f"hash algorithm {body[3]}", "SHA-256 or better")
    return b"\xc2\xff" + len(body).to_bytes(4, "big") + body


def read_public_key(data: bytes) -> tuple[str, bytes]:
    """Return the fingerprint of the one armoured public key in a file, and its packets.

    Raises MalformedError: larger than 64 KiB, binary, private, more than one key, not version 4.
    """
    raw = _unarmour(data, b"PUBLIC KEY BLOCK")
    packets = list(_packets(raw))
    tags = [tag for tag, _ in packets]
    if tags[:1] != [_PUBLIC_KEY] or tags.count(_PUBLIC_KEY) != 1 or not _OF_KEYS.issuperset(tags):
        raise _malformed("something else", "one public key")
    body = packets[0][1]
    if body[:1] != b"\x04":
        raise _malformed("another version of key", "version 4")
    whole = b"\x99" + len(body).to_bytes(2, "big") + body if len(body) < 1 << 16 else b""
    # Version 4's fingerprint is SHA-1; gpg itself, which pins by it, resists the known collisions.
    return hashlib.sha1(whole, usedforsecurity=False).hexdigest().upper(), raw


def _unarmour(data: bytes, label: bytes) -> bytes:
    if len(data) > LIMIT:
        raise _malformed(f"more than {LIMIT} bytes")
    armour = _ARMOUR.fullmatch(data)
    if armour is None or armour[1] != label:
        raise _malformed("something else")
    try:
        raw = base64.b64decode(b"".join(armour[2].split()), validate=True)
    except binascii.Error as error:
        raise _malformed("broken base64") from error
    if armour[3] is not None and base64.b64decode(armour[3]) != _checksum(raw):
        raise _malformed("a wrong checksum")
    return raw


def _checksum(raw: bytes) -> bytes:
    """Return the CRC-24 of RFC 9580, 6.1.1."""
    crc = 0xB704CE
    for byte in raw:
        crc ^= byte << 16
        for _ in range(8):
            crc = (crc << 1) ^ (0x1864CFB if crc & 0x800000 else 0)
    return crc.to_bytes(3, "big")


def _packets(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and body of each packet. Partial and indeterminate lengths are refused."""
    at = 0
    while at < len(raw):
        first = raw[at]
        if not first & 0x80:
            raise _malformed("no OpenPGP packet")
        if first & 0x40:
            tag, (length, at) = first & 0x3F, _new_length(raw, at + 1)
        else:
            tag, size = (first >> 2) & 0x0F, 1 << (first & 3)
            length = int.from_bytes(raw[at + 1 : at + 1 + size], "big") if size < 8 else len(raw)
            at += 1 + size
        body = raw[at : at + length]
        if len(body) != length:
            raise _malformed("a cut packet")
        yield tag, body
        at += length


def _new_length(raw: bytes, at: int) -> tuple[int, int]:
    """Return a length of the present format, and where the body starts (RFC 9580, 4.2.1)."""
    first = raw[at] if at < len(raw) else 224
    if first < 192:
        return first, at + 1
    if first < 224:
        second = raw[at + 1] if at + 1 < len(raw) else 0
        return ((first - 192) << 8) + second + 192, at + 2
    if first == 255:
        return int.from_bytes(raw[at + 1 : at + 5], "big"), at + 5
    raise _malformed("a packet of unknown length")


class GpgStatus(Struct, frozen=True):
    """What the status lines say of the one signature.

    `verdict` is gpg's one word for it (GOODSIG, EXPKEYSIG, …) with its `detail`; fingerprints and
    time of the signature are there if the signature itself fits its key.
    """

    verdict: str
    detail: tuple[str, ...] = ()
    signing: str = ""
    fingerprint: str = ""
    signed: int = 0


_VERDICTS: Final = frozenset({"GOODSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "BADSIG", "ERRSIG"})
_FITS: Final = frozenset({"GOODSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG"})
_FINGERPRINT: Final = re.compile(r"[0-9A-F]{40}")


def read_status(data: bytes) -> GpgStatus:
    """Return what `gpg --status-fd … --verify` says.

    Raises MalformedError unless it speaks of exactly one signature, in one word, that is over
    bytes. `KEYEXPIRED` is not looked at: gpg writes it of any old subkey, used or not.
    """
    lines = [w.split(" ") for w in _status_lines(data)]
    verdicts = [words for words in lines if words[0] in _VERDICTS]
    valid = [words[1:] for words in lines if words[0] == "VALIDSIG"]
    if sum(words[0] == "NEWSIG" for words in lines) != 1 or len(verdicts) != 1:
        raise _malformed(f"{len(verdicts)} judgements by gpg", "one")
    verdict, *detail = verdicts[0]
    if len(valid) != (verdict in _FITS):
        raise _malformed(f"{verdict} with {len(valid)} valid signatures")
    if not valid:
        return GpgStatus(verdict, tuple(detail))
    words = valid[0]
    if (
        len(words) < 10
        or not (_FINGERPRINT.fullmatch(words[0]) and _FINGERPRINT.fullmatch(words[9]))
        or not _is_time(words[2])
        or words[8] != "00"
    ):
        raise _malformed("a signature of another kind")
    return GpgStatus(verdict, tuple(detail), words[0], words[9], int(words[2]))


def status_words(data: bytes) -> dict[str, tuple[str, ...]]:
    """Return the status lines of a command that did something: the last of each keyword."""
    return {words[0]: tuple(words[1:]) for words in (w.split(" ") for w in _status_lines(data))}


def fault_of(status: GpgStatus) -> Fault | None:
    """Return what a verdict refuses; a revoked key is judged with its listing, not here."""
    match status.verdict:
        case "GOODSIG" | "REVKEYSIG":
            return None
        case "EXPKEYSIG" | "EXPSIG":
            what = "key" if status.verdict == "EXPKEYSIG" else "signature"
            return Fault("gpg/expired", what, "expired", "a good one")
        case "ERRSIG" if status.detail[5:6] == ("9",):
            return Fault("gpg/unknown-key", "signature", "a key that is not pinned", "a pinned key")
        case _:
            return Fault("gpg/invalid", "signature", "one that does not verify", "a valid one")


def _status_lines(data: bytes) -> Iterator[str]:
    for line in data.split(b"\n"):
        if line.startswith(b"[GNUPG:] "):
            yield line[9:].decode("utf-8", "replace").rstrip("\r")


def _is_time(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,10}", text))
