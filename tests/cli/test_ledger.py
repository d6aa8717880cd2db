"""`lanectl ledger`: verified, exported, shown; a restored one is found and made whole by a lead."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.ledger.applying import Enforcer
from tests.orders import register_people
from tests.world import Ran, World, lanectl


@pytest.fixture
def people(world: World) -> World:
    register_people(world)
    world.monkeypatch.setenv("LANECTL_ENFORCER_KEY", str(world.key("enforcer")))
    return world


@pytest.fixture
def enforcer(people: World) -> Enforcer:
    people.change()
    return Enforcer(people)


def ledger(world: World, *arguments: str | Path) -> Ran:
    return lanectl("ledger", *arguments, "--repo", world.enforcer)


def reconcile(world: World, who: str = "ann") -> Ran:
    return ledger(world, "reconcile", "--key", world.key(who), "--reason", "the disk died")


def test_an_honest_ledger(people: World, enforcer: Enforcer) -> None:
    said = enforcer.apply("fix-login")
    done = ledger(people, "verify")
    assert done.code == 0, done.err
    assert f"good    up to event {enforcer.head().seq}, anchored 20" in done.out
    assert f"key {enforcer.signer.public.id}" in done.out
    assert done.out.endswith("GOOD\n")
    table = lanectl("ledger", "show")
    assert table.out.split()[:3] == ["fix-login", "applied", said.bundle[:12]]
    story = ledger(people, "show", said.bundle[:8])
    assert f"commit    {said.commit} on feature/fix-login\n" in story.out
    assert "applied by " in story.out
    assert "(enforcer)\n" in story.out
    assert (
        ledger(people, "show", "fix-login", "--json").json["handoffs"][0]["commit"] == said.commit
    )


def test_the_codex_lane_sees_only_where_a_handoff_is(people: World, enforcer: Enforcer) -> None:
    said = enforcer.apply("fix-login")
    for name in ("LANECTL_BUILDER_KEY", "LANECTL_ENFORCER_KEY"):
        people.monkeypatch.delenv(name)
    people.monkeypatch.setenv("LANECTL_LANE", "codex")
    shown = lanectl("ledger", "show", "fix-login")
    assert shown.code == 0, shown.err
    assert f"bundle    sha256:{said.bundle}\n" in shown.out
    assert "enforcer)" not in shown.out
    assert "fix-login" in lanectl("ledger", "show").out
    for command in ("verify", "export", "reconcile"):
        refused = lanectl(
            "ledger", command, *(["--key", "x", "--reason", "y"] if command == "reconcile" else [])
        )
        assert refused.code == 6, refused.err


def test_an_export_is_verified_without_the_machine(
    people: World, enforcer: Enforcer, tmp_path: Path
) -> None:
    enforcer.apply("fix-login")
    export, part = tmp_path / "ex port.jsonl", tmp_path / "part.jsonl"
    assert lanectl("ledger", "export", "--output", export).code == 0
    assert lanectl("ledger", "export").out.count("\n") == 0  # bytes, past the text stream
    people.monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
    people.monkeypatch.setenv("LANECTL_OPERATOR_CONFIG", str(tmp_path / "none.toml"))
    ring = people.person / ".lanectl/trust/keyring.json"
    offline = ("verify", "--export", export, "--keyring", ring)
    assert ledger(people, *offline).code == 3  # no anchor
    anchors, admission = enforcer.store.folder / "anchors.jsonl", tmp_path / "admission.json"
    assert ledger(people, *offline, "--anchor", anchors).code == 0
    admission.write_bytes(next(data for _, data in enforcer.store.admissions()))
    assert ledger(people, *offline, "--anchor", admission).code == 0
    assert ledger(people, "verify", "--export", export, "--anchor", anchors).code == 3  # no trust
    export.write_bytes(b"".join(export.read_bytes().splitlines(keepends=True)[:-1]))
    cut = ledger(people, *offline, "--anchor", anchors, "--json")
    assert cut.code == 1
    assert "cut after event 0" in cut.json["problems"][0]["what"]
    part.write_bytes(b'{"after":1,"ledger":"' + b"a" * 32 + b'","lanectl_ledger":"1"}\n')
    assert ledger(people, "verify", "--export", part).code == 2
    part.write_bytes(b"x")
    assert ledger(people, "verify", "--export", part).code == 3


def test_a_restored_copy_is_reconciled_by_a_lead(people: World, enforcer: Enforcer) -> None:
    enforcer.apply("fix-login")
    kept, saved = enforcer.head().seq, enforcer.saved()
    (people.builder / "more.txt").write_text("more\n")
    said = enforcer.apply("more")
    lost = enforcer.head().seq
    enforcer.restore(saved)
    found = ledger(people, "verify")
    assert found.code == 1
    assert f"cut after event {kept}" in found.err
    assert reconcile(people, "enforcer").code == 3  # no lead
    assert reconcile(people, "stranger").code == 3
    done = reconcile(people)
    assert done.code == 0, done.err
    assert said.commit in done.out
    assert f"events {kept + 1} to {lost} of ledger" in done.err
    again = ledger(people, "verify")
    assert again.code == 0, again.err
    assert "lost    1 signed heads" in again.out
    assert "recorded again after the ledger was restored" in ledger(people, "show", "more").out
    assert reconcile(people).code == 2  # nothing is lost now


def test_a_ledger_without_a_backup_is_begun_anew(people: World, enforcer: Enforcer) -> None:
    said = enforcer.apply("fix-login")
    lost = enforcer.head().seq
    enforcer.lose()
    done = reconcile(people)
    assert done.code == 0, done.err
    assert said.bundle in done.out
    assert f"events 1 to {lost} of ledger" in done.err
    again = ledger(people, "verify")
    assert again.code == 0, again.err
    row = ledger(people, "show", "fix-login", "--json").json["handoffs"][0]
    assert (row["state"], row["commit"]) == ("applied", said.commit)


def test_what_was_published_brings_back_a_machine_that_is_gone(
    people: World, enforcer: Enforcer, tmp_path: Path
) -> None:
    people.pin("--api", "http://127.0.0.1:9/api/v3", "--repin")
    said = enforcer.apply("fix-login")
    enforcer.publish(said.bundle)
    admission = tmp_path / "admission.json"
    admission.write_bytes(dict(enforcer.store.admissions())[said.bundle])
    shutil.rmtree(enforcer.store.folder)
    assert reconcile(people).code == 2  # nothing here remembers that there was another ledger
    done = ledger(
        people, "reconcile", "--key", people.key("ann"), "--reason", "stolen", "--anchor", admission
    )
    assert done.code == 0, done.err
    assert said.commit in done.out
    assert ledger(people, "verify").code == 0
    assert "applied" in lanectl("ledger", "show").out


def test_a_published_bundle_without_a_good_admission_is_left_out(
    people: World, enforcer: Enforcer
) -> None:
    people.pin("--api", "http://127.0.0.1:9/api/v3", "--repin")
    said = enforcer.apply("fix-login")
    kept = enforcer.store.folder / f"bundles/{said.bundle}"
    admission = next(kept.glob("*admission*"))
    admission.write_bytes(next(kept.glob("*.gz.sigstore.json")).read_bytes())  # the Builder's word
    enforcer.publish(said.bundle)
    enforcer.lose()
    done = ledger(people, "reconcile", "--key", people.key("ann"), "--reason", "x", "--json")
    assert done.code == 0, done.err
    assert done.json["recovered"] == []
    assert [s["where"] for s in done.json["skipped"]] == [
        f"refs/lanectl/{said.bundle}", f"kept bundle {said.bundle}",
    ]  # fmt: skip
