"""What every lane may see of the ledger: where handoffs are. Nothing that writes can be built here."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from lanectl.adapters.system import environment
from lanectl.model.settings import Backend
from lanectl.wiring.common import embedded_ledger, operator_file, pinned_by

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.adapters.ledger.sqlite_status import SqliteStatus
    from lanectl.adapters.ledger.status import SupabaseStatus
    from lanectl.ports.ledger import StatusReader

_KEYS = ("SUPABASE_ANON_KEY", "SUPABASE_PUBLISHABLE_KEY")


@contextlib.contextmanager
def open_status() -> Iterator[StatusReader]:
    """Yield the status of the operator's ledger, or without a pinned one, of SUPABASE_URL's.

    Raises UsageError where there is none that this lane could ask, UnavailableError.
    """
    from lanectl.errors import Remedy, UsageError

    operator = pinned_by(operator_file())
    variables = environment()
    url = operator.ledger.url if operator else variables.get("SUPABASE_URL", "").strip()
    key = next((variables[n].strip() for n in _KEYS if variables.get(n, "").strip()), "")
    reader: SqliteStatus | SupabaseStatus
    if operator is not None and operator.ledger.backend is Backend.SQLITE:
        from lanectl.adapters.ledger import sqlite_status

        reader = sqlite_status.open_status(str(embedded_ledger(operator)))
    elif url and key:
        from lanectl.adapters.ledger import status

        reader = status.open_status(url, key)
    else:
        raise UsageError(
            "this lane knows of no ledger whose status it could ask for",
            why=f"it needs SUPABASE_URL and {_KEYS[0]}; without Supabase the status is the Enforcer's to show",
            remedies=(Remedy("Put both into .env.codex, or ask who runs the Enforcer."),),
        )
    try:
        yield reader
    finally:
        reader.close()
