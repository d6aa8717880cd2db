"""The words of a handoff: slug, title, message, repository id. Given, or found, and validated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lanectl.errors import Remedy, UsageError
from lanectl.model.display import display
from lanectl.model.handoff import message_problem, staging_branch, title_problem
from lanectl.model.names import ObjectId, RepositoryId, Slug

if TYPE_CHECKING:
    from lanectl.model.settings import Rules
    from lanectl.ports import BuilderRepository

_STAGING: Final = staging_branch(Slug("x")).removesuffix("x")


def find_slug(repository: BuilderRepository, said: str | None) -> Slug:
    """Return the slug that is said, or that the staging branch names. Raises UsageError."""
    branch = repository.current_branch()
    text = said or (branch.removeprefix(_STAGING) if branch.startswith(_STAGING) else "")
    try:
        return Slug(text)
    except ValueError as error:
        raise UsageError(
            f"{display(text)!r} is no slug" if text else "this handoff has no name",
            why="a slug is made of a-z, 0-9 and -, starts with a letter or digit, 63 characters at most",
            remedies=(Remedy("Name it.", ("lanectl", "pack", "--slug", "fix-login")),),
        ) from error


def find_repository_id(
    repository: BuilderRepository, rules: Rules, said: str | None
) -> RepositoryId:
    """Return the id that is said, or that lanectl.toml names, or that the remote stands for.

    Raises UsageError if nothing says it.
    """
    try:
        found = RepositoryId(said) if said else None
    except ValueError as error:
        raise UsageError(str(error), remedies=(Remedy("Write it as host/owner/name."),)) from error
    found = found or rules.repository or repository.repository_id()
    if found is None:
        raise UsageError(
            "nothing says which repository this change is for",
            why="lanectl.toml names none and the clone has no single remote",
            remedies=(
                Remedy("Name it.", ("lanectl", "pack", "--repository", "github.com/owner/name")),
            ),
        )
    return found


def find_title(repository: BuilderRepository, base: ObjectId, slug: Slug, said: str | None) -> str:
    """Return the title that is said, or the newest commit's subject, or the slug's words."""
    title = said
    if title is None:
        title = repository.subject(base) or slug.replace("-", " ")
    if problem := title_problem(title):
        raise UsageError(
            f"this title cannot be used: {problem}",
            remedies=(
                Remedy("Give one plain line.", ("lanectl", "pack", "--title", "Fix the login")),
            ),
        )
    return title


def check_message(said: str) -> str:
    """Return the message without surrounding newlines. Raises UsageError for one that forges."""
    if problem := message_problem(said):
        raise UsageError(f"this message cannot be used: {problem}")
    return said.strip("\n")
