"""`lanectl freeze`: to stop is easy, to lift is a lead's, to except takes two."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.orders import key_id, register_people
from tests.world import Ran, World, lanectl

BUNDLE = "b" * 64


@pytest.fixture
def people(world: World) -> World:
    return register_people(world)


def freeze(world: World, *arguments: str | Path, by: str | None = None) -> Ran:
    key = ("--key", world.key(by)) if by else ()
    return lanectl("freeze", "--repo", world.enforcer, *arguments, *key)


def test_the_supervisor_freezes_and_a_lead_lifts(people: World) -> None:
    assert freeze(people, "--status").out == "nothing is frozen\n"
    done = freeze(people, "--reason", "token leaked \x1b[2J", by="sue")
    assert done.code == 0, done.err
    assert (
        done.out == "frozen by lanectl supervisor (supervisor): nothing is applied or published\n"
    )
    shown = freeze(people, "--status").out
    assert "frozen since" in shown
    assert "token leaked \\x1b[2J" in shown
    for who in ("sue", "enforcer", "builder"):
        refused = freeze(people, "--lift", "--reason", "enough", by=who)
        assert refused.code == 3
        assert "this needs lead" in refused.err
    assert "frozen since" in freeze(people, "--status").out
    assert (
        freeze(people, "--lift", "--reason", "new token", by="ann").out == "lifted by Ann (lead)\n"
    )
    assert freeze(people, "--lift", "--reason", "again", by="ann").out == "nothing is frozen\n"
    assert freeze(people, "--status").out == "nothing is frozen\n"


@pytest.mark.parametrize("who", ["builder", "nobody"])
def test_who_may_not_freeze(who: str, people: World) -> None:
    done = freeze(people, "--reason", "x", "--json", by=who)
    assert done.code == 3
    assert key_id(people, who) in done.json["error"]["what"]
    assert freeze(people, "--status", "--json").json["frozen"] is None


def test_the_enforcer_freezes_with_the_key_that_its_lane_holds(people: World) -> None:
    people.monkeypatch.delenv("LANECTL_BUILDER_KEY")
    people.monkeypatch.setenv("LANECTL_LANE", "claude")
    default = Path(os.environ["HOME"]) / ".config/lanectl/keys/enforcer.pem"
    default.unlink()
    assert freeze(people, "--reason", "x").code == 2  # there is no key
    people.monkeypatch.setenv("LANECTL_ENFORCER_KEY", str(people.keys / "enforcer.pem"))
    done = freeze(people, "--reason", "x", "--json")
    assert done.json["frozen"]["role"] == "enforcer"


def test_neither_lane_may_hold_a_leads_key(people: World) -> None:
    people.monkeypatch.delenv("LANECTL_BUILDER_KEY")
    people.monkeypatch.setenv("LANECTL_LEAD_KEY", str(people.key("ann")))
    assert freeze(people, "--reason", "x", "--json").json["frozen"]["by"] == "Ann"  # no lane
    for lane in ("claude", "codex"):
        people.monkeypatch.setenv("LANECTL_LANE", lane)
        done = freeze(people, "--status")
        assert done.code == 6
        assert str(people.key("ann")) not in done.err


def test_two_leads_except_a_bundle(people: World) -> None:
    said = ("--except", f"sha256:{BUNDLE}", "--reason", "the fix itself", "--hours", "2")
    assert freeze(people, *said, by="ann").code == 2  # nothing is frozen
    freeze(people, "--reason", "stop", by="sue")
    first = freeze(people, *said, by="ann")
    assert first.code == 0, first.err
    assert "not in force: a second lead" in first.out
    assert "not in force" in freeze(people, *said, by="ann").out
    assert freeze(people, *said, by="sue").code == 3
    assert "waits for a second lead" in freeze(people, "--status").out
    second = freeze(people, *said, by="leo")
    assert f"sha256:{BUNDLE} is excepted until" in second.out
    assert "Ann (lead) and Leo (lead)" in second.out
    shown = freeze(people, "--status", "--json").json
    assert [o["bundle"] for o in shown["overrides"]] == [f"sha256:{BUNDLE}"]
    assert shown["waiting"] == []
    freeze(people, "--reason", "stop again", by="sue")
    assert freeze(people, "--status", "--json").json["overrides"] == []


WRONG = [
    [], ["--reason", " "], ["--lift"], ["--lift", "--status"],
    ["--lift", "--except", BUNDLE, "--reason", "x"], ["--status", "--reason", "x"],
    ["--hours", "1", "--reason", "x"], ["--except", BUNDLE, "--reason", "x", "--hours", "25"],
    ["--except", "x", "--reason", "x"], ["--reason", "x" * 1001],
]  # fmt: skip


def test_what_is_wrong_usage(people: World) -> None:
    for arguments in WRONG:
        by = None if "--status" in arguments else "ann"
        assert freeze(people, *arguments, by=by).code == 2, arguments
    assert freeze(people, "--status").out == "nothing is frozen\n"
