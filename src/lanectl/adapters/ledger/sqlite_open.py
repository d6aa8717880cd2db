"""Opening the file of an embedded ledger: it must be one, of this version. Makes none."""

from __future__ import annotations

from lanectl.adapters.ledger.sqlite_create import exists
from lanectl.adapters.ledger.sqlite_file import Database
from lanectl.adapters.ledger.sqlite_schema import APPLICATION, VERSION
from lanectl.errors import Remedy, UnavailableError, UnreadableError
from lanectl.model.display import display


def opened(path: str, key: str | None, mode: str = "rw", **more: str) -> Database:
    """Return the file of a ledger, open. Raises UnavailableError if there is none, UnreadableError."""
    if not exists(path):
        raise UnavailableError(
            f"there is no ledger at {display(path)}",
            remedies=(
                Remedy(
                    "The first `lanectl apply` makes it; or name the right file in the operator file."
                ),
            ),
        )
    db = Database(path, key, mode, **more)
    try:
        _check(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _check(db: Database, path: str) -> None:
    if db.rows("pragma application_id")[0][0] != APPLICATION:
        raise db.damaged("the file is not marked as lanectl's")
    version = db.rows("pragma user_version")[0][0]
    if version != VERSION:
        raise UnreadableError(
            f"the ledger {display(path)} has schema {version}, and this lanectl reads {VERSION}",
            remedies=(Remedy("Use the lanectl that wrote it, or a newer one."),),
        )
