"""Rollback: `rollback.sql` is there if and only if a migration changes, and is what the tree holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.formats import rollback
from lanectl.model.bundle import ROLLBACK
from lanectl.model.display import display_path
from lanectl.model.report import Fault, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lanectl.model.change import FileChange
    from lanectl.model.evidence import Evidence
    from lanectl.model.settings import Rules

_ADD = Remedy(
    "Add rollbacks/NAME.sql beside the migrations folder, or name a file of the change.",
    ("lanectl", "pack", "--rollback", "PATH"),
)

RULES = (
    Rule(
        "rollback/missing",
        "A migration changes without a rollback",
        "A change of the database that cannot be undone must not be merged by a machine.",
        _ADD,
        example="a new `supabase/migrations/7.sql` and no `supabase/rollbacks/7.sql`",
    ),
    Rule(
        "rollback/unexpected",
        "A rollback without a migration",
        "SQL that undoes nothing has no business in a bundle.",
        Remedy("Pack again; lanectl adds rollback.sql only where a migration changes."),
        example="a `rollback.sql` in a bundle that changes documentation",
    ),
    Rule(
        "rollback/content",
        "rollback.sql is not what the result tree holds",
        "It must be reviewable in the change itself, not only inside the bundle.",
        Remedy("Pack again with an unmodified lanectl.", ("lanectl", "pack")),
        example="a `rollback.sql` that differs from the file in the result tree",
    ),
)


def check_change(
    files: Sequence[FileChange], rules: Rules, wanted: Sequence[str], content: Mapping[str, bytes]
) -> Iterator[Fault]:
    """Yield a fault for every rollback that is wanted and not in the result tree.

    `wanted` is what convention or the Builder names, `content` what was found.
    """
    touched = rollback.touched(files, rules.migrations)
    if wanted and not touched:
        yield Fault("rollback/unexpected", wanted[0], "no migration changes", "no rollback")
    for path in wanted:
        if touched and path not in content:
            yield Fault("rollback/missing", path, "no such file in the result tree", ROLLBACK)


def check(evidence: Evidence) -> Iterator[Fault]:
    """Yield the faults of a bundle's `rollback.sql`, judged by the target's rules."""
    bundle, inner, files, rules = evidence.bundle, evidence.inner, evidence.files, evidence.rules
    if bundle is None or inner is None or files is None or rules is None:
        return
    touched = rollback.touched(files, rules.migrations)
    present = bundle.members.get(ROLLBACK)
    if touched and present is None:
        yield Fault(
            "rollback/missing",
            display_path(touched[0]),
            "a changed migration",
            f"a member {ROLLBACK}",
        )
    if present is None:
        return
    if not touched:
        yield Fault("rollback/unexpected", ROLLBACK, "no migration changes", "no such member")
    content = evidence.rollback or {}
    wanted = inner.handoff.rollback
    if (
        not wanted
        or set(content) != set(wanted)
        or rollback.join([(p, content[p]) for p in wanted]) != present
    ):
        yield Fault(
            "rollback/content",
            ROLLBACK,
            "other bytes",
            f"the content of {len(wanted)} named paths of the result tree",
        )
