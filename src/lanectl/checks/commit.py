"""Commit: a commit of the target's repository is exactly what this bundle says it must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.model.handoff import APPLIED, parse_message
from lanectl.model.report import Fault, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.evidence import Evidence

_APPLY = Remedy(
    "Let lanectl make the commit, and do not amend it.", ("lanectl", "apply", "artifact.tar.gz")
)

RULES = (
    Rule(
        "commit/unknown",
        "There is no such commit",
        "Nothing can be compared.",
        Remedy("Fetch the branch first.", ("git", "fetch")),
        example="`verify --commit` with an id that was not fetched",
    ),
    Rule(
        "commit/marker",
        "The commit has no marker of this handoff",
        "It was not made by `lanectl apply` for this slug.",
        _APPLY,
        example="an ordinary commit with the same tree",
    ),
    Rule(
        "commit/trailers",
        "The commit's trailers are not this bundle's",
        "It was made from another bundle, or amended.",
        _APPLY,
        example="a marker commit whose trailers name an earlier bundle",
    ),
    Rule(
        "commit/tree",
        "The commit has another tree than the signed result",
        "Something was added to or taken from what was signed.",
        _APPLY,
        example="a marker commit that was amended",
    ),
    Rule(
        "commit/parent",
        "The commit does not stand on the base",
        "Its parents are neither the base nor the marker commit of a superseded bundle.",
        _APPLY,
        example="a marker commit that was rebased",
    ),
)


def check(evidence: Evidence) -> Iterator[Fault]:
    """Yield where the commit differs from the bundle."""
    statement = evidence.outer or evidence.inner
    if statement is None:
        return
    commit, handoff = evidence.commit, statement.handoff
    if commit is None:
        yield Fault("commit/unknown", "--commit", "no such commit", "a commit of this repository")
        return
    marker = parse_message(commit.message)
    if marker is None or (marker.kind, marker.slug) != (APPLIED, handoff.slug):
        yield Fault(
            "commit/marker",
            commit.id,
            commit.message.split("\n")[0],
            f"[{APPLIED}:{handoff.slug}] …",
        )
    else:
        got = (marker.trailers.bundle, marker.trailers.base, marker.trailers.result_tree)
        if got != (evidence.artifact, handoff.base, handoff.result_tree):
            yield Fault(
                "commit/trailers", commit.id, "other values", f"bundle sha256:{evidence.artifact}"
            )
    if commit.tree != handoff.result_tree:
        yield Fault("commit/tree", commit.id, commit.tree, handoff.result_tree)
    if handoff.base not in commit.parents and not _supersedes(evidence):
        yield Fault(
            "commit/parent", commit.id, " ".join(commit.parents) or "no parent", handoff.base
        )


def _supersedes(evidence: Evidence) -> bool:
    """Whether the commit's parent is the marker commit of the bundle that this one supersedes."""
    outer, parent = evidence.outer, evidence.commit_parent
    if outer is None or outer.circumstances is None or parent is None:
        return False
    marker = parse_message(parent.message)
    return marker is not None and marker.trailers.bundle == outer.circumstances.supersedes
