"""An anchor: the ledger's head as an in-toto statement, signed, on one line of `anchors.jsonl`.

Read strictly, as every statement is; whether the signature is good is for a flow to say.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final

from lanectl.formats import envelope, json
from lanectl.formats.fields import Fields
from lanectl.formats.statement import STATEMENT_TYPE, format_time, parse_time
from lanectl.model.anchor import Anchor
from lanectl.model.ledger import LedgerId
from lanectl.model.names import Digest
from lanectl.model.report import Fault, MalformedError

if TYPE_CHECKING:
    from datetime import datetime

    from lanectl.model.bundle import Envelope
    from lanectl.model.ledger import Head
    from lanectl.model.trust import PublicKey

PREDICATE_TYPE: Final = "urn:lanectl:anchor:v1"
SUBJECT: Final = "ledger-head"
LIMIT: Final = 1 << 14
"""Bytes of a line."""

_FIELDS: Final = Fields("anchor/malformed")
_SEQ: Final = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


def write(ledger: LedgerId, head: Head, at: datetime) -> bytes:
    """Return the canonical bytes of the statement that is signed."""
    return json.dump(
        {
            "_type": STATEMENT_TYPE,
            "predicate": {"at": format_time(at), "ledger": str(ledger), "seq": str(head.seq)},
            "predicateType": PREDICATE_TYPE,
            "subject": [{"digest": {"sha256": str(head.hash)}, "name": SUBJECT}],
        }
    )


def write_line(payload: bytes, signature: bytes, key: PublicKey) -> bytes:
    """Return the signature file over a statement as one line, with its newline."""
    file = envelope.write(payload, signature, key)
    return b"".join(part.strip() for part in file.splitlines()) + b"\n"


def read(line: bytes) -> tuple[Anchor, Envelope]:
    """Return the anchor of a line and the signature over it.

    Raises MalformedError: `anchor/malformed`, or an `envelope/…` rule.
    """
    if len(line) > LIMIT:
        _FIELDS.refuse("the line", f"{len(line)} bytes", f"at most {LIMIT} bytes")
    signed = envelope.read(line)
    return read_payload(signed), signed


def read_payload(signed: Envelope) -> Anchor:
    """Return the anchor that a signature file holds. Raises MalformedError `anchor/malformed`."""
    value = json.load(signed.payload, rule="anchor/malformed", limit=LIMIT)
    top = _FIELDS.mapping(value, "statement", {"_type", "predicate", "predicateType", "subject"})
    _FIELDS.constant(top["_type"], STATEMENT_TYPE, "_type")
    _FIELDS.constant(top["predicateType"], PREDICATE_TYPE, "predicateType")
    predicate = _FIELDS.mapping(top["predicate"], "predicate", {"at", "ledger", "seq"})
    text = _FIELDS.texts(predicate, "predicate")
    if not _SEQ.fullmatch(text["seq"]):
        _FIELDS.refuse("predicate.seq", text["seq"], "a number from 1")
    try:
        if json.dump(value) != signed.payload:
            _FIELDS.refuse("", "another encoding of the same value", "RFC 8785")
        return Anchor(
            LedgerId(text["ledger"]), int(text["seq"]), _head(top["subject"]),
            parse_time(text["at"]), key_id(signed),
        )  # fmt: skip
    except ValueError as error:  # a name that does not validate
        raise MalformedError(Fault("anchor/malformed", got=str(error))) from error


def key_id(signed: Envelope) -> Digest:
    """Return the id of the key that a signature file hints at."""
    return Digest(base64.b64decode(signed.hint).hex())


def _head(subjects: Any) -> Digest:
    if not isinstance(subjects, list) or len(subjects) != 1:
        _FIELDS.refuse("subject", "not one entry", "the ledger's head")
    subject = _FIELDS.mapping(subjects[0], "subject[0]", {"digest", "name"})
    _FIELDS.constant(subject["name"], SUBJECT, "subject[0].name")
    digests = _FIELDS.mapping(subject["digest"], "subject[0].digest", {"sha256"})
    return Digest(_FIELDS.text(digests["sha256"], "subject[0].digest.sha256"))
