"""The admission's statement: in-toto reads what is written, and only that spelling is read back."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from in_toto_attestation.v1.statement import Statement as InTotoStatement
from in_toto_attestation.v1.statement_pb2 import Statement as InTotoMessage
from msgspec.structs import replace

from lanectl.formats import admission
from lanectl.model.admission import Admission
from lanectl.model.ledger import LedgerId
from lanectl.model.names import Digest, ObjectFormat, ObjectId, RepositoryId
from lanectl.model.report import MalformedError
from tests.assets.bundles.workshop.bundle import canonical

FUZZ = settings(max_examples=40, deadline=None)
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)


@st.composite
def admissions(draw: st.DrawFn) -> Admission:
    kind = draw(st.sampled_from(ObjectFormat))
    ids = HEX.map(lambda text: ObjectId(text[: kind.hex_length]))
    return Admission(
        RepositoryId(draw(st.sampled_from(["a.test/b/c", "localhost/x%20y", "h:8080/~u/n"]))),
        draw(HEX.map(Digest)), draw(ids), draw(ids), draw(ids),
        LedgerId(draw(HEX)[:32]), draw(st.integers(1, 10**18 - 1)), draw(HEX.map(Digest)),
        draw(st.datetimes()).replace(microsecond=0, tzinfo=UTC),
    )  # fmt: skip


def some() -> Admission:
    one = ObjectId("1" * 40)
    return Admission(
        RepositoryId("a.test/b/c"), Digest("2" * 64), one, one, one, LedgerId("3" * 32), 1,
        Digest("4" * 64), admission.parse_time("2026-01-02T03:04:05Z"),
    )  # fmt: skip


@FUZZ
@given(admissions())
def test_what_is_written_is_read_back(one: Admission) -> None:
    assert admission.read(admission.write(one)) == one


@FUZZ
@given(admissions())
def test_in_toto_takes_it_and_changes_nothing(one: Admission) -> None:
    data = admission.write(one)
    message = json_format.Parse(data, InTotoMessage())
    InTotoStatement.copy_from_pb(message).validate()
    assert canonical(json_format.MessageToDict(message)) == data


@pytest.mark.parametrize("seq", [0, -1, 10**18])
def test_what_no_reader_would_take_is_not_written(seq: int) -> None:
    with pytest.raises(ValueError, match="no admission"):
        admission.write(replace(some(), seq=seq))


def test_ids_are_of_one_object_format() -> None:
    with pytest.raises(ValueError, match="two object formats"):
        admission.write(replace(some(), policy=ObjectId("1" * 64)))


def places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every part of a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    inside = [] if isinstance(value, str) else [p for k, v in items for p in places(v, (*here, k))]
    return [here, *inside] if here else inside


PLACES = places(json.loads(admission.write(some())))


@pytest.mark.parametrize("where", PLACES, ids=str)
def test_every_part_is_needed_and_of_its_kind(where: tuple[Any, ...]) -> None:
    """Another type, an empty or odd text, or nothing at all in any place is refused."""
    for wrong in ("", "x", "1 ", None, True, 1, [], {}, ["x"], {"x": "y"}):
        refused(where, lambda part, key, wrong=wrong: part.__setitem__(key, wrong))
    refused(where, lambda part, key: part.__delitem__(key))


def refused(where: tuple[Any, ...], change: Any) -> None:
    value = json.loads(admission.write(some()))
    part = value
    for key in where[:-1]:
        part = part[key]
    change(part, where[-1])
    with pytest.raises(MalformedError) as error:
        admission.read(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())
    assert error.value.fault.rule == "admission/malformed"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"ledger_seq":"1"', b'"ledger_seq":"01"'),
        (b'"ledger_seq":"1"', b'"ledger_seq":"1","ledger_seq":"1"'),
        (b"{", b" {"),
        (b"2026-01-02T03:04:05Z", b"2026-01-02T03:04:05+00:00"),
        (b"2026-01-02", b"2026-02-30"),
        (b"a.test", b"\\u0061.test"),
        (b'"commit"', b'"artifact.tar.gz"'),
        (b"urn:lanectl:admission:v1", b"urn:lanectl:admission:v2"),
        (b"gitCommit", b"sha1"),
        (b"a.test/b/c", b"A.test/b/c"),
    ],
)
def test_another_spelling_is_refused(old: bytes, new: bytes) -> None:
    data = admission.write(some())
    assert old in data
    with pytest.raises(MalformedError):
        admission.read(data.replace(old, new, 1))


def test_no_third_subject_and_no_other_order() -> None:
    value = json.loads(admission.write(some()))
    first, second = value["subject"]
    for subjects in ([second, first], [first], [first, second, second], []):
        with pytest.raises(MalformedError):
            admission.read(canonical({**value, "subject": subjects}))


def test_it_is_small() -> None:
    with pytest.raises(MalformedError):
        admission.read(admission.write(some()) + b" " * admission.LIMIT)
