"""The two in-toto statements: built and validated with in-toto-attestation, read strictly here.

The library accepts empty digests, invented algorithms and unknown predicate fields
(docs/adr/0003-strict-readers.md), so what is read never goes through it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from lanectl.formats import json
from lanectl.formats.fields import Fields
from lanectl.formats.rollback import is_plain_path
from lanectl.model.bundle import (
    FORMAT_VERSION,
    Circumstances,
    Handoff,
    Material,
    Statement,
)
from lanectl.model.names import Digest, Lane, ObjectFormat, ObjectId, RepositoryId, Slug
from lanectl.model.report import Fault, MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://slsa.dev/provenance/v0.2"
BUILD_TYPE: Final = "urn:lanectl:pack:v1"
LIMIT: Final = 16 << 20
"""Bytes of a statement that a reader accepts."""

MAX_ROLLBACKS: Final = 1000
"""Paths that one `rollback.sql` may be joined from."""

_LOCAL: Final = (
    "base_tree", "diff_engine", "format_version", "lane", "message", "object_format",
    "result_tree", "rollback", "slug", "title",
)  # fmt: skip
_CIRCUMSTANCES: Final = (
    "attempt", "expires", "issued", "nonce", "policy", "supersedes", "traceparent",
)  # fmt: skip
_FIELDS: Final = Fields("statement/malformed")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)
_TRACEPARENT: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}|", re.ASCII)
_COMPLETENESS: Final = ("environment", "materials", "parameters")


def write(
    subjects: Mapping[str, Digest],
    handoff: Handoff,
    circumstances: Circumstances | None,
    completeness: Mapping[str, bool],
) -> bytes:
    """Return the canonical bytes of a statement; with circumstances it is the outer one.

    Raises ValueError if in-toto's own validation refuses it.
    """
    from google.protobuf.json_format import MessageToDict
    from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
    from in_toto_attestation.v1.statement import Statement as InTotoStatement

    descriptors = [
        ResourceDescriptor(name=n, digest={"sha256": str(d)}).pb
        for n, d in sorted(subjects.items())
    ]
    predicate = _predicate(handoff, circumstances, completeness)
    statement = InTotoStatement(descriptors, PREDICATE_TYPE, predicate)
    statement.validate()
    return json.dump(MessageToDict(statement.pb, preserving_proto_field_name=False))


def read(data: bytes | memoryview) -> Statement:
    """Return the statement in these bytes, inner or outer.

    Raises MalformedError with a `statement/…` rule: not canonical JSON, another type, a missing,
    unknown, empty or ill-formed field, a digest that is no lower-case SHA-256.
    """
    value = json.load(data, rule="statement/malformed", limit=LIMIT)
    top = _FIELDS.mapping(value, "statement", {"_type", "predicate", "predicateType", "subject"})
    Fields("statement/type").constant(top["_type"], STATEMENT_TYPE, "_type")
    Fields("statement/type").constant(top["predicateType"], PREDICATE_TYPE, "predicateType")
    try:
        statement = Statement(_subjects(top["subject"]), *_read_predicate(top["predicate"]))
        if json.dump(value) != data:
            Fields("statement/not-canonical").refuse(
                "", "another encoding of the same value", "RFC 8785"
            )
    except ValueError as error:  # a name that does not validate
        raise MalformedError(Fault("statement/malformed", got=str(error))) from error
    return statement


def format_time(moment: datetime) -> str:
    """Return a UTC time as RFC 3339 with seconds."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def parse_time(text: str) -> datetime:
    """Return a UTC time. Raises ValueError unless it is RFC 3339 with seconds and `Z`."""
    if not _TIME.fullmatch(text):
        raise ValueError(f"not a time such as 2026-01-31T12:00:00Z: {text[:40]!r}")
    return datetime.fromisoformat(text)  # strptime would load the locale


def repository_uri(repository: RepositoryId) -> str:
    """Return the URI by which a statement names a repository (SPDX download location form)."""
    return f"git+https://{repository}"


def lockfile_uri(repository: RepositoryId, path: bytes) -> str:
    """Return the URI by which a statement names a lockfile of the result tree."""
    return f"{repository_uri(repository)}#{quote(path)}"


