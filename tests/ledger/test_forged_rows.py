"""Rows that somebody wrote with the ledger's credential alone: none of them is an Enforcer's word."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3

import pytest

from lanectl.model.ledger import EventKind
from tests.ledger.forging import (
    admission_of,
    forge_applied,
    handoff_of,
    insert,
    open_ledger_of,
    queue,
    with_ledger,
)
from tests.world import World, lanectl

K = EventKind


@pytest.mark.parametrize("admission", [None, "", "{}", "another's"])
def test_an_applied_row_without_a_good_admission_is_none(
    world: World, admission: str | None
) -> None:
    bundle = with_ledger(world)
    data = {} if admission is None else {"admission": admission}
    if admission == "another's":
        first = next(e["data"] for e in world.events() if e["kind"] == "applied")
        data = {n: first[n] for n in ("admission", "commit", "bundle")}
    forge_applied(world, bundle, **data)
    for more in ((), ("--dry-run",)):
        done = world.apply(bundle, *more)
        assert (done.code, "admission" in done.err) == (3, True), (done.out, done.err)
        assert "ledger" in done.err


def test_an_id_that_is_taken_is_no_record(world: World) -> None:
    bundle = with_ledger(world)
    key = handoff_of(bundle).key
    insert(world, K.DRIFT_REPORT, bundle, f"applied:{key}", admission=admission_of(world))
    done = world.apply(bundle)
    assert (done.code, "ledger verify" in done.err) == (3, True), (done.out, done.err)


def test_hostile_texts_reach_no_terminal(world: World) -> None:
    bundle = with_ledger(world)
    forge_applied(world, bundle, branch="\x1b]0;x\x07main", url="\x1b[31m")
    done = world.apply(bundle)
    assert done.code == 3
    insert(world, K.DRIFT_REPORT, bundle, note="\x1b[2J", slug="\u202e")
    said = done.err + done.out
    for words in (("show",), ("show", "fix-login"), ("verify",)):
        for more in ((), ("--json",)):
            shown = lanectl("ledger", *words, *more)
            said += shown.err + shown.out
    assert "fix-login" in said
    assert not {"\x1b", "\x07", "\u202e"} & set(said)


@pytest.mark.e2e
def test_a_holder_that_never_ends_is_told_after_two_minutes(world: World) -> None:
    bundle = with_ledger(world)
    queue(world, bundle, "b" * 64)
    with open_ledger_of(world) as ledger:
        ledger.claim(handoff_of(bundle).key, "x\x1b[31m", seconds=86400)
    done = world.apply(bundle)
    assert (done.code, "\x1b" in done.err) == (8, False)


def test_a_row_that_is_no_event_is_told(world: World) -> None:
    """Somebody who owns the database writes what no trigger lets through."""
    bundle = with_ledger(world)
    [path] = world.state("ledger.sqlite")
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.create_function("sha256", 1, lambda text: hashlib.sha256(text.encode()).hexdigest())
        seq, prev = db.execute("select seq, hash from events order by seq desc limit 1").fetchone()
        [first] = db.execute("select body from events where seq = 1").fetchone()
        body = (
            first.replace('"created"', '"frozen"')
            .replace('"id":"', '"id":"x')
            .replace("actor", "actr")
        )
        link = hashlib.sha256(f"{prev}\n{seq + 1}\n{body}".encode()).hexdigest()
        db.execute(
            "insert into events (seq, prev, hash, body) values (?,?,?,?)",
            (seq + 1, prev, link, body),
        )
        db.commit()
    for command in (
        ("apply", bundle, "--repo", world.enforcer),
        ("freeze", "--status", "--repo", world.enforcer),
        ("ledger", "export", "--output", world.root / "export"),
    ):
        done = lanectl(*command)
        assert (done.code, "ledger verify" in done.err) == (3, True), (command, done.err)
