"""Credential: which variables a lane may not hold. Names them, and never looks at more than the kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lanectl.errors import Remedy
from lanectl.formats.credential import credentials
from lanectl.model.lane import Kind, Lane
from lanectl.model.report import Fault, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lanectl.model.lane import Credential

RULES = (
    Rule(
        "credential/forbidden",
        "The lane holds a credential that it must not hold",
        "What one lane can do, the other must not be able to do: that is what the handoff is for.",
        Remedy(
            "Take the variable out of that environment; `lane exec codex` passes none of it on."
        ),
    ),
)

_ALLOWED_CODEX: Final = frozenset({Kind.SUPABASE_PUBLIC, Kind.BUILDER_KEY})
_FORBIDDEN_CLAUDE: Final = frozenset({Kind.BUILDER_KEY})


def forbidden(lane: Lane, variables: Mapping[str, str]) -> tuple[Credential, ...]:
    """Return what these variables hold and `lane` may not.

    codex: everything but a Supabase key that is public and the path of its own signing key.
    claude: the Builder's signing key, for an Enforcer must not be able to sign as the Builder.
    """
    return tuple(
        c
        for c in credentials(variables)
        if (c.kind not in _ALLOWED_CODEX if lane is Lane.CODEX else c.kind in _FORBIDDEN_CLAUDE)
    )


def check(lane: Lane, variables: Mapping[str, str], where: str) -> Iterator[Fault]:
    """Yield a fault for every credential that `lane` may not hold; `where` says whose environment."""
    for found in forbidden(lane, variables):
        yield Fault(
            "credential/forbidden",
            f"{where}: {found.variable}",
            found.kind.value,
            f"not in the {lane} lane",
        )
