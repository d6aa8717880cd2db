"""What a lead's reconciliation believes: admissions of this repository and of ledgers known here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lanectl.model.ledger import LedgerId
from lanectl.model.names import Digest, ObjectId
from tests.forge.admissions import plant, signed_admission
from tests.ledger.applying import Enforcer
from tests.ledger.office import elsewhere, second, shared
from tests.orders import register_people
from tests.world import Ran, World, git, lanectl, lanectl_process, write


@pytest.fixture
def enforcer(world: World) -> Enforcer:
    register_people(world)
    world.pin("--api", "http://127.0.0.1:9/api/v3", "--repin")
    world.change()
    return Enforcer(world)


def packed(world: World, slug: str, *extra: str) -> Path:
    write(world.builder / f"{slug}.txt")
    return world.pack(slug, *extra)


def reconcile(world: World, *extra: str | Path) -> Ran:
    who = ("--key", world.key("ann"), "--reason", "x")
    return lanectl("ledger", "reconcile", "--repo", world.enforcer, "--json", *who, *extra)


def publish(enforcer: Enforcer, file: Path, /, **changes: Any) -> str:
    """Plant a bundle that the Enforcer signed an admission of; return its ref."""
    world, commit = enforcer.world, "c" * 40  # made on another machine: it is not here
    admission = signed_admission(world, file, commit, **{"ledger": enforcer.id(), **changes})
    signature = file.with_name("artifact.tar.gz.sigstore.json").read_bytes()
    plant(world, file.read_bytes(), signature, admission)
    return f"refs/lanectl/{Digest.of(file.read_bytes())}"


def reconciled(enforcer: Enforcer) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Lose the ledger and reconcile; return what came back, and what was left out and why."""
    enforcer.lose()
    done = reconcile(enforcer.world)
    assert done.code == 0, done.err
    return done.json["recovered"], {s["where"]: s["why"] for s in done.json["skipped"]}


def test_an_admission_of_this_ledger_comes_back(enforcer: Enforcer) -> None:
    enforcer.apply("first")
    bundle = packed(enforcer.world, "second")
    publish(enforcer, bundle)
    recovered, skipped = reconciled(enforcer)
    assert (len(recovered), skipped) == (2, {})
    again = enforcer.world.apply(bundle)
    assert (again.code, again.json["state"]) == (0, "found"), again.err


@pytest.mark.parametrize(
    "changes",
    [
        {"bundle": Digest("1" * 64)},
        {"result_tree": ObjectId("1" * 40)},
        {"repository": "example.test/acme/other"},
    ],
)
def test_an_admission_that_speaks_of_another_bundle(
    enforcer: Enforcer, changes: dict[str, Any]
) -> None:
    enforcer.apply("first")
    ref = publish(enforcer, packed(enforcer.world, "second"), **changes)
    recovered, skipped = reconciled(enforcer)
    assert len(recovered) == 1
    assert "it speaks of another bundle" in skipped[ref]


def test_an_admission_of_another_ledger(enforcer: Enforcer, tmp_path: Path) -> None:
    """It is left out, unless a person names a head of that ledger."""
    enforcer.apply("first")
    other = LedgerId("1" * 32)
    bundle = packed(enforcer.world, "second")
    ref = publish(enforcer, bundle, ledger=other)
    recovered, skipped = reconciled(enforcer)
    assert len(recovered) == 1
    assert f"admitted by the ledger {other}, of which no signed head is known" in skipped[ref]
    enforcer.lose()
    known = tmp_path / "admission.json"
    known.write_bytes(signed_admission(enforcer.world, bundle, "1" * 40, ledger=other))
    done = reconcile(enforcer.world, "--anchor", known)
    assert (done.code, done.json["skipped"]) == (0, []), done.err
    assert len(done.json["recovered"]) == 2


