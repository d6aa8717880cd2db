"""A signed order: one strict form, and every field says what it must."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lanectl.formats import json as strict
from lanectl.formats import record as records
from lanectl.formats.keys import is_valid_signature
from lanectl.model.authority import SIGNERS, Record
from lanectl.model.ledger import EventKind
from lanectl.model.report import MalformedError
from tests.assets.bundles.workshop.steps import drop, paths, put
from tests.orders import NOON, SUBJECTS, key, order, signed

FUZZ = settings(max_examples=40, deadline=None)
KINDS = list(SIGNERS)


def document(kind: EventKind = EventKind.APPROVAL) -> Any:
    return json.loads(records.write(order(kind)))


def refusal(payload: bytes) -> str:
    with pytest.raises(MalformedError) as caught:
        records.read(payload)
    fault = caught.value.fault
    assert fault.rule == "record/malformed"
    return f"{fault.where} {fault.got} {fault.expected}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_written_and_read(kind: EventKind) -> None:
    record = order(kind)
    payload = records.write(record)
    assert records.read(payload) == record
    assert records.write(records.read(payload)) == payload
    assert SUBJECTS.keys() == SIGNERS.keys()


def test_what_is_sealed_is_unsealed_and_its_signature_verifies() -> None:
    record = order(EventKind.FROZEN)
    event = signed("ann", record)
    assert (event.id, event.kind, event.at) == (record.id, EventKind.FROZEN, NOON)
    sealed = records.unseal(event.data)
    assert records.read(sealed.payload) == record
    assert sealed.message.startswith(b"DSSEv1 35 application/vnd.lanectl.record+json ")
    assert is_valid_signature(key("ann").public, sealed.signature, sealed.message)
    assert not is_valid_signature(key("ann").public, sealed.signature, sealed.payload)
    assert not is_valid_signature(key("leo").public, sealed.signature, sealed.message)


@pytest.mark.parametrize("kind", KINDS)
def test_each_field_is_needed_and_no_other_is_known(kind: EventKind) -> None:
    for place in ("version", "subject", *paths(document(kind))):
        broken = document(kind)
        drop(place)(broken)
        assert refusal(strict.dump(broken)), place
    for place in ("extra", "subject.extra"):
        broken = document(kind)
        put(place, "x")(broken)
        assert refusal(strict.dump(broken)), place


@pytest.mark.parametrize(
    ("kind", "place", "value", "says"),
    [
        (EventKind.FROZEN, "version", "2", "version"),
        (EventKind.FROZEN, "type", "applied", "a kind that is signed"),
        (EventKind.FROZEN, "type", "thawed", "not a valid EventKind"),
        (EventKind.FROZEN, "ledger", "A" * 32, "ledger's id"),
        (EventKind.FROZEN, "repository", "shop", "repository id"),
        (EventKind.FROZEN, "issued", "2026-01-15", "not a time"),
        (EventKind.FROZEN, "nonce", "0" * 31, "32 hex digits"),
        (EventKind.FROZEN, "reason", " ", "reason"),
        (EventKind.FROZEN, "reason", "x" * 1001, "reason"),
        (EventKind.FROZEN, "expires", "2026-01-15T13:00:00Z", "else none"),
        (EventKind.APPROVAL, "expires", "", "an approval or an override"),
        (EventKind.OVERRIDE, "expires", "", "an approval or an override"),
        (EventKind.OVERRIDE, "expires", "2026-01-16T12:00:01Z", "at most 24 hours"),
        (EventKind.VERDICT, "expires", "2026-01-15T12:00:00Z", "after it was issued"),
        (EventKind.OVERRIDE, "subject.overrides", "verdict", "freeze"),
        (EventKind.VERDICT, "subject.confidence", "84", "85 for a PASS"),
        (EventKind.VERDICT, "subject.confidence", "101", "101"),
        (EventKind.VERDICT, "subject.confidence", "085", "085"),
        (EventKind.VERDICT, "subject.verdict", "pass", "pass"),
        (EventKind.APPROVAL, "subject.path", "a b", "percent-encoded"),
        (EventKind.APPROVAL, "subject.path", "%61", "percent-encoded"),
        (EventKind.APPROVAL, "subject.path", "", "percent-encoded"),
        (EventKind.APPROVAL, "subject.old_mode", "100600", "100600"),
        (EventKind.APPROVAL, "subject.rule", "paths", "paths"),
        (EventKind.APPROVAL, "subject.policy", "HEAD", "object id"),
        (EventKind.APPROVAL_WITHDRAWN, "subject.approval", "override:" + "0" * 32, "override"),
        (EventKind.KEY_REVOKED, "subject.at", "2026-01-15T12:00:01Z", "since ≤ at ≤ issued"),
        (EventKind.KEY_REVOKED, "subject.compromised_since", "2026-01-15T12:00:01Z", "since ≤"),
        (EventKind.KEY_REVOKED, "subject.key", "d" * 63, "SHA-256"),
        (EventKind.RESTORED, "subject.lost_seq", "0", "0"),
        (EventKind.FROZEN, "subject", [], "an object"),
    ],
)
def test_what_is_no_record(kind: EventKind, place: str, value: Any, says: str) -> None:
    broken = document(kind)
    put(place, value)(broken)
    assert says in refusal(strict.dump(broken))


@pytest.mark.parametrize(
    ("kind", "place", "value"),
    [
        (EventKind.OVERRIDE, "expires", "2026-01-16T12:00:00Z"),  # 24 hours, not a second more
        (EventKind.VERDICT, "expires", "2026-01-15T12:00:01Z"),
        (EventKind.APPROVAL, "expires", "2026-02-15T12:00:00Z"),  # an approval may last longer
        (EventKind.VERDICT, "subject.confidence", "100"),
        (EventKind.KEY_REVOKED, "subject.compromised_since", "2026-01-15T12:00:00Z"),
        (EventKind.APPROVAL, "subject.path", "%FF%0A"),
    ],
)
def test_what_just_passes(kind: EventKind, place: str, value: str) -> None:
    fine = document(kind)
    put(place, value)(fine)
    assert records.write(records.read(strict.dump(fine))) == strict.dump(fine)


def test_only_a_pass_needs_confidence() -> None:
    fail = {**SUBJECTS[EventKind.VERDICT], "verdict": "CONDITIONAL_PASS", "confidence": "0"}
    assert records.write(order(EventKind.VERDICT, subject=fail))


def test_another_encoding_of_the_same_value_is_refused() -> None:
    payload = records.write(order(EventKind.FROZEN))
    assert "RFC 8785" in refusal(payload + b"\n")
    assert "RFC 8785" in refusal(json.dumps(json.loads(payload)).encode())
    assert "at most" in refusal(b" " * (records.LIMIT + 1))


def test_what_no_reader_takes_is_not_written() -> None:
    with pytest.raises(ValueError, match="reason"):
        records.write(order(EventKind.FROZEN, reason=""))
    with pytest.raises(ValueError, match="24 hours"):
        records.write(order(EventKind.OVERRIDE, expires=NOON + timedelta(hours=25)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("payload", ""), ("payload", "e30"), ("payload", "e3 0="), ("signature", "//8"),
        ("signature", "_w=="), ("signature", "/x=="), ("extra", "x"),
    ],
)  # fmt: skip
def test_what_is_not_sealed(field: str, value: str) -> None:
    data = {**signed("ann", order(EventKind.FROZEN)).data, field: value}
    with pytest.raises(MalformedError, match="record/malformed"):
        records.unseal(data)
    del data[field]
    with pytest.raises(MalformedError, match="record/malformed"):
        records.unseal({k: v for k, v in data.items() if k != "hint"})


RECORDS = st.builds(
    lambda kind, reason, minutes: replace(
        order(kind, NOON + timedelta(minutes=minutes)), reason=reason
    ),
    st.sampled_from(KINDS),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(str.strip),
    st.integers(0, 10**6),
)


@FUZZ
@given(RECORDS)
def test_whatever_is_written_is_read_back(record: Record) -> None:
    assert records.read(records.write(record)) == record


@FUZZ
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    assert refusal(data)


ANYTHING = st.none() | st.booleans() | st.text(max_size=30) | st.lists(st.text(max_size=3))


@FUZZ
@given(st.sampled_from(KINDS).flatmap(lambda k: st.tuples(st.just(k), st.sampled_from(paths(document(k))))), ANYTHING)  # fmt: skip
def test_anything_anywhere_is_refused_or_written_back_the_same(
    where: tuple[EventKind, str], value: Any
) -> None:
    broken = document(where[0])
    put(where[1], value)(broken)
    try:
        payload = strict.dump(broken)
        record = records.read(payload)
    except (MalformedError, ValueError):
        return
    assert records.write(record) == payload


def test_a_payload_is_not_taken_for_its_base64() -> None:
    data = signed("ann", order(EventKind.FROZEN)).data
    assert base64.b64decode(data["payload"]) == records.unseal(data).payload
