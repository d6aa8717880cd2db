"""The two statements: written as in-toto reads them, read more strictly than in-toto does.

Every field missing, unknown or of another type is a committed bundle
(tests/checks/test_broken_bundles.py).
"""

from __future__ import annotations

import json as plain_json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from in_toto_attestation.v1.statement import Statement as InTotoStatement
from in_toto_attestation.v1.statement_pb2 import Statement as InTotoMessage
from msgspec.structs import replace

from lanectl.formats import statement
from lanectl.model.bundle import Circumstances, Handoff, Material, Statement
from lanectl.model.names import Digest, Lane, ObjectFormat, ObjectId, RepositoryId, Slug
from lanectl.model.report import MalformedError
from tests.assets.bundles.workshop.bundle import Plan, canonical, make
from tests.assets.bundles.workshop.statements import good_outer
from tests.assets.bundles.workshop.steps import paths, put
from tests.strategies import made

FUZZ = settings(max_examples=40, deadline=None)

TEXT = st.text(max_size=30)
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
NAME = st.text("abc.", min_size=1, max_size=9).filter(lambda t: t not in {".", ".."})
TIMES = st.datetimes().map(lambda t: t.replace(microsecond=0, tzinfo=UTC))
DIGESTS = HEX.map(Digest)


@st.composite
def handoffs(draw: st.DrawFn) -> Handoff:
    kind = draw(st.sampled_from(ObjectFormat))
    ids = HEX.map(lambda text: ObjectId(text[: kind.hex_length]))
    lockfiles = st.builds(made(Material), TEXT, st.just("sha256"), DIGESTS)
    return Handoff(
        repository=RepositoryId(draw(st.sampled_from(["a.test/b/c", "localhost/x%20y", "h:8080/~u/n"]))),
        base=draw(ids), base_tree=draw(ids), result_tree=draw(ids), object_format=kind,
        slug=Slug(draw(st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,62}\Z"))), title=draw(TEXT),
        message=draw(TEXT), lane=Lane.CODEX, diff_engine=draw(TEXT),
        rollback=tuple(draw(st.lists(st.lists(NAME, min_size=1, max_size=3).map("/".join), unique=True, max_size=3))),
        lockfiles=tuple(draw(st.lists(lockfiles, max_size=3))),
    )  # fmt: skip


CIRCUMSTANCES = st.builds(
    made(Circumstances),
    nonce=HEX.map(lambda t: t[:32]), issued=TIMES, expires=TIMES,
    attempt=st.integers(1, 999_999_999), supersedes=st.none() | DIGESTS, policy=st.none() | DIGESTS,
    traceparent=st.just("") | HEX.map(lambda t: f"00-{t[:32]}-{t[32:48]}-{t[48:50]}"),
)  # fmt: skip
COMPLETENESS = st.fixed_dictionaries(
    {name: st.booleans() for name in ("environment", "materials", "parameters")}
)


def good() -> bytes:
    """Return the signed statement of the good bundle, written by hand."""
    payloads: list[bytes] = []
    make(Plan(payload=payloads.append))
    return payloads[0]


def refusal(data: bytes) -> str:
    with pytest.raises(MalformedError) as caught:
        statement.read(data)
    return caught.value.fault.rule


@FUZZ
@given(
    st.dictionaries(st.text(min_size=1, max_size=12), DIGESTS, min_size=1, max_size=6),
    handoffs(), st.none() | CIRCUMSTANCES, COMPLETENESS,
)  # fmt: skip
def test_what_is_written_is_read(
    subjects: dict[str, Digest],
    handoff: Handoff,
    circumstances: Circumstances | None,
    completeness: dict[str, bool],
) -> None:
    data = statement.write(subjects, handoff, circumstances, completeness)
    assert statement.read(data) == Statement(subjects, handoff, circumstances, completeness)
    assert statement.read(memoryview(data)) == statement.read(data)


def test_two_writers_of_the_format_agree() -> None:
    inner: list[bytes] = []
    make(Plan(attestation=inner.append))
    for data in (good(), inner[0]):
        read = statement.read(data)
        written = statement.write(
            read.subjects, read.handoff, read.circumstances, read.completeness
        )
        assert written == data


def test_in_toto_itself_accepts_it_and_keeps_it_unchanged() -> None:
    data = good()
    message = json_format.Parse(data, InTotoMessage())
    InTotoStatement.copy_from_pb(message).validate()
    assert json_format.MessageToDict(message) == plain_json.loads(data)


def test_what_in_toto_refuses_is_not_written() -> None:
    read = statement.read(good())
    with pytest.raises(ValueError, match="subject"):
        statement.write({}, read.handoff, None, read.completeness)


def test_the_limit_is_on_bytes_and_comes_first() -> None:
    assert refusal(b"[" * (statement.LIMIT + 1)) == "statement/malformed"
    long = replace(statement.read(good()).handoff, message="x" * statement.LIMIT)
    data = statement.write({"x": Digest("0" * 64)}, long, None, {})
    assert refusal(data) == "statement/malformed"


def test_names_for_other_tools() -> None:
    repository = RepositoryId("example.test/acme/shop")
    uri = statement.lockfile_uri(repository, b"a b/\xff#?.lock")
    assert uri == "git+https://example.test/acme/shop#a%20b/%FF%23%3F.lock"


# time ---------------------------------------------------------------------------------------------


@FUZZ
@given(TIMES)
def test_a_time_survives(moment: datetime) -> None:
    assert statement.parse_time(statement.format_time(moment)) == moment


def test_another_zone_is_written_in_utc() -> None:
    moment = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert statement.format_time(moment) == "2025-12-31T23:00:00Z"


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00z",
        "2026-01-01T00:00:00.0Z", "2026-01-01T00:00:00+00:00", "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z", "2026-01-01T24:00:00Z", "2016-12-31T23:59:60Z", "0000-01-01T00:00:00Z",
        " 2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z\n", "2026-1-1T0:0:0Z",
        "\u0662\u0660\u0662\u0666-01-01T00:00:00Z",
    ],
)  # fmt: skip
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):
        statement.parse_time(text)


