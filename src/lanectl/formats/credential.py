"""Which credential a variable holds: by its value first, then by its name. Never returns a value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lanectl.formats.supabase_key import roles
from lanectl.model.lane import Credential, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NAMES: Final = {
    Kind.FORGE: (
        "LANECTL_FORGE_TOKEN", "GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN",
        "GITHUB_ENTERPRISE_TOKEN", "GITHUB_PAT", "GITLAB_TOKEN", "GITLAB_ACCESS_TOKEN",
        "CI_JOB_TOKEN", "BITBUCKET_TOKEN", "GITEA_TOKEN", "FORGEJO_TOKEN",
    ),
    Kind.OIDC: ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_RUNTIME_TOKEN", "SIGSTORE_ID_TOKEN"),
    Kind.SUPABASE_ACCESS: ("SUPABASE_ACCESS_TOKEN",),
    Kind.SUPABASE_SERVICE: ("SUPABASE_JWT_SECRET",),
    Kind.DATABASE: ("SUPABASE_DB_PASSWORD", "PGPASSWORD", "POSTGRES_PASSWORD"),
    Kind.BUILDER_KEY: ("LANECTL_BUILDER_KEY",),
    Kind.ENFORCER_KEY: ("LANECTL_ENFORCER_KEY",),
    Kind.SUPERVISOR_KEY: ("LANECTL_SUPERVISOR_KEY",),
    Kind.LEAD_KEY: ("LANECTL_LEAD_KEY",),
}  # fmt: skip
_BY_NAME: Final = {name: kind for kind, names in _NAMES.items() for name in names}

_VALUES: Final = (
    (Kind.FORGE, re.compile(r"(?<![\w-])(gh[opusr]_\w{10}|github_pat_\w{10}|glpat-[\w-]{10})")),
    (Kind.FORGE, re.compile(r"\bauthorization:\s*(basic|bearer|token)\s+\S", re.IGNORECASE)),
    (Kind.FORGE, re.compile(r"\bhttps?://([^/@\s:]*:[^/@\s]+|[^/@\s:]{20,})@", re.IGNORECASE)),
    (Kind.SUPABASE_ACCESS, re.compile(r"(?<![\w-])sbp_\w{10}")),
    (Kind.DATABASE, re.compile(r"\b(postgres|postgresql|mysql|mariadb|mongodb|redis|rediss)(\+\w+)?://[^/@\s:]*:[^/@\s]+@", re.IGNORECASE)),
    (Kind.DATABASE, re.compile(r"\b(host|hostaddr|dbname)\s*=.*\bpassword\s*=\s*\S|\bpassword\s*=\s*\S.*\b(host|hostaddr|dbname)\s*=", re.IGNORECASE | re.DOTALL)),
    (Kind.DATABASE, re.compile(r"\bpostgres(ql)?://\S*[?&]password=[^&\s]", re.IGNORECASE)),
    (Kind.PRIVATE_KEY, re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----")),
)  # fmt: skip
_SUPABASE_KEY: Final = re.compile(r"SUPABASE\w*KEY", re.IGNORECASE)


def credentials(variables: Mapping[str, str]) -> tuple[Credential, ...]:
    """Return the credentials among these variables, sorted by name; an empty value is none."""
    return tuple(
        Credential(name, kind)
        for name, value in sorted(variables.items())
        if value.strip()
        for kind in dict.fromkeys(recognise(name, value))
    )


def recognise(name: str, value: str) -> Iterator[Kind]:
    """Yield what a variable holds. The role inside a Supabase key decides, not the variable's name.

    Where a variable calls itself a Supabase key and no role can be read, that is a kind of its own:
    nobody can say that it is harmless.
    """
    found = [*roles(value), *(kind for kind, shape in _VALUES if shape.search(value))]
    yield from found
    if name in _BY_NAME:
        yield _BY_NAME[name]
    elif not found and _SUPABASE_KEY.search(name):
        yield Kind.SUPABASE_UNREADABLE


def holds_secret(text: str) -> bool:
    """Whether a text of unknown origin (a configuration value, an address) carries a secret."""
    return any(kind.is_secret for kind in recognise("", text))
