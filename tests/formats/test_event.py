"""The one canonical text of an event: RFC 8785, strict both ways, and a link that is plain SHA-256."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lanectl.formats import event as bodies
from lanectl.formats.statement import format_time
from lanectl.model.ledger import GENESIS, EventKind, HandoffKey, LedgerId, NewEvent
from lanectl.model.names import Digest, RepositoryId
from lanectl.model.report import MalformedError
from tests.ledger.story import LEDGER, event, key
from tests.strategies import made

FUZZ = settings(max_examples=40, deadline=None)
HEX = "0123456789abcdef"
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
PRINTABLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=300)

EVENTS = st.builds(
    made(NewEvent),
    id=PRINTABLE,
    kind=st.sampled_from(EventKind),
    at=st.datetimes().map(lambda t: t.replace(microsecond=0, tzinfo=UTC)),
    actor=PRINTABLE.map(lambda t: t[:150] + " x"),
    repository=st.sampled_from([RepositoryId("a.test/b/c"), RepositoryId("h:8080/~u/n%20m")]),
    handoff=st.none() | st.text(HEX, min_size=64, max_size=64).map(HandoffKey),
    data=st.dictionaries(st.from_regex(r"\A[a-z][a-z_]{0,39}\Z"), TEXT, max_size=4),
)
LEDGERS = st.text(HEX, min_size=32, max_size=32).map(LedgerId)

GOOD = event(EventKind.REFUSED, 1, key("a"), b="1", a="é")
BODY = bodies.write(GOOD, LEDGER)


def plain(one: NewEvent, ledger: str) -> dict[str, Any]:
    return {
        "actor": one.actor, "at": format_time(one.at), "data": dict(one.data), "handoff": one.handoff or "",
        "id": one.id, "kind": one.kind.value, "ledger": ledger, "repository": one.repository,
    }  # fmt: skip


@FUZZ
@given(EVENTS, LEDGERS)
def test_a_body_is_what_rfc_8785_says_and_comes_back(one: NewEvent, ledger: LedgerId) -> None:
    body = bodies.write(one, ledger)
    assert body == rfc8785.dumps(plain(one, ledger))
    assert bodies.read(body) == (ledger, one)


def test_a_body_and_its_link_stay_what_they_are() -> None:
    assert BODY.decode() == (
        '{"actor":"enforcer/test@machine","at":"2026-01-31T12:01:00Z","data":{"a":"é","b":"1"},'
        f'"handoff":"{key("a")}","id":"refused:1","kind":"refused",'
        '"ledger":"1edc1edc1edc1edc1edc1edc1edc1edc","repository":"github.com/acme/shop"}'
    )
    assert bodies.link(GENESIS, 7, BODY) == hashlib.sha256(b"0" * 64 + b"\n7\n" + BODY).hexdigest()


@FUZZ
@given(EVENTS, st.data())
def test_every_other_encoding_is_refused(one: NewEvent, data: st.DataObject) -> None:
    text = plain(one, LEDGER)
    body = bodies.write(one, LEDGER)
    others = [
        json.dumps(text).encode(),
        json.dumps(text, sort_keys=True).encode(),
        json.dumps(text, sort_keys=True, separators=(",", ":"), indent=0).encode(),
        json.dumps(dict(reversed(text.items())), separators=(",", ":"), ensure_ascii=False).encode(),
        b" " + body, body + b"\n", b"\xef\xbb\xbf" + body,
        body.replace(b'"kind"', b'"kin\\u0064"'),
        body.replace(b"/", b"\\/"),
        body[:-1] + b',"repository":"a.test/b/c"}',
        b'{"actor":"a",' + body[1:],
    ]  # fmt: skip
    other = data.draw(st.sampled_from(others))
    with pytest.raises(MalformedError) as refused:
        bodies.read(other)
    assert refused.value.fault.rule == "ledger/malformed"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", 1), ("id", None), ("id", ""), ("id", "a b"), ("id", "é"), ("id", "x" * 301),
        ("actor", ""), ("actor", "a\nb"), ("actor", "é"), ("actor", "x" * 301), ("actor", ["x"]),
        ("at", "2026-01-31T12:00:00"), ("at", "2026-01-31T12:00:00.5Z"), ("at", "2026-02-31T12:00:00Z"),
        ("at", "2026-01-31T12:00:00+00:00"), ("at", 1), ("at", ""),
        ("kind", "Refused"), ("kind", ""), ("kind", "opened"), ("kind", True),
        ("ledger", ""), ("ledger", "F" * 32), ("ledger", "f" * 31), ("repository", ""), ("repository", "x"),
        ("handoff", "x"), ("handoff", "F" * 64), ("handoff", None),
        ("data", {"a": 1}), ("data", {"a": None}), ("data", {"a": {}}), ("data", []), ("data", None),
        ("data", {"a": "\0"}), ("data", {"A": ""}), ("data", {"": ""}), ("data", {"a" * 41: ""}),
        ("data", {"_a": ""}), ("data", {"a-b": ""}), ("data", {"é": ""}), ("data", {"a": "x" * bodies.LIMIT}),
        ("more", "x"),
    ],
)  # fmt: skip
def test_a_field_that_is_none_is_refused(field: str, value: object) -> None:
    with pytest.raises(MalformedError) as refused:
        bodies.read(rfc8785.dumps(plain(GOOD, LEDGER) | {field: value}))  # type: ignore[dict-item]
    assert refused.value.fault.rule == "ledger/malformed"


@pytest.mark.parametrize("field", plain(GOOD, LEDGER))
def test_a_field_that_is_missing_is_refused(field: str) -> None:
    text = plain(GOOD, LEDGER)
    del text[field]
    with pytest.raises(MalformedError):
        bodies.read(rfc8785.dumps(text))


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'"x"', b"{", b"\xff", b"[" * 5000, BODY[:-1], BODY * 2]
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        bodies.read(body)


@pytest.mark.parametrize(
    "text",
    ['"\\ud800"', '"\\ud83d\\ude00"', '"\x7f\\u007f"', '"\\u000A"', '"\\t\\u0009"', '"\\u00e9"'],
)
def test_text_has_one_spelling(text: str) -> None:
    with pytest.raises(MalformedError):
        bodies.read(BODY.replace('"é"'.encode(), text.encode()))


def test_the_backslashed_zero_is_text() -> None:
    one = event(EventKind.KEY, 1, a="\\u0000")
    assert bodies.read(bodies.write(one, LEDGER))[1] == one


def test_the_longest_body_is_read() -> None:
    room = bodies.LIMIT - len(bodies.write(event(EventKind.KEY, 1, a=""), LEDGER))
    assert len(bodies.write(event(EventKind.KEY, 1, a="x" * room), LEDGER)) == bodies.LIMIT
    with pytest.raises(ValueError, match="no event"):
        bodies.write(event(EventKind.KEY, 1, a="x" * (room + 1)), LEDGER)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "a b"},
        {"actor": "é"},
        {"data": {"A": "x"}},
        {"data": {"a": "\0"}},
        {"data": {"a": "\ud800"}},
    ],
)
def test_what_no_reader_takes_is_not_written(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        bodies.write(replace(GOOD, **change), LEDGER)


def test_a_stored_event_is_restored_or_refused() -> None:
    one = bodies.restore(2, GENESIS, Digest.of(BODY), BODY)
    assert (one.seq, one.prev, one.hash, one.body) == (2, GENESIS, Digest.of(BODY), BODY)
    assert (one.ledger, one.event) == (LEDGER, GOOD)
    for prev, hash_, body in (("x", GENESIS, BODY), (GENESIS, "", BODY), (GENESIS, GENESIS, b"{}")):
        with pytest.raises(MalformedError):
            bodies.restore(2, prev, hash_, body)
