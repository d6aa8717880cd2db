"""PyGithub on the forge: an independent client that sees what is really there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.forge.forge import Forge
from tests.forge.people import Token

if TYPE_CHECKING:
    from github import Github
    from github.Repository import Repository


def github(forge: Forge, token: Token, *, lazy: bool = False) -> Github:
    """Return a client that neither waits between requests nor tries again."""
    from github import Auth, Github

    return Github(
        auth=Auth.Token(token.secret), base_url=forge.api, retry=None, timeout=10, lazy=lazy,
        seconds_between_requests=None, seconds_between_writes=None,
    )  # fmt: skip


class View:
    """What a reader sees of one repository: plain values, read anew at each call."""

    def __init__(self, forge: Forge, repo: str) -> None:
        self._client = github(forge, forge.people.reader, lazy=True)
        self._repo = repo

    @property
    def repository(self) -> Repository:
        return self._client.get_repo(self._repo)

    def pulls(self, state: str = "all") -> list[tuple[int, str, str]]:
        """Return (number, branch, commit at its head), oldest first."""
        found = self.repository.get_pulls(state=state, direction="asc")
        return [(pull.number, pull.head.ref, pull.head.sha) for pull in found]

    def body(self, number: int) -> str:
        return self.repository.get_pull(number).body or ""

    def labels(self, number: int) -> list[str]:
        return sorted(label.name for label in self.repository.get_issue(number).labels)

    def checks(self, commit: str) -> list[tuple[str, str, str | None]]:
        """Return (name, status, conclusion) of every check-run of a commit."""
        runs = self.repository.get_commit(commit).get_check_runs()
        return sorted((run.name, run.status, run.conclusion) for run in runs)

    def comments(self, number: int) -> list[str]:
        return [one.body for one in self.repository.get_issue(number).get_comments()]

    def branches(self) -> dict[str, str]:
        return {one.name: one.commit.sha for one in self.repository.get_branches()}

    def close(self) -> None:
        self._client.close()
