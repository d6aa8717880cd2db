"""What is configured: the repository's rules and the operator's pins and limits."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.model.address import Address
from lanectl.model.names import ObjectId, RepositoryId
from lanectl.model.ruling import Ruling
from lanectl.model.trust_policy import TrustPolicy

if TYPE_CHECKING:
    from lanectl.model.ledger import LedgerId

RULES_PATH = "lanectl.toml"
DEFAULT_MIGRATIONS = ("supabase/migrations/*.sql", "**/migrations/*.sql")


class Rules(Struct, frozen=True):
    """`lanectl.toml`: what this repository demands. Patterns are globs over repository paths."""

    repository: RepositoryId | None = None
    migrations: tuple[str, ...] = DEFAULT_MIGRATIONS
    require_handoff: bool = False
    """Whether every pull request must be a handoff."""

    ruling: Ruling = Ruling()

    trust: TrustPolicy = TrustPolicy()
    """The section `[trust]`; it holds where the file comes from the target's tip."""


INFLATED = 40 << 20
"""Bytes that a bundle may inflate to unless the operator says otherwise.

Up to it lanectl's own process stays below 128 MiB (docs/benchmarks.md).
"""


class Limits(Struct, frozen=True):
    """What verification may use up: bytes inflated, seconds and bytes of memory per git child."""

    inflated: int = INFLATED
    git_seconds: int = 120
    git_memory: int = 1 << 29


class Backend(enum.StrEnum):
    """Where a ledger lies."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"
    SUPABASE = "supabase"


class LedgerPin(Struct, frozen=True):
    """Which ledger: its back end, its id (a shared one must have it), and where it is.

    `path` and `encrypted` are SQLite's (empty: in the state folder), `dsn` PostgreSQL's (without a
    password), `url` Supabase's.
    """

    backend: Backend = Backend.SQLITE
    id: LedgerId | None = None
    path: str = ""
    dsn: str = ""
    url: str = ""
    encrypted: bool = False


class Operator(Struct, frozen=True):
    """`enforcer.toml`: the pinned repository, branch and tip, the ledger, and the limits."""

    url: str
    branch: str
    ref: str
    pinned: ObjectId
    limits: Limits
    api: str = ""
    """The forge's API root; empty: found by the host."""

    ledger: LedgerPin = LedgerPin()

    @property
    def repository(self) -> RepositoryId:
        """The repository id that the pinned address stands for."""
        return RepositoryId.from_url(self.url)

    @property
    def api_root(self) -> str:
        """The API root that belongs to the pinned address: GitHub's own, or an Enterprise host's.

        Empty for an address that no forge can be told from.
        """
        address = Address.parse(self.url)
        if self.api or address.scheme == "file":
            return self.api
        host = self.repository.partition("/")[0]
        if host == "github.com":
            return "https://api.github.com"
        scheme = "http" if address.scheme == "http" else "https"
        return f"{scheme}://{host if address.scheme != 'ssh' else host.partition(':')[0]}/api/v3"
