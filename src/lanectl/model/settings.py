"""What is configured: the repository's rules and the operator's pins and limits."""

from __future__ import annotations

from dataclasses import dataclass

from lanectl.model.names import ObjectId, RepositoryId

RULES_PATH = "lanectl.toml"
DEFAULT_MIGRATIONS = ("supabase/migrations/*.sql", "**/migrations/*.sql")


@dataclass(frozen=True, slots=True)
class Rules:
    """`lanectl.toml`: what this repository demands. Patterns are globs over repository paths."""

    repository: RepositoryId | None = None
    migrations: tuple[str, ...] = DEFAULT_MIGRATIONS


@dataclass(frozen=True, slots=True)
class Limits:
    """What verification may use up: bytes inflated, seconds and bytes of memory per git child."""

    inflated: int = 64 << 20
    git_seconds: int = 120
    git_memory: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Operator:
    """`enforcer.toml`: the pinned repository, branch and tip, and the limits."""

    url: str
    branch: str
    ref: str
    pinned: ObjectId
    limits: Limits

    @property
    def repository(self) -> RepositoryId:
        """The repository id that the pinned address stands for."""
        return RepositoryId.from_url(self.url)
