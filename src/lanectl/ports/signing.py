"""What signing a bundle needs of the world: somebody who seals a statement, whatever it is done with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

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


class GpgVerifier(Protocol):
    """Asks gpg about a detached signature, with pinned keys only. Judges nothing."""

    def examine(
        self, statement: bytes, signature: bytes, keys: Mapping[str, bytes], at: datetime
    ) -> GpgFacts:
        """Return what gpg says at a time; `keys` are armoured public keys by fingerprint."""
        ...
