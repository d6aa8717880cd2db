"""The section `[rules]` of `lanectl.toml`: its form. Which rules there are is known elsewhere.

Refuses patterns that allow everything, and fingerprints that are none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lanectl.model.decision import Decision
from lanectl.model.ruling import RulePolicy, Ruling

if TYPE_CHECKING:
    from lanectl.config.table import Table

_ID: Final = re.compile(r"[a-z-]+/[a-z0-9-]+", re.ASCII)
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_STRICTER: Final = (Decision.WARN, Decision.HOLD, Decision.BLOCK)


def parse_ruling(table: Table) -> Ruling:
    """Return what `[rules]` says. Raises UnreadableError with the place and the reason."""
    secrets = table.texts("secrets", ())
    for text in secrets:
        if not _FINGERPRINT.fullmatch(text):
            raise table.bad("secrets", "must be fingerprints as findings show them, 32 hex digits")
    ids = [key for key in table.values if _ID.fullmatch(key)]
    rules = {key: _rule(table.section(key)) for key in ids}
    table.end()
    return Ruling(rules, frozenset(secrets))


def _rule(table: Table) -> RulePolicy:
    said = table.text("decision", "")
    if said and said not in _STRICTER:
        raise table.bad("decision", "must be warn, hold or block")
    allow = table.texts("allow", ())
    for pattern in allow:
        if problem := _problem(pattern):
            raise table.bad("allow", problem)
    table.end()
    return RulePolicy(Decision(said) if said else None, allow)


def _problem(pattern: str) -> str:
    if not any(char.isalnum() for char in pattern):
        return f"holds {pattern!r}, which allows everything: name the paths that you mean"
    if pattern.startswith(("/", "./")) or pattern.endswith("/"):
        return (
            f"holds {pattern!r}: write paths from the top of the repository, a folder as `dir/**`"
        )
    return ""
