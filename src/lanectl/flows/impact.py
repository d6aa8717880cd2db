"""Impact: what the ledger holds that depends on one key since a time. Judges nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lanectl.errors import UsageError
from lanectl.flows.revoke import find_key, revocation_of
from lanectl.formats import record as records
from lanectl.formats.keys import is_valid_signature
from lanectl.model.authority import SIGNERS
from lanectl.model.display import display
from lanectl.model.ledger import EventKind
from lanectl.model.report import MalformedError
from lanectl.model.trust import hint_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from lanectl.flows.authority import Registry
    from lanectl.model.ledger import Event, HandoffRow
    from lanectl.model.names import Digest
    from lanectl.model.trust import Key, Revocation


OTHERS: Final = ("keyless:", "gpg:", "spiffe://")
"""How the ids of signers begin that have no key in the keyring (model/signer.py)."""


class Suspect(Struct, frozen=True):
    """An event that depends on the key: what it applied (with its handoff), or ordered.

    `counts`: whether an order still counts, or why not; empty for what was applied.
    """

    event: Event
    handoff: HandoffRow | None = None
    counts: str = ""
    reason: str = ""


class Impact(Struct, frozen=True):
    """What depends on a signer since a time; `key` is None for one that left the keyring.

    `id` is a key's, or the text that the ledger calls another signer by.
    """

    id: str
    key: Key | None
    revocation: Revocation | None
    since: datetime | None
    suspects: tuple[Suspect, ...]

    @property
    def is_key(self) -> bool:
        """Whether it is a key, not another kind of signer."""
        return not self.id.startswith(OTHERS)


def impact(registry: Registry, text: str, since: datetime | None) -> Impact:
    """Return what depends on a key since `since`, or since it was compromised, or at all.

    `text` is a key's id or the beginning of it, or the whole id of another signer. Raises UsageError
    for one that is none, MalformedError for an event that is none.
    """
    if text.startswith(OTHERS):
        return _of_another(registry, text, since)
    standing = registry.standing()
    found = find_key(text, standing.keyring)
    revocation = revocation_of(standing, found)
    since = since or (revocation.compromised_since if revocation else None)
    key = standing.keyring.by_id(found)
    kinds = {EventKind.APPLIED, *SIGNERS}
    events = (
        e for e in registry.ledger.events(kinds=kinds) if since is None or e.event.at >= since
    )
    void = {i.seq: i.because for i in standing.ignored}
    return Impact(
        found, key, revocation, since, tuple(_suspects(registry, events, found, key, void))
    )


def _of_another(registry: Registry, signer: str, since: datetime | None) -> Impact:
    """Return what a signer without a key in the keyring brought in. Such a one signs no orders."""
    if not (signer.isascii() and signer.isprintable()) or " " in signer or signer in OTHERS:
        raise UsageError(f"{display(signer)!r} is the id of no signer")
    events = registry.ledger.events(kinds={EventKind.APPLIED})
    suspects = tuple(
        Suspect(e, registry.ledger.handoff(e.event.handoff) if e.event.handoff else None)
        for e in events
        if e.event.data.get("signer") == signer and (since is None or e.event.at >= since)
    )
    return Impact(signer, None, None, since, suspects)


def _suspects(
    registry: Registry,
    events: Iterator[Event],
    found: Digest,
    key: Key | None,
    void: dict[int, str],
) -> Iterator[Suspect]:
    for event in events:
        said = event.event
        if said.kind is EventKind.APPLIED:
            if found in {said.data.get("signer"), said.data.get("enforcer")}:
                yield Suspect(
                    event, registry.ledger.handoff(said.handoff) if said.handoff else None
                )
        elif (reason := _signed_by(event, found, key)) is not None:
            yield Suspect(event, counts=void.get(event.seq, "counts"), reason=reason)


def _signed_by(event: Event, found: Digest, key: Key | None) -> str | None:
    """Return the reason in an order that this key signed, or None: not signed by it."""
    try:
        sealed = records.unseal(event.event.data)
        record = records.read(sealed.payload)
    except MalformedError:
        return None
    if sealed.hint != hint_of(found):
        return None
    if key is not None and not is_valid_signature(key.public, sealed.signature, sealed.message):
        return None
    return record.reason
