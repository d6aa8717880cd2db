"""Who may sign for which role, and by what: the `[trust]` of the target's tip. Pure facts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lanectl.model.signer import Method

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lanectl.model.trust import Role

TRUST_FOLDER: Final = ".lanectl/trust"
TRUSTED_ROOT: Final = f"{TRUST_FOLDER}/trusted_root.json"
"""Sigstore's own trusted root: whose certificates, logs and timestamps count."""

VALIDITY: Final = timedelta(days=7)
"""The longest that a bundle may be good for."""

SKEW: Final = timedelta(minutes=5)
"""By how much two honest clocks may differ."""


class Span(Struct, frozen=True):
    """From when to when an entry holds (UTC); None: open."""

    not_before: datetime | None = None
    not_after: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether it holds at a time."""
        return (self.not_before is None or self.not_before <= at) and (
            self.not_after is None or at < self.not_after
        )


class KeylessIdentity(Struct, frozen=True):
    """One identity of one issuer. `identity` is exact, or with `is_pattern` `^…$`.

    `claims` are exact values of what the certificate says of the run, by Fulcio's names such as
    `source_repository_ref`. `is_hosted`: the policy vouches that it signs on a hosted platform.
    """

    role: Role
    name: str
    email: str
    issuer: str
    identity: str
    is_pattern: bool = False
    claims: Mapping[str, str] = {}
    is_hosted: bool = False
    span: Span = Span()


class GpgKey(Struct, frozen=True):
    """A GPG key by the fingerprint of its primary key: 40 upper-case hex digits."""

    role: Role
    name: str
    email: str
    fingerprint: str
    span: Span = Span()

    @property
    def path(self) -> str:
        """Where the tip keeps its public part."""
        return f"{TRUST_FOLDER}/gpg/{self.fingerprint}.asc"


class Workload(Struct, frozen=True):
    """A workload by its SPIFFE id, `spiffe://DOMAIN/PATH`."""

    role: Role
    name: str
    email: str
    id: str
    span: Span = Span()

    @property
    def domain(self) -> str:
        """The trust domain."""
        return self.id.removeprefix("spiffe://").partition("/")[0]

    @property
    def path(self) -> str:
        """Where the tip keeps the trust domain's certificates, as PEM."""
        return f"{TRUST_FOLDER}/spiffe/{self.domain}.pem"


class TrustPolicy(Struct, frozen=True):
    """The `[trust]` section.

    `accept` holds the methods that are good enough for a role, where the section names them.
    """

    accept: Mapping[Role, tuple[Method, ...]] = {}
    keyless: tuple[KeylessIdentity, ...] = ()
    spiffe: tuple[Workload, ...] = ()
    gpg: tuple[GpgKey, ...] = ()
    validity: timedelta = VALIDITY
    skew: timedelta = SKEW

    def accepted(self, role: Role) -> tuple[Method, ...]:
        """Return the methods that are good enough: as named, else the strongest that is set up.

        So nothing goes down from keyless to key to gpg unless the section says so.
        """
        if role in self.accept:
            return self.accept[role]
        if any(entry.role is role for entry in self.keyless):
            return (Method.KEYLESS,)
        if any(entry.role is role for entry in self.spiffe):
            return (Method.SPIFFE,)
        return (Method.KEY,)


class TrustMaterial(Struct, frozen=True):
    """What the tip keeps in `.lanectl/trust/`: bytes by path, read only by who verifies with them."""

    files: Mapping[str, bytes] = {}

    def at(self, path: str) -> bytes:
        """Return a file's bytes; empty where there is none."""
        return self.files.get(path, b"")
