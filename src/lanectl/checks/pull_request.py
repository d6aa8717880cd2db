"""Pull request: every commit on it is one verified bundle's, or the recomputed revert of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.model.handoff import feature_branch, parse_message, rollback_branch
from lanectl.model.pull_request_evidence import Kind
from lanectl.model.report import Fault, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.names import ObjectId
    from lanectl.model.pull_request_evidence import Judged, PullRequestEvidence

_AGAIN = Remedy(
    "Let the Builder pack the change again, and let lanectl publish it.",
    ("lanectl", "apply", "--pr", "artifact.tar.gz"),
)
_REVERT = Remedy("Let lanectl make the revert.", ("lanectl", "rollback", "--pr", "HANDOFF"))

RULES = (
    Rule(
        "pull-request/commit",
        "A commit of the pull request is no marker commit",
        "It was added by hand, or the branch was merged, amended or squashed: no bundle vouches for it.",
        _AGAIN,
        example="a commit that somebody pushed on top of the handoff's",
    ),
    Rule(
        "pull-request/bundle",
        "The bundle that a marker names is not published",
        "Without it nothing says that the commit was packed, signed and verified.",
        _AGAIN,
        example="a marker commit, and no `refs/lanectl/` for the bundle it names",
    ),
    Rule(
        "pull-request/parents",
        "A marker commit stands on something else",
        "What it was put on top of is not what its bundle says.",
        _AGAIN,
        example="a marker commit on top of a commit by hand",
    ),
    Rule(
        "pull-request/branch",
        "The pull request's branch is not the handoff's",
        "A handoff has one branch, named after its slug, in the target's own repository.",
        _AGAIN,
        example="a handoff's commit on a branch `main-2`",
    ),
    Rule(
        "pull-request/head",
        "The pull request has another head than the one asked about",
        "It was pushed to meanwhile; a result over the new head must not stand at the old one.",
        Remedy("Let the check of the new head decide."),
        example="a push while the check was running",
    ),
    Rule(
        "pull-request/required",
        "This repository takes handoffs only",
        "`require_handoff` in lanectl.toml at the target's tip says so.",
        Remedy("Pack the change and apply it.", ("lanectl", "pack")),
        example="a pull request by hand where `require_handoff` is true",
    ),
    Rule(
        "pull-request/rollback",
        "The rollback is not the revert of a handoff",
        "Recomputed on its base, the revert gives another tree, conflicts, or names no handoff.",
        _REVERT,
        example="a branch `rollback/x` whose commit changes one file more",
    ),
)


def check(evidence: PullRequestEvidence) -> Iterator[Fault]:
    """Yield what is wrong with a pull request as a whole."""
    if evidence.expected_head not in {None, evidence.head.id}:
        yield Fault("pull-request/head", "", evidence.head.id, evidence.expected_head or "")
    if evidence.kind is Kind.OTHER:
        if evidence.required:
            yield Fault("pull-request/required", evidence.head_branch, "no handoff", "a handoff")
    elif evidence.kind is Kind.ROLLBACK:
        yield from _rollback(evidence)
    else:
        yield from _handoff(evidence)


def _handoff(evidence: PullRequestEvidence) -> Iterator[Fault]:
    yield from _branch(evidence)
    below = evidence.chain[1:]
    for n, judged in enumerate(evidence.chain):
        yield from _judged(judged, below[n].commit.id if n < len(below) else None)
    if not evidence.chain or evidence.below is not None:
        at = evidence.below or evidence.head
        subject = at.message.split("\n", 1)[0]
        yield Fault("pull-request/commit", at.id, subject, "a marker commit of lanectl")


def _judged(judged: Judged, under: ObjectId | None) -> Iterator[Fault]:
    commit, report = judged.commit, judged.report
    marker = parse_message(commit.message)
    named = marker.trailers.bundle if marker else ""
    if report is None or report.digest != named:
        yield Fault("pull-request/bundle", commit.id, "nothing, or another", f"sha256:{named}")
        return
    if report.statement is None:
        return
    base = report.statement.handoff.base
    allowed = [(base,)] if under is None else [(under,), (under, base)]
    if commit.parents not in allowed:
        yield Fault(
            "pull-request/parents", commit.id, " ".join(commit.parents), " ".join(allowed[-1])
        )


def _branch(evidence: PullRequestEvidence) -> Iterator[Fault]:
    wanted = {
        feature_branch(marker.slug)
        for judged in evidence.chain
        if (marker := parse_message(judged.commit.message))
    }
    if not evidence.same_repository:
        yield Fault(
            "pull-request/branch", evidence.head_branch, "a fork", "the target's repository"
        )
    if wanted and wanted != {evidence.head_branch}:
        yield Fault("pull-request/branch", evidence.head_branch, "", " and ".join(sorted(wanted)))


def _rollback(evidence: PullRequestEvidence) -> Iterator[Fault]:
    head, reverted = evidence.head, evidence.reverted
    marker = parse_message(head.message)
    if (
        not evidence.same_repository
        or marker is None
        or evidence.head_branch != rollback_branch(marker.slug)
    ):
        yield Fault("pull-request/branch", evidence.head_branch, "", "the rollback's own branch")
    if marker is None or head.parents != (marker.trailers.base,):
        yield Fault("pull-request/commit", head.id, "", "one commit on a base of the target")
    if reverted is None or not reverted.reverts_handoff or not reverted.base_is_on_target:
        yield Fault("pull-request/rollback", head.id, "", "the revert of a merged handoff")
    elif reverted.tree != head.tree:
        yield Fault("pull-request/rollback", head.id, head.tree, reverted.tree or "no conflict")
