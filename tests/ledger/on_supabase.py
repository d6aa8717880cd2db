"""The conformance suite's back end: Supabase. An address is URL and secret key with a space between."""

from __future__ import annotations

import atexit
import contextlib
import functools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from lanectl.adapters.ledger.migrate import apply_grants, grant_problems, migrate
from lanectl.adapters.ledger.rest import Rest
from lanectl.adapters.ledger.supabase import open_ledger
from lanectl.errors import LaneError
from lanectl.ports.ledger import Ledger
from tests.ledger import story
from tests.ledger.rig import Server
from tests.ledger.supabase_rig import Supabase


@contextlib.contextmanager
def fresh(folder: Path) -> Iterator[str]:
    """Yield the address of a new ledger."""
    with fresh_project() as project:
        yield f"{project.url} {project.secret}"


def connect(address: str) -> Ledger:
    """Open it."""
    return open_ledger(*address.split())


def insert(address: str, body: str) -> str:
    """Append a body past the adapter, as anybody with the secret key can; return why it is refused."""
    rest = Rest(*address.split(), seconds=10)
    try:
        rest.ask(rest.client.table("events").insert({"body": body}))
    except LaneError as error:
        return f"{error.what}: {error.why}"
    finally:
        rest.close()
    return ""


@contextlib.contextmanager
def fresh_project() -> Iterator[Supabase]:
    """Yield this process's project with a new ledger; its privileges are ours, at the end too."""
    project = shared_project()
    dsn = project.server.dsn(project.database)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("drop schema if exists lanectl cascade")
        migrate(dsn, story.genesis())
        yield project
        assert grant_problems(connection) == []


@functools.cache
def shared_project() -> Supabase:
    """Return this process's project, which takes a second to start; skips if none is installed."""
    folder = Path(tempfile.mkdtemp(prefix="a project "))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    project = new_project(folder / "p")
    atexit.register(project.close)
    return project


def new_project(folder: Path, *, rows: int = 1000) -> Supabase:
    """Return a project of its own, with an empty ledger."""
    server = postgres()
    database = server.database()
    migrate(server.dsn(database), story.genesis())
    try:
        project = Supabase(folder, server, database, rows=rows)
    except LookupError as error:
        pytest.skip(str(error))
    with psycopg.connect(server.dsn(database), autocommit=True) as connection:
        assert grant_problems(connection), "it grants widely at its first request"
        apply_grants(connection)
        assert grant_problems(connection) == []
    return project


@functools.cache
def postgres() -> Server:
    """Return this process's server, which others reach by TCP on this machine."""
    one = Server(tcp=True)
    atexit.register(one.close)
    return one
