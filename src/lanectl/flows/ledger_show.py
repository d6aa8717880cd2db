"""The story of one handoff: which one is meant, and what the ledger says of it. Judges nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from lanectl.checks.authority import standing
from lanectl.errors import Remedy, UsageError
from lanectl.formats import record as records
from lanectl.model.authority import SIGNERS
from lanectl.model.display import display
from lanectl.model.ledger import EventKind, HandoffState
from lanectl.model.report import MalformedError
from lanectl.model.trust import Keyring

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import NoReturn

    from lanectl.model.authority import Counted, Record, Standing
    from lanectl.model.ledger import Event, HandoffRow
    from lanectl.model.names import RepositoryId
    from lanectl.model.trust import Key
    from lanectl.ports.ledger import Ledger, StatusReader

SHORTEST: Final = 8
"""Digits of a digest that name a handoff."""

_HEX: Final = re.compile(rf"[0-9a-f]{{{SHORTEST},64}}", re.ASCII)
_BY_KEY: Final = re.compile(r"key:sha256:([0-9a-f]{64})", re.ASCII)
_FREEZES: Final = frozenset({EventKind.FROZEN, EventKind.LIFTED})
_PUBLISHED: Final = frozenset(
    {HandoffState.PUBLISHED, HandoffState.MERGED, HandoffState.ROLLED_BACK, HandoffState.WITHDRAWN}
)
"""States in which a freeze stops nothing."""
_REFUSALS: Final = frozenset({EventKind.REFUSED, EventKind.HELD})
_BUNDLES: Final = frozenset({EventKind.QUEUED, EventKind.APPLIED})


class Entry(Struct, frozen=True):
    """One line of the story. `actor` is as it was recorded; `by` its key's entry in the keyring.

    `signer`: the entry of the key that signed the bundle. A step has its end in `ended` (None: it
    is not known to be done). The same refusal `times` over is one entry, the last one in `ended`. A
    signed record has `record` where it can be read, and `absent`: why it counts as absent (empty:
    it counts).
    """

    seq: int
    at: datetime
    kind: EventKind
    actor: str
    data: Mapping[str, str]
    by: Key | None = None
    ended: datetime | None = None
    record: Record | None = None
    absent: str = ""
    signer: Key | None = None
    times: int = 1


class Story(Struct, frozen=True):
    """A handoff as it stands, and everything that happened to it, in the chain's order.

    `frozen`: the freeze that stands in its way now.
    """

    row: HandoffRow
    entries: tuple[Entry, ...]
    frozen: Counted | None = None


def find_handoffs(name: str, ledger: Ledger) -> tuple[HandoffRow, ...]:
    """Return the handoffs that a slug, a key, or a digest or commit (≥ 8 digits) names, newest first.

    Raises UsageError if there is none.
    """
    rows = list(ledger.handoffs())
    found = named(name, rows)
    text = name.removeprefix("sha256:")
    if not found and _HEX.fullmatch(text):  # a bundle that another one of the same change followed
        events = ledger.events(kinds=_BUNDLES)
        keys = {e.event.handoff for e in events if e.event.data.get("bundle", "").startswith(text)}
        found = tuple(row for row in rows if row.key in keys)
    return found or _refuse(name)


def find_status(name: str, reader: StatusReader) -> tuple[HandoffRow, ...]:
    """Return what `find_handoffs` would, of what everybody may see. Raises UsageError."""
    return named(name, list(reader.status())) or _refuse(name)


def named(name: str, rows: Sequence[HandoffRow]) -> tuple[HandoffRow, ...]:
    """Return which of these handoffs a name stands for."""
    text = name.removeprefix("sha256:")
    if found := tuple(row for row in rows if row.slug == name):
        return found
    if not _HEX.fullmatch(text):
        return ()
    return tuple(
        row for row in rows
        if any(n.startswith(text) for n in (row.bundle, row.key, row.commit or ""))
    )  # fmt: skip


def tell_all(
    name: str,
    ledger: Ledger,
    keyring: Keyring | None,
    *,
    repository: RepositoryId,
    now: datetime,
) -> tuple[Story, ...]:
    """Return the story of every handoff that a name stands for, newest first.

    `repository` is the pinned one, which signed records are made for. Raises UsageError.
    """
    rows = find_handoffs(name, ledger)
    orders = list(ledger.events(kinds=SIGNERS))
    counted = standing(
        orders, keyring or Keyring(()), ledger=ledger.id, repository=repository, now=now
    )
    return tuple(_tell(row, ledger, orders, counted) for row in rows)


def _tell(row: HandoffRow, ledger: Ledger, orders: Sequence[Event], counted: Standing) -> Story:
    """Return a handoff's own events, the signed records about its bundles, and freezes in its way."""
    own = list(ledger.events(handoff=row.key))
    bundles = {row.bundle, *(e.event.data["bundle"] for e in own if "bundle" in e.event.data)}
    about = [e for e in orders if e.event.handoff is None and _subject(e, "bundle") in bundles]
    given = {e.event.id for e in about if e.event.kind is EventKind.APPROVAL}
    about += [e for e in orders if _subject(e, "approval") in given]
    out = [e.seq for e in own if e.event.kind is EventKind.PUBLISHED]
    span = range(own[0].seq, out[0]) if own and out else range(own[0].seq if own else 0, 1 << 63)
    freezes = [e for e in orders if e.event.kind in _FREEZES and e.seq in span]
    events = sorted((*own, *about, *freezes), key=lambda e: e.seq)
    frozen = counted.frozen if row.state not in _PUBLISHED else None
    return Story(row, tuple(_fold(_entry(event, counted) for event in events)), frozen)


