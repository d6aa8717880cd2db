"""The ledger in a project with real roles, real grants and real keys: who may do what, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lanectl.adapters.ledger.migrate import apply_grants
from lanectl.adapters.ledger.rest import PAGE, Rest
from lanectl.adapters.ledger.status import open_status
from lanectl.adapters.ledger.supabase import SupabaseLedger, open_ledger
from lanectl.errors import RefusedError, UnavailableError
from lanectl.model.ledger import Busy, EventKind, HandoffState
from lanectl.model.names import Slug
from tests.ledger import story
from tests.ledger.on_supabase import fresh_project, new_project, postgres
from tests.ledger.project import relay
from tests.ledger.supabase_rig import CLI, Supabase

pytestmark = pytest.mark.e2e

CALLS: dict[str, dict[str, Any]] = {
    "record": {"p_body": story.genesis().decode()},
    "claim": {"p_key": "0" * 64, "p_holder": "me", "p_token": "0" * 32, "p_seconds": 60, "p_over": None},
    "claim_next": {"p_holder": "me", "p_token": "0" * 32, "p_seconds": 60},
    "renew": {"p_key": "0" * 64, "p_token": "0" * 32, "p_seconds": 60},
    "release": {"p_key": "0" * 64, "p_token": "0" * 32},
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _installed() -> None:
    if not CLI.exists():
        pytest.skip("no Supabase server is installed: run `make e2e`")


@pytest.fixture
def shop() -> Iterator[Supabase]:
    with fresh_project() as one:
        yield one


@pytest.fixture
def ledger(shop: Supabase) -> Iterator[SupabaseLedger]:
    """An Enforcer's ledger in which two handoffs wait and one is applied."""
    one = open_ledger(shop.url, shop.secret)
    for n, slug in enumerate(("old", "new"), 1):
        one.record(story.queued(slug, n))
    story.bring(one, "done", HandoffState.APPLIED, 3)
    yield one
    one.close()


@pytest.fixture
def connect(shop: Supabase) -> Iterator[Callable[[str], Rest]]:
    """Past the adapter, with whatever key."""
    opened: list[Rest] = []

    def connection(key: str) -> Rest:
        opened.append(Rest(shop.url, key, 10))
        return opened[-1]

    yield connection
    for one in opened:
        one.close()


@pytest.fixture
def database(shop: Supabase) -> Iterator[psycopg.Connection[Any]]:
    """The database as its superuser."""
    with psycopg.connect(shop.server.dsn(shop.database), autocommit=True) as one:
        yield one


def relations(database: psycopg.Connection[Any]) -> set[str]:
    rows = database.execute(
        "select relname from pg_class where relnamespace = 'lanectl'::regnamespace"
        " and relkind in ('r', 'v', 'm', 'p', 'f')"
    )
    return {name for (name,) in rows}


def writes(rest: Rest, relation: str, column: str) -> Iterator[Any]:
    """Every way of writing that PostgREST has."""
    table = rest.client.table(relation)
    yield table.insert({column: "x"})
    yield table.upsert({column: "x"})
    yield table.upsert({column: "x"}, ignore_duplicates=True)
    yield table.update({column: "x"}).neq(column, "y")
    yield table.delete().neq(column, "y")


def test_anybody_may_see_where_handoffs_are(ledger: SupabaseLedger, shop: Supabase) -> None:
    status = open_status(shop.url, shop.publishable)
    seen = list(status.status())
    assert [row.slug for row in seen] == ["done", "new", "old"]
    assert seen == list(ledger.handoffs())
    assert [row.state for row in status.status(Slug("done"))] == [HandoffState.APPLIED]
    assert list(status.status(Slug("unknown"))) == []
    status.close()


def test_anybody_may_see_nothing_else_and_call_nothing(
    ledger: SupabaseLedger, shop: Supabase, connect: Callable[[str], Rest],
    database: psycopg.Connection[Any],
) -> None:  # fmt: skip
    rest = connect(shop.publishable)
    hidden = relations(database) - {"status"}
    assert {"events", "handoffs", "verdicts"} <= hidden
    for relation in hidden:
        with pytest.raises(RefusedError, match="does not let this key"):
            rest.ask(rest.client.table(relation).select("*").limit(1))
    for function, arguments in CALLS.items():
        with pytest.raises(RefusedError, match="does not let this key") as caught:
            rest.ask(rest.client.rpc(function, arguments))
        assert function in caught.value.why
    (row, *_) = rest.rows(rest.client.table("status").select("*"))
    assert not {"token", "holder", "lease_until"} & set(row)


def test_anybody_may_write_nothing(
    ledger: SupabaseLedger, shop: Supabase, connect: Callable[[str], Rest],
    database: psycopg.Connection[Any],
) -> None:  # fmt: skip
    rest, before = connect(shop.publishable), list(ledger.handoffs())
    columns = {"events": "body", "versions": "version", "kinds": "kind", "head": "ledger"}
    for relation in relations(database):
        column = columns.get(relation, "slug" if relation in {"handoffs", "status"} else "seq")
        for write in writes(rest, relation, column):
            with pytest.raises(RefusedError):
                rest.ask(write)
    assert list(ledger.handoffs()) == before
    assert story.check_chain(ledger) == 5


