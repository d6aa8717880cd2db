"""The walk along the ledger's chain, event by event. Refuses the first one that is not in its place.

Memory grows with the handoffs, the signed records and 16 bytes an event: the ids, because no index
of a database that somebody else may have written is believed.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from lanectl.formats.event import link
from lanectl.model.authority import SIGNERS
from lanectl.model.ledger import GENESIS, MOVES, EventKind
from lanectl.model.projection import moved

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from lanectl.model.ledger import Event, HandoffKey, HandoffRow, LedgerId
    from lanectl.model.names import Digest, RepositoryId

BACK: Final = timedelta(seconds=300)
"""How far an event's time may lie before the one before it."""


class BrokenError(Exception):
    """Why the chain ends here."""


class Walk:
    """The chain so far: its end, and what its events add up to."""

    def __init__(self, wanted: Iterable[int]) -> None:
        self.seq = 0
        self.hash: Digest = GENESIS
        self.at: datetime | None = None
        self.ledger: LedgerId | None = None
        self.repository: RepositoryId | None = None
        self.rows: dict[HandoffKey, HandoffRow] = {}
        self.signed: list[Event] = []
        self.marks: dict[int, Digest | None] = dict.fromkeys(wanted)
        self._ids: set[bytes] = set()

    def take(self, event: Event) -> None:
        """Go on by one event. Raises BrokenError, or ValueError for what moves no handoff as it should."""
        self._check_place(event)
        said = event.event
        self._add_id(said.id)
        if said.kind in MOVES and said.handoff is not None:
            row = moved(self.rows.get(said.handoff), event)
            if row is not None:
                self.rows[said.handoff] = row
        elif said.kind in SIGNERS:
            self.signed.append(event)
        self.seq, self.hash, self.at = event.seq, event.hash, said.at
        if event.seq in self.marks:
            self.marks[event.seq] = event.hash

    def _check_place(self, event: Event) -> None:
        if event.seq != self.seq + 1:
            raise BrokenError(f"it is not there; the next one is {event.seq}")
        if event.prev != self.hash:
            raise BrokenError(f"it follows {event.prev}, but the event before it is {self.hash}")
        if link(event.prev, event.seq, event.body) != event.hash:
            raise BrokenError("its hash is not that of its text: one of them was changed")
        if self.at is None:
            if event.event.kind is not EventKind.CREATED:
                raise BrokenError("the first event does not make a ledger")
            self.ledger, self.repository = event.ledger, event.event.repository
        elif event.event.at < self.at - BACK:
            raise BrokenError("its time is more than five minutes before the one before it")
        if event.ledger != self.ledger:
            raise BrokenError(f"it belongs to the ledger {event.ledger}")

    def _add_id(self, text: str) -> None:
        count = len(self._ids)
        self._ids.add(blake2b(text.encode(), digest_size=16).digest())
        if len(self._ids) == count:
            raise BrokenError(f"its id is taken by an earlier event: {text}")
