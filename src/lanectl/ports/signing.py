"""What signing a bundle needs of the world: somebody who seals a statement, whatever it is done with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lanectl.model.gpg import GpgKeyFacts
    from lanectl.model.signature import GpgFacts
    from lanectl.model.signer import Method


class Seal(Struct, frozen=True):
    """A signature over a statement: the files to put beside the archive, by the suffix of its name.

    `shown` says who signed, for people: `key 1f…`, an identity, a fingerprint.
    """

    method: Method
    files: Mapping[str, bytes]
    shown: str


class StatementSigner(Protocol):
    """Signs the outer statement of a bundle."""

    @property
    def method(self) -> Method:
        """What it signs with."""
        ...

    def seal(self, payload: bytes) -> Seal:
        """Return the signature over exactly these bytes.

        Raises UnavailableError for an outside system that does not answer in time, RefusedError
        for one that refuses, UnreadableError for a key that cannot be used. Nothing is kept then.
        """
        ...


class GpgReader(Protocol):
    """Judges GPG signatures under pinned public keys: armoured, by the primary key's fingerprint."""

    def examine(
        self, statement: bytes, signature: bytes, keys: Mapping[str, bytes], at: datetime
    ) -> GpgFacts:
        """Return what a detached signature over a statement proves at a time (UTC)."""
        ...

    def list(self, keys: Mapping[str, bytes], at: datetime) -> tuple[GpgKeyFacts, ...]:
        """Return what the keys say of themselves; a file that holds another key is left out."""
        ...


class GpgKeyMaker(Protocol):
    """The user's own gpg. What it cannot do raises UnreadableError."""

    def secret_keys(self) -> tuple[GpgKeyFacts, ...]:
        """Return the keys whose secret primary part is here."""
        ...

    def new_key(self, user_id: str, days: int, *, is_protected: bool) -> str:
        """Make a primary key that only certifies; return its fingerprint."""
        ...

    def add_signing_subkey(self, fingerprint: str, days: int, *, is_protected: bool) -> None:
        """Give a key a new subkey that may sign."""
        ...

    def public_key(self, fingerprint: str) -> bytes:
        """Return a key's public part, armoured."""
        ...
