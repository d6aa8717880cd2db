"""A ledger that was restored from a copy: found by what was signed of it, and made whole again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.errors import Remedy, UntrustedError
from lanectl.flows.anchor import BadAnchorError, make_anchor, newest, read_good
from lanectl.model.anchor import Lost, Restoration
from lanectl.model.ledger import EventKind
from lanectl.model.names import Digest
from lanectl.model.report import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lanectl.flows.authority import Registry
    from lanectl.model.anchor import Anchor
    from lanectl.model.authority import Standing
    from lanectl.ports import Signer
    from lanectl.ports.ledger import AnchorStore, Ledger

RECONCILE = Remedy(
    "Let a lead look at it, and take over what the remote knows.",
    ("lanectl", "ledger", "reconcile", "--key", "LEADKEY", "--reason", "TEXT"),
)


def restorations_of(standing: Standing) -> tuple[Restoration, ...]:
    """Return what leads said of restored ledgers, of the records that count."""
    found = []
    for one in standing.counted:
        said = one.record.subject
        if one.record.kind is EventKind.RESTORED:
            found.append(
                Restoration(
                    int(said["lost_seq"]), Digest(said["lost_hash"]),
                    int(said["restored_seq"]), Digest(said["restored_hash"]), one.record.issued,
                )
            )  # fmt: skip
    return tuple(found)


def find_restored(
    anchor: Anchor | None, ledger: Ledger, restorations: Iterable[Restoration] = ()
) -> Lost | None:
    """Return what was lost if the ledger is behind or beside its own newest anchor, else None.

    Another ledger than the one that was anchored is one that was lost, too. Cheap: one
    event and the head are read. `anchor` is `flows.anchor.newest` of the state folder;
    `restorations` are a lead's counted records, which explain a loss.
    """
    if anchor is None:
        return None
    try:
        event = next(ledger.events(after=anchor.seq - 1), None)
    except MalformedError:
        event = None
    if event is not None and (event.ledger, event.seq, event.hash) == (
        anchor.ledger, anchor.seq, anchor.hash,
    ):  # fmt: skip
        return None
    if any(restoration.explains(anchor) for restoration in restorations):
        return None
    return Lost(anchor, ledger.head())


def refuse_restored(lost: Lost | None) -> None:
    """Raise UntrustedError if something is lost: nothing is applied until a lead has reconciled."""
    if lost is None:
        return
    anchor, head = lost.anchor, lost.head
    raise UntrustedError(
        "the ledger is not the one that this Enforcer wrote",
        why=f"event {anchor.seq} of ledger {anchor.ledger} was {anchor.hash}"
        f" at {anchor.at:%Y-%m-%d %H:%M}Z; now the chain ends at event {head.seq}, {head.hash}",
        remedies=(
            Remedy("Find out what it lacks.", ("lanectl", "ledger", "verify")),
            RECONCILE,
        ),
    )


def anchor_orders(registry: Registry, store: AnchorStore, signer: Signer) -> None:
    """Sign the head, so that an order cannot be taken out unseen before an Enforcer's next command.

    Signs nothing with a key whose anchors nobody believes, and nothing over a ledger that was
    restored: that is a lead's to explain.
    """
    standing, now, ledger = registry.standing(), registry.system.now(), registry.ledger
    line = make_anchor(ledger.id, ledger.head(), now, signer)
    try:
        read_good(line, standing.keyring, now=now)
    except BadAnchorError:
        return
    last = newest(store.anchors(), standing.keyring, now=now)
    if find_restored(last, ledger, restorations_of(standing)) is None:
        store.add_anchor(line)
