"""`artifact.tar.gz.approvals.jsonl`: the signed records about one bundle. Strict, bounded; trusts no signer.

One canonical JSON object (RFC 8785) a line, in the order of the ids, each once: `id` and the data
of the ledger's event (`formats/record.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from lanectl.formats import json
from lanectl.formats import record as records
from lanectl.formats.fields import Fields
from lanectl.model.ledger import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lanectl.formats.record import Sealed
    from lanectl.model.authority import Record
    from lanectl.model.ledger import NewEvent

LIMIT: Final = 16 << 20
"""Bytes of a file."""
APPROVALS: Final = 1_000
"""Approvals of one bundle that may be given; each can be withdrawn."""

_LINES: Final = 4 * APPROVALS
_RULE: Final = "approvals/malformed"
_FIELDS: Final = Fields(_RULE)
_KINDS: Final = frozenset({EventKind.APPROVAL, EventKind.APPROVAL_WITHDRAWN})


class Written(Struct, frozen=True):
    """A record of the file and the signature beside it, not yet verified."""

    record: Record
    sealed: Sealed


def write(events: Iterable[NewEvent]) -> bytes:
    """Return the file of these events; none of them: an empty one. Their order does not matter."""
    lines = {event.id: json.dump({"id": event.id, **event.data}) for event in events}
    return b"".join(lines[name] + b"\n" for name in sorted(lines))


def read(data: bytes) -> tuple[Written, ...]:
    """Return the records of a file.

    Raises MalformedError: `approvals/malformed` or `record/malformed`.
    """
    if len(data) > LIMIT or data.count(b"\n") > _LINES:
        _FIELDS.refuse("the file", f"{len(data)} bytes", f"{LIMIT} bytes, {_LINES} lines at most")
    *lines, rest = data.split(b"\n")
    if rest:
        _FIELDS.refuse("the file", "an end without a newline", "whole lines")
    found = tuple(_read(line) for line in lines)
    names = [one.record.id for one in found]
    if names != sorted(set(names)):
        _FIELDS.refuse("the file", "another order", "every id once, in their order")
    return found


def _read(line: bytes) -> Written:
    value: Any = json.load(line, rule=_RULE, limit=3 * records.LIMIT)
    data = _FIELDS.mapping(value, "a line", {"hint", "id", "payload", "signature"})
    if json.dump(_FIELDS.texts(data, "a line")) != line:
        _FIELDS.refuse("a line", "another encoding of the same value", "RFC 8785")
    name = data.pop("id")
    sealed = records.unseal(data)
    record = records.read(sealed.payload)
    _FIELDS.constant(name, record.id, "id")
    if record.kind not in _KINDS:
        _FIELDS.refuse("a line", record.kind.value, "an approval or its withdrawal")
    return Written(record, sealed)
