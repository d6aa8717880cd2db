"""The in-toto statement of an admission: canonical both ways; any other spelling is refused.

It is written as plain JSON: in-toto-attestation would cost `apply` more time than the rest of it.
"""

from __future__ import annotations

import re
from typing import Any, Final

from lanectl.formats import json
from lanectl.formats.fields import Fields
from lanectl.formats.statement import STATEMENT_TYPE, format_time, parse_time
from lanectl.model.admission import Admission
from lanectl.model.bundle import ARTIFACT
from lanectl.model.ledger import LedgerId
from lanectl.model.names import Digest, ObjectId, RepositoryId
from lanectl.model.report import Fault, MalformedError

PREDICATE_TYPE: Final = "urn:lanectl:admission:v1"
LIMIT: Final = 1 << 16
"""Bytes of a statement that a reader accepts."""

FILE_LIMIT: Final = 2 * LIMIT
"""Bytes of the file around it."""

_RULE: Final = "admission/malformed"
_FIELDS: Final = Fields(_RULE)
_PREDICATE: Final = {
    "admitted", "ledger", "ledger_head", "ledger_seq", "policy", "repository", "result_tree",
}  # fmt: skip
_SEQ: Final = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


def write(admission: Admission) -> bytes:
    """Return the canonical bytes of the statement. Raises ValueError for one no reader would take."""
    data = json.dump(
        {
            "_type": STATEMENT_TYPE,
            "predicateType": PREDICATE_TYPE,
            "subject": [
                {"name": ARTIFACT, "digest": {"sha256": str(admission.bundle)}},
                {"name": "commit", "digest": {"gitCommit": str(admission.commit)}},
            ],
            "predicate": {
                "admitted": format_time(admission.at),
                "ledger": str(admission.ledger),
                "ledger_head": str(admission.head),
                "ledger_seq": str(admission.seq),
                "policy": str(admission.policy),
                "repository": str(admission.repository),
                "result_tree": str(admission.result_tree),
            },
        }
    )
    try:
        read(data)
    except MalformedError as error:
        raise ValueError(f"no admission: {error}") from error
    return data


def read(data: bytes) -> Admission:
    """Return the admission in these bytes.

    Raises MalformedError `admission/malformed`: not canonical JSON, another type, other subjects,
    a missing, unknown or ill-formed field, ids of two object formats.
    """
    value = json.load(data, rule=_RULE, limit=LIMIT)
    top = _FIELDS.mapping(value, "statement", {"_type", "predicate", "predicateType", "subject"})
    _FIELDS.constant(top["_type"], STATEMENT_TYPE, "_type")
    _FIELDS.constant(top["predicateType"], PREDICATE_TYPE, "predicateType")
    bundle, commit = _subjects(top["subject"])
    said = _FIELDS.texts(_FIELDS.mapping(top["predicate"], "predicate", _PREDICATE), "predicate")
    if not _SEQ.fullmatch(said["ledger_seq"]):
        _FIELDS.refuse("predicate.ledger_seq", said["ledger_seq"], "a count from 1")
    try:
        admission = Admission(
            RepositoryId(said["repository"]), Digest(bundle), ObjectId(commit),
            ObjectId(said["result_tree"]), ObjectId(said["policy"]), LedgerId(said["ledger"]),
            int(said["ledger_seq"]), Digest(said["ledger_head"]), parse_time(said["admitted"]),
        )  # fmt: skip
        if json.dump(value) != data:
            _FIELDS.refuse("", "another encoding of the same value", "RFC 8785")
    except ValueError as error:  # a name that does not validate
        raise MalformedError(Fault(_RULE, got=str(error))) from error
    if len({len(i) for i in (admission.commit, admission.result_tree, admission.policy)}) != 1:
        _FIELDS.refuse("", "ids of two object formats", "ids of one")
    return admission


def _subjects(value: Any) -> tuple[str, str]:
    """Return the texts of the bundle's digest and of the commit's id: these two, in this order."""
    if not isinstance(value, list) or len(value) != 2:
        _FIELDS.refuse("subject", "not two entries", f"{ARTIFACT} and commit")
    return _subject(value[0], ARTIFACT, "sha256"), _subject(value[1], "commit", "gitCommit")


def _subject(value: Any, name: str, algorithm: str) -> str:
    entry = _FIELDS.mapping(value, f"subject {name}", {"digest", "name"})
    _FIELDS.constant(entry["name"], name, "subject")
    digest = _FIELDS.mapping(entry["digest"], f"subject {name}", {algorithm})
    return _FIELDS.text(digest[algorithm], f"subject {name}")
