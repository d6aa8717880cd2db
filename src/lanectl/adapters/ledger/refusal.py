"""What the refusals of PostgREST, of PostgreSQL behind it and of proxies before it mean for us.

Shows no more than a server's own short message, fit to print and without the key.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from lanectl.errors import ConflictError, LaneError, RefusedError, Remedy, UnavailableError
from lanectl.model.display import display

# a server may put its own name for the error before it
_OURS: Final = re.compile(r"(?:\w+Error: )?lanectl/(move|claim|clock|malformed): *(.*)", re.DOTALL)
_SHOWN: Final = 300
"""Characters of a server's message."""

_KEY: Final = Remedy(
    "Use the key of this very project: its secret key (sb_secret_… or service_role) to write, "
    "its publishable key (sb_publishable_… or anon) to read the status."
)
_MIGRATE: Final = Remedy(
    "Install the ledger with this command, and expose the schema `lanectl` in the project's API settings.",
    ("lanectl", "ledger", "migrate"),
)
AGAIN: Final = Remedy("Run the command again: it looks first what happened meanwhile.")
"""After a conflict with another Enforcer, whichever back end told it."""

_MOVED: Final = Remedy("Write the project's present URL in the operator file.")
_LATER: Final = Remedy("Run the command again later; it goes on where it stopped.")

# connections, serialization, locks, resources, shutdown, cancelled by a time limit
_BUSY: Final = re.compile(r"08...|40...|53...|55P03|57...|PGRST00[0-3]", re.ASCII)
_DENIED: Final = frozenset({"42501", "PGRST300", "PGRST301", "PGRST302", "PGRST303"})
_MISSING: Final = frozenset(
    {"PGRST106", "PGRST202", "PGRST204", "PGRST205", "42P01", "42883", "42703", "3F000"}
)


def refusal(host: str, key: str, status: int, body: bytes) -> LaneError:
    """Return the error for an answer without success."""
    code, said = (text.replace(key, "…") for text in _read(body))
    shown = display(said, limit=_SHOWN)
    if ours := _OURS.match(shown):
        if ours[1] == "malformed":
            return RefusedError("the ledger refuses", why=ours[2])
        return ConflictError(ours[2], remedies=(AGAIN,))
    why = f"{status}: {display(code, limit=20)} {shown}"
    denied, missing = code in _DENIED, code in _MISSING
    if status in {408, 429} or _BUSY.fullmatch(code) or (status >= 500 and not denied | missing):
        return unavailable(host, why)
    remedies: tuple[Remedy, ...]
    if 300 <= status < 400:
        what, remedies = "wants to redirect, and a key follows no redirect", (_MOVED,)
    elif denied or status in {401, 403}:
        what, remedies = "does not let this key do that", (_KEY,)
    elif missing or status == 404:
        what, remedies = "shows no ledger", (_MIGRATE,)
    else:
        what, remedies = "refuses", ()
    return RefusedError(f"{display(host)} {what}", why=why, remedies=remedies)


def unavailable(host: str, why: str) -> UnavailableError:
    """Return the error for no answer, or none now."""
    return UnavailableError(f"{display(host)} is not available", why=why, remedies=(_LATER,))


def _read(body: bytes) -> tuple[str, str]:
    """Return code and message of a PostgREST error; of anything else a short word about it."""
    try:
        answer: Any = json.loads(body)
    except (ValueError, RecursionError):
        return "", "an answer that is not JSON"
    if not isinstance(answer, dict):
        return "", "no reason given"
    return str(answer.get("code") or ""), str(answer.get("message") or "no reason given")
