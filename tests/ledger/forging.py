"""Whoever has the ledger's credential, and no key: writes what rows it likes."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from lanectl.adapters.ledger.sqlite import open_ledger
from lanectl.formats import archive, statement
from lanectl.model.bundle import ATTESTATION, Handoff
from lanectl.model.ledger import Claim, EventKind, HandoffKey, NewEvent
from lanectl.ports.ledger import Ledger
from tests.world import World, write

K = EventKind
_numbers = itertools.count()


@contextlib.contextmanager
def open_ledger_of(world: World) -> Iterator[Ledger]:
    """Open the embedded ledger."""
    [path] = world.state("ledger.sqlite")
    with contextlib.closing(open_ledger(str(path))) as ledger:
        yield ledger


def handoff_of(bundle: Path) -> Handoff:
    """Return what a bundle says."""
    return statement.read(
        archive.read(bundle.read_bytes(), limit=1 << 30).members[ATTESTATION]
    ).handoff


def insert(world: World, kind: EventKind, about: Path, name: str = "", **data: str) -> None:
    """Write a row about a bundle's handoff, as whoever has the credential can."""
    said = handoff_of(about)
    now = datetime.now(UTC).replace(microsecond=0)
    name = name or f"forged:{next(_numbers)}"
    with open_ledger_of(world) as ledger:
        ledger.record(NewEvent(name, kind, now, "mallory", said.repository, said.key, data))


def queue(world: World, bundle: Path, digest: str) -> None:
    """Let a bundle of this digest wait for the handoff."""
    said = handoff_of(bundle)
    place = {"slug": said.slug, "base": said.base, "result_tree": said.result_tree}
    insert(world, K.QUEUED, bundle, bundle=digest, **place)


def forge_applied(world: World, about: Path, **data: str) -> None:
    """Let the ledger say that a bundle is applied."""
    data.setdefault("bundle", "b" * 64)
    queue(world, about, data["bundle"])
    key: HandoffKey = handoff_of(about).key
    with open_ledger_of(world) as ledger:
        claim = ledger.claim(key, "mallory", seconds=60)
        assert isinstance(claim, Claim)
        data = {"commit": "c" * 40, "branch": "feature/fix-login", "claim": claim.token, **data}
    insert(world, K.APPLIED, about, f"applied:{key}", **data)
    with open_ledger_of(world) as ledger:
        ledger.release(claim)


def with_ledger(world: World) -> Path:
    """Apply one bundle, so that there is a ledger; return another one that waits."""
    write(world.builder / "first.txt")
    assert world.apply(world.pack("first")).code == 0
    return world.packed()


def admission_of(world: World) -> str:
    """Return the first admission in the ledger."""
    return next(e["data"]["admission"] for e in world.events() if e["kind"] == "applied")
