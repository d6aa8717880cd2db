"""The key of an encrypted ledger, read from a file descriptor. It is never shown, nor kept in a file."""

from __future__ import annotations

import os
import re
from typing import Final

from lanectl.errors import Remedy, UsageError

_KEY: Final = re.compile(rb"([0-9A-Fa-f]{64})\n", re.ASCII)
_LIMIT: Final = 66
"""Bytes to read at most: one more than a key and its newline."""


def read_key(fd: int) -> str:
    """Return the 64 hex digits that a descriptor gives up to its end.

    Raises UsageError for a descriptor that is not open for reading, and for anything but 64 hex
    digits and a newline (without it the key could have been cut).
    """
    data = b""
    try:
        while len(data) < _LIMIT and (piece := os.read(fd, _LIMIT - len(data))):
            data += piece
    except OSError as error:
        raise _refused(f"file descriptor {fd} cannot be read: {error.strerror}") from error
    match = _KEY.fullmatch(data)
    if match is None:
        raise _refused("it must be 64 hex digits and a newline")
    return match[1].decode().lower()


def _refused(why: str) -> UsageError:
    return UsageError(
        "no key for the ledger could be read",
        why=why,
        remedies=(Remedy("Make a key, and keep it safe.", ("openssl", "rand", "-hex", "32")),),
    )
