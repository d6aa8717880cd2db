"""The embedded ledger: one SQLite file for the processes of one machine. Refuses to be made twice.

It trusts file locks and shared memory, so the file must not lie on a network file system.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from lanectl.adapters.ledger import sqlite_handoffs as handoffs
from lanectl.adapters.ledger.sqlite_create import create, exists
from lanectl.adapters.ledger.sqlite_open import opened
from lanectl.errors import ConflictError, Remedy
from lanectl.formats import event as bodies
from lanectl.formats.statement import format_time, parse_time
from lanectl.model.ledger import MOVES, Event, Head
from lanectl.model.names import Digest
from lanectl.model.report import MalformedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from lanectl.adapters.ledger.sqlite_file import Database
    from lanectl.model.ledger import (
        Busy,
        Claim,
        EventKind,
        HandoffKey,
        HandoffRow,
        LedgerId,
        NewEvent,
    )
    from lanectl.model.names import Slug

__all__ = ["SqliteLedger", "create", "exists", "open_ledger"]

_BACKWARDS: Final = timedelta(seconds=300)
"""How far an event's time may lie before the last one's."""

_PAGE: Final = 1000
_POLL: Final = 0.1

_EVENT: Final = "select seq, prev, hash, cast(body as blob) from events where "
_HEAD: Final = "select seq, hash, at from events order by seq desc limit 1"
_APPEND: Final = "insert into events (seq, prev, hash, body) values (?, ?, ?, ?)"


def open_ledger(path: str, key: str | None = None) -> SqliteLedger:
    """Return the ledger in this file.

    Raises UnavailableError if it is missing or locked for too long, UnreadableError if it is
    damaged, of another version, or not opened by this key.
    """
    db = opened(path, key)
    try:
        return SqliteLedger(db, _first(db))
    except BaseException:
        db.close()
        raise


class SqliteLedger:
    """Implements `ports.ledger.Ledger` over a file, for one thread."""

    def __init__(self, db: Database, first: Event) -> None:
        self._db = db
        self._id = first.ledger
        self._seen = 0  # nothing yet

    @property
    def id(self) -> LedgerId:
        """The id in the first event."""
        return self._id

    def close(self) -> None:
        """End the connection."""
        self._db.close()

    def head(self) -> Head:
        """Return the end of the chain."""
        seq, hash_, at = self._db.rows(_HEAD)[0]
        try:
            return Head(seq, Digest(hash_), parse_time(at))
        except ValueError as error:
            raise self._db.damaged(f"event {seq}: {error}") from error

    def find(self, event_id: str) -> Event | None:
        """Return the event of an id, or None."""
        rows = self._db.rows(_EVENT + "id = ?", (event_id,))
        return bodies.restore(*rows[0]) if rows else None

    def events(
        self, *, after: int = 0, kinds: Collection[EventKind] = (), handoff: HandoffKey | None = None
    ) -> Iterator[Event]:  # fmt: skip
        """Yield the events up to the present head."""
        end = self.head().seq
        sql = _EVENT + "seq > ? and seq <= ?"
        values: list[str] = [*kinds]
        if kinds:
            sql += " and kind in (" + ", ".join("?" * len(kinds)) + ")"
        if handoff is not None:
            sql += " and handoff = ?"
            values.append(handoff)
        while rows := self._db.rows(sql + " order by seq limit ?", (after, end, *values, _PAGE)):
            for row in rows:
                yield bodies.restore(*row)
            after = rows[-1][0]

    def record(self, event: NewEvent) -> Event:
        """Append an event and move its handoff."""
        body = bodies.write(event, self._id)
        with self._db.writing():
            if found := self.find(event.id):
                return found
            head = self.head()
            if event.at < head.at - _BACKWARDS:
                raise _behind(event.at, head.at)
            seq = head.seq + 1
            hash_ = bodies.link(head.hash, seq, body)
            new = bodies.restore(seq, head.hash, hash_, body)
            self._db.rows(_APPEND, (seq, head.hash, hash_, body.decode()))
            if event.kind in MOVES:
                handoffs.move(self._db, new)
        return new

    def handoff(self, key: HandoffKey) -> HandoffRow | None:
        """Return a handoff, or None."""
        return handoffs.find(self._db, key)

    def handoffs(self, slug: Slug | None = None) -> Iterator[HandoffRow]:
        """Yield handoffs, the one that changed last first."""
        return handoffs.listed(self._db, slug)

    def claim(
        self, key: HandoffKey, holder: str, *, seconds: int, over: str | None = None
    ) -> Claim | Busy:
        """Take the claim on a handoff, or return whose it is."""
        with self._db.writing():
            return handoffs.claim(self._db, key, holder, seconds, over)

    def claim_next(self, holder: str, *, seconds: int) -> tuple[Claim, HandoffRow] | None:
        """Take the claim on the queued handoff that waits longest and nobody holds, or None."""
        with self._db.writing():
            self._seen = self._version()
            return handoffs.claim_next(self._db, holder, seconds)

    def renew(self, claim: Claim, *, seconds: int) -> None:
        """Begin the lease anew."""
        with self._db.writing():
            handoffs.renew(self._db, claim, seconds)

    def release(self, claim: Claim) -> None:
        """Give a claim back."""
        with self._db.writing():
            handoffs.release(self._db, claim)

    def wait(self, seconds: float) -> None:
        """Return when another process has written since `claim_next` or the last wait."""
        deadline = time.monotonic() + seconds
        seen = self._seen or self._version()
        while (now := self._version()) == seen and (rest := deadline - time.monotonic()) > 0:
            time.sleep(min(rest, _POLL))
        self._seen = now

    def _version(self) -> int:
        """Return what changes when another connection writes."""
        return int(self._db.rows("pragma data_version")[0][0])


def _first(db: Database) -> Event:
    rows = db.rows(_EVENT + "seq = 1")
    try:
        if rows:
            return bodies.restore(*rows[0])
    except MalformedError as error:
        raise db.damaged(str(error)) from error
    raise db.damaged("it has no first event")


def _behind(at: datetime, last: datetime) -> ConflictError:
    return ConflictError(
        "the ledger does not take an event of the past",
        why=f"lanectl/clock: it happened at {format_time(at)}, the last one at {format_time(last)}",
        remedies=(Remedy("Set this machine's clock right and run the command again."),),
    )
