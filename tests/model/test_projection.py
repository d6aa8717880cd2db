"""What events add up to, without any database: the rule that every back end is held to."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from lanectl.formats import event as bodies
from lanectl.model.ledger import (
    CLAIMED_ONLY,
    GENESIS,
    MOVES,
    STRICT,
    Event,
    EventKind,
    HandoffRow,
    HandoffState,
    NewEvent,
)
from lanectl.model.names import Digest
from lanectl.model.projection import MoveError, moved
from tests.ledger.story import LEDGER, event, facts, key, queued

K, S = EventKind, HandoffState


def placed(one: NewEvent) -> Event:
    body = bodies.write(one, LEDGER)
    return bodies.restore(2, GENESIS, bodies.link(GENESIS, 2, body), body)


def row(state: HandoffState) -> HandoffRow:
    first = moved(None, placed(queued("a", 1)))
    assert first
    return replace(first, state=state)


def test_a_handoff_becomes_a_commit_and_a_pull_request() -> None:
    one = moved(None, placed(queued("a", 1)))
    assert one == HandoffRow(
        key("a"), queued("a").repository, one.base, one.base, one.slug, Digest.of(b"bundle"), S.QUEUED, queued("a").at
    )  # fmt: skip
    applied = moved(one, placed(event(K.APPLIED, 2, key("a"), **facts(K.APPLIED, "a", "new"))))
    assert applied == replace(
        one, state=S.APPLIED, updated=event(K.KEY, 2).at, bundle=Digest.of(b"new"),
        commit=one.base, branch="feature/a",
    )  # fmt: skip
    published = moved(applied, placed(event(K.PUBLISHED, 3, key("a"), url="u")))
    assert published == replace(applied, state=S.PUBLISHED, updated=event(K.KEY, 3).at, url="u")
    gone = moved(published, placed(event(K.ROLLED_BACK, 4, key("a"))))
    assert gone == replace(published, state=S.ROLLED_BACK, updated=event(K.KEY, 4).at)


@pytest.mark.parametrize("kind", K, ids=str)
def test_every_event_in_every_state(kind: EventKind) -> None:
    one = placed(event(kind, 9, key("a"), **facts(kind, "a")))
    for state in (None, *S):
        before = row(state) if state else None
        if kind in STRICT and state not in MOVES[kind]:
            with pytest.raises(MoveError, match=str(state) if state else "unknown"):
                moved(before, one)
            continue
        after = moved(before, one)
        if state in MOVES.get(kind, ()):
            assert after
            assert (after.state.value, after.updated) == (kind.value, one.event.at)
        else:
            assert after is before


def test_only_what_is_applied_is_consumed_and_it_stays_so() -> None:
    consumed = {state for state in S if state.is_consumed}
    assert consumed == {S.APPLIED, S.PUBLISHED, S.MERGED, S.ROLLED_BACK}
    for kind, states in MOVES.items():
        if not HandoffState(kind.value).is_consumed:
            assert not consumed & set(states), kind
    assert CLAIMED_ONLY <= STRICT <= set(MOVES)


@pytest.mark.parametrize("kind", MOVES, ids=str)
def test_an_event_about_no_handoff_moves_none(kind: EventKind) -> None:
    one = placed(event(kind, 9, **facts(kind, "a")))
    if kind in STRICT:
        with pytest.raises(MoveError):
            moved(None, one)
    else:
        assert moved(None, one) is None


@pytest.mark.parametrize("kind", [K.QUEUED, K.APPLIED, K.PUBLISHED], ids=str)
def test_a_move_without_its_facts_is_none(kind: EventKind) -> None:
    before = row(MOVES[kind][-1] or S.QUEUED)
    for name in facts(kind, "a"):
        data = {k: v for k, v in facts(kind, "a").items() if k != name}
        with pytest.raises(ValueError, match=name):
            moved(before, placed(event(kind, 9, key("a"), **data)))


def test_a_renewed_handoff_starts_over() -> None:
    again = moved(row(S.REFUSED), placed(queued("a", 2, "second")))
    assert again == replace(row(S.QUEUED), bundle=Digest.of(b"second"), updated=event(K.KEY, 2).at)
