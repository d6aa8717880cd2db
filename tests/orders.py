"""Signed orders for tests: people with keys, a keyring, and a chain that takes any event."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from lanectl.checks import authority
from lanectl.formats import event as events
from lanectl.formats import record as records
from lanectl.formats.keys import describe, read_public_key
from lanectl.model.authority import Record, Standing
from lanectl.model.ledger import GENESIS, Event, EventKind, LedgerId, NewEvent
from lanectl.model.names import Digest, RepositoryId
from lanectl.model.trust import Key, Keyring, Role
from tests.world import World, lanectl

LEDGER = LedgerId("a" * 32)
REPOSITORY = RepositoryId("example.test/acme/shop")
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
BUNDLE, OTHER = Digest("b" * 64), Digest("c" * 64)
PEOPLE = {
    "bob": Role.BUILDER, "eve": Role.ENFORCER, "sue": Role.SUPERVISOR,
    "ann": Role.LEAD, "leo": Role.LEAD,
}  # fmt: skip
APPROVED = {
    "bundle": BUNDLE, "base": "1" * 40, "result_tree": "2" * 40, "rule": "paths/workflow",
    "path": ".github/ci%20x.yml", "old_mode": "000000", "old_id": "0" * 40,
    "new_mode": "100644", "new_id": "3" * 40, "policy": "4" * 40,
}  # fmt: skip
SUBJECTS: dict[EventKind, dict[str, str]] = {
    EventKind.VERDICT: {"bundle": BUNDLE, "verdict": "PASS", "confidence": "85"},
    EventKind.APPROVAL: APPROVED,
    EventKind.APPROVAL_WITHDRAWN: {"approval": f"approval:{'0' * 32}"},
    EventKind.OVERRIDE: {"bundle": BUNDLE, "overrides": "freeze"},
    EventKind.KEY_REVOKED: {
        "key": "d" * 64, "at": "2026-01-15T12:00:00Z", "compromised_since": "2026-01-14T12:00:00Z",
    },
    EventKind.FROZEN: {},
    EventKind.LIFTED: {},
    EventKind.RESTORED: {
        "lost_seq": "9", "lost_hash": "e" * 64, "restored_seq": "7", "restored_hash": "f" * 64,
    },
}  # fmt: skip
EXPIRING = (EventKind.APPROVAL, EventKind.OVERRIDE)
_nonces = itertools.count(1)


@cache
def private(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@cache
def key(name: str) -> Key:
    """Return a person's key: valid for a year, four months of it before noon."""
    start = NOON - timedelta(days=120)
    return Key(
        describe(private(name).public_key()), PEOPLE.get(name, Role.LEAD), name.title(),
        f"{name}@example.test", start, start + timedelta(days=365),
    )  # fmt: skip


def ring(*, revised: dict[str, Any] | None = None, without: str = "") -> Keyring:
    """Return the keyring of all people, one entry revised (`{"name": ..., field: ...}`)."""
    revised = dict(revised or {})
    who = revised.pop("who", "")
    return Keyring(
        tuple(replace(key(n), **(revised if n == who else {})) for n in PEOPLE if n != without)
    )


def order(kind: EventKind, at: datetime = NOON, **fields: Any) -> Record:
    """Return an order of a kind, issued at a time; of an expiring one, good for twelve hours."""
    nonce = f"{next(_nonces):032x}"
    expires = at + 12 * HOUR if kind in EXPIRING else None
    record = Record(kind, LEDGER, REPOSITORY, at, nonce, "because", SUBJECTS[kind], expires)
    return replace(record, **fields)


def signed(who: str, record: Record) -> NewEvent:
    """Return the event of an order that somebody signs."""
    return records.to_event(record, key(who).public, private(who).sign, actor=who)


def chain(*made: NewEvent) -> list[Event]:
    """Return these events in one chain."""
    prev, found = GENESIS, []
    for seq, one in enumerate(made, 1):
        body = events.write(one, LEDGER)
        prev, before = events.link(prev, seq, body), prev
        found.append(events.restore(seq, before, prev, body))
    return found


def standing(
    *made: NewEvent, keyring: Keyring | None = None, now: datetime = NOON, **places: Any
) -> Standing:
    """Return what counts of these events."""
    where = {"ledger": LEDGER, "repository": REPOSITORY} | places
    return authority.standing(chain(*made), keyring or ring(), now=now, **where)


def register_people(world: World) -> World:
    """Register two leads and a supervisor at the target's tip, as people do it."""
    for name in ("ann", "leo"):
        done = lanectl(
            "init", "--repo", world.person, "--lead-key", f"{world.key(name)}.pub",
            "--lead", f"{name.title()} <{name}@example.test>",
        )  # fmt: skip
        assert done.code == 0, done.err
    done = lanectl("init", "--repo", world.person, "--supervisor-key", f"{world.key('sue')}.pub")
    assert done.code == 0, done.err
    world.commit("people")
    world.fetch()
    return world


def key_id(world: World, name: str) -> str:
    """Return the id of a key of this world."""
    return read_public_key(world.key(name).with_suffix(".pem.pub").read_text()).id
