"""Which signed orders count: of the right role, for this place, made when recorded, once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lanectl.checks import authority
from lanectl.errors import HeldError
from lanectl.model.authority import SIGNERS, Standing, refuse_frozen
from lanectl.model.ledger import EventKind, LedgerId, NewEvent
from lanectl.model.names import RepositoryId
from lanectl.model.trust import Revocation, Role
from tests.orders import (
    APPROVED,
    BUNDLE,
    HOUR,
    LEDGER,
    MINUTE,
    NOON,
    OTHER,
    PEOPLE,
    REPOSITORY,
    SUBJECTS,
    chain,
    key,
    order,
    ring,
    signed,
    standing,
)

K = EventKind
FUZZ = settings(max_examples=40, deadline=None)
DAY = timedelta(days=1)


def revocation(who: str, at: datetime = NOON, since: datetime | None = None) -> Any:
    """Return the fields of an order to revoke somebody's key."""
    since = since or at
    subject = {"key": key(who).public.id, "at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "compromised_since": f"{since:%Y-%m-%dT%H:%M:%SZ}"}  # fmt: skip
    return order(K.KEY_REVOKED, at, subject=subject)


def because(found: Standing) -> list[str]:
    return [i.because for i in found.ignored]


def counts(event: NewEvent, **more: Any) -> bool:
    found = standing(event, **more)
    assert len(found.counted) + len(found.ignored) == 1
    return bool(found.counted)


# who, where, when ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SIGNERS)
@pytest.mark.parametrize("who", PEOPLE)
def test_every_role_signs_its_own_kinds_alone(who: str, kind: EventKind) -> None:
    allowed = {
        K.VERDICT: {Role.SUPERVISOR},
        K.FROZEN: {Role.ENFORCER, Role.SUPERVISOR, Role.LEAD},
    }.get(kind, {Role.LEAD})
    found = standing(signed(who, order(kind)))
    assert bool(found.counted) == (PEOPLE[who] in allowed)
    if not found.counted:
        assert because(found) == [f"signed by a key of the role {PEOPLE[who].value}"]


def test_an_order_for_another_place_is_absent() -> None:
    event = signed("ann", order(K.FROZEN))
    assert counts(event)
    assert because(standing(event, ledger=LedgerId("0" * 32))) == ["made for another ledger"]
    elsewhere = RepositoryId("example.test/acme/other")
    assert because(standing(event, repository=elsewhere)) == ["made for another repository"]


def test_a_row_that_nobody_signed_is_absent() -> None:
    plain = NewEvent("x", K.LIFTED, NOON, "root", order(K.LIFTED).repository, data={"reason": "x"})
    assert "no signed record" in because(standing(plain))[0]


def test_a_changed_order_is_absent() -> None:
    good, other = signed("ann", order(K.FROZEN)), signed("ann", order(K.FROZEN))
    forged = replace(good, data={**good.data, "signature": other.data["signature"]})
    assert because(standing(forged)) == ["its signature does not verify"]
    hint = signed("leo", order(K.FROZEN)).data["hint"]
    assert because(standing(replace(good, data={**good.data, "hint": hint}))) == [
        "its signature does not verify"
    ]


def test_a_key_that_nobody_registered_orders_nothing() -> None:
    event = signed("ann", order(K.FROZEN))
    assert "not in the keyring" in because(standing(event, keyring=ring(without="ann")))[0]


def test_a_row_of_another_kind_or_id_than_its_order_is_absent() -> None:
    event = signed("ann", order(K.FROZEN))
    assert not counts(replace(event, kind=K.LIFTED))
    assert not counts(replace(event, id="frozen:" + "0" * 32))


def test_events_of_other_kinds_are_no_orders() -> None:
    found = standing(NewEvent("x", K.CREATED, NOON, "lanectl", order(K.FROZEN).repository))
    assert not found.ignored
    assert not found.counted


def test_the_chain_has_the_order_not_who_reads_it() -> None:
    events = chain(signed("sue", order(K.FROZEN)), signed("ann", order(K.LIFTED)))
    found = authority.standing(events[::-1], ring(), ledger=LEDGER, repository=REPOSITORY, now=NOON)
    assert found.frozen is None
    assert [c.seq for c in found.counted] == [1, 2]


def test_a_copy_of_a_row_is_absent() -> None:
    lift = signed("ann", order(K.LIFTED, NOON + MINUTE))
    again = [signed("sue", order(K.FROZEN)), lift, signed("sue", order(K.FROZEN)), lift]
    found = standing(*again)
    assert found.frozen is not None
    assert because(found) == ["its nonce was used before"]
    frozen = order(K.FROZEN)  # nor two orders with one nonce
    assert because(standing(signed("ann", frozen), signed("ann", replace(frozen, kind=K.LIFTED))))


def test_a_bad_copy_does_not_use_up_a_nonce() -> None:
    frozen = order(K.FROZEN)
    assert standing(signed("bob", frozen), signed("ann", frozen)).frozen


@pytest.mark.parametrize(
    ("late", "fine"),
    [(-HOUR, True), (HOUR, True), (HOUR + timedelta(seconds=1), False), (-HOUR - MINUTE, False)],
)
def test_an_order_counts_only_near_the_time_it_was_recorded(late: timedelta, fine: bool) -> None:
    event = signed("ann", order(K.FROZEN))
    assert counts(replace(event, at=NOON + late)) == fine


@pytest.mark.parametrize(
    ("field", "value", "fine"),
    [
        ("not_before", NOON, True), ("not_before", NOON + MINUTE, False),
        ("not_after", NOON + MINUTE, True), ("not_after", NOON, False),
    ],
)  # fmt: skip
def test_the_key_must_be_valid_when_it_is_recorded(field: str, value: datetime, fine: bool) -> None:
    event = signed("ann", order(K.LIFTED))
    assert counts(event, keyring=ring(revised={"who": "ann", field: value})) == fine
    # and need not be later
    event = signed("ann", order(K.LIFTED))
    assert counts(event, now=NOON + 900 * DAY)


# revoked keys -------------------------------------------------------------------------------------

PERMITS = [K.VERDICT, K.APPROVAL, K.OVERRIDE, K.LIFTED, K.RESTORED]
STOPS = [K.FROZEN, K.KEY_REVOKED, K.APPROVAL_WITHDRAWN]


def signer(kind: EventKind) -> str:
    return "sue" if kind is K.VERDICT else "ann"


@pytest.mark.parametrize("kind", PERMITS)
def test_what_permits_is_void_since_its_key_was_compromised(kind: EventKind) -> None:
    who = signer(kind)
    event = signed(who, order(kind))
    for since, fine in ((NOON, False), (NOON - DAY, False), (NOON + MINUTE, True)):
        lost = Revocation(NOON + HOUR, since, "lost")
        assert counts(event, keyring=ring(revised={"who": who, "revoked": lost})) == fine
        # the same by the ledger, though the order to revoke comes later
        found = standing(event, signed("leo", revocation(who, NOON + HOUR, since)), now=NOON + HOUR)
        assert (len(found.counted) == 2) == fine


@pytest.mark.parametrize("kind", STOPS)
def test_what_stops_stands_until_its_key_is_revoked(kind: EventKind) -> None:
    event = signed("ann", order(kind))
    for at, fine in ((NOON - MINUTE, False), (NOON - DAY, False), (NOON, True)):
        lost = Revocation(at, NOON - 2 * DAY, "lost")
        assert counts(event, keyring=ring(revised={"who": "ann", "revoked": lost})) == fine
    later = standing(event, signed("leo", revocation("ann", NOON + HOUR, NOON - DAY)))
    assert len(later.counted) == 2
    # by the ledger it is the place in the chain that decides: a back-dated event does not help
    for at in (NOON, NOON + HOUR):
        found = standing(signed("leo", revocation("ann", at)), event)
        assert because(found) == ["its key was revoked before"]


def test_a_revocation_by_the_ledger_is_in_the_keyring_that_is_returned() -> None:
    found = standing(signed("ann", revocation("bob", NOON, NOON - DAY)))
    assert [k.name for k in found.keyring.keys if k.revoked] == ["Bob"]
    bob = found.keyring.by_id(key("bob").public.id)
    assert bob
    assert bob.revoked == Revocation(NOON, NOON - DAY, "because")


def test_of_two_revocations_the_earlier_times_hold() -> None:
    events = [
        signed("ann", revocation("bob", NOON, NOON - DAY)),
        signed("leo", revocation("bob", NOON + MINUTE, NOON - 2 * DAY)),
    ]
    reviewed = ring(revised={"who": "bob", "revoked": Revocation(NOON + HOUR, NOON, "r")})
    for order_ in (events, events[::-1]):
        bob = standing(*order_, keyring=reviewed).keyring.by_id(key("bob").public.id)
        assert bob
        assert bob.revoked
        assert (bob.revoked.at, bob.revoked.compromised_since) == (NOON, NOON - 2 * DAY)


def test_of_two_leads_who_revoke_each_other_the_first_wins_unless_the_keyring_says_otherwise() -> (
    None
):
    thief = signed("ann", revocation("leo", NOON))
    honest = signed("leo", revocation("ann", NOON + MINUTE))
    found = standing(thief, honest)
    assert [k.name for k in found.keyring.keys if k.revoked] == ["Leo"]
    reviewed = ring(revised={"who": "ann", "revoked": Revocation(NOON - DAY, NOON - DAY, "thief")})
    found = standing(thief, honest, keyring=reviewed)
    assert [k.name for k in found.keyring.keys if k.revoked] == ["Ann"]
    assert [c.seq for c in found.counted] == [2]


def test_a_lead_revokes_its_own_key() -> None:
    found = standing(
        signed("ann", revocation("ann")), signed("ann", order(K.LIFTED, NOON + MINUTE))
    )
    assert [c.record.kind for c in found.counted] == [K.KEY_REVOKED]


# the freeze ---------------------------------------------------------------------------------------


def refused(found: Standing, bundle: Any = BUNDLE, now: datetime = NOON) -> str:
    try:
        refuse_frozen(found, bundle, now)
    except HeldError as error:
        return f"{error.what} {error.why}"
    return ""


def test_a_freeze_stops_until_a_lead_lifts_it() -> None:
    frozen = signed("sue", order(K.FROZEN, reason="leak \x1b[2J"))
    assert not refused(standing())
    said = refused(standing(frozen))
    assert said == "frozen since 2026-01-15 12:00Z by Sue (supervisor) leak \\x1b[2J"
    assert refused(standing(frozen, signed("sue", order(K.LIFTED))))
    assert not refused(standing(frozen, signed("ann", order(K.LIFTED))))


def test_a_lift_that_was_kept_back_lifts_nothing_newer() -> None:
    kept = replace(signed("ann", order(K.LIFTED)), at=NOON + 50 * MINUTE)
    later = signed("sue", order(K.FROZEN, NOON + 40 * MINUTE))
    assert refused(standing(later, kept))
    assert refused(standing(signed("ann", order(K.LIFTED, NOON + HOUR)), later))  # nor one before
    first = signed("sue", order(K.FROZEN))
    newest = standing(first, later).frozen
    assert newest
    assert newest.seq == 2
    found = standing(first, later, kept)
    assert found.frozen
    assert found.frozen.seq == 2


def override(who: str, at: datetime = NOON, **fields: Any) -> NewEvent:
    return signed(who, order(K.OVERRIDE, at, **fields))


def test_two_leads_except_one_bundle() -> None:
    frozen, one, two = signed("eve", order(K.FROZEN)), override("ann"), override("leo", NOON + HOUR)
    found = standing(frozen, one)
    assert refused(found)
    assert [c.signer.name for c in found.half] == ["Ann"]
    found = standing(frozen, one, two)
    assert not refused(found)
    assert not found.half
    assert found.overrides[BUNDLE].until == NOON + 12 * HOUR
    assert refused(found, OTHER)
    assert not refused(found, now=NOON + 12 * HOUR - MINUTE)
    assert refused(found, now=NOON + 12 * HOUR)
    assert refused(standing(frozen, one, two, now=NOON + 12 * HOUR))


@pytest.mark.parametrize(
    "second",
    [
        {}, {"reason": "another"},
        {"subject": {**SUBJECTS[K.OVERRIDE], "bundle": OTHER}},
    ],
    ids=["alone", "another reason", "another bundle"],
)  # fmt: skip
def test_what_is_no_second_signature(second: dict[str, Any]) -> None:
    who = "leo" if second else "ann"
    assert refused(
        standing(signed("eve", order(K.FROZEN)), override("ann"), override(who, **second))
    )


def test_two_keys_of_one_person_are_one_lead() -> None:
    events = signed("eve", order(K.FROZEN)), override("ann"), override("leo")
    assert refused(
        standing(*events, keyring=ring(revised={"who": "leo", "email": "ANN@example.test"}))
    )


def test_a_new_freeze_ends_the_exceptions_from_the_old_one() -> None:
    events = [signed("eve", order(K.FROZEN)), override("ann"), override("leo")]
    assert refused(standing(*events, signed("eve", order(K.FROZEN, NOON + MINUTE))))
    assert refused(standing(*events[1:], events[0]))


def test_the_longest_of_several_exceptions_holds() -> None:
    events = [
        override("ann"),
        override("leo"),
        override("ann", NOON + HOUR),
        override("leo", NOON + HOUR),
    ]
    found = standing(*events)
    assert found.overrides[BUNDLE].until == NOON + 13 * HOUR
    assert standing(*reversed(events)).overrides[BUNDLE].until == NOON + 13 * HOUR


# approvals and verdicts ---------------------------------------------------------------------------


def test_an_approval_holds_until_it_expires_or_is_withdrawn() -> None:
    approval = order(K.APPROVAL)
    event = signed("ann", approval)
    assert len(standing(event).approvals) == 1
    assert not standing(event, now=NOON + 12 * HOUR).approvals
    taken = order(K.APPROVAL_WITHDRAWN, NOON + MINUTE, subject={"approval": approval.id})
    assert not standing(event, signed("leo", taken)).approvals
    assert standing(event, signed("sue", taken)).approvals
    assert standing(event, signed("leo", order(K.APPROVAL_WITHDRAWN))).approvals  # of another one


def test_nobody_approves_what_he_signed_himself() -> None:
    found = standing(signed("ann", order(K.APPROVAL)))
    assert found.approvals_of(BUNDLE, key("bob"))
    assert not found.approvals_of(OTHER, key("bob"))
    assert not found.approvals_of(BUNDLE, replace(key("bob"), email="Ann@example.test"))
    assert not found.approvals_of(BUNDLE, replace(key("ann"), email="x@example.test"))
    assert found.approvals[0].record.subject == APPROVED


def test_the_latest_verdict_of_a_bundle_holds() -> None:
    fail = {**SUBJECTS[K.VERDICT], "verdict": "FAIL"}
    events = [signed("sue", order(K.VERDICT)), signed("sue", order(K.VERDICT, subject=fail))]
    assert standing(*events).verdicts[BUNDLE].record.subject["verdict"] == "FAIL"
    assert standing(*reversed(events)).verdicts[BUNDLE].record.subject["verdict"] == "PASS"
    forged = replace(events[0], data={**events[0].data, "hint": events[1].data["hint"][::-1]})
    assert OTHER not in standing(events[1], forged).verdicts
    assert standing(events[1], forged).verdicts[BUNDLE].seq == 1


# whatever happens ---------------------------------------------------------------------------------

EVENTS = st.builds(
    lambda kind, who, minutes, late: replace(
        signed(who, order(kind, NOON + minutes * MINUTE)), at=NOON + (minutes + late) * MINUTE
    ),
    st.sampled_from(list(SIGNERS)), st.sampled_from(list(PEOPLE)),
    st.integers(0, 2000), st.integers(-90, 90),
)  # fmt: skip


@FUZZ
@given(st.lists(EVENTS, max_size=8), st.integers(0, 3000))
def test_every_event_counts_or_is_ignored_and_only_the_right_roles_count(
    events: list[NewEvent], minutes: int
) -> None:
    now = NOON + minutes * MINUTE
    found = standing(*events, now=now)
    numbers = sorted([*(c.seq for c in found.counted), *(i.seq for i in found.ignored)])
    assert numbers == list(range(1, len(events) + 1))
    for one in found.counted:
        assert one.signer.role in SIGNERS[one.record.kind]
        assert abs(one.at - one.record.issued) <= HOUR
        assert one.record.expires is None or now < one.record.expires
    for exception in found.overrides.values():
        assert exception.first.signer.email != exception.second.signer.email


@FUZZ
@given(st.lists(EVENTS, max_size=6), EVENTS, st.integers(0, 5))
def test_a_row_without_a_right_changes_nothing(
    events: list[NewEvent], extra: NewEvent, place: int
) -> None:
    """An attacker inserts any row that no one entitled signed, anywhere."""
    forged = replace(extra, data={**extra.data, "hint": "x"})
    without = standing(*events)
    withal = standing(*events[:place], forged, *events[place:])

    def said(found: Standing) -> list[str]:
        return [c.record.id for c in found.counted]

    assert said(withal) == said(without)
    assert bool(withal.frozen) == bool(without.frozen)
    assert withal.overrides.keys() == without.overrides.keys()


@FUZZ
@given(st.lists(EVENTS, max_size=6), EVENTS)
def test_a_freeze_that_counts_is_ended_by_a_lead_alone(
    events: list[NewEvent], last: NewEvent
) -> None:
    before, after = standing(*events), standing(*events, last)
    if before.frozen and not after.frozen:
        assert after.counted[-1].record.kind is K.LIFTED
        assert after.counted[-1].signer.role is Role.LEAD
