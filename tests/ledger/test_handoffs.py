"""Every back end moves and lends out handoffs by the same rules."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from lanectl.errors import ConflictError, LaneError
from lanectl.model.ledger import (
    CLAIMED_ONLY,
    MOVES,
    STRICT,
    Busy,
    Claim,
    EventKind,
    HandoffState,
)
from lanectl.model.names import Digest, Slug
from lanectl.model.report import MalformedError
from lanectl.ports.ledger import Ledger
from tests.ledger.story import (
    LEASE,
    bring,
    check_chain,
    claimed,
    event,
    facts,
    key,
    move,
    queued,
)

K, S = EventKind, HandoffState


@pytest.mark.parametrize("kind", MOVES, ids=str)
def test_an_event_moves_a_handoff_from_some_states_only(ledger: Ledger, kind: EventKind) -> None:
    n = 1
    for state in (None, *S):
        slug = f"from-{state}".lower()
        bring(ledger, slug, state, n)
        before, head, one = (
            ledger.handoff(key(slug)),
            ledger.head(),
            move(ledger, kind, n + 5, slug),
        )
        assert (before and before.state) == state
        if state not in MOVES[kind] and kind in STRICT:
            with pytest.raises(ConflictError):
                ledger.record(one)
            assert (ledger.head(), ledger.find(one.id)) == (head, None)
        else:
            ledger.record(one)
        after = ledger.handoff(key(slug))
        if state in MOVES[kind]:
            assert after is not None
            assert (after.state.value, after.updated) == (kind.value, one.at)
        else:
            assert after == before, f"{kind} from {state}"
        n += 10
    check_chain(ledger)


def test_a_handoff_is_what_its_events_add_up_to(ledger: Ledger) -> None:
    ledger.record(queued("a", 1, bundle="first"))
    ledger.record(event(K.REFUSED, 2, key("a"), code="1"))
    ledger.record(queued("a", 3, bundle="second"))
    row = ledger.handoff(key("a"))
    assert row is not None
    assert (row.slug, row.bundle, row.commit, row.branch) == ("a", Digest.of(b"second"), None, "")
    token = claimed(ledger, "a").token
    ledger.record(event(K.APPLIED, 4, key("a"), **facts(K.APPLIED, "a", "third"), claim=token))
    ledger.record(event(K.PUBLISHED, 5, key("a"), url="https://first.test/", claim=token))
    ledger.record(event(K.PUBLISHED, 6, key("a"), url="https://second.test/é", claim=token))
    row = ledger.handoff(key("a"))
    assert row is not None
    assert (row.state, row.updated) == (S.PUBLISHED, event(K.KEY, 6).at)
    assert (row.bundle, row.branch) == (Digest.of(b"third"), "feature/a")
    assert (row.commit, row.url) == (facts(K.APPLIED, "a")["commit"], "https://second.test/é")
    check_chain(ledger)


@pytest.mark.parametrize("kind", sorted(STRICT), ids=str)
def test_a_strict_event_about_no_handoff_is_refused(ledger: Ledger, kind: EventKind) -> None:
    with pytest.raises((ConflictError, ValueError, MalformedError)):
        ledger.record(event(kind, 1, None, **facts(kind, "a"), claim=""))
    assert check_chain(ledger) == 1


@pytest.mark.parametrize("kind", sorted(set(MOVES) - STRICT), ids=str)
def test_a_lenient_event_about_no_handoff_is_recorded(ledger: Ledger, kind: EventKind) -> None:
    ledger.record(event(kind, 1))
    assert check_chain(ledger) == 2


@pytest.mark.parametrize(
    ("state", "kind"),
    [(None, K.QUEUED), (S.QUEUED, K.QUEUED), (S.QUEUED, K.APPLIED), (S.APPLIED, K.PUBLISHED)],
    ids=str,
)
def test_a_move_without_its_facts_is_not_recorded(
    ledger: Ledger, state: HandoffState | None, kind: EventKind
) -> None:
    bring(ledger, "a", state)
    before, whole = list(ledger.events()), move(ledger, kind, 9, "a")
    row = ledger.handoff(key("a"))
    wrong = [{k: v for k, v in whole.data.items() if k != name} for name in facts(kind, "a")]
    wrong += [whole.data | {k: "Not One"} for k in facts(kind, "a") if k not in {"branch", "url"}]
    for data in wrong:
        with pytest.raises((LaneError, ValueError, MalformedError)):
            ledger.record(replace(whole, data=data))
    assert list(ledger.events()) == before
    assert ledger.handoff(key("a")) == row
    ledger.record(whole)


@pytest.mark.parametrize("kind", sorted(CLAIMED_ONLY), ids=str)
def test_only_the_holder_of_the_claim_records_what_it_did(ledger: Ledger, kind: EventKind) -> None:
    bring(ledger, "a", S.QUEUED if kind is K.APPLIED else S.APPLIED)
    row, n, stale = ledger.handoff(key("a")), ledger.head().seq, claimed(ledger, "a")
    current = claimed(ledger, "a")
    data = facts(kind, "a")
    for claim in ({}, {"claim": ""}, {"claim": "0" * 32}, {"claim": stale.token}):
        with pytest.raises(ConflictError):
            ledger.record(event(kind, 9, key("a"), **data, **claim))
    ledger.release(current)
    for claim in ({}, {"claim": ""}, {"claim": current.token}):
        with pytest.raises(ConflictError):
            ledger.record(event(kind, 9, key("a"), **data, **claim))
    assert (ledger.handoff(key("a")), ledger.head().seq) == (row, n)
    # a lease that has ended and that nobody has taken is still the one
    ended = ledger.claim(key("a"), "slow", seconds=0)
    assert isinstance(ended, Claim)
    ledger.record(event(kind, 9, key("a"), **data, claim=ended.token))
    check_chain(ledger)


def test_a_claim_is_one_holders_until_it_ends_or_is_given_back(
    ledger: Ledger, connect: Callable[[], Ledger]
) -> None:
    other = connect()
    ledger.record(queued("a", 1))
    mine = ledger.claim(key("a"), "me é", seconds=LEASE)
    assert isinstance(mine, Claim)
    assert (mine.key, mine.holder, len(mine.token)) == (key("a"), "me é", 32)
    busy = other.claim(key("a"), "you", seconds=LEASE)
    assert isinstance(busy, Busy)
    assert (busy.holder, busy.token) == ("me é", mine.token)
    assert busy.until.utcoffset() is not None
    assert isinstance(other.claim(key("a"), "you", seconds=LEASE, over="0" * 32), Busy)
    ledger.renew(mine, seconds=2 * LEASE)
    renewed = other.claim(key("a"), "you", seconds=LEASE)
    assert isinstance(renewed, Busy)
    assert renewed.until > busy.until
    ledger.release(mine)
    yours = other.claim(key("a"), "you", seconds=LEASE)
    assert isinstance(yours, Claim)
    assert yours.token != mine.token
    with pytest.raises(ConflictError):
        ledger.renew(mine, seconds=LEASE)
    ledger.release(mine)  # lost, and left alone
    assert isinstance(ledger.claim(key("a"), "me", seconds=LEASE), Busy)


def test_a_dead_holders_claim_is_taken_over_once(ledger: Ledger) -> None:
    ledger.record(queued("a", 1))
    dead = ledger.claim(key("a"), "dead", seconds=LEASE)
    assert isinstance(dead, Claim)
    heir = ledger.claim(key("a"), "heir", seconds=LEASE, over=dead.token)
    assert isinstance(heir, Claim)
    late = ledger.claim(key("a"), "late", seconds=LEASE, over=dead.token)
    assert isinstance(late, Busy)
    assert late.token == heir.token


def test_a_lease_that_has_ended_is_nobodys_but_lost_only_when_taken(ledger: Ledger) -> None:
    ledger.record(queued("a", 1))
    slow = ledger.claim(key("a"), "slow", seconds=0)
    assert isinstance(slow, Claim)
    ledger.renew(slow, seconds=0)
    assert isinstance(ledger.claim(key("a"), "quick", seconds=LEASE), Claim)
    with pytest.raises(ConflictError):
        ledger.renew(slow, seconds=LEASE)


def test_only_a_known_handoff_is_claimed(ledger: Ledger) -> None:
    with pytest.raises(ConflictError):
        ledger.claim(key("never"), "me", seconds=LEASE)
    assert ledger.handoff(key("never")) is None


def test_a_claim_is_no_event_and_outlives_moves(ledger: Ledger) -> None:
    ledger.record(queued("a", 1))
    head = ledger.head()
    mine = ledger.claim(key("a"), "me", seconds=LEASE)
    assert isinstance(mine, Claim)
    assert ledger.head() == head
    ledger.record(event(K.REFUSED, 2, key("a")))
    ledger.record(queued("a", 3))
    busy = ledger.claim(key("a"), "you", seconds=LEASE)
    assert isinstance(busy, Busy)
    assert busy.token == mine.token
    ledger.renew(mine, seconds=LEASE)
    check_chain(ledger)


def test_the_queue_gives_each_handoff_to_one_who_asks_oldest_first(
    ledger: Ledger, connect: Callable[[], Ledger]
) -> None:
    other = connect()
    assert ledger.claim_next("me", seconds=LEASE) is None
    bring(ledger, "held", S.HELD, 1)
    bring(ledger, "applied", S.APPLIED, 4)
    for n, slug in enumerate(("z", "a", "m"), 10):
        ledger.record(queued(slug, n))
    ledger.record(queued("z", 20))  # once more, so that it waits anew
    taken = [who.claim_next("me", seconds=LEASE) for who in (ledger, other, ledger, other)]
    assert [one and one[1].slug for one in taken] == ["a", "m", "z", None]
    claim, row = taken[0] or pytest.fail("nothing was taken")
    assert (claim.key, claim.holder, row) == (key("a"), "me", ledger.handoff(key("a")))
    other.release(claim)
    again = ledger.claim_next("me", seconds=0)
    assert again is not None
    assert again[1].slug == "a"
    assert other.claim_next("me", seconds=LEASE) is not None  # that lease has ended
    assert ledger.claim_next("me", seconds=LEASE) is None


def test_handoffs_are_listed_last_change_first(ledger: Ledger) -> None:
    assert list(ledger.handoffs()) == []
    for n, slug in enumerate(("a", "b", "c"), 1):
        ledger.record(queued(slug, n))
    ledger.record(event(K.HELD, 4, key("a")))
    again = replace(queued("b", 5), handoff=key("another change of the same name"))
    ledger.record(again)
    assert [row.slug for row in ledger.handoffs()] == ["b", "a", "c", "b"]
    assert [row.key for row in ledger.handoffs(Slug("b"))] == [again.handoff, key("b")]
    assert list(ledger.handoffs(Slug("d"))) == []


def test_every_conflict_says_what_to_do(ledger: Ledger) -> None:
    ledger.record(queued("a"))
    lost = ledger.claim(key("a"), "one", seconds=60)
    assert isinstance(lost, Claim)
    ledger.release(lost)
    withdrawn = event(K.WITHDRAWN, 2, key("nobody's"))
    applied = event(K.APPLIED, 2, key("a"), claim=lost.token, **facts(K.APPLIED, "a"))
    for ask in (
        lambda: ledger.renew(lost, seconds=60),
        lambda: ledger.record(withdrawn),
        lambda: ledger.record(applied),
        lambda: ledger.claim(key("nobody's"), "one", seconds=60),
    ):
        with pytest.raises(ConflictError) as refused:
            ask()
        assert refused.value.remedies, refused.value