def rewritten(read: Statement) -> bytes:
    return statement.write(read.subjects, read.handoff, read.circumstances, read.completeness)


def sorted_by_name(data: bytes) -> bytes:
    """Return a statement with its subjects in the writer's order, which a reader does not ask for."""
    document = plain_json.loads(data)
    document["subject"].sort(key=lambda entry: entry["name"])
    return canonical(document)


def test_the_base_of_a_sha256_repository_is_still_a_git_commit() -> None:
    document = good_outer()
    predicate = document["predicate"]
    parameters = predicate["invocation"]["parameters"]
    parameters |= {"object_format": "sha256", "base_tree": "1" * 64, "result_tree": "2" * 64}
    for algorithm, refused in (("gitCommit", False), ("sha256", True)):
        predicate["materials"][0]["digest"] = {algorithm: "3" * 64}
        predicate["invocation"]["configSource"]["digest"] = {algorithm: "3" * 64}
        if refused:
            assert refusal(canonical(document)) == "statement/malformed"
        else:
            assert statement.read(canonical(document)).handoff.base == "3" * 64


# hostile ------------------------------------------------------------------------------------------


@FUZZ
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    assert refusal(data).startswith("statement/")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=70),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=8), v, max_size=3),
    max_leaves=6,
)
PLACES = paths(good_outer())


@FUZZ
@given(st.sampled_from(PLACES), ANYTHING)
def test_anything_anywhere_is_refused_or_read_back_the_same(place: str, value: Any) -> None:
    document = good_outer()
    put(place, value)(document)
    data = canonical(document)
    try:
        read = statement.read(data)
    except MalformedError:
        return
    assert rewritten(read) == sorted_by_name(data)


@FUZZ
@given(st.data())
def test_one_changed_byte_is_refused_or_read_back_the_same(data: st.DataObject) -> None:
    changed = bytearray(good())
    changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = statement.read(bytes(changed))
    except MalformedError:
        return
    assert rewritten(read) == sorted_by_name(bytes(changed))
