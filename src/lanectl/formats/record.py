"""A signed order in an event's data: canonical JSON in DSSE's encoding. Strict; trusts no signer.

Data: `payload` (base64 of RFC 8785 JSON of strings alone), `hint` (as in a Sigstore bundle) and
`signature` (base64) over DSSE's pre-authentication encoding of the payload.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote_to_bytes

from msgspec import Struct

from lanectl.formats import json
from lanectl.formats.envelope import pre_authentication_encoding
from lanectl.formats.fields import Fields
from lanectl.formats.statement import format_time, parse_time
from lanectl.model.authority import FREEZE, OVERRIDE_LASTS, SIGNERS, Record
from lanectl.model.ledger import EventKind, LedgerId, NewEvent
from lanectl.model.names import Digest, ObjectId, RepositoryId
from lanectl.model.report import MalformedError
from lanectl.model.trust import PublicKey, hint_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PAYLOAD_TYPE: Final = "application/vnd.lanectl.record+json"
LIMIT: Final = 1 << 14
"""Bytes of a payload."""
REASON: Final = 1000
"""Characters of a reason."""
CONFIDENT: Final = 85
"""Percent that a PASS needs."""

_RULE: Final = "record/malformed"
_FIELDS: Final = Fields(_RULE)
_ENTRIES: Final = {
    "expires", "issued", "ledger", "nonce", "reason", "repository", "subject", "type", "version",
}  # fmt: skip
_DATA: Final = {"hint", "payload", "signature"}


class Sealed(Struct, frozen=True):
    """A payload and the signature beside it, not yet verified."""

    payload: bytes
    hint: str
    signature: bytes

    @property
    def message(self) -> bytes:
        """The bytes that the signature is made over."""
        return pre_authentication_encoding(PAYLOAD_TYPE, self.payload)


def write(record: Record) -> bytes:
    """Return the payload of a record. Raises ValueError for one that no reader would take."""
    payload = json.dump(
        {
            "expires": format_time(record.expires) if record.expires else "",
            "issued": format_time(record.issued),
            "ledger": record.ledger,
            "nonce": record.nonce,
            "reason": record.reason,
            "repository": record.repository,
            "subject": dict(record.subject),
            "type": record.kind.value,
            "version": "1",
        }
    )
    try:
        read(payload)
    except MalformedError as error:
        fault = error.fault
        raise ValueError(f"{fault.where}: {fault.got}, expected {fault.expected}") from error
    return payload


def read(payload: bytes) -> Record:
    """Return the record in a payload.

    Raises MalformedError `record/malformed`: another encoding, an unknown field or kind, a name or
    a time that is none, a PASS without confidence, an exception that lasts too long.
    """
    value = _FIELDS.mapping(json.load(payload, rule=_RULE, limit=LIMIT), "the record", _ENTRIES)
    subject = value.pop("subject")
    text = _FIELDS.texts(value, "the record")
    _FIELDS.constant(text["version"], "1", "version")
    if not _NONCE.fullmatch(text["nonce"]):
        _FIELDS.refuse("nonce", text["nonce"], "32 hex digits")
    if not text["reason"].strip() or len(text["reason"]) > REASON:
        _FIELDS.refuse("reason", "none, or a long one", f"at most {REASON} characters")
    try:
        kind = EventKind(text["type"])
        record = Record(
            kind, LedgerId(text["ledger"]), RepositoryId(text["repository"]),
            parse_time(text["issued"]), text["nonce"], text["reason"], _subject(kind, subject),
            parse_time(text["expires"]) if text["expires"] else None,
        )  # fmt: skip
    except ValueError as error:
        _FIELDS.refuse("the record", str(error), "valid names and times")
    _check(record)
    if json.dump({**text, "subject": dict(record.subject)}) != payload:
        _FIELDS.refuse("the record", "another encoding of the same value", "RFC 8785")
    return record


def seal(record: Record, key: PublicKey, sign: Callable[[bytes], bytes]) -> dict[str, str]:
    """Return an event's data for a record that `sign` signs with the private part of `key`.

    Raises ValueError for a record that no reader would take.
    """
    payload = write(record)
    signature = sign(pre_authentication_encoding(PAYLOAD_TYPE, payload))
    return {
        "hint": hint_of(key.id),
        "payload": base64.b64encode(payload).decode("ascii"),
        "signature": base64.b64encode(signature).decode("ascii"),
    }


def to_event(
    record: Record, key: PublicKey, sign: Callable[[bytes], bytes], *, actor: str
) -> NewEvent:
    """Return the signed event of a record; its id is the record's own, its time when it was issued."""
    return NewEvent(
        record.id, record.kind, record.issued, actor, record.repository,
        data=seal(record, key, sign),
    )  # fmt: skip


