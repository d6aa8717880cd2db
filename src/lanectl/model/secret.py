"""What was found of a secret: its sort, its kind and its fingerprint. Never shown by its value."""

from __future__ import annotations

import enum
import hashlib

from msgspec import Struct


class Sort(enum.StrEnum):
    """How sure it is that a found text is a secret, and of which form."""

    TOKEN = enum.auto()
    """Made by a vendor for one holder, in the vendor's own documented form."""

    PRIVATE_KEY = enum.auto()
    PASSWORD = enum.auto()
    """Stands where a password stands, but looks typed, not generated."""

    SIGNED = enum.auto()
    """A JSON Web Token: as often a sample or public as secret."""

    BROWSER_KEY = enum.auto()
    """A Google key where web pages and apps carry theirs in the open."""


class Secret(Struct, frozen=True):
    """One secret in some bytes. `raw` is the text as it stands there; it is never shown or logged."""

    sort: Sort
    kind: str
    value: bytes
    raw: bytes

    @property
    def fingerprint(self) -> str:
        """The first 32 hex digits of SHA-256 over `kind:value`: what an allow-list names."""
        return hashlib.sha256(self.kind.encode() + b":" + self.value).hexdigest()[:32]

    def __repr__(self) -> str:
        """Not the value: a traceback or a log must not hold it."""
        return f"Secret({self.kind}, {self.fingerprint})"
