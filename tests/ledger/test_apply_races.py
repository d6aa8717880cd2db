"""`apply` and what others do meanwhile: take its claim, come first, refuse, freeze; and what is told late."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lanectl.adapters import keys
from lanectl.adapters.ledger.sqlite import SqliteLedger
from lanectl.adapters.spool import FileSpool
from lanectl.flows.admit import admit
from lanectl.formats import admission, envelope
from lanectl.model.ledger import Claim, EventKind, HandoffState, NewEvent
from lanectl.model.names import ObjectId
from tests.ledger.forging import handoff_of, open_ledger_of, with_ledger
from tests.moment import calling
from tests.world import World, git, lanectl, snapshot, write

K = EventKind


def state_of(world: World, bundle: Path) -> HandoffState | None:
    with open_ledger_of(world) as ledger:
        row = ledger.handoff(handoff_of(bundle).key)
    return row.state if row else None


Act = Callable[[SqliteLedger, NewEvent], Any]
Before = Callable[[EventKind, Act], None]


@pytest.fixture
def before() -> Iterator[Before]:
    """Let somebody act right before lanectl records its first event of a kind."""
    acts: dict[EventKind, Act] = {}

    def look(self: SqliteLedger, event: NewEvent) -> None:
        if act := acts.pop(event.kind, None):
            act(self, event)

    with calling(SqliteLedger.record, look):
        yield acts.__setitem__


def take_over(ledger: SqliteLedger, event: NewEvent) -> None:
    """Another Enforcer claims the handoff: the lease had ended."""
    assert event.handoff is not None
    ledger.claim(event.handoff, "another", seconds=60, over=event.data["claim"])


def kinds(world: World) -> list[str]:
    return [e["kind"] for e in world.events()]


def test_a_lost_claim_leaves_the_handoff_to_the_other(world: World, before: Before) -> None:
    bundle = world.packed()
    before(K.APPLIED, take_over)
    done = world.apply(bundle)
    assert (done.code, "claim" in done.err) == (5, True), done.err
    assert state_of(world, bundle) is HandoffState.QUEUED  # the other one may still apply it


def test_who_comes_too_late_does_not_report_its_own_commit(world: World, before: Before) -> None:
    bundle = world.packed()
    signer = keys.load(str(world.key("enforcer")))

    def come_first(ledger: SqliteLedger, event: NewEvent) -> None:
        assert event.handoff is not None
        theirs = ledger.claim(event.handoff, "another", seconds=60, over=event.data["claim"])
        assert isinstance(theirs, Claim)
        said = admission.read(envelope.read(event.data["admission"].encode()).payload)
        file = admit(replace(said, commit=ObjectId("c" * 40)), signer).decode()
        data = {**event.data, "claim": theirs.token, "commit": "c" * 40, "admission": file}
        ledger.record(replace(event, actor="another", data=data))

    before(K.APPLIED, come_first)
    done = world.apply(bundle)
    assert (done.code, "another Enforcer" in done.err) == (5, True), (done.out, done.err)
    again = world.apply(bundle)
    assert (again.code, again.json["commit"]) == (0, "c" * 40), again.err
    assert kinds(world) == ["created", "queued", "claimed", "applied"]


def test_who_looked_before_the_other_queued_finds_what_it_applied(
    world: World, before: Before
) -> None:
    bundle = world.packed()
    before(K.QUEUED, lambda *_: world.apply(bundle))
    second = world.apply(bundle)
    assert (second.code, second.json["state"]) == (0, "found"), second.err
    assert kinds(world).count("applied") == 1


def test_a_bad_copy_does_not_stop_who_applies_the_good_one(world: World, before: Before) -> None:
    bundle = world.packed()
    bad = bundle.parent / "bad" / bundle.name
    write(bad, bundle.read_bytes()[:-9] + b"tampered!")
    write(Path(f"{bad}.sigstore.json"), Path(f"{bundle}.sigstore.json").read_bytes())
    refused = []
    before(K.APPLIED, lambda *_: refused.append(world.apply(bad).code))
    done = world.apply(bundle)
    assert (done.code, refused) == (0, [1]), done.err
    assert (state_of(world, bundle), "refused" in kinds(world)) == (HandoffState.APPLIED, True)


def test_a_freeze_while_the_claim_is_waited_for(world: World, before: Before) -> None:
    bundle = world.packed()
    before(K.CLAIMED, lambda *_: freeze(world))
    done = world.apply(bundle)
    assert (done.code, "frozen since" in done.err) == (4, True), done.err
    assert git(world.enforcer, "branch", "--list", "feature/*") == ""


def freeze(world: World) -> None:
    words = ("--reason", "stop", "--key", world.key("enforcer"), "--repo", world.enforcer)
    done = lanectl("freeze", *words)
    assert done.code == 0, done.err


def test_a_dry_run_writes_nothing_anywhere(world: World) -> None:
    """Where the branch is there and the ledger is not, where it conflicts, where all is done."""
    bundle = world.packed()
    assert world.apply(bundle).code == 0
    for file in world.state("*"):
        file.unlink()
    for file in world.state("bundles/*/*"):
        file.unlink()
    unchanged(world, bundle, 0)
    assert world.apply(bundle).code == 0
    unchanged(world, bundle, 0)
    git(world.enforcer, "branch", "-D", "feature/fix-login")
    world.forget_ledger()
    write(world.person / "src/f0.py", b"theirs\n")
    world.commit("theirs")
    git(world.enforcer, "fetch", "-q", "origin")
    unchanged(world, bundle, 5)


def unchanged(world: World, bundle: Path, code: int) -> None:
    state = Path(os.environ["HOME"]) / ".local/state/lanectl"
    was = contents(state), snapshot(world.enforcer)
    done = world.apply(bundle, "--dry-run")
    assert done.code == code, done.err
    assert (contents(state), snapshot(world.enforcer)) == was


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def late(world: World, kind: EventKind, about: Path, name: str, **data: str) -> None:
    """Let an event wait for the ledger."""
    said = handoff_of(about)
    now = datetime.now(UTC).replace(microsecond=0)
    [ledger] = world.state("ledger.sqlite")
    event = NewEvent(name, kind, now, "key:sha256:me", said.repository, said.key, data)
    FileSpool(ledger.parent).put(event)


def test_what_is_told_late_never_blocks(world: World) -> None:
    """About a handoff that is applied by now, or that the ledger never heard of."""
    bundle = with_ledger(world)
    assert world.apply(bundle).code == 0
    write(world.builder / "third.txt")
    third = world.pack("third")
    said = handoff_of(bundle)
    place = {"slug": "fix-login", "base": said.base, "result_tree": said.result_tree}
    late(world, K.QUEUED, bundle, "queued:1", bundle="b" * 64, **place)
    late(
        world,
        K.APPLIED,
        third,
        "applied:never",
        bundle="b" * 64,
        commit="c" * 40,
        branch="x",
        claim="1" * 32,
    )
    late(world, K.WITHDRAWN, bundle, "withdrawn:1")
    done = world.apply(third)
    assert (done.code, done.json["state"]) == (0, "created"), done.err
    assert world.state("spool.jsonl") == []
    assert kinds(world).count("conflicted") == 3


def test_another_result_that_is_told_late_is_not_forgotten(world: World) -> None:
    bundle = with_ledger(world)
    assert world.apply(bundle).code == 0
    key = handoff_of(bundle).key
    data = {"bundle": "b" * 64, "branch": "feature/fix-login", "claim": "1" * 32}
    late(world, K.APPLIED, bundle, f"applied:{key}", commit="c" * 40, **data)
    assert world.apply(bundle).code == 0
    assert world.state("spool.jsonl") == []
    [told] = [e for e in world.events() if e["kind"] == "conflicted"]
    assert (told["data"]["commit"], told["handoff"]) == ("c" * 40, key)
    assert state_of(world, bundle) is HandoffState.APPLIED
