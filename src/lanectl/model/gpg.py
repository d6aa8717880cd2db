"""What a GPG key says of itself: its parts, their times, what was revoked. Pure facts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lanectl.model.expiry import SOON

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

ROTATION: Final = timedelta(days=30)
"""The longest that a GPG key may sign for, from its making to its expiry."""


class GpgRevocation(Struct, frozen=True):
    """A revocation by the key itself (UTC).

    `is_soft`: superseded or retired. Such a one counts from its own time on; any other one counts
    for all time, as nobody knows since when the key was in other hands (RFC 9580, 5.2.3.31).
    """

    at: datetime
    is_soft: bool

    def holds(self, at: datetime) -> bool:
        """Whether the key counts as revoked at a time."""
        return not self.is_soft or self.at <= at


class GpgPart(Struct, frozen=True):
    """A primary key or a subkey, by its fingerprint. Times are UTC; `expires` None: never."""

    fingerprint: str
    created: datetime
    expires: datetime | None
    can_sign: bool
    revocations: tuple[GpgRevocation, ...] = ()


class GpgKeyFacts(Struct, frozen=True):
    """A public key: its primary part, by which it is pinned, and its subkeys."""

    primary: GpgPart
    subkeys: tuple[GpgPart, ...] = ()

    @property
    def fingerprint(self) -> str:
        """The primary part's."""
        return self.primary.fingerprint

    def part(self, fingerprint: str) -> GpgPart | None:
        """Return the part of a fingerprint."""
        return next(
            (p for p in (self.primary, *self.subkeys) if p.fingerprint == fingerprint), None
        )

    def end_of(self, part: GpgPart) -> datetime | None:
        """Return when a part stops being good: with the primary part at the latest."""
        ends = [p.expires for p in (self.primary, part) if p.expires is not None]
        return min(ends, default=None)

    def is_revoked(self, part: GpgPart, at: datetime) -> bool:
        """Whether a part counts as revoked at a time, by itself or with the primary part."""
        return any(r.holds(at) for r in (*self.primary.revocations, *part.revocations))

    def signing(self, at: datetime) -> tuple[GpgPart, ...]:
        """Return the parts that may sign and are not revoked, whether they expired or not."""
        parts = (self.primary, *self.subkeys)
        return tuple(p for p in parts if p.can_sign and not self.is_revoked(p, at))


class GpgEnding(Struct, frozen=True):
    """A key that cannot sign any more from `at` on (UTC). In the past: it cannot now.

    `at` None: nothing of it may sign at all.
    """

    fingerprint: str
    at: datetime | None


def expiring(
    keys: Iterable[GpgKeyFacts], now: datetime, within: timedelta = SOON
) -> tuple[GpgEnding, ...]:
    """Return the keys whose last part that may sign ends within a time, or has ended."""
    endings = []
    for key in keys:
        ends = [key.end_of(part) for part in key.signing(now)]
        if None in ends:
            continue
        last = max((end for end in ends if end is not None), default=None)
        if last is None or last <= now + within:
            endings.append(GpgEnding(key.fingerprint, last))
    return tuple(endings)