def _predicate(
    handoff: Handoff, circumstances: Circumstances | None, completeness: Mapping[str, bool]
) -> dict[str, Any]:
    uri = repository_uri(handoff.repository)
    commit = {"gitCommit": str(handoff.base)}
    invocation: dict[str, Any] = {
        "configSource": {"uri": uri, "digest": commit, "entryPoint": "lanectl pack"},
        "parameters": {
            "base_tree": str(handoff.base_tree),
            "diff_engine": handoff.diff_engine,
            "format_version": FORMAT_VERSION,
            "lane": str(handoff.lane),
            "message": handoff.message,
            "object_format": str(handoff.object_format),
            "result_tree": str(handoff.result_tree),
            "rollback": list(handoff.rollback),
            "slug": str(handoff.slug),
            "title": handoff.title,
        },
    }
    if circumstances is not None:
        invocation["environment"] = {
            "attempt": str(circumstances.attempt),
            "expires": format_time(circumstances.expires),
            "issued": format_time(circumstances.issued),
            "nonce": circumstances.nonce,
            "policy": circumstances.policy or "",
            "supersedes": circumstances.supersedes or "",
            "traceparent": circumstances.traceparent,
        }
    return {
        "builder": {"id": f"urn:lanectl:lane:{handoff.lane}"},
        "buildType": BUILD_TYPE,
        "invocation": invocation,
        "metadata": {"completeness": dict(completeness), "reproducible": True},
        "materials": [
            {"uri": uri, "digest": commit},
            *({"uri": m.uri, "digest": {m.algorithm: m.digest}} for m in handoff.lockfiles),
        ],
    }


def _read_predicate(value: Any) -> tuple[Handoff, Circumstances | None, Mapping[str, bool]]:
    keys = {"buildType", "builder", "invocation", "materials", "metadata"}
    predicate = _FIELDS.mapping(value, "predicate", keys)
    _FIELDS.constant(predicate["buildType"], BUILD_TYPE, "predicate.buildType")
    invocation = _FIELDS.mapping(
        predicate["invocation"], "invocation", {"configSource", "parameters"}, {"environment"}
    )
    handoff = _read_handoff(invocation, predicate["materials"])
    builder = _FIELDS.mapping(predicate["builder"], "builder", {"id"})
    _FIELDS.constant(builder["id"], f"urn:lanectl:lane:{handoff.lane}", "predicate.builder.id")
    metadata = _FIELDS.mapping(predicate["metadata"], "metadata", {"completeness", "reproducible"})
    if metadata["reproducible"] is not True:
        _FIELDS.refuse("metadata.reproducible", "not true", "true")
    completeness = _FIELDS.mapping(metadata["completeness"], "completeness", set(_COMPLETENESS))
    if any(not isinstance(v, bool) for v in completeness.values()):
        _FIELDS.refuse("metadata.completeness", "not a boolean", "true or false")
    environment = invocation.get("environment")
    circumstances = None if environment is None else _read_circumstances(environment)
    return handoff, circumstances, completeness


def _read_handoff(invocation: Mapping[str, Any], materials: Any) -> Handoff:
    parameters = _FIELDS.mapping(invocation["parameters"], "parameters", set(_LOCAL))
    rollback = parameters.pop("rollback")
    text = _FIELDS.texts(parameters, "invocation.parameters")
    _FIELDS.constant(text["format_version"], FORMAT_VERSION, "parameters.format_version")
    source = _FIELDS.mapping(
        invocation["configSource"], "configSource", {"digest", "entryPoint", "uri"}
    )
    _FIELDS.constant(source["entryPoint"], "lanectl pack", "configSource.entryPoint")
    first, lockfiles = _read_materials(materials)
    if (first.uri, {first.algorithm: first.digest}) != (source["uri"], source["digest"]):
        _FIELDS.refuse("materials[0]", "not the configSource", "the base commit")
    _FIELDS.constant(first.algorithm, "gitCommit", "materials[0].digest")
    repository = RepositoryId(first.uri.removeprefix("git+https://"))
    _FIELDS.constant(first.uri, repository_uri(repository), "configSource.uri")
    _FIELDS.constant(text["lane"], Lane.CODEX, "parameters.lane")
    _check_rollback(rollback)
    handoff = Handoff(
        repository=repository,
        base=ObjectId(first.digest),
        base_tree=ObjectId(text["base_tree"]),
        result_tree=ObjectId(text["result_tree"]),
        object_format=ObjectFormat(text["object_format"]),
        slug=Slug(text["slug"]),
        title=text["title"],
        message=text["message"],
        lane=Lane.CODEX,
        diff_engine=text["diff_engine"],
        rollback=tuple(rollback),
        lockfiles=lockfiles,
    )
    for name in ("base", "base_tree", "result_tree"):
        if len(getattr(handoff, name)) != handoff.object_format.hex_length:
            _FIELDS.refuse(name, "an id of another length", handoff.object_format)
    return handoff


