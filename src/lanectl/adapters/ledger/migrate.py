"""Installs and upgrades the ledger's schema, or writes it as a migration. Leaves no grant unchecked."""

from __future__ import annotations

import importlib.resources
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from lanectl.adapters.ledger.grants import grant_problems
from lanectl.adapters.ledger.session import connect, translated
from lanectl.errors import RefusedError, Remedy
from lanectl.formats import event
from lanectl.model.ledger import LedgerId

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["Migrated", "apply_grants", "grant_problems", "migrate", "migration_file"]

_MIGRATIONS: Final = ("0001_ledger.sql",)
"""In their order; the first one leads to version 1."""

_FILE: Final = "20261121000000_lanectl_ledger_1.sql"
"""The name under `supabase/migrations/`, which orders and identifies a migration: never changed."""

_LOCK: Final = 0x6C616E65  # "lane": one migration of a database at a time
_PATIENCE: Final = 60.0
"""Seconds that one step of a migration may take, waiting for another one included."""


class Migrated(Struct, frozen=True):
    """The ledger that is there now, the version of its schema, and whether anything was changed."""

    id: LedgerId
    version: int
    changed: bool


def migrate(dsn: str, genesis: bytes) -> Migrated:
    """Install or upgrade the schema as the DSN's own role; `genesis` becomes the first event if none is there.

    The DSN is one from `plain_dsn`. Running it again changes nothing. Raises RefusedError: a
    foreign schema of this name, a newer version, a missing privilege, or grants that are wider
    or narrower than wanted and that this role cannot put right; UnavailableError.
    """
    with translated(), connect(dsn, _PATIENCE) as connection:
        connection.execute("select pg_advisory_lock(%s)", [_LOCK])
        installed = _installed(connection)
        _refuse_unknown(installed)
        for version in range(installed + 1, len(_MIGRATIONS) + 1):
            with connection.transaction():
                connection.execute(_asset(_MIGRATIONS[version - 1]).encode())
                connection.execute("insert into lanectl.versions (version) values (%s)", [version])
                apply_grants(connection)
        changed = installed < len(_MIGRATIONS)
        if not changed and grant_problems(connection):
            apply_grants(connection)
            changed = True
        if problems := grant_problems(connection):
            raise _wrong_grants(problems)
        began = _begin(connection, genesis)
        return Migrated(_id(connection), len(_MIGRATIONS), changed or began)


def apply_grants(connection: Connection[Any]) -> None:
    """Take every privilege back and grant the least, in one transaction."""
    with connection.transaction():
        connection.execute(_asset("grants.sql").encode())


def migration_file(genesis: bytes) -> tuple[str, str]:
    """Return name and text of the migration for `supabase/migrations/`, with the first event."""
    quoted = genesis.decode().replace("\\", "\\\\").replace("'", "''")
    return _FILE, (
        f"{_asset(_MIGRATIONS[0])}\n"
        "insert into lanectl.versions (version) values (1);\n\n"
        f"{_asset('grants.sql')}\n"
        f"select seq, hash from lanectl.record(E'{quoted}')\n"
        "where not exists (select from lanectl.events);\n"
    )


def _installed(connection: Connection[Any]) -> int:
    """Return the version that is there, 0 for none."""
    there = connection.execute(
        "select to_regnamespace('lanectl') is not null, to_regclass('lanectl.versions') is not null"
    ).fetchone()
    if there == (True, False):
        raise RefusedError(
            "the database has a schema lanectl that lanectl did not make",
            remedies=(Remedy("Use another database, or rename that schema."),),
        )
    if there == (False, False):
        return 0
    row = connection.execute("select coalesce(max(version), 0) from lanectl.versions").fetchone()
    return int(row[0]) if row else 0


def _refuse_unknown(installed: int) -> None:
    if installed > len(_MIGRATIONS):
        raise RefusedError(
            f"the ledger's schema is of version {installed}; this lanectl knows {len(_MIGRATIONS)}",
            remedies=(Remedy("Install a newer lanectl."),),
        )


def _wrong_grants(problems: list[str]) -> RefusedError:
    return RefusedError(
        "the privileges in the ledger's schema are not as they must be",
        why="; ".join(problems),
        remedies=(
            Remedy(
                "As the role that granted it, revoke what is too many; then run this command again."
            ),
        ),
    )


def _begin(connection: Connection[Any], genesis: bytes) -> bool:
    row = connection.execute("select exists (select from lanectl.events)").fetchone()
    if row and row[0]:
        return False
    connection.execute("select lanectl.record(%s)", [genesis.decode()])
    return True


def _id(connection: Connection[Any]) -> LedgerId:
    row = connection.execute("select body from lanectl.events where seq = 1").fetchone()
    return event.read(row[0].encode())[0] if row else LedgerId("")


def _asset(name: str) -> str:
    files = importlib.resources.files("lanectl")
    return files.joinpath("assets", "ledger", name).read_text("utf-8")
