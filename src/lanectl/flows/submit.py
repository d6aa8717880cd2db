"""Submit: from the bytes of a bundle to its commit and admission, and on request its pull request.

The ledger says whether the handoff is still to be applied, and who may; every step ends in it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from lanectl.errors import ConflictError, Remedy, UnavailableError, UntrustedError
from lanectl.flows.admit import admit
from lanectl.flows.apply import Applied, ApplyState, MergeConflictError, apply
from lanectl.flows.fetch import fetch_branch
from lanectl.flows.first_result import admit_again, bring, first_result, read_admitted
from lanectl.flows.office import Office, opened
from lanectl.flows.publish import Outside, Published, Wishes, publish
from lanectl.flows.publish_bundle import Admitted
from lanectl.flows.recorder import applied_id, claimed
from lanectl.flows.refusal import record_refusal
from lanectl.flows.summarize import own_summary
from lanectl.flows.trust import read_operator
from lanectl.flows.verify import verify
from lanectl.model.admission import Admission
from lanectl.model.approval import refuse_ended
from lanectl.model.handoff import feature_branch
from lanectl.model.ledger import LEASE, Claim, EventKind, HandoffKey, HandoffState
from lanectl.model.names import Digest
from lanectl.model.report import Outcome, VerificationReport

if TYPE_CHECKING:
    from lanectl.flows.office import Enforcer
    from lanectl.model.approval import Approval
    from lanectl.model.ledger import HandoffRow, Head
    from lanectl.model.report import VerifiedBundle
    from lanectl.model.submission import Submission
    from lanectl.ports.publishing import Remote


class Submitted(Struct, frozen=True):
    """The report; if it accepts, what was applied, and the pull request if one was asked for.

    `is_spooled`: the ledger went away meanwhile, and hears of it from the next command.
    """

    report: VerificationReport
    applied: Applied | None = None
    published: Published | None = None
    is_spooled: bool = False


class _Job(Struct, frozen=True):
    """One accepted bundle on its way."""

    enforcer: Enforcer
    office: Office
    remote: Remote | None
    verified: VerifiedBundle
    submission: Submission
    report: VerificationReport
    key: HandoffKey
    approvals: tuple[Approval, ...]


def submit(
    enforcer: Enforcer,
    submission: Submission,
    *,
    wishes: Wishes | None,
    sign: bool,
    dry_run: bool,
) -> Submitted:
    """Verify, apply, and with `wishes` publish. Raises whatever stops it; run again, it goes on.

    UnavailableError without the ledger, HeldError under a freeze: nothing is begun then.
    """
    operator = read_operator(enforcer.operator_file)
    remote = enforcer.remote(operator) if wishes else None
    with opened(enforcer, operator, remote, changes=not dry_run) as office:
        office.refuse_frozen(Digest.of(submission.artifact))
        report, approvals = _verify(enforcer, office, submission)
        if report.outcome is not Outcome.ACCEPTED:
            if not dry_run:
                record_refusal(office, report)
            return Submitted(report)
        verified = report.accept()
        key = verified.statement.handoff.key
        job = _Job(enforcer, office, remote, verified, submission, report, key, approvals)
        if dry_run:
            return Submitted(report, _plan(job, sign=sign))
        return _act(job, wishes, sign=sign)


def _verify(
    enforcer: Enforcer, office: Office, submission: Submission
) -> tuple[VerificationReport, tuple[Approval, ...]]:
    """Return the report, and the approvals that it was made under."""
    approvals = office.approvals(Digest.of(submission.artifact), enforcer.repository)
    report = verify(
        submission, trust=office.trust, untrusted=None, repository=enforcer.repository,
        system=enforcer.system, gpg=enforcer.gpg, approvals=approvals,
    )  # fmt: skip
    return report, approvals


def _act(job: _Job, wishes: Wishes | None, *, sign: bool) -> Submitted:
    office = job.office
    row = office.recorder.ledger.handoff(job.key)
    if row is not None and row.state.is_consumed and wishes is None:
        return Submitted(job.report, _first_again(job, row)[0])
    if row is None or not row.state.is_consumed:
        _queue(job, row)
    with claimed(office.recorder, job.key) as claim:
        try:
            return _under(claim, job, wishes, sign=sign)
        except ConflictError as error:
            _conflicted(job, claim, error)
            raise


def _under(claim: Claim, job: _Job, wishes: Wishes | None, *, sign: bool) -> Submitted:
    """Apply what is still to be applied, publish what is wished."""
    office = job.office
    office.refuse_frozen(job.verified.bundle.digest)  # the claim may have been waited for
    row = office.recorder.ledger.handoff(job.key)
    if row is not None and row.state.is_consumed:
        applied, admitted = _first_again(job, row)
    else:
        applied, admitted = _apply(job, claim, office.recorder.ledger.head(), sign=sign)
    if job.remote is None or wishes is None:
        return Submitted(job.report, applied, is_spooled=office.recorder.is_spooled())
    return _publish(job, applied, admitted, claim, wishes)


def _plan(job: _Job, *, sign: bool) -> Applied:
    """Return what would be done."""
    row = job.office.existing(job.key)
    if row is not None and row.state.is_consumed:
        return _first(job, row)[0]
    return _put(job, sign=sign, dry_run=True)


def _first(job: _Job, row: HandoffRow) -> tuple[Applied, Admitted]:
    """Return what the handoff became, whoever applied it. Raises UntrustedError."""
    return first_result(job.office, job.verified.statement.handoff, row, job.enforcer.repository)


def _first_again(job: _Job, row: HandoffRow) -> tuple[Applied, Admitted]:
    """Return what the handoff became; what a lost key admitted is admitted again, if it can be."""
    try:
        return _first(job, row)
    except UntrustedError:
        if not admit_again(job.office, job.verified, row, job.enforcer.repository):
            raise
        return _first(job, row)


def _conflicted(job: _Job, claim: Claim, error: ConflictError) -> None:
    """Record it, unless the claim is lost: another Enforcer has the word then."""
    recorder = job.office.recorder
    try:
        recorder.ledger.renew(claim, seconds=LEASE)
    except ConflictError:
        return
    except UnavailableError:
        pass  # it is spooled
    reason = "merge" if isinstance(error, MergeConflictError) else "taken"
    data = {"bundle": job.verified.bundle.digest, "reason": reason}
    recorder.note(EventKind.CONFLICTED, job.key, data)


def _queue(job: _Job, row: HandoffRow | None) -> None:
    """Let the ledger know the handoff, unless this very bundle waits there already."""
    digest, said = job.verified.bundle.digest, job.verified.statement.handoff
    if row is not None and row.state is HandoffState.QUEUED and row.bundle == digest:
        return
    data = {
        "bundle": digest, "slug": said.slug, "base": said.base, "result_tree": said.result_tree,
        "signer": job.verified.signer.id,
    }  # fmt: skip
    try:
        job.office.recorder.record(EventKind.QUEUED, job.key, data)
    except ConflictError:
        now = job.office.existing(job.key)
        if now is None or not now.state.is_consumed:  # else another Enforcer was faster
            raise


def _apply(job: _Job, claim: Claim, head: Head, *, sign: bool) -> tuple[Applied, Admitted]:
    """Put the bundle on its branch and admit it.

    `head` is the ledger's: from here on it may go away.
    """
    office, digest = job.office, job.verified.bundle.digest
    said = job.verified.statement.handoff
    applied = _put(job, sign=sign, dry_run=False)
    if applied.commit is None:
        raise ValueError("only a plan has no commit")
    admission = Admission(
        repository=said.repository, bundle=digest, commit=applied.commit,
        result_tree=said.result_tree, policy=office.trust.source.tip,
        ledger=office.recorder.ledger.id, seq=head.seq, head=head.hash, at=office.recorder.system.now(),
    )  # fmt: skip
    admitted = Admitted(admission, admit(admission, office.signer))
    data = {
        "bundle": digest, "commit": applied.commit, "branch": applied.branch,
        "claim": claim.token, "signer": job.verified.signer.id,
        "enforcer": office.signer.public.id, "policy": office.trust.source.tip,
        "admission": admitted.file.decode("ascii"),
    }  # fmt: skip
    job.enforcer.store.keep_admission(digest, admitted.file)
    recorded = office.recorder.note(EventKind.APPLIED, job.key, data, applied_id(job.key))
    if recorded is not None:
        admitted = read_admitted(office, recorded, said)
        if admitted.admission.commit != applied.commit:
            raise _too_late(applied)
    own_summary(office, admitted, job.verified, job.submission)
    return applied, admitted


def _too_late(applied: Applied) -> ConflictError:
    return ConflictError(
        "another Enforcer took this handoff over and applied it first",
        why=f"its commit counts; {applied.commit} on {applied.branch} here does not",
        remedies=(
            Remedy("Remove what does not count.", ("git", "branch", "-D", applied.branch)),
            Remedy("Then run the command again: it finds the other one's."),
        ),
    )


def _put(job: _Job, *, sign: bool, dry_run: bool) -> Applied:
    enforcer, head = job.enforcer, None
    tip = job.office.trust.source.tip
    if job.remote is not None:
        branch = feature_branch(job.verified.statement.handoff.slug)
        head = fetch_branch(job.remote, enforcer.repository, branch, tip)
    return apply(
        job.verified, job.submission, trust=job.office.trust, repository=enforcer.repository,
        store=enforcer.store, enforcer=job.office.key, remote_head=head, sign=sign, dry_run=dry_run,
    )  # fmt: skip


def _may_push(job: _Job, applied: Applied, approvals: tuple[Approval, ...]) -> None:
    """Raise HeldError under a freeze, or if an approval has ended since the bundle was verified."""
    job.office.refuse_frozen(applied.bundle)
    if approvals:
        now = job.office.approvals(applied.bundle, job.enforcer.repository)
        refuse_ended(approvals, now)


def _publish(
    job: _Job, applied: Applied, admitted: Admitted, claim: Claim, wishes: Wishes
) -> Submitted:
    office, enforcer = job.office, job.enforcer
    verified, submission, approvals = job.verified, job.submission, job.approvals
    if applied.bundle != verified.bundle.digest or applied.state is ApplyState.FOUND:
        kept = enforcer.store.kept(applied.bundle)
        if kept is None and applied.bundle != verified.bundle.digest:
            raise ConflictError(
                f"this change was applied as bundle sha256:{applied.bundle}, of which no copy is left",
                remedies=(Remedy("Apply that bundle again, with --pr."),),
            )
        if kept is not None and kept != submission:
            submission = kept
            first, approvals = _verify(enforcer, office, submission)
            if first.outcome is not Outcome.ACCEPTED:
                return Submitted(first)
            verified = first.accept()
    if job.remote is None:
        raise ValueError("nothing is published without a remote")
    bring(
        applied, admitted, verified,
        office=office, remote=job.remote, repository=enforcer.repository,
    )  # fmt: skip
    admitted = replace(admitted, summary=own_summary(office, admitted, verified, submission))
    with enforcer.forge(office.trust.operator) as forge:
        journal = office.journal(applied.bundle, job.key, claim)
        outside = Outside(job.remote, forge, journal, lambda: _may_push(job, applied, approvals))
        admitted = replace(admitted, approvals=office.records(applied.bundle))
        published = publish(
            applied, verified, submission, admitted, job.report.files, outside=outside,
            trust=office.trust, repository=enforcer.repository, store=enforcer.store, wishes=wishes,
        )  # fmt: skip
    data = {"number": str(published.number), "url": published.url, "claim": claim.token}
    with contextlib.suppress(
        ConflictError
    ):  # it is merged or rolled back by now: the row says more
        office.recorder.note(
            EventKind.PUBLISHED, job.key, data, f"published:{job.key}:{published.number}"
        )
    return Submitted(job.report, applied, published, office.recorder.is_spooled())
