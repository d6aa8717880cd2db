"""Recording: what an Enforcer does goes into the ledger, under a claim on its handoff.

Before a claim a ledger that does not answer stops the command. After it, the work is done and told
later: what the ledger cannot take is spooled, and replayed by the next command.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from lanectl.errors import ConflictError, Remedy, UnavailableError
from lanectl.model.display import display
from lanectl.model.ledger import CLAIMED_ONLY, LEASE, Busy, Claim, EventKind, NewEvent
from lanectl.model.trust_policy import SKEW

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from lanectl.model.ledger import Event, HandoffKey
    from lanectl.model.names import RepositoryId
    from lanectl.ports import System
    from lanectl.ports.ledger import Ledger, Spool

"""Seconds that this machine's clock may be behind the ledger's last event."""

_PATIENCE: Final = 120
"""Seconds to wait for another process that acts on the same handoff."""


class Recorder(Struct, frozen=True):
    """The ledger in an Enforcer's hand: `actor` is who every event names."""

    ledger: Ledger
    spool: Spool
    system: System
    actor: str
    repository: RepositoryId

    def event(
        self, kind: EventKind, name: str, handoff: HandoffKey | None, data: Mapping[str, str]
    ) -> NewEvent:
        """Return an event of now; `name` is the id that makes it idempotent."""
        now = self.system.now()
        return NewEvent(name, kind, now, self.actor, self.repository, handoff, data)

    def record(
        self,
        kind: EventKind,
        handoff: HandoffKey | None,
        data: Mapping[str, str],
        name: str | None = None,
    ) -> Event:
        """Record an event now. Raises as `Ledger.record`."""
        return self.ledger.record(self.event(kind, name or self._fresh(kind), handoff, data))

    def note(
        self,
        kind: EventKind,
        handoff: HandoffKey | None,
        data: Mapping[str, str],
        name: str | None = None,
    ) -> Event | None:
        """Record an event of what is done already; None: the ledger was gone, it is spooled."""
        event = self.event(kind, name or self._fresh(kind), handoff, data)
        try:
            return self.ledger.record(event)
        except UnavailableError:
            self.spool.put(event)
            return None

    def is_spooled(self) -> bool:
        """Whether events wait on this machine."""
        return any(True for _ in self.spool.waiting())

    def _fresh(self, kind: EventKind) -> str:
        return f"{kind.value}:{self.system.nonce()}"


def applied_id(key: HandoffKey) -> str:
    """Return the id of the one event that consumes a handoff; it holds the admission."""
    return f"applied:{key}"


@contextlib.contextmanager
def claimed(recorder: Recorder, key: HandoffKey) -> Iterator[Claim]:
    """Hold the claim on a handoff. Raises UnavailableError if another process keeps it."""
    claim = _take(recorder, key)
    try:
        recorder.note(EventKind.CLAIMED, key, {"holder": claim.holder}, f"claimed:{claim.token}")
        yield claim
    finally:
        with contextlib.suppress(UnavailableError):
            recorder.ledger.release(claim)


def _take(recorder: Recorder, key: HandoffKey) -> Claim:
    """Wait for the claim; one whose holder is a process of this machine that died is taken over."""
    ledger, system = recorder.ledger, recorder.system
    me, begun, over = system.holder(), system.now(), None
    while True:
        found = ledger.claim(key, me, seconds=LEASE, over=over)
        if isinstance(found, Claim):
            return found
        over = found.token if system.is_dead(found.holder) else None
        if over is None:
            _refuse_to_wait_longer(found, begun, system.now())
            ledger.wait(0.25)


def _refuse_to_wait_longer(found: Busy, begun: datetime, now: datetime) -> None:
    if (now - begun).total_seconds() > _PATIENCE:
        raise UnavailableError(
            "another Enforcer has been acting on this handoff for two minutes",
            why=f"{display(found.holder)} holds it until {found.until:%Y-%m-%d %H:%M:%S}Z",
            remedies=(Remedy("Wait for it, or end it, and run the command again."),),
        )


def refuse_clock(recorder: Recorder) -> None:
    """Raise ConflictError if this machine's clock is behind the ledger."""
    head, now = recorder.ledger.head(), recorder.system.now()
    if head.at - now > SKEW:
        raise ConflictError(
            "this machine's clock is behind the ledger",
            why=f"it is {now:%Y-%m-%d %H:%M:%S}Z here, the last event is of {head.at:%Y-%m-%d %H:%M:%S}Z",
            remedies=(Remedy("Set the clock.", ("timedatectl", "status")),),
        )


def replay(recorder: Recorder) -> None:
    """Record what was spooled, in order; what another process is acting on waits for the next time."""
    with recorder.spool.held():
        for event in recorder.spool.waiting():
            if not _replayed(recorder, event):
                return
        recorder.spool.drop()


def _replayed(recorder: Recorder, event: NewEvent) -> bool:
    """Record one spooled event with the present time; its own stands in the data.

    One that the ledger does not take any more, since another result stands, is told as a conflict.
    """
    ledger, name = recorder.ledger, event.id
    now = recorder.system.now()
    event = replace(
        event, at=now, data={**event.data, "happened": f"{event.at:%Y-%m-%dT%H:%M:%SZ}"}
    )
    try:
        if event.kind in CLAIMED_ONLY and event.handoff is not None:
            return _replayed_with_claim(recorder, event, event.handoff)
        ledger.record(event)
    except ConflictError:
        late = f"late:{event.data.get('claim', '')}:{name}"[:300]
        ledger.record(replace(event, id=late, kind=EventKind.CONFLICTED))
    return True


def _replayed_with_claim(recorder: Recorder, event: NewEvent, key: HandoffKey) -> bool:
    """Record what needs the claim; raise ConflictError where another Enforcer's word stands."""
    ledger = recorder.ledger
    there = ledger.find(event.id)
    if there is not None:
        if there.event.data.get("commit") != event.data.get("commit"):
            raise ConflictError("another Enforcer's commit stands")
        return True
    found = ledger.claim(key, recorder.system.holder(), seconds=LEASE)
    if isinstance(found, Busy):
        return False
    try:
        ledger.record(replace(event, data={**event.data, "claim": found.token}))
    finally:
        ledger.release(found)
    return True
