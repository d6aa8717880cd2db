"""The two lanes, what a credential is, and what an attempt at a forbidden act came to. Holds no value."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "LANECTL_LANE"
PROFILES = (".env.codex", ".env.claude")
"""The names that the two lanes' profiles have in a work tree."""


class Lane(enum.StrEnum):
    """Which side a process belongs to: `codex` builds, `claude` enforces."""

    CODEX = "codex"
    CLAUDE = "claude"

    @property
    def other(self) -> Lane:
        """The lane whose credentials this one must not hold."""
        return Lane.CLAUDE if self is Lane.CODEX else Lane.CODEX


class Kind(enum.StrEnum):
    """What a variable holds, in the words that a person reads."""

    SUPABASE_PUBLIC = "a Supabase key with the role anon"
    SUPABASE_USER = "a Supabase token of a signed-in user"
    SUPABASE_SERVICE = "a Supabase key with the role service_role"
    SUPABASE_UNREADABLE = "a Supabase key whose role cannot be read"
    SUPABASE_ACCESS = "a Supabase access token"
    DATABASE = "a database password"
    FORGE = "a forge token"
    OIDC = "a token that asks for an identity"
    PRIVATE_KEY = "a private key"
    BUILDER_KEY = "the path of the Builder's signing key"
    ENFORCER_KEY = "the path of the Enforcer's signing key"
    SUPERVISOR_KEY = "the path of the supervisor's signing key"
    LEAD_KEY = "the path of a lead's signing key"

    @property
    def is_secret(self) -> bool:
        """Whether the value itself must stay unread by others; a path and a public key need not."""
        return self is not Kind.SUPABASE_PUBLIC and self not in _KEY_PATHS


_KEY_PATHS = {Kind.BUILDER_KEY, Kind.ENFORCER_KEY, Kind.SUPERVISOR_KEY, Kind.LEAD_KEY}


class Credential(Struct, frozen=True):
    """A variable and what it holds; never its value."""

    variable: str
    kind: Kind


class Profile(Struct, frozen=True):
    """A lane's file of variables, as a person named it."""

    path: str
    lane: Lane
    variables: Mapping[str, str]


class Act(enum.StrEnum):
    """What `lane check` tries. Each is the name of a rule of the family `lane`."""

    PUSH = "push"
    NETWORK = "network"
    OTHER_FILES = "other-files"
    SIGNING_KEY = "signing-key"
    ENVIRONMENT = "environment"
    GIT_CONFIG = "git-config"
    CREDENTIAL_HELPER = "credential-helper"
    LOGIN_FILE = "login-file"
    SSH_AGENT = "ssh-agent"
    FILE_MODE = "file-mode"
    NOT_IGNORED = "not-ignored"
    COMMITTED = "committed"
    SAME_KEY = "same-key"
    SUPABASE_ROLE = "supabase-role"

    @property
    def rule(self) -> str:
        """The id of the rule that is broken when this succeeds."""
        return f"lane/{self.value}"


class Attempt(Struct, frozen=True):
    """One try: what, at which place, whether it succeeded (None: it could not be tried), how."""

    act: Act
    where: str
    succeeded: bool | None
    got: str = ""
