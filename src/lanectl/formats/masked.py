"""Untrusted text without the secrets in it: what every renderer shows. Hides nothing else.

What is cut or quoted for showing is masked before, so that no half of a secret is left.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from lanectl.formats import secrets
from lanectl.model.display import display, display_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.secret import Secret

_ESCAPE: Final = re.compile(rb"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[0-7]{3}|[a-z\\\"])")
_SHORTEST: Final = 8
_KEYS: Final = (b"PRIVATE KEY", b"PuTTY-User-Key-File-", b"LS0tLS1CRUdJTi")
"""What every private key holds; whether one is whole depends on what follows it."""


def text(value: str) -> str:
    """Return a text with every secret in it replaced."""
    if len(value) < _SHORTEST:
        return value
    raw = value.encode("utf-8", "surrogatepass")
    masked = secrets.mask(raw)
    for secret in _behind_escapes(masked):
        masked = masked.replace(secret.raw, secrets.MASK)
    return value if masked == raw else masked.decode("utf-8", "surrogatepass")


def shown(value: str, *, limit: int = 2000) -> str:
    """Return a text as `display` shows it, without secrets."""
    return display(text(value), limit=limit)


def path(raw: bytes) -> str:
    """Return a path as `display_path` shows it, without secrets."""
    return display_path(secrets.mask(raw))


def document(value: Any) -> Any:
    """Return plain data with every secret in its texts replaced; looks at all of it at once first."""
    joined = "\n".join(_texts(value)).encode("utf-8", "surrogatepass")
    if (
        secrets.scan(joined)
        or any(_behind_escapes(joined))
        or any(mark in joined for mark in _KEYS)
    ):
        return _masked(value)
    return value


def _behind_escapes(raw: bytes) -> Iterator[Secret]:
    """Yield what is a secret once an escape of `display` before it is no letter of it any more."""
    if b"\\" in raw:
        yield from secrets.scan(_ESCAPE.sub(lambda m: b" " * len(m[0]), raw)).values()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {text(key): _masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return value
