"""Credential: which variables a lane may not hold, or misses. Names them; never returns a value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lanectl.formats.credential import credentials
from lanectl.model.lane import Kind, Lane

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lanectl.model.lane import Credential

_ALLOWED_CODEX: Final = frozenset({Kind.SUPABASE_PUBLIC, Kind.BUILDER_KEY})
_FORBIDDEN_CLAUDE: Final = frozenset({Kind.BUILDER_KEY, Kind.SUPERVISOR_KEY, Kind.LEAD_KEY})
_SUPABASE: Final = re.compile(r"SUPABASE", re.IGNORECASE)
_SERVICE: Final = re.compile(r"SERVICE|SECRET|ADMIN", re.IGNORECASE)


def forbidden(lane: Lane, variables: Mapping[str, str]) -> tuple[Credential, ...]:
    """Return what these variables hold and `lane` may not.

    codex: everything but a Supabase key that is public and the path of its own signing key.
    claude: the Builder's signing key, for an Enforcer must not be able to sign as the Builder, and
    the keys of people, who decide what an Enforcer must not.
    """
    return tuple(
        c
        for c in credentials(variables)
        if (c.kind not in _ALLOWED_CODEX if lane is Lane.CODEX else c.kind in _FORBIDDEN_CLAUDE)
    )


def misfits(variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the Enforcer's Supabase keys: (variable, why). Nothing without any."""
    if not any(_SUPABASE.search(name) and value.strip() for name, value in variables.items()):
        return
    held = credentials(variables)
    for found in held:
        if found.kind is Kind.SUPABASE_PUBLIC and _SERVICE.search(found.variable):
            yield found.variable, f"it calls itself a service key and is {found.kind.value}"
    if not any(c.kind is Kind.SUPABASE_SERVICE for c in held):
        yield "SUPABASE_…", "Supabase is set up without a key that has the role service_role"
