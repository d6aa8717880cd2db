"""The pinned ledger, open for writing: built for the claude lane alone."""

from __future__ import annotations

import contextlib
import enum
from typing import TYPE_CHECKING

from lanectl.adapters.system import RealSystem, environment
from lanectl.model.settings import Backend
from lanectl.wiring.common import embedded_ledger, store_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lanectl.adapters.spool import FileSpool
    from lanectl.adapters.store import FolderStore
    from lanectl.model.settings import Operator
    from lanectl.ports.ledger import Ledger

_KEY_FD = "LANECTL_LEDGER_KEY_FD"
_KEYS = ("SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_SECRET_KEY")


class Missing(enum.Enum):
    """What becomes of an embedded ledger that is not there."""

    MADE = enum.auto()
    """It is made, unless this machine signed heads of one."""
    MADE_ANEW = enum.auto()
    """It is made: a lead begins again after a loss."""
    EMPTY = enum.auto()
    """An empty one is used, and is gone afterwards."""
    REFUSED = enum.auto()
    """There is nothing to read."""


@contextlib.contextmanager
def open_ledger(operator: Operator, missing: Missing = Missing.MADE) -> Iterator[Ledger]:
    """Yield the pinned ledger, checked to be the one that is pinned.

    Raises UnavailableError, UntrustedError for another ledger or one that is gone, UsageError for a
    credential that is missing.
    """
    from lanectl.errors import Remedy, UntrustedError

    with contextlib.ExitStack() as stack:
        ledger = _open(operator, stack, missing)
        stack.callback(ledger.close)
        pinned = operator.ledger.id
        if pinned is not None and ledger.id != pinned:
            raise UntrustedError(
                f"this is another ledger than the one that is pinned: {ledger.id}",
                why=f"the operator file pins {pinned}",
                remedies=(Remedy("Find out who changed the ledger or the operator file."),),
            )
        yield ledger


def spool(store: FolderStore) -> FileSpool:
    """Return the events of this machine that wait for the ledger."""
    from lanectl.adapters.spool import FileSpool

    return FileSpool(store.folder)


def _open(operator: Operator, stack: contextlib.ExitStack, missing: Missing) -> Ledger:
    pin = operator.ledger
    if pin.backend is Backend.POSTGRES:
        from lanectl.adapters.ledger import postgres, session

        return postgres.open_ledger(session.plain_dsn(pin.dsn))
    if pin.backend is Backend.SUPABASE:
        from lanectl.adapters.ledger import supabase

        return supabase.open_ledger(pin.url, _service_key())
    return _embedded(operator, stack, missing)


def _embedded(operator: Operator, stack: contextlib.ExitStack, missing: Missing) -> Ledger:
    from lanectl.adapters.ledger import sqlite, sqlite_create
    from lanectl.errors import ConflictError
    from lanectl.wiring.migrate import genesis

    path, key = embedded_ledger(operator), _encryption_key(operator)
    if not path.exists() and missing is not Missing.REFUSED:
        if missing is not Missing.MADE_ANEW:
            _refuse_lost(operator)
        if missing is Missing.EMPTY:
            path = _nowhere(stack) / path.name
        with contextlib.suppress(ConflictError):  # another process made it at this moment
            sqlite_create.create(str(path), genesis(operator.repository), key)
    return sqlite.open_ledger(str(path), key)


def _refuse_lost(operator: Operator) -> None:
    """Raise UntrustedError if there was a ledger: a missing one is not begun anew in silence."""
    from lanectl.errors import Remedy, UntrustedError

    if operator.ledger.id is None and not store_of(operator).anchors():
        return
    raise UntrustedError(
        f"the ledger is gone: {embedded_ledger(operator)}",
        why="there was one: the operator file or the state folder's anchors name it",
        remedies=(
            Remedy("Restore it from a backup."),
            Remedy(
                "If there is none, let a lead begin one anew from what is published.",
                ("lanectl", "ledger", "reconcile", "--key", "LEADKEY", "--reason", "TEXT"),
            ),
        ),
    )  # fmt: skip


def _nowhere(stack: contextlib.ExitStack) -> Path:
    from lanectl.adapters.scratch import scratch_folder, scratch_parents

    now = RealSystem().now().timestamp()
    return stack.enter_context(scratch_folder(scratch_parents(environment()), now=now))


def _encryption_key(operator: Operator) -> str | None:
    """Return the key of an encrypted ledger, from the file descriptor that a variable numbers."""
    from lanectl.errors import Remedy, UsageError

    if not operator.ledger.encrypted:
        return None
    number = environment().get(_KEY_FD, "")
    if not number.isdecimal():
        raise UsageError(
            "the ledger is encrypted, and no key was given",
            why=f"{_KEY_FD} numbers no file descriptor to read it from",
            remedies=(
                Remedy(f"Give it by a descriptor: {_KEY_FD}=3 lanectl … 3< KEYFILE"),
            ),
        )  # fmt: skip
    from lanectl.adapters.ledger.sqlite_key import read_key

    return read_key(int(number))


def _service_key() -> str:
    from lanectl.errors import Remedy, UsageError

    variables = environment()
    key = next((variables[n].strip() for n in _KEYS if variables.get(n, "").strip()), "")
    if not key:
        raise UsageError(
            "there is no key for the ledger",
            why=f"neither {_KEYS[0]} nor {_KEYS[1]} is set",
            remedies=(
                Remedy(
                    "Put the service key into .env.claude.",
                    ("lanectl", "--profile", ".env.claude", "apply", "BUNDLE"),
                ),
            ),
        )
    return key
