"""Verify: from the bytes of a bundle to a report. Changes nothing.

The order is docs/bundle-format.md, "Order of verification". Under trust nothing is decompressed
before the signature over its digest, by a key that is good for it now, has been verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from lanectl import checks
from lanectl.flows.content import gather
from lanectl.flows.verify_admission import find_admission, settle_admission
from lanectl.flows.verify_approvals import find_approvals
from lanectl.flows.verify_signature import gather_signatures, reading
from lanectl.formats import archive, statement
from lanectl.model import slsa
from lanectl.model.bundle import ATTESTATION, PATCH
from lanectl.model.content import Words
from lanectl.model.evidence import BaseFacts, Evidence, Trust
from lanectl.model.names import Digest
from lanectl.model.report import Outcome, VerificationReport
from lanectl.model.settings import Limits, Rules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lanectl.errors import LaneError
    from lanectl.model.approval import Approval
    from lanectl.model.bundle import Handoff
    from lanectl.model.slsa import SlsaLevel
    from lanectl.model.submission import Submission
    from lanectl.ports import System, TargetRepository
    from lanectl.ports.signing import GpgReader

_ROLLBACK_LIMIT = 16 << 20


def verify(
    submission: Submission,
    *,
    trust: Trust | None,
    untrusted: LaneError | None,
    repository: TargetRepository | None,
    system: System,
    commit: str | None = None,
    admission: bytes | None = None,
    admission_required: bool = False,
    gpg: GpgReader | None = None,
    approvals: tuple[Approval, ...] = (),
    replay: bool = True,
    published: Iterable[bytes] = (),
) -> VerificationReport:
    """Return the report over a bundle, with all findings of the steps that could run.

    `commit` is a revision to compare with the bundle. Without trust the outcome is `unverified`
    at best, and `untrusted` says why. Under a good `admission`, the file's bytes, the bundle is
    judged by the time it was admitted at: `apply` never gives one. Without `gpg` a GPG signature
    is not judged; without `replay` the steps that need the base are not, so nothing is accepted.
    `approvals` are those that count by the ledger, `published` files of approvals.
    """
    evidence = Evidence(
        now=system.now(),
        artifact=Digest.of(submission.artifact),
        trust=trust,
        rules=trust.rules if trust else None,
        signature_present=submission.is_signed,
        commit_wanted=commit is not None,
        approvals=approvals,
    )
    if repository is not None and commit is not None:
        evidence = _gather_commit(evidence, repository, commit)
    if admission is not None or admission_required:
        evidence = find_admission(evidence, admission, repository)
    said = evidence.admission.said if evidence.admission else None
    at = said.at if said else evidence.now
    evidence = settle_admission(gather_signatures(evidence, submission, gpg, at))
    if at != evidence.now:  # an admission that is none: what counts is the present
        evidence = gather_signatures(evidence, submission, gpg, evidence.now)
    evidence = find_approvals(evidence, published, repository)
    if trust is None or checks.is_authenticated(evidence):
        evidence = _gather_content(evidence, submission.artifact, repository if replay else None)
    statement_read = evidence.outer or evidence.inner
    report = VerificationReport(
        digest=evidence.artifact,
        steps=checks.judge(evidence),
        trust=trust.source if trust else None,
        untrusted_because=untrusted.what if untrusted else "",
        bundle=evidence.bundle,
        statement=statement_read,
        signer=evidence.signer,
        files=evidence.files or (),
        admission=evidence.admission.said if evidence.admission and evidence.admitted else None,
    )
    return replace(report, level=_level(evidence, report))


def _level(evidence: Evidence, report: VerificationReport) -> SlsaLevel:
    """Return what the evidence shows; an approval is about the content, not about where it is from."""
    facts = evidence.answering
    claims = facts.keyless.claims if facts and facts.keyless else {}
    return slsa.derive(
        is_verified=report.outcome in {Outcome.ACCEPTED, Outcome.HELD},
        method=facts.method if facts else None,
        is_hosted=facts is not None and facts.is_hosted,
        runner=claims.get(slsa.RUNNER, ""),
    )


def _gather_commit(evidence: Evidence, repository: TargetRepository, commit: str) -> Evidence:
    facts = repository.find_commit(commit)
    parent = repository.find_commit(facts.parents[0]) if facts and facts.parents else None
    return replace(evidence, commit=facts, commit_parent=parent)


def _gather_content(
    evidence: Evidence, artifact: bytes, repository: TargetRepository | None
) -> Evidence:
    limits = evidence.trust.operator.limits if evidence.trust else Limits()
    evidence = _gather_bundle(evidence, artifact, limits)
    said = evidence.outer or evidence.inner
    if repository is not None and said is not None:
        evidence = _gather_replay(evidence, repository, said.handoff)
    return evidence


def _gather_bundle(evidence: Evidence, artifact: bytes, limits: Limits) -> Evidence:
    """Gather for steps 5 to 7: bounded, canonical unpacking, then the inner statement."""
    evidence = reading(
        evidence, lambda: replace(evidence, bundle=archive.read(artifact, limit=limits.inflated))
    )
    bundle = evidence.bundle
    if bundle is None:
        return evidence
    return reading(
        evidence, lambda: replace(evidence, inner=statement.read(bundle.members[ATTESTATION]))
    )


def _gather_replay(evidence: Evidence, repository: TargetRepository, handoff: Handoff) -> Evidence:
    """Gather for steps 8 to 12: the base in this repository, and the patch on it."""
    if handoff.object_format is not repository.object_format:
        return replace(evidence, base=BaseFacts(None, None, repository.object_format))
    tree = repository.commit_tree(handoff.base)
    line = None
    if tree is not None and evidence.trust is not None:
        line = repository.line_of(handoff.base, evidence.trust.source.tip)
    evidence = replace(evidence, base=BaseFacts(tree, line, repository.object_format))
    if tree is None or evidence.bundle is None:
        return evidence
    replay = repository.replay(handoff, evidence.bundle.members[PATCH])
    rollback = None
    if replay.result_tree is not None:
        rollback = repository.objects.files_at(
            replay.result_tree, handoff.rollback, limit=_ROLLBACK_LIMIT
        )
        members = {
            name: bytes(content)
            for name, content in evidence.bundle.members.items()
            if name != PATCH
        }
        words = Words(handoff.slug, handoff.title, handoff.message)
        content = gather(
            replay.files, replay.result_tree, repository.objects,
            rules=evidence.rules or Rules(), words=words, members=members,
            repository=handoff.repository,
        )  # fmt: skip
        evidence = replace(evidence, content=content)
    return replace(evidence, replay=replay, rollback=rollback)
