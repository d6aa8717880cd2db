"""Strict access to what a lockfile holds: text, tables, lists. A wrong type is refused, not skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from lanectl.model.report import Fault, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

RULE = "sbom/lockfile"

LIMIT = 16 << 20
"""Bytes of one lockfile: what `pack` reads of any file."""

MOST = 50_000
"""Entries of a table, of a list or of requirements: ten times what the largest projects have."""

_MOST_LINES = 200_000


def refuse(got: str, expected: str = "") -> NoReturn:
    """Raise MalformedError `sbom/lockfile`; `build` makes a gap of it."""
    raise MalformedError(Fault(RULE, got=got, expected=expected))


def decode(data: bytes) -> str:
    """Return the text of a lockfile that is not too large and UTF-8."""
    if len(data) > LIMIT:
        refuse(f"{len(data)} bytes", f"at most {LIMIT} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        refuse(f"not UTF-8 at byte {error.start}", "UTF-8")


def lines(text: str) -> list[str]:
    """Return the lines of a lockfile or manifest that is read line by line."""
    found = text.splitlines()
    if len(found) > _MOST_LINES:
        refuse(f"{len(found)} lines", f"at most {_MOST_LINES}")
    return found


def table(parent: Any, key: str) -> dict[str, Any]:
    """Return the table at a key, empty if there is none."""
    found = as_table(as_table(parent, "the file").get(key, {}), key)
    if len(found) > MOST:
        refuse(f"{key}: {len(found)} entries", f"at most {MOST}")
    return found


def as_table(value: Any, where: str) -> dict[str, Any]:
    """Return a value that must be a table."""
    if not isinstance(value, dict):
        refuse(f"{where[:80]}: {type(value).__name__}", "a table")
    return value


def tables(parent: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the list of tables at a key, empty if there is none."""
    value = parent.get(key, [])
    if not isinstance(value, list):
        refuse(f"{key}: {type(value).__name__}", "a list")
    if len(value) > MOST:
        refuse(f"{key}: {len(value)} entries", f"at most {MOST}")
    return [as_table(item, key) for item in value]


def text(parent: Mapping[str, Any], key: str) -> str:
    """Return the text at a key, empty if there is none."""
    value = parent.get(key, "")
    if not isinstance(value, str):
        refuse(f"{key}: {type(value).__name__}", "a text")
    return value


def number(parent: Mapping[str, Any], key: str, default: int) -> int:
    """Return the integer at a key; `true` is none, though Python has it equal to 1."""
    value = parent.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool):
        refuse(f"{key}: {type(value).__name__}", "an integer")
    return value


def gaps(reasons: Iterable[str]) -> tuple[str, ...]:
    """Return each reason once, with how often it was met; an empty reason is none."""
    counts: dict[str, int] = {}
    for reason in filter(None, reasons):
        counts[reason] = counts.get(reason, 0) + 1
    return tuple(f"{reason}: {counts[reason]}" for reason in sorted(counts))
