"""Give a signed order: who may, recorded in the ledger, and looked at whether it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.checks.authority import standing
from lanectl.errors import ConflictError, Remedy, UntrustedError, UsageError
from lanectl.flows.trust import REGISTER
from lanectl.formats import record as records
from lanectl.model.authority import SIGNERS, Counted, Record, Standing
from lanectl.model.display import display

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from lanectl.model.evidence import Trust
    from lanectl.model.ledger import EventKind
    from lanectl.ports import Signer, System
    from lanectl.ports.ledger import Ledger


class Registry(Struct, frozen=True):
    """What an order is given with: the trust at the target's tip, the ledger, the clock."""

    trust: Trust
    ledger: Ledger
    system: System

    def standing(self) -> Standing:
        """Return what counts now."""
        operator = self.trust.operator
        return standing(
            self.ledger.events(kinds=SIGNERS.keys()), self.trust.keyring,
            ledger=self.ledger.id, repository=operator.repository, now=self.system.now(),
        )  # fmt: skip


def give(
    registry: Registry,
    signer: Signer,
    kind: EventKind,
    reason: str,
    subject: Mapping[str, str] | None = None,
    *,
    issued: datetime | None = None,
    expires: datetime | None = None,
) -> Counted:
    """Sign an order, record it and return it as it counts.

    Raises UntrustedError for a key that may not give it (nothing is recorded then, or what was
    recorded counts as absent), UsageError for an order that is none, and what the ledger raises.
    """
    [given] = give_all(
        registry, signer, kind, reason, [subject or {}], issued=issued, expires=expires
    )
    return given


def give_all(
    registry: Registry,
    signer: Signer,
    kind: EventKind,
    reason: str,
    subjects: Iterable[Mapping[str, str]],
    *,
    issued: datetime | None = None,
    expires: datetime | None = None,
) -> tuple[Counted, ...]:
    """Give an order for each of these subjects, as `give` does, and look once whether they count."""
    _refuse_signer(registry, signer, kind)
    repository, at = registry.trust.operator.repository, issued or registry.system.now()
    given = [
        Record(
            kind, registry.ledger.id, repository, at, registry.system.nonce(), reason, dict(s), expires,
        )
        for s in subjects
    ]  # fmt: skip
    for record in given:
        _record(registry, signer, record)
    after = registry.standing()
    counted = {one.record.id: one for one in after.counted if one.record in given}
    for record in given:
        if record.id not in counted:
            because = (i.because for i in after.ignored if i.id == record.id)
            raise UntrustedError(
                "the order was recorded, but does not count",
                why=next(because, "it is not there"),
            )
    return tuple(counted[record.id] for record in given)


def _record(registry: Registry, signer: Signer, record: Record) -> None:
    try:
        event = records.to_event(
            record, signer.public, signer.sign, actor=f"key:sha256:{signer.public.id}"
        )
    except ValueError as error:
        raise UsageError(f"this is no order: {display(str(error))}") from error
    recorded = registry.ledger.record(event)
    if recorded.event != event:
        raise ConflictError("the ledger answered with another event than the one it was given")


def _refuse_signer(registry: Registry, signer: Signer, kind: EventKind) -> None:
    public, now = signer.public, registry.system.now()
    key = registry.standing().keyring.by_id(public.id)
    roles = " or ".join(role.value for role in SIGNERS[kind])
    if key is None:
        why = "it is not in the keyring at the target's tip"
    elif key.role not in SIGNERS[kind]:
        why = f"it is registered as {key.role.value}; this needs {roles}"
    elif key.revoked is not None:
        why = f"it was revoked {key.revoked.at:%Y-%m-%d}"
    elif not key.not_before <= now < key.not_after:
        why = f"it is valid from {key.not_before:%Y-%m-%d} to {key.not_after:%Y-%m-%d}"
    else:
        return
    raise UntrustedError(
        f"key {public.id} may not sign this",
        why=why,
        remedies=(Remedy(f"Sign with a valid key of the role {roles}."), REGISTER),
    )
