"""The one canonical text of an event, and the link of the chain. The same on every back end.

A body is RFC 8785 JSON of strings alone; what is stored, hashed and exported is that text. A link
is SHA-256 over hash before, newline, number, newline, body, which a database can make by concatenation.
"""

from __future__ import annotations

import functools
import hashlib
import re
from typing import TYPE_CHECKING, Final

import msgspec

from lanectl.formats.statement import format_time, parse_time
from lanectl.model.ledger import Event, EventKind, HandoffKey, LedgerId, NewEvent
from lanectl.model.names import Digest, RepositoryId
from lanectl.model.report import Fault, MalformedError

if TYPE_CHECKING:
    from typing import NoReturn

LIMIT: Final = 1 << 18
"""Bytes of a body."""

_ID: Final = re.compile(r"[!-~]{1,300}", re.ASCII)
_KEY: Final = re.compile(r"[a-z][a-z_]{0,39}", re.ASCII)
_ACTOR: Final = re.compile(r"[ -~]{1,300}", re.ASCII)


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    actor: str
    at: str
    data: dict[str, str]
    handoff: str
    id: str
    kind: str
    ledger: str
    repository: str


# A ledger names the same few things in thousands of events: their validation is remembered, which
# halves the time that reading takes.
_remember: Final = functools.lru_cache(maxsize=512)
_ledger: Final = _remember(LedgerId)
_repository: Final = _remember(RepositoryId)
_handoff: Final = _remember(HandoffKey)
_digest: Final = _remember(Digest)
_kind: Final = _remember(EventKind)
_is_key: Final = _remember(_KEY.fullmatch)
_is_actor: Final = _remember(_ACTOR.fullmatch)

_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_DECODER: Final = msgspec.json.Decoder(_Body)


def write(event: NewEvent, ledger: LedgerId) -> bytes:
    """Return the body of an event. Raises ValueError for one that no reader would take."""
    body = _ENCODER.encode(
        _Body(
            event.actor, format_time(event.at), {k: str(v) for k, v in event.data.items()},
            str(event.handoff or ""), event.id, event.kind.value, str(ledger), str(event.repository),
        )
    )  # fmt: skip
    try:
        read(body)
    except MalformedError as error:
        raise ValueError(f"no event: {error}") from error
    return body


def read(body: bytes) -> tuple[LedgerId, NewEvent]:
    """Return the event of a body and the ledger that it names.

    Raises MalformedError `ledger/malformed`: another encoding, an unknown field or kind, a name
    that does not validate.
    """
    if len(body) > LIMIT:
        _refuse(f"{len(body)} bytes", f"at most {LIMIT} bytes")
    try:
        raw = _DECODER.decode(body)
        if _ENCODER.encode(raw) != body:
            _refuse("another encoding of the same value", "RFC 8785")
        _check(raw, body)
        return _ledger(raw.ledger), NewEvent(
            raw.id, _kind(raw.kind), parse_time(raw.at), raw.actor,
            _repository(raw.repository), _handoff(raw.handoff) if raw.handoff else None, raw.data,
        )  # fmt: skip
    except (ValueError, msgspec.DecodeError) as error:
        raise MalformedError(Fault("ledger/malformed", got=str(error)[:200])) from error


def link(prev: Digest, seq: int, body: bytes) -> Digest:
    """Return the hash of an event at its place in the chain."""
    return _digest(hashlib.sha256(b"%b\n%d\n%b" % (prev.encode("ascii"), seq, body)).hexdigest())


def restore(seq: int, prev: str, hash_: str, body: bytes) -> Event:
    """Return a stored event. Raises MalformedError if its body or its link is none.

    Whether the link is the right one is for `ledger verify` to say.
    """
    ledger, event = read(body)
    try:
        return Event(seq, _digest(prev), _digest(hash_), body, ledger, event)
    except ValueError as error:
        raise MalformedError(Fault("ledger/malformed", f"event {seq}", str(error))) from error


def _check(raw: _Body, body: bytes) -> None:
    if not _ID.fullmatch(raw.id):
        _refuse(f"id {raw.id[:80]!r}", "printable ASCII as id")
    if not _is_actor(raw.actor):
        _refuse(f"actor {raw.actor[:80]!r}", "printable ASCII as actor")
    for key in raw.data:
        if not _is_key(key):
            _refuse(f"data key {key[:80]!r}", "lower-case letters and _")
    if b"\\u0000" in body and any("\0" in value for value in raw.data.values()):
        _refuse("a NUL", "text that every database can hold")


def _refuse(got: str, expected: str) -> NoReturn:
    raise MalformedError(Fault("ledger/malformed", got=got, expected=expected))
