"""How a key stands at a time, and which end soon. Judges no signature: `checks/signature.py` does."""

from __future__ import annotations

import enum
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from lanectl.model.trust import Key

SOON: Final = timedelta(days=14)


class State(enum.StrEnum):
    """How a key of the keyring stands."""

    GOOD = "good"
    EXPIRING = "expiring"
    NOT_YET = "not-yet"
    EXPIRED = "expired"
    REVOKED = "revoked"


def state_of(key: Key, now: datetime, within: timedelta = SOON) -> State:
    """Return how a key stands; `expiring`: it is good, and ends within `within`."""
    if key.revoked is not None:
        return State.REVOKED
    if now >= key.not_after:
        return State.EXPIRED
    if now < key.not_before:
        return State.NOT_YET
    return State.EXPIRING if key.not_after - now <= within else State.GOOD


def expiring(keys: Iterable[Key], now: datetime, within: timedelta = SOON) -> tuple[Key, ...]:
    """Return the keys that end within `within` and leave nobody behind, in the given order.

    A key whose successor is registered (same role, name and email, good for longer than `within`)
    was rotated, and is not among them.
    """
    known = tuple(keys)
    lasting = {
        (k.role, k.name, k.email)
        for k in known
        if k.revoked is None and k.not_before <= now and k.not_after - now > within
    }
    return tuple(
        k
        for k in known
        if state_of(k, now, within) is State.EXPIRING and (k.role, k.name, k.email) not in lasting
    )
