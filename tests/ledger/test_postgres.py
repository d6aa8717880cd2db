"""What is PostgreSQL's own in the ledger: its triggers, its races, its wake-up, its log-in."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from lanectl.adapters.ledger.postgres import PostgresLedger, open_ledger
from lanectl.errors import ConflictError, RefusedError
from lanectl.formats.event import link, read
from lanectl.model.ledger import (
    CLAIMED_ONLY,
    GENESIS,
    MOVES,
    STRICT,
    EventKind,
    HandoffKey,
    LedgerId,
)
from lanectl.model.report import MalformedError
from tests.ledger import rig
from tests.ledger.on_postgres import USER, fresh, insert
from tests.ledger.telling import VERSIONS, body, event, queued

K = EventKind


@pytest.fixture(params=VERSIONS)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with fresh(tmp_path, request.param) as one:
        yield one


@pytest.fixture
def admin(address: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(address.replace(USER, rig.OWNER), autocommit=True) as connection:
        yield connection


@pytest.fixture
def ledger(address: str) -> Iterator[PostgresLedger]:
    with contextlib.closing(open_ledger(address)) as one:
        yield one


def broken_links(ledger: PostgresLedger) -> list[int]:
    """The numbers of the events that recomputation finds wrong."""
    wrong, prev = [], GENESIS
    for number, one in enumerate(ledger.events(), 1):
        if (one.seq, one.prev, one.hash) != (number, prev, link(prev, number, one.body)):
            wrong.append(one.seq)
        prev = one.hash
    return wrong


def test_the_database_moves_by_the_same_rules_as_the_model(
    admin: psycopg.Connection[Any],
) -> None:
    rows = admin.execute("select kind, moves_from, is_strict, claimed_only from lanectl.kinds")
    assert {row[0]: row[1:] for row in rows} == {
        kind.value: (
            [state.value if state else "none" for state in MOVES[kind]] if kind in MOVES else None,
            kind in STRICT,
            kind in CLAIMED_ONLY,
        )
        for kind in K
    }


def test_a_plain_insert_goes_the_same_way_as_record(address: str, ledger: PostgresLedger) -> None:
    one = queued("a")
    assert insert(address, body(one)) == ""
    assert "an event of this id is there" in insert(address, body(one))
    assert ledger.record(one).seq == 2
    assert [row.slug for row in ledger.handoffs()] == ["a"]
    applied = event(K.APPLIED, 2, one.handoff, claim="0" * 32)
    assert "lanectl/claim:" in insert(address, body(applied))
    assert ledger.head().seq == 2
    with psycopg.connect(address) as connection:
        connection.execute("set role service_role")
        rows = [(body(event(K.KEY, n)),) for n in range(2, 5)]
        connection.cursor().executemany("insert into lanectl.events (body) values (%s)", rows)
        connection.execute(
            "insert into lanectl.events (body) values (%s), (%s)",
            [body(event(K.KEY, 5)), body(event(K.KEY, 6))],
        )
        connection.execute(
            "insert into lanectl.events (body) values (%s) returning seq", [body(event(K.KEY, 7))]
        )
    assert ledger.head().seq == 8
    assert broken_links(ledger) == []


def test_every_character_is_hashed_alike(ledger: PostgresLedger) -> None:
    points = [p for p in range(1, 0x10000) if not 0xD800 <= p < 0xE000]
    points += range(0x10000, 0x110000, 251)
    for number, start in enumerate(range(0, len(points), 20_000), 2):
        text = "".join(map(chr, points[start : start + 20_000]))
        assert ledger.record(event(K.KEY, number, note=text)).event.data["note"] == text
    assert broken_links(ledger) == []


def without(**other: object) -> str:
    """The good body with other fields."""
    value = json.loads(body(event(K.KEY, 1, a="x"))) | other
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


GOOD = body(event(K.KEY, 1, a="x"))
NO_EVENTS = {
    "white space": GOOD.replace(",", ", ", 1), "a line more": GOOD + "\n", "no JSON": GOOD[:-1],
    "twice": GOOD.replace('"actor"', '"actor":"x","actor"', 1), "escaped": GOOD.replace("x", "\\u0078"),
    "data twice": GOOD.replace('{"a":"x"}', '{"a":"x","a":"x"}'), "unsorted": without(data={"b": ""}).replace('"b":""', '"b":"","a":""'),
    "unknown": without(more=""), "a number": without(data={"a": 1}), "nothing": without(data={"a": None}),
    "an array": "[]", "data an array": without(data=[]), "deep": "[" * 100_000, "a NUL": without(data={"a": "\0"}),
    "half a character": GOOD.replace("x", "\\ud800"), "kind": without(kind="Queued"), "empty": "",
    "time": without(at="2026-01-31T12:00:60Z"), "day": without(at="2026-02-30T12:00:00Z"),
    "hour": without(at="2026-01-31T24:00:00Z"), "zone": without(at="2026-01-31T12:00:00+00:00"),
    "digits": without(at="2026-01-31T12:00:0٣Z"), "id": without(id="a b"), "long id": without(id="x" * 301),
    "no id": without(id=""), "actor": without(actor="a\nb"), "no actor": without(actor=""),
    "handoff": without(handoff="A" * 64), "a line after": without(handoff="a" * 64 + "\n"),
    "ledger": without(ledger="x"), "repository": without(repository="shop"),
    "data key": without(data={"A": ""}), "long data key": without(data={"a" * 41: ""}),
    "null": without(actor=None), "too long": without(data={"a": "x" * (1 << 18)}),
}  # fmt: skip


def test_what_no_reader_takes_the_database_does_not_take(
    address: str, ledger: PostgresLedger
) -> None:
    for name, text in NO_EVENTS.items():
        with pytest.raises(MalformedError):
            read(text.encode())
        assert insert(address, text).startswith("lanectl/malformed: "), name
    assert ledger.head().seq == 1
    assert insert(address, GOOD) == ""
    assert insert(address, without(data={"a" * 40: ""}, id="x" * 300)) == ""


def test_a_ledger_is_created_once_and_takes_its_own_events(
    address: str, ledger: PostgresLedger
) -> None:
    foreign = body(event(K.KEY, 1), LedgerId("f" * 32))
    assert "another ledger" in insert(address, foreign)
    assert "creates it" in insert(address, body(replace(event(K.CREATED, 1), id="again")))
    ahead = replace(
        event(K.KEY), at=datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=7)
    )
    with pytest.raises(ConflictError, match="ahead of the database"):
        ledger.record(ahead)
    assert ledger.head().seq == 1


def test_a_late_repeatable_read_gets_an_error_that_says_to_try_again(
    address: str, ledger: PostgresLedger
) -> None:
    with psycopg.connect(address) as slow:
        slow.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        slow.execute("set role service_role")
        slow.commit()
        slow.execute("select from lanectl.events")
        ledger.record(event(K.KEY, 1))
        for act in (
            "select lanectl.record(%s)",
            "insert into lanectl.events (body) values (%s)",
        ):
            with pytest.raises(psycopg.errors.SerializationFailure):
                slow.execute(act, [body(event(K.KEY, 2))])
            slow.rollback()
            slow.execute("select from lanectl.events")
            ledger.record(event(K.KEY, 3 + (act < "j")))
        slow.rollback()
        slow.execute("select lanectl.record(%s)", [body(event(K.KEY, 5))])
        slow.commit()
    assert broken_links(ledger) == []


def together(number: int, act: Callable[[PostgresLedger, int], Any], address: str) -> list[Any]:
    """Let so many connections act at the same moment; return what each got."""
    gate = threading.Barrier(number)

    def one(index: int) -> Any:
        with contextlib.closing(open_ledger(address)) as ledger:
            gate.wait(30)
            return act(ledger, index)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


def test_one_id_recorded_by_many_at_once_is_one_event(address: str, ledger: PostgresLedger) -> None:
    def record(mine: PostgresLedger, index: int) -> list[Any]:
        return [mine.record(event(K.VERDICT, n, by=str(index))) for n in range(1, 16)]

    everybodys = together(8, record, address)
    assert all(one == everybodys[0] for one in everybodys)
    assert ledger.head().seq == 16
    assert broken_links(ledger) == []


def test_plain_inserts_by_many_at_once_fork_nothing(address: str, ledger: PostgresLedger) -> None:
    def add(_: PostgresLedger, index: int) -> list[str]:
        mine = (replace(event(K.KEY), id=f"{index}-{n}") for n in range(2))
        return [insert(address, body(one)) for one in mine]

    assert together(8, add, address) == [["", ""]] * 8
    assert ledger.head().seq == 17
    assert broken_links(ledger) == []


def test_many_share_the_queue_and_each_handoff_goes_to_one(
    address: str, ledger: PostgresLedger
) -> None:
    slugs = [f"h{n}" for n in range(40)]
    for n, slug in enumerate(slugs):
        ledger.record(queued(slug, n))

    def work(mine: PostgresLedger, index: int) -> list[str]:
        taken = []
        while found := mine.claim_next(f"worker {index}", seconds=60):
            taken.append(str(found[1].slug))
        return taken

    shares = together(8, work, address)
    assert sorted(slug for share in shares for slug in share) == sorted(slugs)


def test_a_claim_asked_for_again_with_its_token_is_the_same_one(
    admin: psycopg.Connection[Any], ledger: PostgresLedger
) -> None:
    for n, slug in enumerate(("a", "b")):
        ledger.record(queued(slug, n))
    ask = "select slug from lanectl.claim_next('me', repeat(%s, 32), 60)"
    assert [admin.execute(ask, [t]).fetchall() for t in ("1", "1", "2", "1", "3")] == [
        [("a",)], [("a",)], [("b",)], [("a",)], [],
    ]  # fmt: skip
    for act in (
        "select lanectl.claim_next('me', 'short', 60)",
        "select lanectl.claim_next('me', repeat('3', 32), -1)",
        "select lanectl.claim_next(E'a\\nb', repeat('3', 32), 60)",
        "select lanectl.claim_next(null, null, null)",
    ):
        with pytest.raises(psycopg.Error, match="lanectl/malformed"):
            admin.execute(act.encode())


def test_who_listens_wakes_when_something_is_queued_or_given_back(
    address: str, ledger: PostgresLedger
) -> None:
    with contextlib.closing(open_ledger(address)) as listener:
        listener.wait(60)  # begins to listen, and returns at once
        ledger.record(queued("a"))
        listener.wait(3600)
        found = ledger.claim_next("me", seconds=60)
        assert found
        listener.wait(0)
        ledger.release(found[0])
        listener.wait(3600)


def test_a_broken_connection_is_made_anew_and_nothing_is_doubled(
    admin: psycopg.Connection[Any], ledger: PostgresLedger
) -> None:
    ledger.record(queued("a"))
    ledger.wait(0)
    cut = (
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
        " where datname = current_database() and usename = %s"
    )
    for n in range(2, 5):
        assert admin.execute(cut, [USER]).fetchall() == [(True,)]
        assert ledger.record(event(K.KEY, n)).seq == n + 1
    assert ledger.head().seq == 5
    ledger.close()
    assert ledger.head().seq == 5  # closing only ends the connection


def test_an_answer_that_is_no_event_is_not_swallowed(
    admin: psycopg.Connection[Any], ledger: PostgresLedger
) -> None:
    ledger.record(event(K.KEY, 1))
    admin.execute("alter table lanectl.events disable trigger keep")
    admin.execute("update lanectl.events set body = body || ' ' where seq = 2")
    with pytest.raises(MalformedError):
        list(ledger.events())


def test_pages_are_put_together(ledger: PostgresLedger, admin: psycopg.Connection[Any]) -> None:
    with admin.transaction():
        for n in range(1100):
            one = replace(queued(f"h{n}"), handoff=HandoffKey(f"{n:064x}"))
            admin.execute("insert into lanectl.events (body) values (%s)", [body(one)])
    assert [one.seq for one in ledger.events(after=1)] == list(range(2, 1102))
    assert [row.slug for row in ledger.handoffs()] == [f"h{n}" for n in reversed(range(1100))]


def test_a_superusers_change_is_found_but_not_a_whole_new_chain(
    admin: psycopg.Connection[Any], ledger: PostgresLedger
) -> None:
    """What recomputing the links alone can show; the rest is the anchors' work."""
    for n in range(1, 6):
        ledger.record(event(K.KEY, n, note="true"))
    for trigger in ("append", "keep"):
        admin.execute(f"alter table lanectl.events disable trigger {trigger}".encode())
    change = "update lanectl.events set body = replace(body, 'true', 'false') where seq = 3"
    admin.execute(change.encode())
    assert broken_links(ledger) == [3]
    for seq in range(3, 7):
        admin.execute(
            "update lanectl.events e set prev = (select hash from lanectl.events where seq = e.seq - 1),"
            " hash = lanectl.link((select hash from lanectl.events where seq = e.seq - 1), seq, body)"
            " where seq = %s",
            [seq],
        )
    assert broken_links(ledger) == []
    admin.execute("delete from lanectl.events where seq > 4")
    assert broken_links(ledger) == []
    for trigger in ("append", "keep"):
        admin.execute(f"alter table lanectl.events enable always trigger {trigger}".encode())
    ledger.record(event(K.KEY, 9))  # the head row remembers: what follows a cut does not fit
    assert broken_links(ledger) == [7]


def test_a_database_without_a_ledger_says_so() -> None:
    server = rig.server(rig.DEFAULT)
    name = server.database()
    with pytest.raises(RefusedError, match="no ledger"):
        open_ledger(server.dsn(name))
    server.drop(name)
