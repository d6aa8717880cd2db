"""Setting a shared ledger up: into a database, or as a migration file for Supabase."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.adapters.system import RealSystem
from lanectl.model.ledger import EventKind, LedgerId, NewEvent
from lanectl.model.names import RepositoryId
from lanectl.wiring.common import operator_file, pinned_by
from lanectl.wiring.lane import top_of

if TYPE_CHECKING:
    from lanectl.adapters.ledger.migrate import Migrated

_FOLDER = "supabase/migrations"
_ID = re.compile(r'"ledger":"([0-9a-f]{32})"')
_LIMIT = 1 << 20


class MigrationFile(Struct, frozen=True):
    """The file that installs a ledger in Supabase; `written` is false if it was there already."""

    path: str
    id: LedgerId
    written: bool


def migrate(dsn: str) -> tuple[str, Migrated]:
    """Install or upgrade a ledger as the DSN's role; return the DSN to pin, and what was done."""
    from lanectl.adapters.ledger import migrate as adapter
    from lanectl.adapters.ledger.session import plain_dsn

    plain = plain_dsn(dsn)
    return plain, adapter.migrate(plain, genesis())


def write_migration(start: str) -> MigrationFile:
    """Write the migration into the repository at `start`; one that is there stays as it is.

    Raises UnreadableError for a file of that name that is no migration of lanectl.
    """
    from lanectl.adapters import files
    from lanectl.adapters.ledger.migrate import migration_file
    from lanectl.errors import UnreadableError
    from lanectl.model.display import display

    name, text = migration_file(genesis())
    path = str(Path(top_of(start)) / _FOLDER / name)
    there = files.read_optional(path, limit=_LIMIT)
    if there is None:
        files.replace(path, text.encode())
    found = _ID.search(text if there is None else there.decode("utf-8", "replace"))
    if found is None:
        raise UnreadableError(f"{display(path)} is no migration of lanectl")
    return MigrationFile(path, LedgerId(found[1]), there is None)


def genesis(repository: RepositoryId | None = None) -> bytes:
    """Return the first event of a new ledger."""
    from lanectl.formats import event

    system = RealSystem()
    if repository is None:
        pinned = pinned_by(operator_file())
        repository = pinned.repository if pinned else RepositoryId("localhost/unpinned")
    first = NewEvent("created", EventKind.CREATED, system.now(), "lanectl", repository)
    return event.write(first, LedgerId(system.nonce()))