def test_a_ledger_before_the_one_that_is_lost(enforcer: Enforcer) -> None:
    """What an earlier ledger admitted stays used when its successor is lost, too."""
    said = enforcer.apply("first")
    for _ in range(2):
        recovered, skipped = reconciled(enforcer)
        assert ([r["commit"] for r in recovered], skipped) == ([said.commit], {})
    assert enforcer.id() != said.ledger


def test_a_handoff_that_is_consumed_already(enforcer: Enforcer) -> None:
    """Another bundle of the same change, which an Enforcer admitted, too, changes nothing."""
    said, world = enforcer.apply("first"), enforcer.world
    saved = enforcer.saved()
    second = world.pack("again")
    assert Digest.of(second.read_bytes()) != said.bundle
    publish(enforcer, second)
    packed(world, "more")
    enforcer.apply("more")
    enforcer.restore(saved)
    done = reconcile(world)
    assert done.code == 0, done.err
    assert len(done.json["recovered"]) == 1
    found = world.apply(second)
    assert (found.json["state"], found.json["bundle"]) == ("found", f"sha256:{said.bundle}")


def test_a_row_in_the_place_of_the_event_is_named(enforcer: Enforcer) -> None:
    """Who can write to the database takes the id first: nothing is called recovered then."""
    from lanectl.flows.recorder import applied_id
    from lanectl.model.ledger import EventKind, HandoffKey, NewEvent
    from lanectl.wiring.ledger import open_ledger

    world = enforcer.world
    enforcer.apply("first")
    saved = enforcer.saved()
    packed(world, "more")
    said = enforcer.apply("more")
    base = git(world.builder, "rev-parse", "HEAD")
    enforcer.restore(saved)
    with open_ledger(enforcer.operator) as ledger:
        key = HandoffKey.of(said.repository, ObjectId(base), said.result_tree)
        planted = NewEvent(
            applied_id(key), EventKind.DRIFT_REPORT, ledger.head().at, "x", said.repository
        )
        ledger.record(planted)
    done = reconcile(world)
    assert done.code == 0, done.err
    assert done.json["recovered"] == []
    assert "stands in its place" in done.json["skipped"][0]["why"]


def test_a_bundle_of_another_repository(enforcer: Enforcer) -> None:
    """One Enforcer's key may serve two repositories: each has its own ledger."""
    enforcer.apply("first")
    bundle = packed(enforcer.world, "second", "--repository", "example.test/acme/other")
    ref = publish(enforcer, bundle)
    recovered, skipped = reconciled(enforcer)
    assert len(recovered) == 1
    assert "it speaks of another bundle" in skipped[ref]


@pytest.mark.e2e
def test_two_enforcers_move_to_one_ledger(enforcer: Enforcer, tmp_path: Path) -> None:
    """Each had a ledger of its own, and brings along what it admitted: both know both then."""
    world, clones, bundles = enforcer.world, [enforcer.world.enforcer], {}
    clones.append(second(world))
    places: list[dict[str, str]] = [{}, elsewhere(world)]
    for number, slug in enumerate(("one", "two")):
        bundles[slug] = packed(world, slug)
        command = ("apply", bundles[slug], "--repo", clones[number], "--json")
        done = lanectl_process(*command, **places[number])
        assert (done.code, done.json["state"]) == (0, "created"), done.err
    with shared(world, tmp_path):
        for number, clone in enumerate(clones):
            refused = lanectl_process(
                "apply", bundles["one"], "--repo", clone, "--json", **places[number]
            )
            assert refused.code == 3, refused.err
            done = lanectl_process(
                "ledger", "reconcile", "--repo", clone, "--key", world.key("ann"), "--reason", "moved",
                "--json", **places[number],
            )  # fmt: skip
            assert (done.code, len(done.json["recovered"])) == (0, 1), done.err
        for number, clone in enumerate(clones):
            for bundle in bundles.values():
                found = lanectl_process(
                    "apply", bundle, "--repo", clone, "--json", **places[number]
                )
                assert (found.code, found.json["state"]) == (0, "found"), found.err
            good = lanectl_process("ledger", "verify", "--repo", clone, **places[number])
            assert good.code == 0, good.err
