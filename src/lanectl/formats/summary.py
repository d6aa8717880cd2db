"""The in-toto statement of a Verification Summary Attestation (SLSA), canonical both ways.

Written without what is younger than version 1.0 of the predicate, so that every reader takes it.
"""

from __future__ import annotations

import re
from typing import Any, Final

from lanectl.formats import json
from lanectl.formats.fields import Fields
from lanectl.formats.statement import STATEMENT_TYPE, format_time, parse_time
from lanectl.model.bundle import ARTIFACT
from lanectl.model.handoff import bundle_ref
from lanectl.model.names import Digest, ObjectId, RepositoryId
from lanectl.model.report import Fault, MalformedError
from lanectl.model.summary import Summary

PREDICATE_TYPE: Final = "https://slsa.dev/verification_summary/v1"
LIMIT: Final = 1 << 16
"""Bytes of a statement that a reader accepts."""

_RULE: Final = "summary/malformed"
_FIELDS: Final = Fields(_RULE)
_ENFORCER: Final = "urn:lanectl:enforcer:"
_GIT: Final = "git+https://"
_PREDICATE: Final = {
    "inputAttestations", "policy", "resourceUri", "slsaVersion", "timeVerified",
    "verificationResult", "verifiedLevels", "verifier",
}  # fmt: skip
_LEVEL: Final = re.compile(r"SLSA_BUILD_LEVEL_[0-3]", re.ASCII)
_VERSION: Final = re.compile(r"1\.[0-9]{1,3}", re.ASCII)
_SUFFIX: Final = re.compile(r"(?:\.[a-z]{1,20}){1,3}", re.ASCII)


def write(summary: Summary) -> bytes:
    """Return the canonical bytes of the statement. Raises ValueError for one no reader would take."""
    data = _dump(summary)
    try:
        read(data)
    except MalformedError as error:
        raise ValueError(f"no summary: {error}") from error
    return data


def read(data: bytes) -> Summary:
    """Return the summary in these bytes.

    Raises MalformedError `summary/malformed` for anything that `write` would not have written.
    """
    top = _FIELDS.mapping(
        json.load(data, rule=_RULE, limit=LIMIT), "statement",
        {"_type", "predicate", "predicateType", "subject"},
    )  # fmt: skip
    said = _FIELDS.mapping(top["predicate"], "predicate", _PREDICATE)
    try:
        summary = _summary(_list(top["subject"], "subject", 2), said)
    except ValueError as error:  # a name that does not validate
        raise MalformedError(Fault(_RULE, got=str(error)[:300])) from error
    if len(summary.commit) != len(summary.policy):
        _FIELDS.refuse("", "ids of two object formats", "ids of one")
    if _dump(summary) != data:
        _FIELDS.refuse("", "another statement than these facts make", "RFC 8785, no other field")
    return summary


def _summary(subject: list[Any], said: dict[str, Any]) -> Summary:
    policy = _FIELDS.mapping(said["policy"], "policy", {"digest", "uri"})
    verifier = _FIELDS.mapping(said["verifier"], "verifier", {"id"})
    resource = _FIELDS.text(said["resourceUri"], "resourceUri").removeprefix(_GIT)
    (level,) = _list(said["verifiedLevels"], "verifiedLevels", 1)
    return Summary(
        enforcer=Digest(_FIELDS.text(verifier["id"], "verifier").removeprefix(_ENFORCER)),
        repository=RepositoryId(resource.rpartition("@")[0]),
        bundle=Digest(_digest(subject[0], "subject", "sha256")),
        commit=ObjectId(_digest(subject[1], "subject", "gitCommit")),
        policy=ObjectId(_digest(policy, "policy", "gitCommit")),
        inputs=dict(_input(one) for one in _list(said["inputAttestations"], "inputAttestations")),
        level=_matching(level, _LEVEL, "verifiedLevels"),
        slsa_version=_matching(said["slsaVersion"], _VERSION, "slsaVersion"),
        at=parse_time(_FIELDS.text(said["timeVerified"], "timeVerified")),
    )


def _input(value: Any) -> tuple[str, Digest]:
    entry = _FIELDS.mapping(value, "inputAttestations", {"digest", "uri"})
    suffix = _FIELDS.text(entry["uri"], "uri").rpartition(f"#{ARTIFACT}")[2]
    digest = Digest(_digest(entry, "inputAttestations", "sha256"))
    return _matching(suffix, _SUFFIX, "uri"), digest


def _dump(summary: Summary) -> bytes:
    place = f"{_GIT}{summary.repository}"
    published = f"{place}@{bundle_ref(summary.bundle)}#{ARTIFACT}"
    return json.dump(
        {
            "_type": STATEMENT_TYPE,
            "predicateType": PREDICATE_TYPE,
            "subject": [
                {"name": ARTIFACT, "digest": {"sha256": str(summary.bundle)}},
                {"name": "commit", "digest": {"gitCommit": str(summary.commit)}},
            ],
            "predicate": {
                "inputAttestations": [
                    {"digest": {"sha256": str(digest)}, "uri": published + suffix}
                    for suffix, digest in summary.inputs.items()
                ],
                "policy": {
                    "digest": {"gitCommit": str(summary.policy)},
                    "uri": f"{place}#lanectl.toml",
                },
                "resourceUri": f"{place}@{summary.commit}",
                "slsaVersion": summary.slsa_version,
                "timeVerified": format_time(summary.at),
                "verificationResult": "PASSED",
                "verifiedLevels": [summary.level],
                "verifier": {"id": f"{_ENFORCER}{summary.enforcer}"},
            },
        }
    )


def _digest(value: Any, where: str, algorithm: str) -> str:
    entry = _FIELDS.mapping(value, where, {"digest"}, {"name", "uri"})
    return _FIELDS.text(
        _FIELDS.mapping(entry["digest"], where, {algorithm})[algorithm], f"{where}.{algorithm}"
    )


def _list(value: Any, where: str, size: int | None = None) -> list[Any]:
    if not isinstance(value, list) or not value or len(value) != (size or len(value)):
        _FIELDS.refuse(where, "another number of entries", f"a list of {size or 'at least one'}")
    return list(value)


def _matching(value: Any, pattern: re.Pattern[str], where: str) -> str:
    text = _FIELDS.text(value, where)
    if not pattern.fullmatch(text):
        _FIELDS.refuse(where, text[:200], pattern.pattern)
    return text