def test_the_secret_key_writes_events_and_nothing_past_them(
    ledger: SupabaseLedger, shop: Supabase, connect: Callable[[str], Rest]
) -> None:
    rest, before = connect(shop.secret), list(ledger.handoffs())
    for write in writes(rest, "handoffs", "slug"):
        with pytest.raises(RefusedError, match="does not let this key"):
            rest.ask(write)
    events = rest.client.table("events")
    fourth = story.event(EventKind.FROZEN, 9)
    for row in ({"seq": 9}, {"body": "x", "hash": "0" * 64}, {"body": "x", "kind": "frozen"}):
        with pytest.raises(RefusedError):
            rest.ask(events.insert(row))
    for changing in (events.update({"body": "x"}).gt("seq", 0), events.delete().gt("seq", 0)):
        with pytest.raises(RefusedError, match="does not let this key"):
            rest.ask(changing)
    assert list(ledger.handoffs()) == before
    assert ledger.record(fourth).seq == 6
    assert story.check_chain(ledger) == 6


def test_a_claim_keeps_others_away(ledger: SupabaseLedger, shop: Supabase) -> None:
    other = open_ledger(shop.url, shop.secret)
    found = ledger.claim_next("one", seconds=60)
    assert found is not None
    claim, row = found
    assert row.slug == "old"
    busy = other.claim(row.key, "two", seconds=60)
    assert isinstance(busy, Busy)
    assert (busy.holder, busy.token) == ("one", claim.token)
    other.close()


def test_a_wrong_key_is_refused(ledger: SupabaseLedger, shop: Supabase) -> None:
    wrong = shop.secret[:-1] + ("a" if shop.secret[-1] != "a" else "b")
    for opened in (open_ledger(shop.url, wrong), open_ledger(shop.url, shop.publishable)):
        with pytest.raises(RefusedError, match="does not let this key") as caught:
            opened.head()
        assert wrong not in caught.value.why
        opened.close()


def test_a_project_without_a_ledger_says_how_to_install_one(tmp_path: Path) -> None:
    server = postgres()
    with Supabase(tmp_path / "a project", server, server.database()) as empty:
        opened = open_ledger(empty.url, empty.secret)
        for asking in (opened.head, lambda: opened.claim_next("me", seconds=60)):
            with pytest.raises(RefusedError, match="shows no ledger") as caught:
                asking()
            assert caught.value.remedies[0].command == ("lanectl", "ledger", "migrate")
        opened.close()


def test_what_a_policy_filters_is_an_error(
    ledger: SupabaseLedger, shop: Supabase, connect: Callable[[str], Rest],
    database: psycopg.Connection[Any],
) -> None:  # fmt: skip
    """With wide grants a policy answers 200 and no rows, for reading and for writing."""
    database.execute("grant all on all tables in schema lanectl to anon")
    rest, opened = connect(shop.publishable), open_ledger(shop.url, shop.publishable)
    assert rest.rows(rest.client.table("handoffs").update({"slug": "x"}).neq("slug", "")) == []
    for asking in (opened.head, lambda: opened.id, lambda: list(opened.events())):
        with pytest.raises(RefusedError, match="answered no row"):
            asking()
    opened.close()
    apply_grants(database)
    assert story.check_chain(ledger) == 5


def test_what_is_sent_again_after_a_lost_answer_happens_once(
    ledger: SupabaseLedger, shop: Supabase
) -> None:
    with relay(shop.url) as between:
        opened = open_ledger(between.url, shop.secret)
        lost = between.cut("POST", "/rpc/record")
        recorded = opened.record(story.event(EventKind.FROZEN, 9))
        lost_too = between.cut("POST", "/rpc/claim_next")
        found = opened.claim_next("me", seconds=60)
        assert (lost.seen, lost_too.seen) == (1, 1)
        opened.close()
    assert recorded.seq == 6
    assert found is not None
    assert found[1].slug == "old"
    other = ledger.claim_next("other", seconds=60)
    assert other is not None
    assert other[1].slug == "new"
    assert story.check_chain(ledger) == 6


def test_short_pages_are_read_to_the_end_and_a_dead_server_costs_nothing(tmp_path: Path) -> None:
    with new_project(tmp_path / "a project", rows=2) as shop:
        ledger = open_ledger(shop.url, shop.secret)
        for n, slug in enumerate("abcdef", 1):
            ledger.record(story.queued(slug, n))
        rest = Rest(shop.url, shop.secret, 10)
        page = rest.rows(rest.client.table("events").select("seq").limit(PAGE))
        assert len(page) <= 2, "the server limits its answers"
        read = []
        for one in ledger.events():
            assert one.seq <= 7, "what comes while reading is not chased"
            read.append(one.seq)
            ledger.record(story.event(EventKind.KEY, 10 + one.seq))  # comes too late to be read
        assert read == [1, 2, 3, 4, 5, 6, 7]
        assert [row.slug for row in ledger.handoffs()] == ["f", "e", "d", "c", "b", "a"]
        rest.close()
    began = time.monotonic()
    with pytest.raises(UnavailableError, match="not available"):
        ledger.head()
    with pytest.raises(UnavailableError, match="not available"):
        ledger.record(story.event(EventKind.FROZEN, 9))
    assert time.monotonic() - began < 2, "no retries with pauses"
    ledger.close()
