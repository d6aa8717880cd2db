"""The ledger as JSON Lines: a header, then each event with its body as text. Read strictly.

One spelling only: sorted header, fields in their order, one newline after every line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from lanectl.formats import event
from lanectl.model.ledger import LedgerId
from lanectl.model.report import Fault, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lanectl.model.ledger import Event

VERSION: Final = "1"
LINE_LIMIT: Final = 2 * event.LIMIT + 1024
"""Bytes of a line: every character of a body may need a backslash."""


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    after: int
    ledger: str
    lanectl_ledger: str


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seq: int
    prev: str
    hash: str
    body: str


_ENCODER: Final = msgspec.json.Encoder()
_HEADER: Final = msgspec.json.Decoder(_Header)
_LINE: Final = msgspec.json.Decoder(_Line)


class Header(msgspec.Struct, frozen=True):
    """The ledger's id, and after which event the export begins (0: with the first)."""

    ledger: LedgerId
    after: int


def write_header(header: Header) -> bytes:
    """Return the first line."""
    return _ENCODER.encode(_Header(header.after, str(header.ledger), VERSION)) + b"\n"


def write_event(found: Event) -> bytes:
    """Return the line of an event."""
    line = _Line(found.seq, str(found.prev), str(found.hash), found.body.decode())
    return _ENCODER.encode(line) + b"\n"


def read_header(line: bytes) -> Header:
    """Return the header in an export's first line. Raises MalformedError `ledger/malformed`."""
    try:
        header = _HEADER.decode(line)
        ledger = LedgerId(header.ledger)
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        raise _malformed("line 1", f"no header of an export: {error}") from error
    if header.lanectl_ledger != VERSION or header.after < 0:
        raise _malformed("line 1", "another version of the format")
    if write_header(Header(ledger, header.after)) != line:
        raise _malformed("line 1", "another encoding of the same value")
    return Header(ledger, header.after)


def read_events(lines: Iterable[bytes]) -> Iterator[Event]:
    """Yield the events in the lines after the header. Raises MalformedError `ledger/malformed`.

    Whether they make a chain is not looked at.
    """
    for number, line in enumerate(lines, 2):
        try:
            raw = _LINE.decode(line)
        except (ValueError, msgspec.DecodeError, RecursionError) as error:
            raise _malformed(f"line {number}", f"no line of an export: {error}") from error
        if _ENCODER.encode(raw) + b"\n" != line:
            raise _malformed(f"line {number}", "another encoding of the same value")
        yield event.restore(raw.seq, raw.prev, raw.hash, raw.body.encode())


def _malformed(where: str, got: str) -> MalformedError:
    return MalformedError(Fault("ledger/malformed", where, got[:200], "a line of `ledger export`"))
