"""The ledger in a PostgreSQL database, through its own functions. Judges nothing, writes no table."""

from __future__ import annotations

import os
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from lanectl.adapters.ledger.refusal import AGAIN
from lanectl.adapters.ledger.session import connect, deadline, in_our_words, plain_dsn
from lanectl.errors import ConflictError, RefusedError, Remedy, UnavailableError
from lanectl.formats import event as events_of
from lanectl.formats.statement import parse_time
from lanectl.model.ledger import (
    Busy,
    Claim,
    Event,
    HandoffKey,
    HandoffRow,
    HandoffState,
    Head,
    LedgerId,
)
from lanectl.model.names import Digest, ObjectId, RepositoryId, Slug

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import psycopg

    from lanectl.model.ledger import EventKind, NewEvent

__all__ = ["PostgresLedger", "open_ledger", "plain_dsn"]

_PAGE: Final = 500
"""Rows of one answer: what a reader holds in memory at a time."""
_GRACE: Final = 1.0
"""Seconds beyond the server's own time-out after which the connection is cut."""

_EVENT: Final = "select seq, prev, hash, body from lanectl.events"
_HANDOFF: Final = "select key, repository, base, result_tree, slug, bundle, state, updated, commit, branch, url, seq"


def open_ledger(dsn: str, *, seconds: float = 10) -> PostgresLedger:
    """Open the ledger that a DSN from `plain_dsn` names. No answer may take longer than `seconds`.

    Raises UnavailableError, and RefusedError for a bad log-in or a database without a ledger.
    """
    return PostgresLedger(dsn, seconds)


