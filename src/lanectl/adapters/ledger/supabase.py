"""The ledger in a Supabase project, over HTTP. Writes by the database's functions and no other way."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final

from lanectl.adapters.ledger.refusal import AGAIN
from lanectl.adapters.ledger.rest import COLUMNS, Rest, Row, parse_moment
from lanectl.errors import ConflictError, RefusedError, Remedy
from lanectl.formats import event as events
from lanectl.model.display import display
from lanectl.model.ledger import Busy, Claim, Head
from lanectl.model.report import Fault, MalformedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from postgrest import SyncSelectRequestBuilder

    from lanectl.adapters.ledger.rest import Query
    from lanectl.model.ledger import (
        Event,
        EventKind,
        HandoffKey,
        HandoffRow,
        LedgerId,
        NewEvent,
    )
    from lanectl.model.names import Slug

_EVENT: Final = "seq,prev,hash,body"
_POLL: Final = 2.0
"""Seconds between two looks at the queue: nothing over HTTP wakes us."""


def open_ledger(url: str, key: str, *, seconds: float = 10) -> SupabaseLedger:
    """Return the ledger of a project by its secret key; nothing is asked yet.

    `seconds`: how long the server may keep us waiting. Raises RefusedError: an address without TLS
    that is not this machine's, a key that is none.
    """
    return SupabaseLedger(Rest(url, key, seconds))


class SupabaseLedger:
    """Implements `ports.ledger.Ledger`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._id: LedgerId | None = None

    @property
    def id(self) -> LedgerId:
        """The id in the first event."""
        if self._id is None:
            self._id = self._one(self._select(_EVENT).eq("seq", 1)).ledger
        return self._id

    def head(self) -> Head:
        """Return the end of the chain."""
        last = self._one(self._newest(_EVENT))
        return Head(last.seq, last.hash, last.event.at)

    def record(self, event: NewEvent) -> Event:
        """Append an event, or return the one of its id."""
        body = events.write(event, self.id).decode()
        stored = self._one(self._rest.client.rpc("record", {"p_body": body}))
        if stored.event.id != event.id:
            raise self._rest.strange("another event than the one that was recorded")
        return stored

    def find(self, event_id: str) -> Event | None:
        """Return the event of an id, or None."""
        rows = self._rest.rows(self._select(_EVENT).eq("id", event_id))
        return _event(rows[0]) if rows else None

    def events(
        self,
        *,
        after: int = 0,
        kinds: Collection[EventKind] = (),
        handoff: HandoffKey | None = None,
    ) -> Iterator[Event]:
        """Yield events up to the present end. Raises MalformedError at one that is none."""
        only: dict[str, Collection[str]] = {}
        if kinds:
            only["kind"] = [kind.value for kind in kinds]
        if handoff is not None:
            only["handoff"] = [handoff]
        end = self._rest.seq(self._must(self._rest.rows(self._newest("seq"))))
        bounds = after, max(after, end)
        yield from map(_event, self._rest.pages("events", _EVENT, "seq", bounds, only))

    def handoff(self, key: HandoffKey) -> HandoffRow | None:
        """Return a handoff, or None."""
        rows = self._rest.rows(self._rest.client.table("handoffs").select(COLUMNS).eq("key", key))
        return self._rest.row(rows[0]) if rows else None

    def handoffs(self, slug: Slug | None = None) -> Iterator[HandoffRow]:
        """Yield handoffs, the one that changed last first."""
        return self._rest.handoffs("handoffs", slug)

    def claim(
        self, key: HandoffKey, holder: str, *, seconds: int, over: str | None = None
    ) -> Claim | Busy:
        """Take the claim on a handoff, or return whose it is."""
        mine = Claim(key, secrets.token_hex(16), holder)
        row = self._must(self._call(
            "claim", p_key=key, p_holder=holder, p_token=mine.token, p_seconds=seconds, p_over=over
        ))  # fmt: skip
        if row.get("taken") is True:
            return mine
        try:
            return Busy(str(row["holder"]), str(row["token"]), parse_moment(row["lease_until"]))
        except (KeyError, TypeError, ValueError) as error:
            raise self._rest.strange("a claim that is none") from error

    def claim_next(self, holder: str, *, seconds: int) -> tuple[Claim, HandoffRow] | None:
        """Take the claim on the queued handoff that waits longest, or None."""
        token = secrets.token_hex(16)
        rows = self._call("claim_next", p_holder=holder, p_token=token, p_seconds=seconds)
        if not rows:
            return None
        row = self._rest.row(rows[0])
        return Claim(row.key, token, holder), row

    def renew(self, claim: Claim, *, seconds: int) -> None:
        """Begin the lease anew. Raises ConflictError if the claim is lost."""
        arguments = {"p_key": claim.key, "p_token": claim.token, "p_seconds": seconds}
        held = self._rest.ask(self._rest.client.rpc("renew", arguments))
        if held is not True:
            raise ConflictError("the claim is lost: somebody else holds it", remedies=(AGAIN,))

    def release(self, claim: Claim) -> None:
        """Give a claim back; a lost one is left alone."""
        arguments = {"p_key": claim.key, "p_token": claim.token}
        self._rest.ask(self._rest.client.rpc("release", arguments))

    def wait(self, seconds: float) -> None:
        """Return after the time between two looks, or this time if it is shorter."""
        time.sleep(min(seconds, _POLL))

    def close(self) -> None:
        """End the connections."""
        self._rest.close()

    def _select(self, columns: str) -> SyncSelectRequestBuilder:
        return self._rest.client.table("events").select(columns)

    def _newest(self, columns: str) -> SyncSelectRequestBuilder:
        return self._select(columns).order("seq", desc=True).limit(1)

    def _call(self, function: str, **arguments: str | int | None) -> list[Row]:
        return self._rest.rows(self._rest.client.rpc(function, arguments))

    def _one(self, query: Query) -> Event:
        """Return the one event of an answer. Raises RefusedError if there is none."""
        try:
            return _event(self._must(self._rest.rows(query)))
        except MalformedError as error:
            raise self._rest.strange("an event that is none") from error

    def _must(self, rows: list[Row]) -> Row:
        """Return the first row. PostgREST answers 200 and none if a policy filtered it."""
        if rows:
            return rows[0]
        raise RefusedError(
            f"{display(self._rest.host)} answered no row where there must be one",
            why="the ledger is empty, or a policy of the database hides it from this key",
            remedies=(Remedy("Install the ledger again.", ("lanectl", "ledger", "migrate")),),
        )


def _event(row: Row) -> Event:
    """Return the event of a row. Raises MalformedError if it is none."""
    try:
        return events.restore(int(row["seq"]), row["prev"], row["hash"], row["body"].encode())
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        fault = Fault("ledger/malformed", f"event {row.get('seq')}", f"no row of an event: {error}")
        raise MalformedError(fault) from error
