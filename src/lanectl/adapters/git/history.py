"""Read-only history for people, through GitPython. Nothing that decides comes from here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lanectl.model.names import ObjectId


class PlaceInHistory(Struct, frozen=True):
    """Where a commit stands: its subject, author, date (ISO 8601), and how far HEAD has moved on."""

    subject: str
    author: str
    date: str
    commits_since: int | None


def place_in_history(
    own_dir: bytes, program: str, base: ObjectId, head: ObjectId | None
) -> PlaceInHistory | None:
    """Return where `base` stands, read through an own GIT_DIR, or None if it is not there."""
    # GitPython runs whatever `git` it finds first in PATH when it is imported: pin the program.
    os.environ["GIT_PYTHON_GIT_EXECUTABLE"] = program
    import git

    with git.Repo(os.fsdecode(own_dir)) as repository:
        repository.git.update_environment(**_QUIET)
        try:
            commit = repository.commit(base)
            since = None
            if head is not None and repository.is_ancestor(commit, repository.commit(head)):
                since = sum(1 for _ in repository.iter_commits(f"{base}..{head}"))
            return PlaceInHistory(
                str(commit.summary),
                str(commit.author.name or ""),
                commit.authored_datetime.isoformat(),
                since,
            )
        except (git.exc.BadName, git.exc.GitCommandError, ValueError):
            return None


_QUIET: Mapping[str, str] = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ALLOW_PROTOCOL": "none",
}
