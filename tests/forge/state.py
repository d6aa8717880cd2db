"""What the forge knows beyond the emulator: repositories, merges, statuses. Read under its lock."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from tests.forge.bare import Bare
from tests.forge.emulator import Emulator
from tests.forge.mirror import Mirror


@dataclass(frozen=True)
class Repository:
    """`name` is owner/name."""

    name: str
    bare: Bare
    private: bool


@dataclass
class State:
    """`merged` holds the fields that merging gives a pull request, keyed by repository and number."""

    emulator: Emulator
    mirror: Mirror
    repositories: dict[str, Repository] = field(default_factory=dict)
    merged: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    statuses: defaultdict[tuple[str, str], list[dict[str, Any]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    checks_need_app: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock)

    def sync(self, repository: Repository) -> None:
        """Tell the emulator what is in the bare repository now; pull requests follow."""
        from tests.forge.pulls import follow

        with self.lock:
            self.mirror.bring(repository.name, repository.bare)
            follow(self, repository)

    def pulls(self, repo: str, query: str = "state=open") -> list[dict[str, Any]]:
        """Return pull requests with git's own ids."""
        target = f"/repos/{repo}/pulls?per_page=100&{query}"
        return self._list(target)

    def pull(self, repo: str, number: int) -> dict[str, Any] | None:
        found = self.emulator.own("GET", f"/repos/{repo}/pulls/{number}")
        return self._here(found.body) if found.status == 200 else None

    def _list(self, target: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._here(self.emulator.own("GET", target).body)
        return found

    def _here(self, body: bytes) -> Any:
        import json

        return json.loads(self.mirror.here(body))