def unseal(data: Mapping[str, str]) -> Sealed:
    """Return what an event's data hold. Raises MalformedError `record/malformed`."""
    text = _FIELDS.texts(_FIELDS.mapping(dict(data), "data", _DATA), "data")
    return Sealed(
        _base64(text["payload"], "payload"), text["hint"], _base64(text["signature"], "signature")
    )


def _base64(text: str, where: str) -> bytes:
    """Decode standard base64 that is its own re-encoding."""
    try:
        data = base64.b64decode(text)
    except (binascii.Error, ValueError) as error:
        _FIELDS.refuse(where, str(error), "standard base64")
    if not data or base64.b64encode(data).decode("ascii") != text:
        _FIELDS.refuse(where, "another encoding of the same bytes", "standard base64")
    return data


def _path(text: str) -> str:
    """Take a path of any bytes, percent-encoded in the one way that `quote` has."""
    if not text or quote(unquote_to_bytes(text)) != text:
        raise ValueError(f"not a percent-encoded path: {text[:80]!r}")
    return text


def _like(pattern: str) -> Callable[[str], object]:
    compiled = re.compile(pattern, re.ASCII)

    def take(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"not {pattern}: {text[:80]!r}")
        return text

    return take


_NONCE: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_MODE: Final = _like(r"000000|100644|100755|120000|160000")
_SEQ: Final = _like(r"[1-9][0-9]{0,17}")
_SUBJECTS: Final[Mapping[EventKind, Mapping[str, Callable[[str], object]]]] = {
    EventKind.VERDICT: {
        "bundle": Digest,
        "confidence": _like(r"0|[1-9][0-9]?|100"),
        "verdict": _like(r"PASS|CONDITIONAL_PASS|FAIL|ESCALATE"),
    },
    EventKind.APPROVAL: {  # modes and ids as in `git diff-tree --raw`: zeros for none
        "base": ObjectId,
        "bundle": Digest,
        "new_id": ObjectId,
        "new_mode": _MODE,
        "old_id": ObjectId,
        "old_mode": _MODE,
        "path": _path,
        "policy": ObjectId,
        "result_tree": ObjectId,
        "rule": _like(r"[a-z][a-z-]*/[a-z0-9-]+"),
    },
    EventKind.APPROVAL_WITHDRAWN: {"approval": _like(r"approval:[0-9a-f]{32}")},
    EventKind.OVERRIDE: {"bundle": Digest, "overrides": _like(FREEZE)},
    EventKind.KEY_REVOKED: {"at": parse_time, "compromised_since": parse_time, "key": Digest},
    EventKind.FROZEN: {},
    EventKind.LIFTED: {},
    EventKind.RESTORED: {
        "lost_hash": Digest,
        "lost_seq": _SEQ,
        "restored_hash": Digest,
        "restored_seq": _SEQ,
    },
}
"""What each kind is about: exactly these fields, and what takes each or raises ValueError."""

_MUST_EXPIRE: Final = frozenset({EventKind.APPROVAL, EventKind.OVERRIDE})
_MAY_EXPIRE: Final = _MUST_EXPIRE | {EventKind.VERDICT}


def _subject(kind: EventKind, value: Any) -> dict[str, str]:
    if kind not in SIGNERS:
        _FIELDS.refuse("type", kind.value, "a kind that is signed")
    wanted = _SUBJECTS[kind]
    text = _FIELDS.texts(_FIELDS.mapping(value, "subject", set(wanted)), "subject")
    for name, take in wanted.items():
        take(text[name])
    return text


def _check(record: Record) -> None:
    """Refuse what the fields must not say together."""
    kind, subject, issued, expires = record.kind, record.subject, record.issued, record.expires
    if (expires is None and kind in _MUST_EXPIRE) or (expires and kind not in _MAY_EXPIRE):
        _FIELDS.refuse("expires", str(expires), "a time for an approval or an override, else none")
    if expires and expires <= issued:
        _FIELDS.refuse("expires", str(expires), "a time after it was issued")
    if kind is EventKind.OVERRIDE and expires and expires - issued > OVERRIDE_LASTS:
        _FIELDS.refuse("expires", str(expires), "at most 24 hours")
    if subject.get("verdict") == "PASS" and int(subject["confidence"]) < CONFIDENT:
        _FIELDS.refuse("confidence", subject["confidence"], f"{CONFIDENT} for a PASS")
    if kind is EventKind.KEY_REVOKED:
        since, at = parse_time(subject["compromised_since"]), parse_time(subject["at"])
        if not since <= at <= issued:
            _FIELDS.refuse("compromised_since", "a time to come", "since ≤ at ≤ issued")
