"""`apply` and the ledger: what it records, when it refuses, and how nothing is lost or doubled."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ledger import on_postgres, rig
from tests.ledger.office import bodies, elsewhere, second, share, shared
from tests.orders import key_id, register_people
from tests.world import World, git, lanectl, lanectl_process, write

OUTAGE = Path(__file__).with_name("outage.py")


def kinds(events: list[dict[str, object]]) -> list[object]:
    return [e["kind"] for e in events]


def test_an_applied_handoff_is_recorded_once(world: World) -> None:
    bundle = world.packed()
    first = world.apply(bundle)
    assert kinds(world.events()) == ["created", "queued", "claimed", "applied"]
    applied = world.events()[-1]
    assert applied["data"]["commit"] == first.json["commit"]
    assert f"sha256:{applied['data']['bundle']}" == first.json["bundle"]
    assert "admission" in applied["data"]
    again = world.apply(bundle)
    assert (again.json["state"], again.json["commit"]) == ("found", first.json["commit"])
    assert kinds(world.events()).count("applied") == 1
    assert len(world.state("anchors.jsonl")) == 1


def test_a_refusal_is_recorded_by_its_rules_alone(world: World) -> None:
    bundle = world.packed()
    bundle.write_bytes(bundle.read_bytes()[:-9] + b"tampered!")
    assert world.apply(bundle).code == 1
    created, queued, refused = world.events()
    assert kinds([created, queued, refused]) == ["created", "queued", "refused"]
    assert refused["data"]["rules"] == "archive/digest"
    signature = bundle.with_name("artifact.tar.gz.sigstore.json")
    signature.write_text(signature.read_text().replace("dsse", "dss3"))
    assert world.apply(bundle).code == 1
    assert (world.events()[-1]["kind"], world.events()[-1]["handoff"]) == ("refused", "")


def test_a_conflict_is_recorded_and_the_claim_given_back(world: World) -> None:
    bundle = world.packed()
    write(world.person / "src/f0.py", b"theirs\n")
    world.commit("theirs")
    git(world.enforcer, "fetch", "-q", "origin")
    assert world.apply(bundle).code == 5
    assert kinds(world.events()) == ["created", "queued", "claimed", "conflicted"]
    assert world.apply(bundle).code == 5  # at once: nobody holds it


def test_without_a_key_nothing_is_begun(world: World) -> None:
    bundle = world.packed()
    (Path(os.environ["HOME"]) / ".config/lanectl/keys/enforcer.pem").unlink()
    done = world.apply(bundle)
    assert (done.code, "no Enforcer key" in done.err) == (2, True)
    assert world.state("ledger.sqlite") == []


def test_a_dry_run_writes_no_ledger(world: World) -> None:
    assert world.apply(world.packed(), "--dry-run").json["state"] == "planned"
    assert world.state("*") == []


def test_a_clock_behind_the_ledger_is_refused(world: World) -> None:
    first = world.packed()
    world.apply(first)
    [ledger] = world.state("ledger.sqlite")
    later = _later(ledger)
    done = world.apply(first)
    assert (done.code, "clock is behind the ledger" in done.err) == (5, True), later


def _later(path: Path) -> str:
    """Let the last event be of an hour from now, as a machine with a wrong clock would write it."""
    from datetime import UTC, datetime, timedelta

    from lanectl.adapters.ledger.sqlite import open_ledger
    from lanectl.model.ledger import EventKind, NewEvent
    from lanectl.model.names import RepositoryId

    ledger = open_ledger(str(path))
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    ledger.record(NewEvent("x", EventKind.DRIFT_REPORT, at, "a", RepositoryId("h/a")))
    ledger.close()
    return str(at)


def test_a_lost_ledger_is_not_begun_anew(world: World) -> None:
    bundle = world.packed()
    world.apply(bundle)
    for file in world.state("ledger.sqlite*"):
        file.unlink()
    done = world.apply(bundle)
    assert (done.code, "the ledger is gone" in done.err) == (3, True)


def test_an_older_copy_is_refused(world: World, tmp_path: Path) -> None:
    world.apply(world.packed())
    [ledger] = world.state("ledger.sqlite")
    shutil.copy(ledger, tmp_path / "backup")
    write(world.builder / "more.txt")
    assert world.apply(world.pack("more")).code == 0
    shutil.copy(tmp_path / "backup", ledger)
    for left in world.state("ledger.sqlite-*"):
        left.unlink()
    done = world.apply(world.pack("more"))
    assert (done.code, "not the one that this Enforcer wrote" in done.err) == (3, True), done.err


def test_another_ledger_in_its_place_is_refused(world: World, tmp_path: Path) -> None:
    bundle = world.packed()
    world.apply(bundle)
    anchors = world.state("anchors.jsonl")[0]
    kept = anchors.read_bytes()
    world.forget_ledger()
    world.apply(bundle)
    anchors.write_bytes(kept)
    done = world.apply(bundle)
    assert (done.code, "not the one that this Enforcer wrote" in done.err) == (3, True), done.err


def test_two_machines_share_one_ledger(world: World, tmp_path: Path) -> None:
    bundle = world.packed()
    with shared(world, tmp_path) as dsn:
        first = world.apply(bundle)
        assert (first.code, first.json["state"]) == (0, "created"), first.err
        command = ("apply", bundle, "--repo", second(world), "--json")
        there = lanectl_process(*command, **elsewhere(world))
        assert (there.code, there.json["state"]) == (0, "found"), there.err
        assert there.json["commit"] == first.json["commit"]
        assert kinds(bodies(dsn)) == ["created", "queued", "claimed", "applied"]


def test_another_pinned_id_is_refused(world: World, tmp_path: Path) -> None:
    bundle = world.packed()
    with shared(world, tmp_path):
        path = Path(os.environ["HOME"]) / ".config/lanectl/enforcer.toml"
        path.write_text(path.read_text().replace(on_postgres.LEDGER, "f" * 32))
        done = world.apply(bundle)
        assert (done.code, "another ledger than the one that is pinned" in done.err) == (3, True)


def test_without_its_ledger_apply_refuses_and_the_rest_works(world: World, tmp_path: Path) -> None:
    bundle = world.packed()
    share(world, f"host={tmp_path} port=1 dbname=x user=y")
    done = world.apply(bundle)
    assert done.code == 8, done.err
    assert git(world.enforcer, "branch", "--list", "feature/*") == ""
    assert world.verify(bundle).code == 0
    assert lanectl("pack", "--repo", world.builder, "--slug", "more").code == 0


@pytest.mark.e2e
@pytest.mark.parametrize("record", [1, 2, 3])
def test_a_ledger_that_goes_away_hears_of_it_later(
    world: World, tmp_path: Path, record: int
) -> None:
    """Before the claim nothing is done; after it what was done is kept, and told once."""
    bundle = world.packed()
    server = rig.Server()
    try:
        name = server.database()
        on_postgres.migrate(server.dsn(name), on_postgres.GENESIS)
        share(world, server.dsn(name))
        done = subprocess.run(
            [sys.executable, OUTAGE, str(record), str(server.pid), "apply", bundle, "--repo", world.enforcer],
            capture_output=True, check=False, env={**os.environ, "PYTHONPATH": os.getcwd()}, timeout=100,
        )  # fmt: skip
        branches = git(world.enforcer, "branch", "--list", "feature/*")
        if record < 3:
            assert (done.returncode, branches) == (8, ""), done.stderr
        else:
            assert (done.returncode, b"the ledger went away" in done.stderr) == (0, True)
            assert branches.strip() == "feature/fix-login"
        server.stop()
        server.start()
        found = world.apply(bundle)
        assert found.code == 0, found.err
        assert found.json["state"] == ("created" if record < 3 else "found")
        assert kinds(bodies(server.dsn(name))).count("applied") == 1
        assert lanectl("apply", bundle, "--repo", world.enforcer).code == 0
        assert kinds(bodies(server.dsn(name))).count("applied") == 1
    finally:
        server.close()


def test_a_planted_secret_reaches_no_ledger_log_or_error(world: World, tmp_path: Path) -> None:
    """In the title, the message, a file and a variable; and a password for the ledger."""
    secret = "ghp_" + "s3cr3tPlanted" * 2
    write(world.builder / "s.txt", secret.encode())
    world.monkeypatch.setenv("PGPASSWORD", secret)
    write(tmp_path / "message", f"{secret}\n".encode())
    words = ("--title", f"Use {secret}", "--message-file", tmp_path / "message")
    bundle = world.pack("fix", *words)
    with shared(world, tmp_path) as dsn:
        good = world.apply(bundle)
        assert good.code == 0, good.err
        bundle.write_bytes(bundle.read_bytes()[:-9] + b"tampered!")
        said = good.err + world.apply(bundle).err
        share(world, f"host={tmp_path} port=1 dbname=x user=y")
        said += world.apply(bundle).err
        assert secret not in said + str(bodies(dsn))
    for file in (*world.state("*"), *world.state("conflicts/*")):
        assert secret.encode() not in file.read_bytes(), file


def test_a_key_that_only_the_ledger_revokes_is_refused(world: World) -> None:
    register_people(world)
    bundle = world.packed()
    done = lanectl(
        "keys", "revoke", key_id(world, "builder"), "--reason", "lost", "--key", world.key("ann"),
        "--repo", world.enforcer,
    )  # fmt: skip
    assert done.code == 0, done.err
    refused = world.apply(bundle)
    assert (refused.code, refused.rules) == (1, ["signature/revoked"])
    assert world.verify(bundle).code == 0  # which knows the target's keyring alone


def test_under_a_freeze_nothing_is_queued_and_no_claim_is_taken(world: World) -> None:
    bundle = world.packed()
    assert lanectl("freeze", "--reason", "x", "--repo", world.enforcer).code == 0
    assert world.apply(bundle).code == 4
    assert kinds(world.events()) == ["created", "frozen"]


CLAIM = """
import sys
from lanectl.adapters.ledger.sqlite import open_ledger
from lanectl.adapters.system import RealSystem
ledger = open_ledger(sys.argv[1])
[row] = ledger.handoffs()
ledger.claim(row.key, RealSystem().holder(), seconds=300)
"""


def test_the_claim_of_a_process_that_died_is_taken_over(world: World) -> None:
    bundle = world.packed()
    write(world.person / "src/f0.py", b"theirs\n")
    world.commit("theirs")
    git(world.enforcer, "fetch", "-q", "origin")
    assert world.apply(bundle).code == 5
    [ledger] = world.state("ledger.sqlite")
    subprocess.run([sys.executable, "-c", CLAIM, ledger], check=True)
    command = [sys.executable, "-m", "lanectl", "apply", bundle, "--repo", world.enforcer]
    again = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert again.returncode == 5  # and not 8, after two minutes: nobody is waited for
