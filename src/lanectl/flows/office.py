"""The Enforcer's office: trust of now, the ledger, and the key to sign with, opened and checked once.

Nothing of a bundle comes in here. What is found wrong stops the command before anything is begun.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from lanectl.errors import LaneError, UnavailableError
from lanectl.flows.anchor import make_anchor, newest
from lanectl.flows.approvals import in_force, to_publish
from lanectl.flows.authority import Registry
from lanectl.flows.fetch import fetch_trust
from lanectl.flows.recorder import Recorder, refuse_clock, replay
from lanectl.flows.restored import find_restored, refuse_restored, restorations_of
from lanectl.flows.steps import StepJournal, journal
from lanectl.flows.trust import acting_key
from lanectl.formats.statement import format_time
from lanectl.model.authority import refuse_frozen
from lanectl.model.ledger import EventKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from lanectl.flows.trust import OperatorFile
    from lanectl.model.anchor import Anchor
    from lanectl.model.approval import Approval
    from lanectl.model.evidence import Trust
    from lanectl.model.ledger import Claim, HandoffKey, HandoffRow
    from lanectl.model.names import Digest
    from lanectl.model.settings import Operator
    from lanectl.model.trust import Key
    from lanectl.ports import ApplyingRepository, EnforcerStore, Signer, System
    from lanectl.ports.ledger import Ledger, Spool
    from lanectl.ports.publishing import Forge, Remote
    from lanectl.ports.signing import GpgReader


class Enforcer(Struct, frozen=True):
    """What an Enforcer's command works with. The ways out are built when they are needed."""

    operator_file: OperatorFile
    repository: ApplyingRepository
    store: EnforcerStore
    system: System
    remote: Callable[[Operator], Remote]
    forge: Callable[[Operator], AbstractContextManager[Forge]]
    ledger: Callable[[Operator, bool], AbstractContextManager[Ledger]]
    signer: Callable[[], Signer]
    spool: Spool
    gpg: GpgReader | None = None


class Office(Struct, frozen=True):
    """What an Enforcer acts with.

    `trust` has the ledger's revocations in its keyring; `registry` judges orders by the tip's own.
    """

    trust: Trust
    registry: Registry
    key: Key
    signer: Signer
    recorder: Recorder
    store: EnforcerStore
    anchored: Anchor | None

    def existing(self, key: HandoffKey) -> HandoffRow | None:
        """Return what the ledger knows of a handoff."""
        return self.recorder.ledger.handoff(key)

    def approvals(self, bundle: Digest, repository: ApplyingRepository) -> tuple[Approval, ...]:
        """Return the approvals of a bundle that count now; asks the ledger anew."""
        return in_force(self.registry.standing().approvals, bundle, self.trust, repository)

    def records(self, bundle: Digest) -> bytes:
        """Return the signed approvals and withdrawals about a bundle, as they are published."""
        return to_publish(self.registry, bundle)

    def refuse_frozen(self, bundle: Digest) -> None:
        """Raise HeldError under a freeze that no override lifts for this bundle; asks the ledger anew."""
        refuse_frozen(self.registry.standing(), bundle, self.recorder.system.now())

    def journal(self, name: Digest, handoff: HandoffKey, claim: Claim | None) -> StepJournal:
        """Return the journal of a bundle's steps."""
        keyring = self.trust.keyring
        return journal(self.recorder, keyring, self.signer, name=name, handoff=handoff, claim=claim)

    def anchor(self) -> None:
        """Sign the ledger's head into the state folder, unless that is what was signed last.

        Also what others have recorded since then: a freeze that refuses this command is signed, too.
        """
        with contextlib.suppress(UnavailableError):
            head, ledger = self.recorder.ledger.head(), self.recorder.ledger.id
            last = self.anchored
            if last is None or (last.ledger, last.hash) != (ledger, head.hash):
                line = make_anchor(ledger, head, self.recorder.system.now(), self.signer)
                self.store.add_anchor(line)


@contextlib.contextmanager
def opened(
    enforcer: Enforcer, operator: Operator, remote: Remote | None, *, changes: bool
) -> Iterator[Office]:
    """Yield the office. Without `changes` nothing is recorded.

    Raises UntrustedError (no trust, no key that is good, a ledger that was rewritten or restored),
    ConflictError (a clock that is behind), UnavailableError (no ledger).
    """
    signer, system = enforcer.signer(), enforcer.system
    trust = fetch_trust(
        enforcer.operator_file, operator, remote, enforcer.repository, enforcer.store
    )
    with enforcer.ledger(operator, changes) as ledger:
        now = system.now()
        registry = Registry(trust, ledger, system)
        standing = registry.standing()
        trust = replace(trust, keyring=standing.keyring)
        anchor = newest(enforcer.store.anchors(), trust.keyring, now=now)
        refuse_restored(find_restored(anchor, ledger, restorations_of(standing)))
        key = acting_key(trust, signer.public, now)
        actor = f"key:sha256:{key.public.id}"
        recorder = Recorder(ledger, enforcer.spool, system, actor, operator.repository)
        refuse_clock(recorder)
        if changes:
            replay(recorder)
            _record_keys(recorder, registry)
        office = Office(trust, registry, key, signer, recorder, enforcer.store, anchor)
        try:
            yield office
        except BaseException:
            if changes:  # what stopped the command is told, not that there is no anchor either
                with contextlib.suppress(LaneError):
                    office.anchor()
            raise
        if changes:
            office.anchor()


def _record_keys(recorder: Recorder, registry: Registry) -> None:
    """Record every key of the tip's keyring once: one that is taken out later is not forgotten."""
    known = {event.event.id for event in recorder.ledger.events(kinds={EventKind.KEY})}
    for key in registry.trust.keyring.keys:
        if (name := f"key:{key.public.id}") not in known:
            data = {
                "key": key.public.id, "role": key.role.value, "name": key.name, "email": key.email,
                "not_before": format_time(key.not_before), "not_after": format_time(key.not_after),
            }  # fmt: skip
            recorder.record(EventKind.KEY, None, data, name)
