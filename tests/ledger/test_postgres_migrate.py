"""Installing the ledger: once, by whom it may, from lanectl or from a file."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from lanectl.adapters.ledger.migrate import Migrated, grant_problems, migrate, migration_file
from lanectl.errors import RefusedError
from lanectl.formats.event import write
from lanectl.model.ledger import EventKind, LedgerId
from tests.ledger import rig
from tests.ledger.on_postgres import GENESIS, LEDGER
from tests.ledger.telling import event


@pytest.fixture
def dsn() -> Iterator[str]:
    server = rig.server(rig.DEFAULT)
    name = server.database()
    yield server.dsn(name)
    server.drop(name)


def bodies(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute("select body from lanectl.events")]


def test_a_second_run_changes_nothing(dsn: str) -> None:
    other = write(event(EventKind.CREATED), LedgerId("f" * 32))
    assert migrate(dsn, GENESIS) == Migrated(LEDGER, 1, changed=True)
    assert migrate(dsn, other) == Migrated(LEDGER, 1, changed=False)
    assert bodies(dsn) == [GENESIS.decode()]


def test_two_at_once_make_one_ledger(dsn: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: migrate(dsn, GENESIS), range(4)))
    assert sorted(one.changed for one in results) == [False, False, False, True]
    assert bodies(dsn) == [GENESIS.decode()]


@pytest.mark.parametrize("strings", ["on", "off"])
def test_the_file_installs_the_same(dsn: str, strings: str) -> None:
    odd = write(event(EventKind.CREATED, note="it's \\ \" $$ é\n%s"), LEDGER)
    name, text = migration_file(odd)
    assert migration_file(GENESIS)[0] == name
    with psycopg.connect(dsn) as connection:
        connection.execute(f"set standard_conforming_strings = {strings}".encode())
        connection.execute(text.encode())
        assert grant_problems(connection) == []
    assert migrate(dsn, GENESIS) == Migrated(LEDGER, 1, changed=False)
    assert bodies(dsn) == [odd.decode()]
    with psycopg.connect(dsn) as connection, pytest.raises(psycopg.errors.DuplicateSchema):
        connection.execute(text.encode())


def test_what_is_newer_or_anothers_is_refused(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create schema lanectl")
        with pytest.raises(RefusedError, match="did not make"):
            migrate(dsn, GENESIS)
        connection.execute("drop schema lanectl")
        migrate(dsn, GENESIS)
        connection.execute("insert into lanectl.versions (version) values (99)")
    with pytest.raises(RefusedError, match="version 99"):
        migrate(dsn, GENESIS)


def test_what_fails_leaves_nothing(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("drop role if exists guest")
        connection.execute("create role guest login")
        with pytest.raises(RefusedError):
            migrate(dsn.replace(f"user={rig.OWNER}", "user=guest"), GENESIS)
        with pytest.raises(RefusedError, match="ledger refuses"):
            migrate(dsn, write(event(EventKind.KEY), LEDGER))  # no first event
        assert connection.execute("select from lanectl.events").fetchall() == []
    assert migrate(dsn, GENESIS).changed
