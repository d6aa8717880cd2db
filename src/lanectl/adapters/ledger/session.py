"""One connection to a PostgreSQL database, and its errors in our words. No DSN, host or password in them."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import TYPE_CHECKING, Any, Final

from lanectl.adapters.ledger.refusal import AGAIN
from lanectl.errors import (
    ConflictError,
    LaneError,
    RefusedError,
    Remedy,
    UnavailableError,
    UsageError,
)
from lanectl.model.display import display

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

_LOCAL: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_FINE: Final = frozenset(
    {
        "application_name", "channel_binding", "connect_timeout", "dbname", "gssencmode", "host",
        "krbsrvname", "passfile", "port", "require_auth", "sslcert", "sslcrl", "sslcrldir", "sslkey",
        "sslmode", "sslnegotiation", "sslrootcert", "ssl_min_protocol_version",
        "target_session_attrs", "user",
    }
)  # fmt: skip
_REDIRECTING: Final = (
    "PGHOST", "PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE", "PGOPTIONS", "PGDATABASE", "PGPORT",
)  # fmt: skip
_REFUSED_TEXTS: Final = (
    "authentication", "password", "pg_hba.conf", "does not exist", "certificate", "role ",
    "SSL", "permission",
)  # fmt: skip
_MISSING: Final = frozenset({"3F000", "42P01", "42883", "22023"})
"""No such schema, table, function; no such role."""
_REFUSED: Final = frozenset({"42501", "28000", "28P01", "3D000", "0LP01", "0P000"})


def plain_dsn(text: str) -> str:
    """Return a DSN as it may be used: with verified TLS unless the host is local or it says otherwise.

    Raises UsageError for one with a password, without host or dbname, or with a setting that could
    lead elsewhere. Nothing of it is repeated in a message.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    try:
        parts = conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        raise UsageError(
            "the ledger's DSN cannot be read",
            remedies=(Remedy("Write it as postgresql://user@host:5432/dbname?sslmode=…"),),
        ) from None  # the parser repeats the text, and a password may stand in it
    if "password" in parts:
        raise UsageError(
            "the ledger's DSN holds a password",
            remedies=(Remedy("Put it in PGPASSWORD or in ~/.pgpass, and take it out of the DSN."),),
        )
    if missing := [name for name in ("host", "dbname") if not parts.get(name)]:
        raise UsageError(f"the ledger's DSN names no {' and no '.join(missing)}")
    if unknown := sorted(set(parts) - _FINE):
        raise UsageError(f"the ledger's DSN must not set {', '.join(unknown)}")
    if not all(_is_local(host) for host in str(parts["host"]).split(",")):
        parts.setdefault("sslmode", "verify-full")
        if parts["sslmode"] == "verify-full":
            parts.setdefault("sslrootcert", "system")
    return make_conninfo("", **parts)


def connect(dsn: str, seconds: float, role: str = "none") -> psycopg.Connection[Any]:
    """Connect with autocommit and take a role; each statement, and connecting, may take `seconds`.

    The connection goes where the DSN says: the environment adds a password and nothing else.
    """
    import psycopg

    for name in _REDIRECTING:
        os.environ.pop(name, None)
    whole = max(1, round(seconds))
    connection = psycopg.connect(
        dsn, autocommit=True, prepare_threshold=None, connect_timeout=whole,
        keepalives_idle=whole, tcp_user_timeout=whole * 1000, application_name="lanectl",
    )  # fmt: skip
    try:
        with deadline(connection, seconds):
            connection.execute(
                "select set_config('statement_timeout', %s, false), set_config('role', %s, false),"
                " set_config('default_transaction_isolation', 'read committed', false),"
                " set_config('search_path', '', false)",
                [f"{round(seconds * 1000)}ms", role],
            )
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def deadline(connection: psycopg.Connection[Any], seconds: float) -> Iterator[threading.Event]:
    """Cut the connection if the block takes longer: a server that hangs keeps no time-out of its own.

    Yields an event that is set if it came to that.
    """
    late = threading.Event()

    def cut() -> None:
        late.set()
        with (
            contextlib.suppress(Exception),
            socket.socket(fileno=os.dup(connection.fileno())) as one,
        ):
            one.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raise a LaneError in place of the driver's errors."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise in_our_words(error) from error


def in_our_words(error: psycopg.Error) -> LaneError:
    """Return the driver's error as one of ours. Its text is shown only where our own schema wrote it."""
    import psycopg

    said = error.diag.message_primary or ""
    state = error.sqlstate or ""
    if said.startswith(("lanectl/move:", "lanectl/claim:", "lanectl/clock:")):
        return ConflictError(display(said.partition(": ")[2]), remedies=(AGAIN,))
    if said.startswith("lanectl/"):
        return RefusedError("the ledger refuses", why=display(said)[:500])
    if state in _MISSING:
        return RefusedError(
            "the database holds no ledger of this version",
            remedies=(Remedy("Install it:", ("lanectl", "ledger", "migrate")),),
        )
    if state in _REFUSED or (not state and _is_refusal(error)):
        return RefusedError(
            "the ledger's database refuses", why=_reason(state),
            remedies=(Remedy("Check user, password (PGPASSWORD, ~/.pgpass), and that the user is "
                             "a member of service_role."),),
        )  # fmt: skip
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return UnavailableError(
            "the ledger's database is not available", why=_trouble(error, state),
            remedies=(Remedy("Run the command again later."),),
        )  # fmt: skip
    return RefusedError("the ledger's database refuses", why=_reason(state))


def _is_local(host: str) -> bool:
    return host.startswith(("/", "@")) or host in _LOCAL


def _is_refusal(error: psycopg.Error) -> bool:
    """Whether a failed connection was refused; libpq gives no code for it, only words."""
    said = str(error).rpartition(" failed: ")[2]
    return any(word in said for word in _REFUSED_TEXTS)


def _reason(state: str) -> str:
    words = {
        "42501": "a privilege is missing", "28P01": "the password is wrong",
        "3D000": "there is no such database",
    }  # fmt: skip
    return words.get(state, f"SQLSTATE {state}" if state else "log-in failed")


def _trouble(error: psycopg.Error, state: str) -> str:
    import psycopg

    if state == "57014" or isinstance(error, psycopg.errors.ConnectionTimeout):
        return "it did not answer in time"
    if state.startswith("40"):
        return "another transaction came first"
    return "it cannot be reached, or the connection was cut"
