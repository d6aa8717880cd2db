"""Findings and the report of a verification. Only a passing report makes a `VerifiedBundle`."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.errors import ExitCode, LaneError, Remedy
from lanectl.model.bundle import ARTIFACT
from lanectl.model.decision import Decision
from lanectl.model.display import display_path
from lanectl.model.slsa import NOTHING

if TYPE_CHECKING:
    from lanectl.model.admission import Admission
    from lanectl.model.bundle import Bundle, Circumstances, Statement
    from lanectl.model.change import FileChange
    from lanectl.model.decision import Subject
    from lanectl.model.names import Digest, ObjectId
    from lanectl.model.signer import Signer
    from lanectl.model.slsa import SlsaLevel


class Rule(Struct, frozen=True):
    """One rule: its id `family/name` (the family is a file in `checks/`), why, and what to do.

    `decision` is what it means where the policy says nothing. `example` is an input that breaks it.
    """

    id: str
    title: str
    why: str
    remedy: Remedy
    decision: Decision = Decision.BLOCK
    example: str = ""


class Fault(Struct, frozen=True):
    """What a strict reader or an observation found wrong, before a rule gives it its meaning.

    A fault of content names its `subject`, where there is one its `line` in the new file (from 1),
    and a secret's `fingerprint`.
    """

    rule: str
    where: str = ""
    got: str = ""
    expected: str = ""
    subject: Subject | None = None
    line: int = 0
    fingerprint: str = ""


class MalformedError(Exception):
    """A strict reader refuses its input. Carries the fault; a check turns it into a finding."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.rule}: {fault.got}")
        self.fault = fault


class Finding(Struct, frozen=True):
    """One broken rule at one place, and what was decided about it.

    `allowed_by` says why a rule that holds or blocks does not: the policy's words, or an approval.
    """

    rule: Rule
    where: str
    got: str
    expected: str
    decision: Decision = Decision.BLOCK
    subject: Subject | None = None
    line: int = 0
    fingerprint: str = ""
    allowed_by: str = ""

    @property
    def approval(self) -> Remedy | None:
        """How a lead approves it, where it is held."""
        if self.decision is not Decision.HOLD or self.subject is None:
            return None
        return Remedy(
            "Or let a lead approve it, who is not the Builder.",
            (
                "lanectl", "approve", ARTIFACT, "--rule", self.rule.id,
                "--path", display_path(self.subject.name), "--reason", "TEXT",
            ),
        )  # fmt: skip


class RejectedError(LaneError):
    """Something was judged, and bad. Carries every finding."""

    exit_code = ExitCode.FINDINGS

    def __init__(self, what: str, findings: tuple[Finding, ...]) -> None:
        super().__init__(what)
        self.findings = findings


class StepState(enum.StrEnum):
    """How a step of the verification ended."""

    PASSED = "passed"
    FAILED = "failed"
    HELD = "held"
    NOT_JUDGED = "not-judged"


class Step(Struct, frozen=True):
    """One numbered step of the verification order with what it found."""

    number: int
    title: str
    state: StepState
    findings: tuple[Finding, ...] = ()


class Outcome(enum.StrEnum):
    """The verdict over a whole report."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    HELD = "held"
    UNVERIFIED = "unverified"


class TrustSource(Struct, frozen=True):
    """Where trust and rules were read: the operator file used and the target's tip."""

    operator_path: str
    operator_digest: Digest
    repository: str
    ref: str
    tip: ObjectId


class VerificationReport(Struct, frozen=True):
    """All steps over one bundle, with everything the judgement was made of.

    `admission` is there only if it is good: the bundle was then judged by its time. `level` is what
    the evidence shows of SLSA, never what anybody claims.
    """

    digest: Digest
    steps: tuple[Step, ...]
    trust: TrustSource | None
    untrusted_because: str
    bundle: Bundle | None
    statement: Statement | None
    signer: Signer | None
    files: tuple[FileChange, ...]
    admission: Admission | None = None
    level: SlsaLevel = NOTHING

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding of every step, in order."""
        return tuple(f for step in self.steps for f in step.findings)

    @property
    def outcome(self) -> Outcome:
        """Rejected with any block; accepted only if every step passed under trust.

        Held if nothing but an approval is missing.
        """
        if any(f.decision is Decision.BLOCK for f in self.findings):
            return Outcome.REJECTED
        states = {step.state for step in self.steps}
        if self.trust is None or StepState.NOT_JUDGED in states or StepState.FAILED in states:
            return Outcome.UNVERIFIED
        return Outcome.HELD if StepState.HELD in states else Outcome.ACCEPTED

    def accept(self) -> VerifiedBundle:
        """Return what `apply` takes. Raises ValueError unless the outcome is `accepted`."""
        if (
            self.outcome is not Outcome.ACCEPTED
            or self.bundle is None
            or self.statement is None
            or self.signer is None
        ):
            raise ValueError("only an accepted report makes a verified bundle")
        return VerifiedBundle(self.bundle, self.statement, self.signer, self.level, _SEAL)


_SEAL = object()


class VerifiedBundle(Struct, frozen=True):
    """A bundle that passed every step. Made by `VerificationReport.accept` alone."""

    bundle: Bundle
    statement: Statement
    signer: Signer
    level: SlsaLevel
    seal: object

    @property
    def circumstances(self) -> Circumstances:
        """What the signed statement says of its time; every verified one does."""
        if self.statement.circumstances is None:
            raise ValueError("an accepted statement is the outer one")
        return self.statement.circumstances

    def __post_init__(self) -> None:
        """Refuse to be made by anything but a passing report."""
        if self.seal is not _SEAL:
            raise ValueError("a verified bundle is made by a passing report only")
