"""What happens in the ledgers of these tests: small events in order, a minute apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from lanectl.formats import event as bodies
from lanectl.model.ledger import (
    GENESIS,
    Claim,
    EventKind,
    HandoffKey,
    HandoffRow,
    HandoffState,
    LedgerId,
    NewEvent,
)
from lanectl.model.names import Digest, ObjectId, RepositoryId
from lanectl.model.projection import moved
from lanectl.ports.ledger import Ledger

LEDGER = LedgerId("1edc" * 8)
REPOSITORY = RepositoryId("github.com/acme/shop")
ACTOR = "enforcer/test@machine"
START = datetime(2026, 1, 31, 12, tzinfo=UTC)
LEASE = 300

BEFORE = {
    HandoffState.QUEUED: (),
    HandoffState.REFUSED: (HandoffState.QUEUED,),
    HandoffState.HELD: (HandoffState.QUEUED,),
    HandoffState.CONFLICTED: (HandoffState.QUEUED,),
    HandoffState.WITHDRAWN: (HandoffState.QUEUED,),
    HandoffState.APPLIED: (HandoffState.QUEUED,),
    HandoffState.PUBLISHED: (HandoffState.QUEUED, HandoffState.APPLIED),
    HandoffState.MERGED: (HandoffState.QUEUED, HandoffState.APPLIED),
    HandoffState.ROLLED_BACK: (HandoffState.QUEUED, HandoffState.APPLIED),
}
"""One way into every state."""


class BackEnd(Protocol):
    """A module `tests/ledger/on_<name>.py`.

    It may also have `insert(address, body) -> str`, which appends a body past the adapter and
    returns why the back end refused it, empty if it did not.
    """

    def fresh(self, folder: Path) -> AbstractContextManager[str]:
        """Make a ledger that begins with `genesis()`; yield its address. `folder` is there, empty."""
        ...

    def connect(self, address: str) -> Ledger:
        """Open it, also from another process."""
        ...


def event(kind: EventKind, n: int, handoff: HandoffKey | None = None, **data: str) -> NewEvent:
    """Event number n of a story: its id and its time say so."""
    at = START + timedelta(minutes=n)
    return NewEvent(f"{kind}:{n}", kind, at, ACTOR, REPOSITORY, handoff, data)


def genesis() -> bytes:
    """The body of the first event."""
    return bodies.write(event(EventKind.CREATED, 0), LEDGER)


def key(slug: str) -> HandoffKey:
    """The key of a handoff that has its name only."""
    return HandoffKey(hashlib.sha256(slug.encode()).hexdigest())


def queued(slug: str, n: int = 1, bundle: str = "bundle") -> NewEvent:
    """A handoff is queued."""
    return event(EventKind.QUEUED, n, key(slug), **facts(EventKind.QUEUED, slug, bundle))


def facts(kind: EventKind, slug: str, bundle: str = "bundle") -> dict[str, str]:
    """The data that a move needs, but for the claim."""
    digest, name = Digest.of(bundle.encode()), ObjectId(hashlib.sha1(slug.encode()).hexdigest())  # noqa: S324 - git's own
    if kind is EventKind.QUEUED:
        return {"slug": slug, "bundle": digest, "base": name, "result_tree": name}
    if kind is EventKind.APPLIED:
        return {"bundle": digest, "commit": name, "branch": f"feature/{slug}"}
    if kind is EventKind.PUBLISHED:
        return {"url": f"https://github.com/acme/shop/pull/{len(slug)}"}
    return {}


def move(ledger: Ledger, kind: EventKind, n: int, slug: str) -> NewEvent:
    """The event that moves a handoff, with a claim taken for it where one is needed and possible."""
    data = facts(kind, slug)
    if kind in {EventKind.APPLIED, EventKind.PUBLISHED}:
        data["claim"] = "0" * 32
        if ledger.handoff(key(slug)):
            data["claim"] = claimed(ledger, slug).token
    return event(kind, n, key(slug), **data)


def claimed(ledger: Ledger, slug: str) -> Claim:
    """The claim on a handoff, whoever had it."""
    claim = ledger.claim(key(slug), "holder", seconds=0)
    if not isinstance(claim, Claim):
        claim = ledger.claim(key(slug), "holder", seconds=0, over=claim.token)
    assert isinstance(claim, Claim)
    return claim


def bring(ledger: Ledger, slug: str, state: HandoffState | None, n: int = 1) -> None:
    """Bring a handoff into a state with events n, n + 1, …"""
    if state is not None:
        for step in (*BEFORE[state], state):
            ledger.record(move(ledger, EventKind(step.value), n, slug))
            n += 1


def check_chain(ledger: Ledger) -> int:
    """Recompute every link and every handoff, and return the number of events."""
    prev, n, rows = GENESIS, 0, dict[HandoffKey, HandoffRow]()
    for n, one in enumerate(ledger.events(), 1):
        assert (one.seq, one.prev) == (n, prev)
        assert one.hash == bodies.link(prev, n, one.body)
        assert (one.ledger, one.event) == bodies.read(one.body)
        prev = one.hash
        if one.event.handoff and (row := moved(rows.get(one.event.handoff), one)):
            rows[row.key] = row
    assert (ledger.head().seq, ledger.head().hash) == (n, prev)
    assert {row.key: row for row in ledger.handoffs()} == rows
    return n


def kinds(ledger: Ledger) -> Iterator[str]:
    """What happened, in order."""
    return (one.event.kind.value for one in ledger.events())
