"""The journal of a bundle's steps, in the ledger: what an Enforcer signed is done, no other row's word.

Steps look what is there before they act, so one that is not believed costs a question, no more.
"""

from __future__ import annotations

import base64
import contextlib
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lanectl.errors import UnavailableError
from lanectl.flows.anchor import believe
from lanectl.formats import envelope, json
from lanectl.model.bundle import Envelope
from lanectl.model.ledger import LEASE, Claim, EventKind
from lanectl.model.trust import hint_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lanectl.flows.recorder import Recorder
    from lanectl.model.ledger import Event, HandoffKey
    from lanectl.model.names import Digest
    from lanectl.model.trust import Keyring
    from lanectl.ports import Signer

_TYPE: Final = "application/vnd.lanectl.step+json"
_UNSIGNED: Final = ("hint", "signature", "happened")
"""What stands in the data beside that which is signed; `happened` is put in when it is told late."""


class StepJournal(Struct, frozen=True):
    """Implements `ports.publishing.Journal` in the ledger."""

    recorder: Recorder
    signer: Signer
    name: Digest
    handoff: HandoffKey | None
    claim: Claim | None
    steps: dict[str, Mapping[str, str]]

    def done(self, step: str) -> Mapping[str, str] | None:
        """Return the facts that a step was completed with, or None."""
        return self.steps.get(step)

    def intend(self, step: str, facts: Mapping[str, str]) -> None:
        """Record what is about to be done. Raises ConflictError if the claim is lost."""
        if self.claim is not None:
            with contextlib.suppress(UnavailableError):
                self.recorder.ledger.renew(self.claim, seconds=LEASE)
        self._note(EventKind.STEP_INTENDED, step, {**facts, "of": self.name, "step": step})

    def complete(self, step: str, facts: Mapping[str, str]) -> None:
        """Sign and record what was done."""
        data = {**facts, "of": self.name, "step": step}
        payload = _payload(self.recorder, self.handoff, data)
        signature = self.signer.sign(envelope.pre_authentication_encoding(_TYPE, payload))
        data["hint"] = hint_of(self.signer.public.id)
        data["signature"] = base64.b64encode(signature).decode("ascii")
        self._note(EventKind.STEP_DONE, step, data)
        self.steps[step] = facts

    def _note(self, kind: EventKind, step: str, data: Mapping[str, str]) -> None:
        self.recorder.note(kind, self.handoff, data, f"{kind.value}:{self.name}:{step}")


def journal(
    recorder: Recorder, keyring: Keyring, signer: Signer,
    *, name: Digest, handoff: HandoffKey | None, claim: Claim | None,
) -> StepJournal:  # fmt: skip
    """Return the journal of a bundle's steps, with those that an Enforcer of the keyring signed."""
    done: dict[str, Mapping[str, str]] = {}
    for event in recorder.ledger.events(kinds={EventKind.STEP_DONE}, handoff=handoff):
        facts = {k: v for k, v in event.event.data.items() if k not in _UNSIGNED}
        if facts.get("of") == name and _is_signed(recorder, event, facts, keyring):
            step, _ = facts.pop("step"), facts.pop("of")
            done[step] = facts
    return StepJournal(recorder, signer, name, handoff, claim, done)


def _is_signed(
    recorder: Recorder, event: Event, facts: Mapping[str, str], keyring: Keyring
) -> bool:
    said = event.event
    payload = _payload(recorder, said.handoff, facts)
    try:
        signature = base64.b64decode(said.data["signature"], validate=True)
        signed = Envelope(_TYPE, payload, signature, said.data["hint"])
        believe(signed, said.at, keyring, recorder.system.now())
    except (KeyError, ValueError):  # also BadAnchorError
        return False
    return "step" in facts


def _payload(recorder: Recorder, handoff: HandoffKey | None, data: Mapping[str, str]) -> bytes:
    """Return what is signed: a step of this handoff, in this ledger."""
    return json.dump({"data": dict(data), "handoff": handoff or "", "ledger": recorder.ledger.id})
