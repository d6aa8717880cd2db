"""The ledger, as flows see it: one port, three back ends, one conformance suite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from contextlib import AbstractContextManager

    from lanectl.model.ledger import (
        Busy,
        Claim,
        Event,
        EventKind,
        HandoffKey,
        HandoffRow,
        Head,
        LedgerId,
        NewEvent,
    )
    from lanectl.model.names import Digest, Slug
    from lanectl.model.submission import Submission


class Ledger(Protocol):
    """A ledger that is open for writing.

    Every method raises UnavailableError if the back end does not answer (also: too late), and
    RefusedError if it says no: a bad credential, a missing privilege, a write that changed nothing.
    """

    @property
    def id(self) -> LedgerId:
        """The id in the first event."""
        ...

    def head(self) -> Head:
        """Return the end of the chain."""
        ...

    def record(self, event: NewEvent) -> Event:
        """Append an event and move its handoff, in one transaction; return it with its place.

        An event whose id is there already changes nothing: the one that is there is returned.
        Raises ConflictError: the handoff is in no state for it, the claim is lost, or the event's
        time lies more than five minutes before the last one's.
        """
        ...

    def find(self, event_id: str) -> Event | None:
        """Return the event of an id, or None."""
        ...

    def events(
        self,
        *,
        after: int = 0,
        kinds: Collection[EventKind] = (),
        handoff: HandoffKey | None = None,
    ) -> Iterator[Event]:
        """Yield events in their order, with a number above `after`, of these kinds (none: all).

        Raises MalformedError (`ledger/malformed`) at an event that is none.
        """
        ...

    def handoff(self, key: HandoffKey) -> HandoffRow | None:
        """Return a handoff, or None."""
        ...

    def handoffs(self, slug: Slug | None = None) -> Iterator[HandoffRow]:
        """Yield handoffs, the one that changed last first; of one slug if it is given."""
        ...

    def claim(
        self, key: HandoffKey, holder: str, *, seconds: int, over: str | None = None
    ) -> Claim | Busy:
        """Take the claim on a handoff, or return whose it is.

        A lease that has ended is nobody's. `over` is the token of a claim whose holder is known to
        be dead: it is taken over if it is still that one. Raises ConflictError for an unknown key.
        """
        ...

    def claim_next(self, holder: str, *, seconds: int) -> tuple[Claim, HandoffRow] | None:
        """Take the claim on the queued handoff that waits longest and nobody holds, or None."""
        ...

    def renew(self, claim: Claim, *, seconds: int) -> None:
        """Begin the lease anew. Raises ConflictError if the claim is lost."""
        ...

    def release(self, claim: Claim) -> None:
        """Give a claim back; a lost one is left alone."""
        ...

    def wait(self, seconds: float) -> None:
        """Return when something may have been queued, at the latest after this time."""
        ...

    def close(self) -> None:
        """End the connection. Closing twice is harmless."""
        ...


class StatusReader(Protocol):
    """What the codex lane may see of a ledger: where handoffs are. No event, no finding, no write."""

    def status(self, slug: Slug | None = None) -> Iterator[HandoffRow]:
        """Yield handoffs, the one that changed last first; of one slug if it is given."""
        ...


class Spool(Protocol):
    """Events that the ledger could not take, in a file of this machine, in their order."""

    def held(self) -> AbstractContextManager[None]:
        """Hold the spool, so that no two processes replay it at once."""
        ...

    def waiting(self) -> Iterator[NewEvent]:
        """Yield the events that wait."""
        ...

    def put(self, event: NewEvent) -> None:
        """Add an event, on disk when this returns."""
        ...

    def drop(self) -> None:
        """Forget all events: they are recorded."""
        ...


class AnchorStore(Protocol):
    """What an Enforcer keeps outside of the ledger, and proves its past by."""

    def anchors(self) -> list[bytes]:
        """Return the signed heads of the ledger, one a line, as they were added."""
        ...

    def add_anchor(self, line: bytes) -> None:
        """Append a signed head, for good."""
        ...

    def kept(self, digest: Digest) -> Submission | None:
        """Return the kept copy of an accepted bundle: archive and signature."""
        ...

    def keep_admission(self, digest: Digest, admission: bytes) -> None:
        """Keep the admission of an applied bundle beside it."""
        ...

    def admissions(self) -> Iterator[tuple[Digest, bytes]]:
        """Yield the admissions that are kept, each with its bundle's digest."""
        ...