class PostgresLedger:
    """Implements `ports.ledger.Ledger` as the role service_role, on one connection.

    Whatever is sent may be sent twice: an event has its id, a claim its token. So a connection
    that turns out to be broken is made anew, once.
    """

    def __init__(self, dsn: str, seconds: float) -> None:
        self._dsn, self._seconds = dsn, seconds
        self._connection: psycopg.Connection[Any] | None = None
        self._listens = False
        try:
            self._id = self._first().ledger
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        """Name the class alone: the DSN is the operator's."""
        return "PostgresLedger()"

    @property
    def id(self) -> LedgerId:
        """The id in the first event."""
        return self._id

    def head(self) -> Head:
        """Return the end of the chain."""
        row = self._one("select seq, hash, at from lanectl.events order by seq desc limit 1")
        if row is None:
            raise RefusedError("the ledger shows no event any more")
        return Head(row[0], Digest(row[1]), parse_time(row[2]))

    def record(self, event: NewEvent) -> Event:
        """Append an event and move its handoff, in one transaction; see the port."""
        body = events_of.write(event, self._id).decode()
        row = self._one(
            "select seq, prev, hash, body from lanectl.record(%(body)s)", {"body": body}
        )
        if row is None:
            raise RefusedError("the ledger recorded nothing")
        return _event(row)

    def find(self, event_id: str) -> Event | None:
        """Return the event of an id, or None."""
        row = self._one(f"{_EVENT} where id = %(id)s", {"id": event_id})
        return _event(row) if row else None

    def events(
        self,
        *,
        after: int = 0,
        kinds: Collection[EventKind] = (),
        handoff: HandoffKey | None = None,
    ) -> Iterator[Event]:
        """Yield events in their order; see the port. Read in pages, up to what is the last one now."""
        wanted = " and kind = any(%(kinds)s)" if kinds else ""
        wanted += " and handoff = %(handoff)s" if handoff else ""
        query = (
            f"{_EVENT} where seq > %(after)s and seq <= %(last)s{wanted} order by seq limit {_PAGE}"
        )
        given = {
            "last": self.head().seq,
            "kinds": [k.value for k in kinds],
            "handoff": handoff and str(handoff),
        }
        while rows := self._all(query, {**given, "after": after}):
            yield from map(_event, rows)
            after = rows[-1][0]

    def handoff(self, key: HandoffKey) -> HandoffRow | None:
        """Return a handoff, or None."""
        row = self._one(f"{_HANDOFF} from lanectl.handoffs where key = %(key)s", {"key": str(key)})
        return _handoff(row) if row else None

    def handoffs(self, slug: Slug | None = None) -> Iterator[HandoffRow]:
        """Yield handoffs, the one that changed last first; of one slug if it is given."""
        wanted = " and slug = %(slug)s" if slug else ""
        query = (
            f"{_HANDOFF} from lanectl.handoffs where seq < %(before)s{wanted}"
            f" order by seq desc limit {_PAGE}"
        )
        before = (1 << 63) - 1
        while rows := self._all(query, {"before": before, "slug": slug and str(slug)}):
            yield from map(_handoff, rows)
            before = rows[-1][-1]

    def claim(
        self, key: HandoffKey, holder: str, *, seconds: int, over: str | None = None
    ) -> Claim | Busy:
        """Take the claim on a handoff, or return whose it is; see the port."""
        claim = Claim(key, os.urandom(16).hex(), holder)
        row = self._one(
            "select taken, holder, token, lease_until from"
            " lanectl.claim(%(key)s, %(holder)s, %(token)s, %(seconds)s, %(over)s)",
            {**_of(claim), "holder": holder, "seconds": seconds, "over": over},
        )
        if row is None:
            raise RefusedError("the ledger neither gave nor refused the claim")
        return claim if row[0] else Busy(row[1], row[2], row[3].astimezone(UTC))

    def claim_next(self, holder: str, *, seconds: int) -> tuple[Claim, HandoffRow] | None:
        """Take the claim on the queued handoff that waits longest and nobody holds, or None."""
        token = os.urandom(16).hex()
        row = self._one(
            f"{_HANDOFF} from lanectl.claim_next(%(holder)s, %(token)s, %(seconds)s)",
            {"holder": holder, "token": token, "seconds": seconds},
        )
        if row is None:
            return None
        handoff = _handoff(row)
        return Claim(handoff.key, token, holder), handoff

    def renew(self, claim: Claim, *, seconds: int) -> None:
        """Begin the lease anew. Raises ConflictError if the claim is lost."""
        row = self._one(
            "select lanectl.renew(%(key)s, %(token)s, %(seconds)s)",
            {**_of(claim), "seconds": seconds},
        )
        if row is None or row[0] is not True:
            raise ConflictError("the claim on the handoff is lost", remedies=(AGAIN,))

    def release(self, claim: Claim) -> None:
        """Give a claim back; a lost one is left alone."""
        self._one("select lanectl.release(%(key)s, %(token)s)", _of(claim))

    def wait(self, seconds: float) -> None:
        """Return when something may have been queued, at the latest after this time.

        The first call, and the first on a new connection, begins to listen and returns at once:
        what was queued before would not be heard.
        """
        import psycopg

        if not self._listens or self._connection is None:
            self._all("listen lanectl")
            self._listens = True
            return
        try:
            for _ in self._connection.notifies(timeout=seconds, stop_after=1):
                pass
        except psycopg.Error as error:
            self.close()
            raise in_our_words(error) from error

    def close(self) -> None:
        """End the connection. Closing twice is harmless."""
        connection, self._connection = self._connection, None
        self._listens = False
        if connection is not None:
            connection.close()

    def _first(self) -> Event:
        row = self._one(f"{_EVENT} where seq = 1")
        if row is None:
            raise RefusedError(
                "the ledger has no first event",
                remedies=(Remedy("Finish it:", ("lanectl", "ledger", "migrate")),),
            )
        return _event(row)

    def _one(self, query: str, values: Mapping[str, Any] | None = None) -> tuple[Any, ...] | None:
        rows = self._all(query, values)
        return rows[0] if rows else None

    def _all(self, query: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows; on a broken connection, once more on a new one."""
        import psycopg

        try:
            was_open = self._connection is not None
            try:
                return self._run(query, values)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                if not was_open or self._connection is not None:
                    raise
                return self._run(query, values)
        except psycopg.Error as error:
            raise in_our_words(error) from error

    def _run(self, query: str, values: Mapping[str, Any] | None) -> list[tuple[Any, ...]]:
        """Run one statement; forget the connection if it breaks at that."""
        connection = self._connection or self._opened()
        try:
            with deadline(connection, self._seconds + _GRACE) as late:
                cursor = connection.execute(query.encode(), values)
                return cursor.fetchall() if cursor.description else []
        finally:
            if connection.closed:
                self.close()
                if late.is_set():
                    raise UnavailableError(
                        "the ledger's database is not available", why="it did not answer in time"
                    )

    def _opened(self) -> psycopg.Connection[Any]:
        self._connection = connect(self._dsn, self._seconds, "service_role")
        return self._connection


def _of(claim: Claim) -> dict[str, Any]:
    return {"key": str(claim.key), "token": claim.token}


def _event(row: tuple[Any, ...]) -> Event:
    seq, prev, hash_, body = row
    return events_of.restore(seq, prev, hash_, body.encode())


def _handoff(row: tuple[Any, ...]) -> HandoffRow:
    key, repository, base, tree, slug, bundle, state, updated, commit, branch, url = row[:11]
    return HandoffRow(
        HandoffKey(key), RepositoryId(repository), ObjectId(base), ObjectId(tree), Slug(slug),
        Digest(bundle), HandoffState(state), updated.astimezone(UTC),
        ObjectId(commit) if commit else None, branch, url,
    )  # fmt: skip
