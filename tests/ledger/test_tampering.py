"""A superuser of the shared ledger's database disables the triggers: what he does is found, with its place."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lanectl.formats.event import link
from lanectl.model.ledger import GENESIS
from lanectl.model.names import Digest
from tests.ledger import on_postgres, rig
from tests.ledger.office import shared
from tests.orders import register_people
from tests.world import Ran, World, git, lanectl, snapshot, write

Connection = psycopg.Connection[Any]


class Office:
    """One handoff is applied, then a lead freezes and lifts, then another is; `at` are its events."""

    def __init__(self, world: World, dsn: str) -> None:
        self.world, self.dsn = world, dsn
        self.bundles = [self.apply("first")]
        self.order("--reason", "token in a log")
        self.order("--lift", "--reason", "replaced")
        self.bundles.append(self.apply("second"))
        (world.builder / "third.txt").write_text("third\n")
        self.waiting = world.pack("third")

    def apply(self, slug: str) -> Path:
        write(self.world.builder / f"{slug}.txt")
        bundle = self.world.pack(slug)
        done = self.world.apply(bundle)
        assert done.code == 0, done.err
        return bundle

    def order(self, *words: str) -> None:
        key = ("--key", self.world.key("ann"))
        done = lanectl("freeze", "--repo", self.world.enforcer, *words, *key)
        assert done.code == 0, done.err

    def at(self, kind: str, number: int = -1) -> int:
        """Return the number of an event of a kind."""
        with contextlib.closing(on_postgres.connect(self.dsn)) as ledger:
            return [e.seq for e in ledger.events() if e.event.kind == kind][number]

    def last(self) -> int:
        with contextlib.closing(on_postgres.connect(self.dsn)) as ledger:
            return ledger.head().seq

    @contextlib.contextmanager
    def superuser(self) -> Iterator[Connection]:
        name = psycopg.conninfo.conninfo_to_dict(self.dsn)["dbname"]
        with psycopg.connect(rig.server(rig.DEFAULT).dsn(str(name))) as db:
            turn(db, "disable")
            yield db
            turn(db, "enable always")

    def verify(self) -> Ran:
        return lanectl("ledger", "verify", "--repo", self.world.enforcer, "--json")

    def problem(self) -> tuple[str, str]:
        found = self.verify()
        assert found.code == 1, found.out + found.err
        first = found.json["problems"][0]
        return first["where"], first["what"]

    def apply_refuses(self) -> None:
        """It refuses before anything is done: no event, no branch, no file."""
        clone, hub = self.world.enforcer, self.world.hub
        before = git(clone, "for-each-ref"), git(hub, "for-each-ref"), self.last(), self.state()
        for bundle in (self.waiting, self.bundles[0]):
            refused = self.world.apply(bundle)
            assert (refused.code, "not the one that this Enforcer wrote" in refused.err) == (
                3,
                True,
            )
        after = git(clone, "for-each-ref"), git(hub, "for-each-ref"), self.last(), self.state()
        assert after == before

    def state(self) -> object:
        [folder] = {path.parent for path in self.world.state("anchors.jsonl")}
        return snapshot(folder)


def turn(db: Connection, how: str) -> None:
    """Disable or enable every trigger of the ledger's own."""
    rows = db.execute(
        "select tgrelid::regclass::text, tgname from pg_trigger"
        " where not tgisinternal and tgrelid::regclass::text like 'lanectl.%'"
    ).fetchall()
    for table, name in rows:
        db.execute(f"alter table {table} {how} trigger {name}".encode())


@pytest.fixture
def office(world: World, tmp_path: Path) -> Iterator[Office]:
    register_people(world)
    with shared(world, tmp_path) as dsn:
        yield Office(world, dsn)


