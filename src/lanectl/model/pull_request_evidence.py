"""What a pull request is judged by: its commits from the head down, and a report over each bundle."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.model.decision import Decision
from lanectl.model.report import Outcome

if TYPE_CHECKING:
    from lanectl.model.evidence import CommitFacts
    from lanectl.model.names import ObjectId
    from lanectl.model.report import Finding, TrustSource, VerificationReport


class Kind(enum.StrEnum):
    """What a pull request claims to be, by its branch and markers: a claim, never evidence."""

    HANDOFF = "handoff"
    ROLLBACK = "rollback"
    OTHER = "no-handoff"


class Judged(Struct, frozen=True):
    """A marker commit and the report over the bundle that it names (None: not published)."""

    commit: CommitFacts
    report: VerificationReport | None


class Reverted(Struct, frozen=True):
    """A recomputed revert: the tree it gives (None: it conflicts, or nothing says what of)."""

    base_is_on_target: bool
    reverts_handoff: bool
    tree: ObjectId | None


class PullRequestEvidence(Struct, frozen=True):
    """All facts about one pull request. `chain` is newest first; `below` is where it ends."""

    number: int
    kind: Kind
    head_branch: str
    same_repository: bool
    required: bool
    chain: tuple[Judged, ...]
    below: CommitFacts | None
    head: CommitFacts
    reverted: Reverted | None = None
    expected_head: ObjectId | None = None


class PullRequestReport(Struct, frozen=True):
    """What was found. The findings of the bundles stand in their reports as well."""

    evidence: PullRequestEvidence
    trust: TrustSource
    findings: tuple[Finding, ...]

    @property
    def outcome(self) -> Outcome:
        """Rejected with any finding, unverified if a bundle could not be judged whole."""
        if any(f.decision is Decision.BLOCK for f in self.findings):
            return Outcome.REJECTED
        outcomes = {j.report.outcome for j in self.evidence.chain if j.report}
        if Outcome.UNVERIFIED in outcomes:
            return Outcome.UNVERIFIED
        return Outcome.HELD if Outcome.HELD in outcomes else Outcome.ACCEPTED
