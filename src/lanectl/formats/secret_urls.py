"""Passwords in addresses: `scheme://user:password@host`. Placeholders and local hosts are none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lanectl.model.secret import Secret, Sort

if TYPE_CHECKING:
    from collections.abc import Iterator

_ADDRESS: Final = re.compile(
    rb"://[^\s:/?#\[\]@\"'<>`(){}$\\|,;]{0,128}:([^\s:/?#\[\]@\"'`\\|,;]{1,256})@([A-Za-z0-9._-]{1,253})"
)
# What is put in later: <password>, ${PASSWORD}, {password}, %s, $PASSWORD, ***, PASSWORD.
_PLACEHOLDER: Final = re.compile(rb"[<>{}$*()&]|%[sdv(]|^[A-Z_]+$|^(.)\1*$", re.DOTALL)
_LOCAL: Final = re.compile(
    rb"(?:.*\.)?(?:localhost|local|test|invalid|internal|example(?:\.[a-z]+)?)|127\..*|10\..*|192\.168\..*|0\.0\.0\.0|[^.]*"
    rb"|.*(?:example|yourdomain|my-?host).*",
    re.IGNORECASE,
)


def passwords(data: bytes) -> Iterator[Secret]:
    """Yield every password that an address holds; generated ones as tokens, the rest as passwords."""
    at = data.find(b"://")
    while at >= 0:
        match = _ADDRESS.match(data, at)
        if match and not _is_placeholder(match[1], match[2]):
            yield Secret(_sort(match[1]), "password in an address", match[1], match[0])
        at = data.find(b"://", match.end() if match else at + 3)


def _is_placeholder(password: bytes, host: bytes) -> bool:
    return bool(_PLACEHOLDER.search(password) or _LOCAL.fullmatch(host.rstrip(b".")))


def _sort(password: bytes) -> Sort:
    """Return whether a password was generated: long, of three classes of characters or hex digits."""
    classes = sum(
        any(low <= c <= high for c in password) for low, high in ((48, 57), (65, 90), (97, 122))
    )
    is_hex = len(password) >= 32 and not password.strip(b"0123456789abcdef")
    from lanectl.formats.secret_samples import is_sample

    is_generated = (len(password) >= 16 and classes == 3) or is_hex
    return Sort.TOKEN if is_generated and not is_sample(password) else Sort.PASSWORD
