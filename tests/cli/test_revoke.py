"""`lanectl keys revoke`, `impact` and `list`: a lost key is refused at once, and what it did is found."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep as pause

import pytest

from lanectl.formats import keyring
from tests.orders import key_id, register_people
from tests.world import Ran, World, git, lanectl, snapshot, write


@pytest.fixture
def people(world: World) -> World:
    return register_people(world)


def keys(world: World, *arguments: str | Path, by: str | None = None) -> Ran:
    key = ("--key", world.key(by)) if by else ()
    return lanectl("keys", arguments[0], "--repo", world.enforcer, *arguments[1:], *key)


def time(**ago: int) -> str:
    return f"{datetime.now(UTC) - timedelta(**ago):%Y-%m-%dT%H:%M:%SZ}"


def test_a_lost_key_is_refused_at_once_and_marked_for_review(people: World) -> None:
    builder, since = key_id(people, "builder"), time(days=2)
    done = keys(
        people,
        "revoke",
        builder[:8],
        "--reason",
        "laptop lost",
        "--compromised-since",
        since,
        by="ann",
    )
    assert done.code == 0, done.err
    assert f"revoked key {builder} of lanectl builder (builder), compromised since" in done.out
    assert "every Enforcer refuses it from now on" in done.err
    assert "git add -- .lanectl/trust/keyring.json" in done.err
    listed = keys(people, "list", "--json").json["keys"]
    revoked = {k["id"]: k["revoked"] for k in listed}
    assert revoked[builder]["reason"] == "laptop lost"
    assert [k for k in revoked if revoked[k]] == [builder]
    ring = keyring.read((people.enforcer / keyring.PATH).read_bytes())
    entry = ring.by_id(builder)
    assert entry
    assert entry.revoked
    assert entry.revoked.reason == "laptop lost"
    assert git(people.enforcer, "status", "--porcelain") == f"M {keyring.PATH}"
    # again: nothing more to do
    before = snapshot(people.enforcer)
    again = keys(
        people, "revoke", builder, "--reason", "other", "--compromised-since", since, by="leo"
    )
    assert again.code == 0, again.err
    assert "knew it already" in again.err
    assert "marked already" in again.err
    assert snapshot(people.enforcer) == before


def test_an_earlier_time_is_recorded_too(people: World) -> None:
    sue = key_id(people, "sue")
    for days in (1, 3, 2):
        done = keys(
            people, "revoke", sue, "--reason", "x", "--compromised-since", time(days=days), by="ann"
        )
        assert done.code == 0, done.err
    listed = {k["id"]: k["revoked"] for k in keys(people, "list", "--json").json["keys"]}
    assert listed[sue]["compromised_since"][:10] == time(days=3)[:10]


def test_only_a_lead_revokes(people: World) -> None:
    before = snapshot(people.enforcer)
    for who in ("builder", "enforcer", "sue", "nobody"):
        done = keys(people, "revoke", key_id(people, "leo"), "--reason", "x", by=who)
        assert (done.code, "may not sign this" in done.err) == (3, True)
    assert snapshot(people.enforcer) == before


def test_a_revoked_lead_orders_nothing_more(people: World) -> None:
    leo = key_id(people, "leo")
    assert keys(people, "revoke", leo, "--reason", "x", by="leo").code == 0  # its own
    refused = keys(people, "revoke", key_id(people, "ann"), "--reason", "x", by="leo")
    assert (refused.code, "it was revoked" in refused.err) == (3, True)
    again = keys(people, "revoke", leo, "--reason", "x", by="leo")  # to finish needs no signature
    assert (again.code, "knew it already" in again.err) == (0, True)


WRONG: list[tuple[str, list[str], str]] = [
    ("0123456", [], "at least 8 digits"),
    ("01234567", [], "0 keys of the keyring begin"),
    ("sue", ["--compromised-since", "2999-01-01T00:00:00Z"], "--compromised-since is a time"),
    ("sue", ["--compromised-since", "yesterday"], "not a time"),
    ("sue", ["--reason", " "], "no order"),
]


def test_what_is_wrong_usage(people: World) -> None:
    for name, more, says in WRONG:
        named = key_id(people, name) if name == "sue" else name
        done = keys(people, "revoke", named, "--reason", "x", *more, by="ann")
        assert (done.code, says in done.err) == (2, True), says


def test_the_keys_are_listed_for_a_person(people: World) -> None:
    shown = keys(people, "list")
    assert shown.code == 0, shown.err
    roles = [line.split()[0] for line in shown.out.splitlines()]
    assert roles == ["builder", "enforcer", "lead", "lead", "supervisor"]
    assert key_id(people, "ann")[:16] in shown.out


# what depends on a key ----------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize("who", ["builder", "enforcer"])
def test_what_a_key_brought_in_is_found(who: str, people: World) -> None:
    lost = key_id(people, who)
    none = keys(people, "impact", lost)
    assert (none.code, "nothing depends on it" in none.out) == (0, True)
    commit = people.apply(people.packed()).json["commit"]
    shown = keys(people, "impact", lost[:10])
    assert shown.code == 1
    assert re.search(
        rf"applied, now applied  fix-login  commit {commit}  feature/fix-login", shown.out
    )
    assert "1 to look at" in shown.out
    (suspect,) = keys(people, "impact", lost, "--json").json["suspects"]
    assert (suspect["slug"], suspect["commit"], suspect["kind"]) == ("fix-login", commit, "applied")
    assert keys(people, "impact", key_id(people, "ann")).code == 0
    # since it was compromised, unless another time is named
    keys(people, "revoke", lost, "--reason", "x", by="ann")
    later = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    assert keys(people, "impact", lost, "--since", later).code == 0
    assert keys(people, "impact", lost, "--since", time(days=1)).code == 1


def test_what_a_lead_ordered_is_found(people: World) -> None:
    lanectl("freeze", "--repo", people.enforcer, "--reason", "leak", "--key", people.key("leo"))
    lifted = lanectl(
        "freeze", "--lift", "--repo", people.enforcer, "--reason", "ok", "--key", people.key("leo")
    )
    assert lifted.code == 0, lifted.err
    leo = key_id(people, "leo")
    done = keys(
        people, "revoke", leo, "--reason", "stolen", "--compromised-since", time(days=1), by="ann"
    )
    assert done.code == 0, done.err
    shown = keys(people, "impact", leo)
    assert shown.code == 1
    assert "  frozen  leak  (counts)" in shown.out
    assert "lifted  ok  (void: its key may be another" in shown.out
    document = keys(people, "impact", leo, "--json").json
    assert [(s["kind"], s["counts"]) for s in document["suspects"]] == [
        ("frozen", True), ("lifted", False),
    ]  # fmt: skip
    assert document["role"] == "lead"
    # what the thief lifted is frozen again
    status = lanectl("freeze", "--status", "--repo", people.enforcer, "--json")
    assert json.loads(status.out)["frozen"]["reason"] == "leak"


def test_what_several_keys_brought_in_is_told_apart(people: World) -> None:
    """Two Builders and two Enforcers, four handoffs, one of them refused and one applied again."""
    for role, name, option in (
        ("builder", "ben", "--builder"), ("enforcer", "eve", "--committer"),
    ):  # fmt: skip
        done = lanectl(
            "init", "--repo", people.person, f"--{role}-key", f"{people.key(name)}.pub",
            option, f"{name.title()} <{name}@example.test>",
        )  # fmt: skip
        assert done.code == 0, done.err
    people.commit("more people")
    people.fetch()
    for slug, builder, enforcer in (
        ("one", "builder", "enforcer"), ("two", "ben", "enforcer"), ("three", "ben", "eve"),
    ):  # fmt: skip
        write(people.builder / f"{slug}.txt")
        people.monkeypatch.setenv("LANECTL_BUILDER_KEY", str(people.key(builder)))
        people.monkeypatch.setenv("LANECTL_ENFORCER_KEY", str(people.key(enforcer)))
        bundle = people.pack(slug)
        assert people.apply(bundle).code == 0
        assert people.apply(bundle).json["state"] == "found"
    write(people.builder / "four.txt")
    refused = people.pack("four")
    refused.write_bytes(refused.read_bytes()[:-9] + b"tampered!")
    assert people.apply(refused).code == 1
    for who, slugs in {
        "builder": ["one"], "ben": ["two", "three"], "enforcer": ["one", "two"], "eve": ["three"],
        "ann": [],
    }.items():  # fmt: skip
        found = keys(people, "impact", key_id(people, who), "--json")
        assert (found.code, [s["slug"] for s in found.json["suspects"]]) == (bool(slugs), slugs)


@pytest.mark.thorough
@pytest.mark.parametrize("who", ["builder", "enforcer"])
def test_what_a_key_brought_in_since(who: str, people: World) -> None:
    """Three handoffs, a second apart: a time names those from that second on."""
    times, lost = [], key_id(people, who)
    for slug in ("one", "two", "three"):
        write(people.builder / f"{slug}.txt")
        assert people.apply(people.pack(slug)).code == 0
        times.append(people.events()[-1]["at"])
        while f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}" == times[-1]:
            pause(0.05)

    def since(*option: str) -> list[str]:
        suspects = keys(people, "impact", lost, "--json", *option).json["suspects"]
        return [s["slug"] for s in suspects]

    assert since() == ["one", "two", "three"]
    for number, at in enumerate(times):
        assert since("--since", at) == ["one", "two", "three"][number:]
    done = keys(people, "revoke", lost, "--reason", "x", "--compromised-since", times[1], by="ann")
    assert done.code == 0, done.err
    assert since() == ["two", "three"]
    assert since("--since", times[0]) == ["one", "two", "three"]
    shown = keys(people, "impact", lost)
    assert f"looked at since {times[1][:10]} {times[1][11:16]}Z" in shown.out
    assert "2 to look at" in shown.out


# registering --------------------------------------------------------------------------------------


def test_two_roles_never_share_an_identity(people: World) -> None:
    done = lanectl(
        "init", "--repo", people.person, "--lead-key", f"{people.key('max')}.pub",
        "--lead", "Max <BUILDER@lanectl.invalid>",
    )  # fmt: skip
    assert done.code == 2
    assert "is the identity of the builder already" in done.err
    assert git(people.person, "status", "--porcelain") == ""