def _refuse(name: str) -> NoReturn:
    raise UsageError(
        f"the ledger knows no handoff {display(name)}",
        why=f"name a slug, or {SHORTEST} digits or more of a bundle, a commit or a key",
        remedies=(Remedy("See all of them.", ("lanectl", "ledger", "show")),),
    )


def _entry(event: Event, counted: Standing) -> Entry:
    said = event.event
    match = _BY_KEY.fullmatch(said.actor)
    by = counted.keyring.by_id(match[1]) if match else None
    signer = counted.keyring.by_id(said.data.get("signer", ""))
    entry = Entry(event.seq, said.at, said.kind, said.actor, said.data, by, signer=signer)
    if said.kind not in SIGNERS:
        return entry
    for one in counted.counted:
        if one.seq == event.seq:
            return replace(entry, record=one.record, by=one.signer)
    absent = (i.because for i in counted.ignored if i.seq == event.seq)
    return replace(entry, record=_record(event), absent=next(absent, "it was not looked at"))


def _fold(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Put the beginning and the end of a step into one entry, and a refusal that is repeated."""
    done: list[Entry] = []
    begun: dict[str, int] = {}
    for entry in entries:
        step = f"{entry.data.get('of', '')} {entry.data.get('step', '')}"
        if entry.kind is EventKind.STEP_DONE and step in begun:
            place = begun.pop(step)
            done[place] = replace(
                entry, seq=done[place].seq, at=done[place].at, ended=entry.at,
                data={**done[place].data, **entry.data},
            )  # fmt: skip
            continue
        if done and entry.kind in _REFUSALS and _is_same(done[-1], entry):
            done[-1] = replace(done[-1], ended=entry.at, times=done[-1].times + 1)
            continue
        if entry.kind is EventKind.STEP_INTENDED:
            begun[step] = len(done)
        elif entry.kind is EventKind.STEP_DONE:
            entry = replace(entry, ended=entry.at)  # noqa: PLW2901 - its beginning is not here
        done.append(entry)
    yield from done


def _is_same(one: Entry, other: Entry) -> bool:
    return (one.kind, one.actor, one.data) == (other.kind, other.actor, other.data)


def _record(event: Event) -> Record | None:
    try:
        return records.read(records.unseal(event.event.data).payload)
    except MalformedError:
        return None


def _subject(event: Event, name: str) -> str:
    record = _record(event)
    return record.subject.get(name, "") if record else event.event.data.get(name, "")
