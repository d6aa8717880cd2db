"""The text of a rollback's pull request. An output, never evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.formats.markdown import code, fence, table
from lanectl.model.display import display
from lanectl.model.pull_request import PullRequestText

if TYPE_CHECKING:
    from lanectl.model.handoff import Marker
    from lanectl.model.names import ObjectId

_SQL = """\
The bundle holds a `rollback.sql`. lanectl never executes SQL: a person reviews it and runs it
where it belongs, before or after this merge as its migration demands.
"""


def rollback_request(
    marker: Marker, reverts: ObjectId, commit: ObjectId, *, has_sql: bool
) -> PullRequestText:
    """Return title and body of the pull request that takes a handoff back."""
    evidence = table(
        (
            ("Handoff", code(marker.slug)),
            ("Bundle", code(f"sha256:{marker.trailers.bundle}")),
            ("Reverts", code(reverts)),
            ("Commit", code(commit)),
        )
    )
    parts = ["## What is taken back\n", fence(display(marker.title)), evidence]
    parts += [_SQL] if has_sql else []
    parts.append(
        "How to check it: `lanectl verify --pull-request` with the number of this pull request "
        "recomputes the revert and compares the trees.\n"
    )
    return PullRequestText(display(f"Revert: {marker.title}")[:256], "\n".join(parts))
