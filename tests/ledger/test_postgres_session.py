"""Where a DSN may lead, what the database's silence is called, and that no password is ever shown."""

from __future__ import annotations

import contextlib
import os
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from lanectl.adapters.ledger.migrate import migrate
from lanectl.adapters.ledger.postgres import open_ledger, plain_dsn
from lanectl.errors import LaneError, RefusedError, UnavailableError, UsageError
from lanectl.model.ledger import EventKind
from tests.ledger import rig
from tests.ledger.on_postgres import GENESIS, USER, fresh
from tests.ledger.telling import event, queued

SECRET = "hunter2-planted"  # noqa: S105 - to be searched for


@pytest.fixture
def own() -> Iterator[rig.Server]:
    """A server that a test may stop."""
    one = rig.Server()
    yield one
    one.close()


def told(error: BaseException) -> str:
    """All that could reach a log: the error, its fields, its causes."""
    fields = (error.what, error.why, error.remedies) if isinstance(error, LaneError) else ()
    return "".join(traceback.format_exception(error)) + repr((error, fields))


@pytest.mark.parametrize(
    ("dsn", "tls"),
    [
        ("host=/run/pg dbname=l", None), ("host=127.0.0.1 dbname=l", None),
        ("postgresql://u@localhost/l", None), ("postgresql://[::1]:5433/l", None),
        ("postgresql://u@db.test/l", "verify-full"), ("host=db.test dbname=l", "verify-full"),
        ("host=localhost,db.test dbname=l", "verify-full"), ("host=localhost.test dbname=l", "verify-full"),
        ("postgresql://u@db.test/l?sslmode=require", "require"),
    ],
)  # fmt: skip
def test_tls_is_verified_unless_the_host_is_local_or_the_operator_says_so(
    dsn: str, tls: str | None
) -> None:
    parts = psycopg.conninfo.conninfo_to_dict(plain_dsn(dsn))
    assert parts.get("sslmode") == tls
    assert parts.get("sslrootcert") == ("system" if tls == "verify-full" else None)
    assert plain_dsn(plain_dsn(dsn)) == plain_dsn(dsn)


@pytest.mark.parametrize(
    "dsn",
    [
        f"postgresql://u:{SECRET}@db.test/l", f"host=db.test dbname=l password={SECRET}",
        f"host=db.test dbname=l password='{SECRET}", f"{SECRET}", f"postgres://u:{SECRET}@[x/l",
        f"host=db.test dbname=l sslpassword={SECRET}", "host=db.test", "dbname=l", "", "host= dbname=l",
        f"service={SECRET} host=a dbname=l", "host=a hostaddr=192.0.2.1 dbname=l",
        f"host=a dbname=l options='-c x={SECRET}'", "host=a dbname=l replication=true",
    ],
)  # fmt: skip
def test_a_dsn_that_holds_a_secret_or_leads_elsewhere_is_refused(dsn: str) -> None:
    with pytest.raises(UsageError) as caught:
        plain_dsn(dsn)
    assert SECRET not in told(caught.value)


def test_the_environment_does_not_redirect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fresh(tmp_path) as address:
        for name, value in {
            "PGHOST": "/nowhere", "PGHOSTADDR": "192.0.2.1", "PGSERVICE": "none", "PGPORT": "1",
            "PGSERVICEFILE": "/nowhere", "PGOPTIONS": "-c role=anon", "PGDATABASE": "other",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        with contextlib.closing(open_ledger(address)) as ledger:
            assert ledger.head().seq == 1
        assert [name for name in os.environ if name.startswith("PG")] == []


def test_a_bad_log_in_is_refused_without_showing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh(tmp_path) as address:
        server = rig.server(rig.DEFAULT)
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("drop role if exists locked, outsider")
            connection.execute("create role locked login password 'right'")
            connection.execute("create role outsider login")
        monkeypatch.setenv("PGPASSWORD", SECRET)
        wrong = (
            address.replace(USER, "locked"), address.replace(USER, "outsider"),
            address.replace(USER, "nobody_known"), address.replace("dbname=", "dbname=no"),
        )  # fmt: skip
        for dsn in wrong:
            with pytest.raises(RefusedError) as caught:
                open_ledger(dsn)
            assert SECRET not in told(caught.value)
            assert dsn not in told(caught.value)
        with pytest.raises(RefusedError):
            migrate(address, GENESIS)  # an Enforcer's user is not the schema's owner
        monkeypatch.delenv("PGPASSWORD")
        with pytest.raises(RefusedError):
            open_ledger(wrong[0])
        with contextlib.closing(open_ledger(address)) as ledger:
            assert (SECRET in repr(ledger), server.host in repr(ledger)) == (False, False)


def test_a_stopped_server_is_unavailable_and_comes_back(
    own: rig.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", SECRET)
    name = own.database()
    migrate(own.dsn(name), GENESIS)
    with contextlib.closing(open_ledger(own.dsn(name), seconds=5)) as ledger:
        ledger.record(queued("a"))
        ledger.wait(0)
        own.stop()
        for act in (
            ledger.head,
            lambda: ledger.record(event(EventKind.KEY)),
            lambda: ledger.wait(9),
        ):
            with pytest.raises(UnavailableError) as caught:
                act()
            assert SECRET not in told(caught.value)
            assert "FATAL" not in caught.value.why
        with pytest.raises(UnavailableError):
            open_ledger(own.dsn(name))
        own.start()
        assert ledger.record(event(EventKind.KEY, 2)).seq == 3
        assert ledger.handoff(queued("a").handoff) is not None


@pytest.mark.e2e
def test_a_server_that_hangs_costs_the_time_out_and_no_more(own: rig.Server) -> None:
    name = own.database()
    migrate(own.dsn(name), GENESIS)
    with contextlib.closing(open_ledger(own.dsn(name), seconds=1)) as ledger:
        own.pause()
        for _ in range(2):  # on the open connection, then at connecting
            start = time.monotonic()
            with pytest.raises(UnavailableError, match="not available"):
                ledger.head()
            assert time.monotonic() - start < 6
        own.go_on()
        assert ledger.head().seq == 1
        with psycopg.connect(own.dsn(name)) as slow:
            slow.execute("lock table lanectl.head")
            with pytest.raises(UnavailableError) as caught:
                ledger.record(queued("a"))
            assert caught.value.why == "it did not answer in time"
        assert ledger.record(queued("a")).seq == 2


@pytest.mark.e2e
def test_a_wake_up_takes_less_than_a_second(own: rig.Server) -> None:
    name = own.database()
    migrate(own.dsn(name), GENESIS)
    with (
        contextlib.closing(open_ledger(own.dsn(name))) as teller,
        contextlib.closing(open_ledger(own.dsn(name))) as listener,
    ):
        listener.wait(0)
        for n in range(20):
            start = time.monotonic()
            teller.record(queued(f"h{n}", n))
            listener.wait(60)
            assert time.monotonic() - start < 1


@pytest.mark.e2e
def test_over_tcp_it_is_the_same() -> None:
    server = rig.Server(tcp=True)
    try:
        name = server.database()
        dsn = plain_dsn(server.dsn(name))
        migrate(dsn, GENESIS)
        with contextlib.closing(open_ledger(dsn)) as ledger:
            assert ledger.record(queued("a")).seq == 2
    finally:
        server.close()
    with pytest.raises(UnavailableError):
        open_ledger(dsn)
