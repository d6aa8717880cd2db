"""How a key stands at a time, at the very seconds where that changes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from lanectl.model.expiry import SOON, State, expiring, state_of
from lanectl.model.trust import Revocation
from tests.orders import NOON, key

SECOND = timedelta(seconds=1)
KEY = replace(key("ann"), not_before=NOON, not_after=NOON + timedelta(days=100))


@pytest.mark.parametrize(
    ("at", "state"),
    [
        (NOON - SECOND, State.NOT_YET),
        (NOON, State.GOOD),
        (KEY.not_after - SOON - SECOND, State.GOOD),
        (KEY.not_after - SOON, State.EXPIRING),
        (KEY.not_after - SECOND, State.EXPIRING),
        (KEY.not_after, State.EXPIRED),
    ],
)
def test_the_state_of_a_key(at: object, state: State) -> None:
    assert state_of(KEY, at) is state  # type: ignore[arg-type]
    revoked = replace(KEY, revoked=Revocation(NOON, NOON, "lost"))
    assert state_of(revoked, at) is State.REVOKED  # type: ignore[arg-type]


def test_a_key_that_ends_soon_is_named_until_another_follows_it() -> None:
    now = KEY.not_after - timedelta(days=3)
    next_one = replace(key("leo"), name=KEY.name, email=KEY.email, not_before=now,
                       not_after=now + timedelta(days=365))  # fmt: skip
    assert expiring([KEY], now) == (KEY,)
    assert expiring([KEY], now, timedelta(days=2)) == ()
    assert expiring([KEY, next_one], now) == ()
    for no_successor in (
        replace(next_one, email="other@example.test"),
        replace(next_one, not_before=now + SECOND),
        replace(next_one, revoked=Revocation(now, now, "lost")),
    ):
        assert expiring([KEY, no_successor], now) == (KEY,)
    both_soon = replace(next_one, not_after=now + SOON)
    assert expiring([KEY, both_soon], now) == (KEY, both_soon)