def _check_rollback(paths: Any) -> None:
    """Refuse what is no short list of plain relative paths: they will be asked of git."""
    if not isinstance(paths, list) or len(paths) > MAX_ROLLBACKS:
        _FIELDS.refuse(
            "parameters.rollback",
            "no list, or a long one",
            f"at most {MAX_ROLLBACKS} paths",
        )
    for path in paths:
        if not isinstance(path, str) or not is_plain_path(path) or paths.count(path) > 1:
            _FIELDS.refuse(
                "parameters.rollback",
                str(path)[:100],
                "plain relative paths, each once",
            )


def _read_materials(value: Any) -> tuple[Material, tuple[Material, ...]]:
    if not isinstance(value, list) or not value:
        _FIELDS.refuse("materials", "none", "the base commit and the lockfiles")
    found = []
    for number, item in enumerate(value):
        where = f"materials[{number}]"
        entry = _FIELDS.mapping(item, where, {"digest", "uri"})
        digest = _FIELDS.mapping(entry["digest"], where, set(), {"gitCommit", "sha256"})
        if len(digest) != 1:
            _FIELDS.refuse(where, f"{len(digest)} digests", "one digest")
        ((algorithm, text),) = _FIELDS.texts(digest, where).items()
        known = ObjectId(text) if algorithm == "gitCommit" else Digest(text)
        found.append(Material(_FIELDS.text(entry["uri"], where), algorithm, known))
    return found[0], tuple(found[1:])


def _read_circumstances(value: Any) -> Circumstances:
    text = _FIELDS.texts(
        _FIELDS.mapping(value, "environment", set(_CIRCUMSTANCES)), "invocation.environment"
    )
    if not re.fullmatch(r"[0-9a-f]{32}", text["nonce"], re.ASCII):
        _FIELDS.refuse("environment.nonce", text["nonce"], "32 hex digits")
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text["attempt"], re.ASCII):
        _FIELDS.refuse("environment.attempt", text["attempt"], "a count from 1")
    if not _TRACEPARENT.fullmatch(text["traceparent"]):
        _FIELDS.refuse("environment.traceparent", text["traceparent"], "W3C form")
    return Circumstances(
        nonce=text["nonce"],
        issued=parse_time(text["issued"]),
        expires=parse_time(text["expires"]),
        attempt=int(text["attempt"]),
        supersedes=Digest(text["supersedes"]) if text["supersedes"] else None,
        policy=Digest(text["policy"]) if text["policy"] else None,
        traceparent=text["traceparent"],
    )


def _subjects(value: Any) -> dict[str, Digest]:
    if not isinstance(value, list) or not value:
        _FIELDS.refuse("subject", "none", "one entry for every file")
    subjects: dict[str, Digest] = {}
    for number, item in enumerate(value):
        entry = _FIELDS.mapping(item, f"subject[{number}]", {"digest", "name"})
        digest = _FIELDS.mapping(entry["digest"], f"subject[{number}].digest", {"sha256"})
        name = _FIELDS.text(entry["name"], f"subject[{number}]")
        if not name or name in subjects:
            _FIELDS.refuse(f"subject[{number}]", f"{name!r} empty or twice", "each name once")
        subjects[name] = Digest(_FIELDS.texts(digest, f"subject[{number}].digest")["sha256"])
    return subjects