def rehash(db: Connection) -> None:
    """Compute every number and link anew, and the table of handoffs with them."""
    rows = db.execute("select seq, body from lanectl.events order by seq").fetchall()
    prev = GENESIS
    for number, (seq, body) in enumerate(rows, 1):
        hash_ = link(prev, number, body.encode())
        db.execute(
            "update lanectl.events set seq = %s, prev = %s, hash = %s where seq = %s",
            (number, prev, hash_, seq),
        )
        prev = Digest(hash_)
    at = json.loads(rows[-1][1])["at"]
    db.execute("update lanectl.head set seq = %s, hash = %s, at = %s", (len(rows), prev, at))


def cut(db: Connection, after: int) -> None:
    """Take the end off, and what it did to the handoffs."""
    db.execute("delete from lanectl.events where seq > %s", (after,))
    db.execute("delete from lanectl.handoffs where seq > %s", (after,))
    rehash(db)


def rename(db: Connection) -> None:
    """Let a handoff of the past have another name."""
    db.execute(
        """update lanectl.events set body = replace(body, '"slug":"first"', '"slug":"fjrst"')"""
    )
    db.execute("update lanectl.handoffs set slug = 'fjrst' where slug = 'first'")


@pytest.mark.e2e
def test_an_honest_ledger_is_good(office: Office) -> None:
    good = office.verify()
    assert (good.code, good.json["anchor"]["seq"]) == (0, office.last()), good.err
    assert lanectl("ledger", "verify", "--repo", office.world.enforcer).out.endswith("GOOD\n")


@pytest.mark.e2e
def test_one_body_is_changed(office: Office) -> None:
    with office.superuser() as db:
        rename(db)
    where, what = office.problem()
    assert where == f"event {office.at('queued', 0)}"
    assert "its hash is not that of its text" in what


def test_the_whole_chain_is_computed_anew(office: Office) -> None:
    first = office.at("applied", 0)
    with office.superuser() as db:
        rename(db)
        rehash(db)
    where, what = office.problem()
    assert (where, "rewritten after event 0" in what) == (f"event {first}", True), what
    office.apply_refuses()


@pytest.mark.e2e
def test_only_what_followed_an_anchor_is_computed_anew(office: Office) -> None:
    first, lifted = office.at("applied", 0), office.at("lifted")
    with office.superuser() as db:
        db.execute(
            "update lanectl.events set body = replace(body, 'second', 'sec0nd') where seq > %s",
            (lifted,),
        )
        db.execute("update lanectl.handoffs set slug = 'sec0nd' where slug = 'second'")
        rehash(db)
    where, what = office.problem()
    assert where == f"event {office.last()}", what
    assert f"rewritten after event {lifted}" in what
    assert lifted > first
    office.apply_refuses()


def test_its_end_is_cut(office: Office) -> None:
    last, lifted = office.last(), office.at("lifted")
    with office.superuser() as db:
        cut(db, lifted)
    where, what = office.problem()
    assert (where, f"cut after event {lifted}" in what) == (f"event {last}", True), what
    office.apply_refuses()


@pytest.mark.e2e
def test_a_cut_ledger_that_went_on(office: Office) -> None:
    """The database is cut, and another Enforcer appends until it is as long as before."""
    last, lifted = office.last(), office.at("lifted")
    with office.superuser() as db:
        cut(db, lifted)
        for number in range(last):
            body = json.dumps(
                json.loads(db.execute("select body from lanectl.events where seq = 1").fetchall()[0][0])
                | {"id": f"x{number}", "kind": "drift-report"},
                separators=(",", ":"), sort_keys=True,
            )  # fmt: skip
            db.execute("insert into lanectl.events (seq, prev, hash, body) values (%s, '', %s, %s)",
                       (lifted + 1 + number, f"{number}", body))  # fmt: skip
        rehash(db)
    assert office.problem()[0].startswith("event ")
    office.apply_refuses()


