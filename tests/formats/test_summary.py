"""The summary's statement: in-toto's own predicate takes it, and only that spelling is read back."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from in_toto_attestation.predicates.vsa.v1.vsa_pb2 import VerificationSummary
from in_toto_attestation.v1.statement import Statement as InTotoStatement
from in_toto_attestation.v1.statement_pb2 import Statement as InTotoMessage
from msgspec.structs import replace

from lanectl.formats import summary
from lanectl.formats.statement import parse_time
from lanectl.model.names import Digest, ObjectFormat, ObjectId, RepositoryId
from lanectl.model.report import MalformedError
from lanectl.model.submission import SUFFIXES
from lanectl.model.summary import Summary
from tests.assets.bundles.workshop.bundle import canonical

FUZZ = settings(max_examples=40, deadline=None)
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)


@st.composite
def summaries(draw: st.DrawFn) -> Summary:
    kind = draw(st.sampled_from(ObjectFormat))
    ids = HEX.map(lambda text: ObjectId(text[: kind.hex_length]))
    inputs = draw(st.lists(st.sampled_from(SUFFIXES), min_size=1, unique=True))
    return Summary(
        draw(HEX.map(Digest)),
        RepositoryId(draw(st.sampled_from(["a.test/b/c", "localhost/x%20y", "h:8080/~u/n@m"]))),
        draw(HEX.map(Digest)), draw(ids), draw(ids),
        {suffix: draw(HEX.map(Digest)) for suffix in inputs},
        f"SLSA_BUILD_LEVEL_{draw(st.integers(0, 2))}", "1.2",
        draw(st.datetimes()).replace(microsecond=0, tzinfo=UTC),
    )  # fmt: skip


def some() -> Summary:
    one = ObjectId("1" * 40)
    return Summary(
        Digest("2" * 64), RepositoryId("a.test/b/c"), Digest("3" * 64), one, one,
        {".sigstore.json": Digest("4" * 64)}, "SLSA_BUILD_LEVEL_1", "1.2",
        parse_time("2026-01-02T03:04:05Z"),
    )  # fmt: skip


def refused(data: bytes) -> None:
    with pytest.raises(MalformedError) as error:
        summary.read(data)
    assert error.value.fault.rule == "summary/malformed"


@FUZZ
@given(summaries())
def test_what_is_written_is_read_back(one: Summary) -> None:
    assert summary.read(summary.write(one)) == one


@FUZZ
@given(summaries())
def test_in_toto_takes_statement_and_predicate_and_changes_nothing(one: Summary) -> None:
    data = summary.write(one)
    message = json_format.Parse(data, InTotoMessage())
    InTotoStatement.copy_from_pb(message).validate()
    assert canonical(json_format.MessageToDict(message)) == data
    predicate = json.loads(data)["predicate"]  # strictly: an unknown field is an error
    # in-toto's message has one level where the specification has a list
    (predicate["verifiedLevels"],) = predicate["verifiedLevels"]
    known = json_format.ParseDict(predicate, VerificationSummary())
    assert json_format.MessageToDict(known) == predicate


def test_it_says_what_the_specification_asks_for() -> None:
    said = json.loads(summary.write(some()))
    assert said["predicateType"] == "https://slsa.dev/verification_summary/v1"
    assert said["subject"] == [
        {"name": "artifact.tar.gz", "digest": {"sha256": "3" * 64}},
        {"name": "commit", "digest": {"gitCommit": "1" * 40}},
    ]
    assert said["predicate"] == {
        "verifier": {"id": f"urn:lanectl:enforcer:{'2' * 64}"},
        "timeVerified": "2026-01-02T03:04:05Z",
        "resourceUri": f"git+https://a.test/b/c@{'1' * 40}",
        "policy": {
            "uri": "git+https://a.test/b/c#lanectl.toml",
            "digest": {"gitCommit": "1" * 40},
        },
        "inputAttestations": [
            {
                "uri": f"git+https://a.test/b/c@refs/lanectl/{'3' * 64}#artifact.tar.gz.sigstore.json",
                "digest": {"sha256": "4" * 64},
            }
        ],
        "verificationResult": "PASSED",
        "verifiedLevels": ["SLSA_BUILD_LEVEL_1"],
        "slsaVersion": "1.2",
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"level": "SLSA_BUILD_LEVEL_4"}, {"level": "SLSA_SOURCE_LEVEL_1"}, {"level": ""},
        {"slsa_version": "2.0"}, {"inputs": {}}, {"inputs": {"": Digest("4" * 64)}},
        {"policy": ObjectId("1" * 64)},
    ],
)  # fmt: skip
def test_what_no_reader_would_take_is_not_written(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no summary"):
        summary.write(replace(some(), **changes))


def places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every part of a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    inside = [] if isinstance(value, str) else [p for k, v in items for p in places(v, (*here, k))]
    return [here, *inside] if here else inside


@pytest.mark.parametrize("where", places(json.loads(summary.write(some()))), ids=str)
def test_every_part_is_needed_and_of_its_kind(where: tuple[Any, ...]) -> None:
    """Another type, an empty or odd text, or nothing at all in any place is refused."""
    gone = object()
    for wrong in (gone, "", "x", "1 ", None, True, 1, [], {}, ["x"], {"x": "y"}):
        value = json.loads(summary.write(some()))
        part = value
        for key in where[:-1]:
            part = part[key]
        if wrong is gone:
            del part[where[-1]]
        else:
            part[where[-1]] = wrong
        refused(canonical(value))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"PASSED", b"FAILED"),
        (b'"slsaVersion":"1.2"', b'"slsaVersion":"1.2","slsaVersion":"1.2"'),
        (b"{", b" {"),
        (b"03:04:05Z", b"03:04:05+00:00"),
        (b"verification_summary/v1", b"verification_summary/v0.2"),
        (b"gitCommit", b"sha1"),
        (b"@1111", b"@2222"),
        (b'["SLSA_BUILD_LEVEL_1"]', b'["SLSA_BUILD_LEVEL_1","SLSA_BUILD_LEVEL_2"]'),
        (b'"slsaVersion"', b'"dependencyLevels":{},"slsaVersion"'),
        (b"refs/lanectl/3", b"refs/lanectl/4"),
        (b"#lanectl.toml", b"#other.toml"),
    ],
)
def test_another_spelling_is_refused(old: bytes, new: bytes) -> None:
    data = summary.write(some())
    assert old in data
    refused(data.replace(old, new, 1))


@FUZZ
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    refused(data)


def test_it_is_small() -> None:
    refused(summary.write(some()) + b" " * summary.LIMIT)
