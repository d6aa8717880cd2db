"""The ledger on a real PostgreSQL: a fresh database for each test, and how to open it."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from lanectl.adapters.ledger.migrate import migrate
from lanectl.adapters.ledger.postgres import open_ledger
from lanectl.formats.event import write
from lanectl.model.ledger import EventKind, LedgerId, NewEvent
from lanectl.model.names import RepositoryId
from lanectl.ports.ledger import Ledger
from tests.ledger import rig

LEDGER = LedgerId("1edc" * 8)
BORN = datetime(2026, 1, 31, 12, tzinfo=UTC)
REPOSITORY = RepositoryId("github.com/acme/shop")
GENESIS = write(
    NewEvent("created:0", EventKind.CREATED, BORN, "enforcer/test@machine", REPOSITORY), LEDGER
)
USER = "enforcer_login"


@functools.cache
def template(version: int) -> str:
    """Return this process's migrated database, of which each test gets a copy."""
    server = rig.server(version)
    name = server.database()
    migrate(server.dsn(name), GENESIS)
    with psycopg.connect(server.dsn(name), autocommit=True) as connection:
        connection.execute(f"create role {USER} login; grant service_role to {USER}".encode())
    return name


@contextlib.contextmanager
def fresh(folder: Path, version: int = rig.DEFAULT) -> Iterator[str]:
    """Yield the DSN of a fresh migrated database, for a user who may do what an Enforcer may."""
    server = rig.server(version)
    name = server.database(template(version))
    try:
        yield server.dsn(name, USER)
    finally:
        server.drop(name)


def connect(address: str) -> Ledger:
    """Open the ledger; also from another process."""
    return open_ledger(address, seconds=10)


def insert(address: str, body: str) -> str:
    """Append a body past the adapter and the functions; return why it is refused."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("set role service_role")
        try:
            connection.execute("insert into lanectl.events (body) values (%s)", [body])
        except psycopg.Error as error:
            return str(error)
    return ""