EDITS = {
    "state": ("update lanectl.handoffs set state = 'queued' where slug = 'first'", "state is queued"),
    "commit": (
        "update lanectl.handoffs set commit = repeat('1', 40) where slug = 'first'",
        f"commit is {'1' * 40}",
    ),
    "gone": ("delete from lanectl.handoffs where slug = 'first'", "its row is missing"),
    "more": (
        """
        insert into lanectl.handoffs
          (key, repository, base, result_tree, slug, bundle, state, updated, seq)
        select repeat('a', 64), repository, base, result_tree, 'x', bundle, state, updated, 999
        from lanectl.handoffs where slug = 'first'
        """,
        "no event made it",
    ),
}  # fmt: skip


@pytest.mark.e2e
@pytest.mark.parametrize("edit", EDITS)
def test_only_the_handoffs_are_edited(office: Office, edit: str) -> None:
    rows = lanectl("ledger", "show", "first", "--repo", office.world.enforcer, "--json").json
    key = "a" * 64 if edit == "more" else rows["handoffs"][0]["key"]
    change, says = EDITS[edit]
    with office.superuser() as db:
        db.execute(change.encode())
    where, what = office.problem()
    assert (where, says in what) == (f"handoff {key}", True), what


def _gap(db: Connection, seq: int) -> None:
    db.execute("delete from lanectl.events where seq = %s", (seq,))


def _closed(db: Connection, seq: int) -> None:
    _gap(db, seq)
    rehash(db)


@pytest.mark.thorough
@pytest.mark.parametrize("remove", [_closed, _gap])
def test_a_freeze_is_deleted(office: Office, remove: Callable[[Connection, int], None]) -> None:
    """The newest event of all, by a lead who has no Enforcer's key: it is anchored when it is given."""
    office.order("--reason", "again")
    frozen = office.at("frozen")
    assert office.last() == frozen
    with office.superuser() as db:
        remove(db, frozen)
        db.execute("update lanectl.head set seq = %s", (frozen - 1,))
    where, what = office.problem()
    assert (where, "cut after event" in what) == (f"event {frozen}", True), what
    office.apply_refuses()


@pytest.mark.e2e
@pytest.mark.parametrize("remove", [_closed, _gap])
def test_a_freeze_of_the_past_is_deleted(
    office: Office, remove: Callable[[Connection, int], None]
) -> None:
    frozen = office.at("frozen")
    with office.superuser() as db:
        remove(db, frozen)
    where, what = office.problem()
    assert where == f"event {frozen}", what


@pytest.mark.e2e
def test_without_anchors_nothing_is_claimed(office: Office) -> None:
    with office.superuser() as db:
        rename(db)
        rehash(db)
    for file in (*office.world.state("anchors.jsonl"), *office.world.state("bundles/*/*.json")):
        file.unlink()
    found = office.verify()
    assert (found.code, found.json["outcome"]) == (3, "unverified")


@pytest.mark.e2e
def test_an_order_is_anchored_by_the_next_enforcer(office: Office, tmp_path: Path) -> None:
    """It was given on a machine without an Enforcer's key; the refused apply signs it."""
    world, lines = office.world, world_lines(office.world)
    with world.monkeypatch.context() as patch:
        patch.setenv("LANECTL_ENFORCER_KEY", str(tmp_path / "none.pem"))
        office.order("--reason", "from afar")
    assert world_lines(world) == lines
    assert world.apply(office.waiting).code == 4
    assert len(world_lines(world)) == len(lines) + 1
    assert office.verify().json["anchor"]["seq"] == office.at("frozen")


@pytest.mark.e2e
def test_no_order_is_anchored_over_a_restored_ledger(office: Office) -> None:
    lines = world_lines(office.world)
    with office.superuser() as db:
        cut(db, office.at("lifted"))
    office.order("--reason", "what is this")
    assert world_lines(office.world) == lines
    office.apply_refuses()


def world_lines(world: World) -> list[bytes]:
    [path] = world.state("anchors.jsonl")
    return path.read_bytes().splitlines()
