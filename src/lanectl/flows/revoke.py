"""Revoke a key: signed in the ledger, where it holds at once, and planned for the keyring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from lanectl.errors import UnreadableError, UsageError
from lanectl.flows.authority import Registry, give
from lanectl.flows.init import PlannedFile
from lanectl.formats import keyring
from lanectl.formats.statement import format_time, parse_time
from lanectl.model.display import display
from lanectl.model.ledger import EventKind
from lanectl.model.names import Digest
from lanectl.model.report import MalformedError
from lanectl.model.trust import Keyring, Revocation

if TYPE_CHECKING:
    from datetime import datetime

    from lanectl.model.authority import Counted, Standing
    from lanectl.model.trust import Key
    from lanectl.ports import Signer

SHORTEST = 8
"""Digits of a key's id that a person must give."""


class Revoked(Struct, frozen=True):
    """What was revoked; `recorded` is None if the ledger knew it already, `file` the planned keyring."""

    key: Digest
    revocation: Revocation
    known: Key | None
    recorded: Counted | None
    file: PlannedFile | None


def find_key(text: str, *rings: Keyring) -> Digest:
    """Return the id of the one key whose id begins so. Raises UsageError if it is none or several.

    A whole id is taken as it is: the key may have left the keyring.
    """
    text = text.removeprefix("sha256:").lower()
    try:
        return Digest(text)
    except ValueError:
        pass
    if len(text) < SHORTEST:
        raise UsageError(
            f"{display(text)!r} is too short: give at least {SHORTEST} digits of the id"
        )
    found = {k.public.id for ring in rings for k in ring.keys if k.public.id.startswith(text)}
    if len(found) != 1:
        raise UsageError(f"{len(found)} keys of the keyring begin with {display(text)!r}")
    return found.pop()


def revoke(
    registry: Registry,
    signer: Signer,
    text: str,
    *,
    reason: str,
    since: datetime | None,
    work_tree: bytes | None,
) -> Revoked:
    """Revoke a key by its id or the beginning of it; `work_tree` is the keyring file there.

    Again: records nothing that is known already. Raises UsageError for a key that is none or a
    time to come, and as `give`.
    """
    before, now = registry.standing(), registry.system.now()
    local = _ring(work_tree)
    key = find_key(text, before.keyring, local)
    since = since or now
    if since > now:
        raise UsageError("--compromised-since is a time to come")
    former = revocation_of(before, key)
    recorded = None
    if former is None or since < former.compromised_since:
        subject = {"at": format_time(now), "compromised_since": format_time(since), "key": key}
        recorded = give(registry, signer, EventKind.KEY_REVOKED, reason, subject, issued=now)
        former = revocation_of(registry.standing(), key) or Revocation(now, since, reason)
    known = before.keyring.by_id(key) or local.by_id(key)
    return Revoked(key, former, known, recorded, _plan(work_tree, local, key, former))


def revocation_of(standing: Standing, key: Digest) -> Revocation | None:
    """Return how a key stands revoked, also one that is not in the keyring any more."""
    entry = standing.keyring.by_id(key)
    if entry is not None:
        return entry.revoked
    said = [
        c.record for c in standing.counted
        if c.record.kind is EventKind.KEY_REVOKED and c.record.subject["key"] == key
    ]  # fmt: skip
    times = [
        (parse_time(r.subject["at"]), parse_time(r.subject["compromised_since"])) for r in said
    ]
    if not times:
        return None
    return Revocation(min(a for a, _ in times), min(s for _, s in times), said[-1].reason)


def _plan(
    data: bytes | None, ring: Keyring, key: Digest, revocation: Revocation
) -> PlannedFile | None:
    """Return the keyring file with the key marked, or None where it does not list the key."""
    if data is None or ring.by_id(key) is None:
        return None
    marked = [
        replace(k, revoked=revocation) if k.public.id == key and not _covers(k, revocation) else k
        for k in ring.keys
    ]
    unchanged = tuple(marked) == ring.keys
    return PlannedFile(
        keyring.PATH, data, data if unchanged else keyring.write(Keyring(tuple(marked)))
    )


def _covers(key: Key, revocation: Revocation) -> bool:
    former = key.revoked
    return former is not None and former.compromised_since <= revocation.compromised_since


def _ring(data: bytes | None) -> Keyring:
    if data is None:
        return Keyring(())
    try:
        return keyring.read(data)
    except MalformedError as error:
        fault = error.fault
        raise UnreadableError(
            f"{keyring.PATH} in the work tree is not valid",
            why=display(f"{fault.where} {fault.got}, expected {fault.expected}"),
        ) from error
