"""Source: what a work tree holds that cannot become part of a change. Judged by `pack` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.model.display import display_path
from lanectl.model.report import Fault, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.change import ChangeSet

RULES = (
    Rule(
        "source/empty",
        "Nothing has changed",
        "A handoff is a change.",
        Remedy(
            "Make a change first; ignored files need --force-include.",
            ("git", "status", "--ignored"),
        ),
        example="`pack` in a clean work tree",
    ),
    Rule(
        "source/nested-repository",
        "A repository inside the work tree that is no submodule of the base",
        "Its files would silently stay out of the change, and its configuration can run programs.",
        Remedy("Move it out of the work tree, ignore it, or delete its .git."),
        example="a folder `vendor/lib` that holds its own `.git`",
    ),
    Rule(
        "source/external-filter",
        "A changed file belongs to an external filter (Git LFS)",
        "lanectl runs no program of the work tree, so it cannot make what the filter would.",
        Remedy("Hand the file over another way, or take it out of the change."),
        example="a changed `logo.psd` that `.gitattributes` gives to Git LFS",
    ),
    Rule(
        "source/special-file",
        "A device, socket or FIFO",
        "git cannot hold it.",
        Remedy("Delete it or ignore it."),
        example="a FIFO in the work tree",
    ),
)


def check(change: ChangeSet) -> Iterator[Fault]:
    """Yield a fault for every finding that reading the work tree noted."""
    judged = {rule.id for rule in RULES}
    for note in change.notes:
        if note.rule in judged:
            yield Fault(note.rule, display_path(note.path), "", "")
    if not change.patch and not any(note.rule in judged for note in change.notes):
        yield Fault("source/empty", change.base, "no difference", "a change")
