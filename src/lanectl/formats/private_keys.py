"""Private keys as text: PEM, OpenSSH, PGP and PuTTY, also in JSON, in source code, or in base64.

A header without a body, or with one that was cut for a document, is no key. Public keys and
certificates are none.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Final

from lanectl.model.secret import Secret, Sort

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIMIT: Final = 16_384
_LABEL: Final = re.compile(rb"-----BEGIN ((?:[A-Z0-9]{2,10} ){0,3}PRIVATE KEY(?: BLOCK)?)-----")
_PUTTY: Final = re.compile(rb"PuTTY-User-Key-File-[23]: ")
_PUTTY_BODY: Final = re.compile(rb"Private-Lines: \d{1,3}")
_WRAPPED: Final = re.compile(rb"LS0tLS1CRUdJTi[A-Za-z0-9+/]{60,16384}={0,2}")
_RUN: Final = re.compile(rb"[A-Za-z0-9+/=]{32,}")
_ESCAPED: Final = re.compile(rb"\\+[nrt]")
_CUT: Final = re.compile(rb"\.\.\.|\xe2\x80\xa6|[<*\[]{3}")
_TYPED: Final = re.compile(
    rb"example|placeholder|redacted|your.?private|private.?key", re.IGNORECASE
)
_LEAST: Final = 60
"""Base64 characters of the smallest body: an Ed25519 key in PKCS #8 has 64."""


def scan(data: bytes) -> Iterator[Secret]:
    """Yield every private key. Each byte is looked at a few times, whatever the input."""
    if b"PRIVATE KEY" in data:
        for match in _LABEL.finditer(data):
            kind = match[1].decode().removesuffix(" BLOCK").lower().replace("pgp", "PGP")
            yield from _key(kind, *_up_to(data, match, b"-----"))
    if b"PuTTY-User-Key-File-" in data:
        for match in _PUTTY.finditer(data):
            window, raw = _up_to(data, match, b"PuTTY-User-Key-File-")
            if body := _PUTTY_BODY.search(window):
                yield from _key("putty private key", window[body.end() :], raw)
    if b"LS0tLS1CRUdJTi" in data:
        for match in _WRAPPED.finditer(data):
            whole = base64.b64decode(match[0][: len(match[0]) // 4 * 4])
            for found in scan(whole) if not whole.startswith(b"-----BEGIN CERT") else ():
                yield Secret(found.sort, found.kind, found.value, match[0])


def _up_to(data: bytes, match: re.Match[bytes], mark: bytes) -> tuple[bytes, bytes]:
    """Return what follows a header up to the next mark, and the same with the header."""
    end = data.find(mark, match.end(), match.end() + _LIMIT)
    end = end if end >= 0 else match.end() + _LIMIT
    return data[match.end() : end], data[match.start() : end]


def _key(kind: str, window: bytes, raw: bytes) -> Iterator[Secret]:
    body = b"".join(_RUN.findall(_ESCAPED.sub(b"\n", window)))
    if len(body) < _LEAST or len(set(body)) < 20 or _CUT.search(window) or _TYPED.search(body):
        return
    if "openssh" in kind:
        begins = b"b3BlbnNzaC1rZXktdjE"
    elif "PGP" in kind or "putty" in kind or "ssh2" in kind or b"ENCRYPTED" in window:
        begins = b""
    else:
        begins = b"M"  # 0x30, how every DER sequence begins
    if body.startswith(begins):
        yield Secret(Sort.PRIVATE_KEY, kind, body, raw)
