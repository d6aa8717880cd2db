"""Whom to believe: keys with a role and a time of validity. Pure facts, decided elsewhere."""

from __future__ import annotations

import base64
import enum
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from datetime import datetime

    from lanectl.model.names import Digest


class Role(enum.StrEnum):
    """What a key may sign for: changes, what was applied, verdicts, what a person decides."""

    BUILDER = "builder"
    ENFORCER = "enforcer"
    SUPERVISOR = "supervisor"
    LEAD = "lead"


class Algorithm(enum.StrEnum):
    """The signature algorithms that lanectl makes and reads."""

    ECDSA_P256 = "ecdsa-p256"
    ED25519 = "ed25519"


class PublicKey(Struct, frozen=True):
    """A public key: PEM (SubjectPublicKeyInfo) and its id, the SHA-256 of the DER encoding."""

    id: Digest
    algorithm: Algorithm
    pem: str


class Revocation(Struct, frozen=True):
    """When a key was revoked, and since when it may have been in other hands (UTC)."""

    at: datetime
    compromised_since: datetime
    reason: str


class Key(Struct, frozen=True):
    """An entry of the keyring. Times are UTC; `name` and `email` become the commit's identity."""

    public: PublicKey
    role: Role
    name: str
    email: str
    not_before: datetime
    not_after: datetime
    revoked: Revocation | None = None

    def is_same_person(self, other: Key) -> bool:
        """Whether two keys are one, or are registered to one identity: a name or an email in common."""
        return (
            self.public.id == other.public.id
            or self.name.casefold() == other.name.casefold()
            or self.email.casefold() == other.email.casefold()
        )


class Keyring(Struct, frozen=True):
    """The keys that the target's tip registers."""

    keys: tuple[Key, ...]

    def by_hint(self, hint: str) -> Key | None:
        """Return the key that a signature's hint (base64 of the key id's bytes) names."""
        return next((k for k in self.keys if hint_of(k.public.id) == hint), None)

    def by_id(self, key_id: str) -> Key | None:
        """Return the key of an id."""
        return next((k for k in self.keys if k.public.id == key_id), None)

    def in_role(self, role: Role) -> tuple[Key, ...]:
        """Return the keys of one role, in the file's order."""
        return tuple(k for k in self.keys if k.role is role)


AGENT: Final = "agent:"
"""How the name of a private key begins that an SSH agent holds; every other name is a file's."""


def is_with_agent(named: str) -> bool:
    """Whether a private key's name says that an SSH agent holds it."""
    return named.startswith(AGENT)


def hint_of(key_id: Digest) -> str:
    """Return the Sigstore bundle's publicKey hint: base64 of the raw SHA-256 of the DER key."""
    return base64.b64encode(bytes.fromhex(key_id)).decode("ascii")
