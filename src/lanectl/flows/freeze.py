"""Freeze: stop every apply, lift it, or except one bundle with two leads. Applies nothing itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.errors import ConflictError, Remedy, UsageError
from lanectl.flows.authority import Registry, give
from lanectl.model.authority import FREEZE
from lanectl.model.ledger import EventKind

if TYPE_CHECKING:
    from lanectl.model.authority import Counted, Override
    from lanectl.model.names import Digest
    from lanectl.ports import Signer


class Asked(Struct, frozen=True):
    """An exception that one lead signed; `override` is in force once two did."""

    record: Counted
    override: Override | None


def freeze(registry: Registry, signer: Signer, reason: str) -> Counted:
    """Stop every apply and publish until a lead lifts it. Raises as `give`."""
    return give(registry, signer, EventKind.FROZEN, reason)


def lift(registry: Registry, signer: Signer, reason: str) -> Counted | None:
    """Lift what is frozen; None: nothing was. Raises as `give`, ConflictError if it stays frozen."""
    if registry.standing().frozen is None:
        return None
    lifted = give(registry, signer, EventKind.LIFTED, reason)
    still = registry.standing().frozen
    if still is not None:
        raise ConflictError(
            "it is still frozen",
            why=f"another freeze was recorded at {still.at:%Y-%m-%d %H:%M}Z, after this was signed",
            remedies=(Remedy("Look at it.", ("lanectl", "freeze", "--status")),),
        )
    return lifted


def except_bundle(
    registry: Registry, signer: Signer, bundle: Digest, reason: str, hours: int
) -> Asked:
    """Except one bundle from the freeze, once two leads said so with the same reason.

    Raises UsageError where nothing is frozen: no exception is made in advance.
    """
    if registry.standing().frozen is None:
        raise UsageError("nothing is frozen, so there is nothing to except a bundle from")
    now = registry.system.now()
    record = give(
        registry, signer, EventKind.OVERRIDE, reason, {"bundle": bundle, "overrides": FREEZE},
        issued=now, expires=now + timedelta(hours=hours),
    )  # fmt: skip
    return Asked(record, registry.standing().overrides.get(bundle))
