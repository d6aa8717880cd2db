"""Submit: from the bytes of a bundle to its commit, and on request to its pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.errors import ConflictError, Remedy
from lanectl.flows.apply import Applied, apply
from lanectl.flows.fetch import fetch_branch, fetch_trust
from lanectl.flows.publish import Outside, Published, Wishes, publish
from lanectl.flows.trust import read_operator
from lanectl.flows.verify import Submission, verify
from lanectl.model.handoff import feature_branch
from lanectl.model.report import Outcome, VerificationReport

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from lanectl.flows.trust import OperatorFile
    from lanectl.model.names import Digest
    from lanectl.model.settings import Operator
    from lanectl.ports import ApplyingRepository, EnforcerStore, System
    from lanectl.ports.publishing import Remote


class Enforcer(Struct, frozen=True):
    """What an Enforcer's command works with. The way out is built when it is needed."""

    operator_file: OperatorFile
    repository: ApplyingRepository
    store: EnforcerStore
    system: System
    remote: Callable[[Operator], Remote]
    outside: Callable[[Operator, Remote, Digest], AbstractContextManager[Outside]]


class Submitted(Struct, frozen=True):
    """The report; if it accepts, what was applied, and the pull request if one was asked for."""

    report: VerificationReport
    applied: Applied | None = None
    published: Published | None = None


def submit(
    enforcer: Enforcer,
    submission: Submission,
    *,
    wishes: Wishes | None,
    sign: bool,
    dry_run: bool,
) -> Submitted:
    """Verify, apply, and with `wishes` publish. Raises whatever stops it; run again, it goes on."""
    file, repository, store = enforcer.operator_file, enforcer.repository, enforcer.store
    operator = read_operator(file)
    remote = enforcer.remote(operator) if wishes else None
    trust = fetch_trust(file, operator, remote, repository, store)
    report = verify(
        submission, trust=trust, untrusted=None, repository=repository, system=enforcer.system
    )
    if report.outcome is not Outcome.ACCEPTED:
        return Submitted(report)
    verified, head = report.accept(), None
    if remote is not None:
        branch = feature_branch(verified.statement.handoff.slug)
        head = fetch_branch(remote, repository, branch, trust.source.tip)
    applied = apply(
        verified, submission, trust=trust, repository=repository, store=store,
        system=enforcer.system, remote_head=head, sign=sign, dry_run=dry_run,
    )  # fmt: skip
    if remote is None or wishes is None or applied.commit is None:
        return Submitted(report, applied)
    if applied.bundle != verified.bundle.digest:
        submission = _first(applied, store)
        first = verify(
            submission, trust=trust, untrusted=None, repository=repository, system=enforcer.system
        )
        if first.outcome is not Outcome.ACCEPTED:
            return Submitted(first)
        verified = first.accept()
    with enforcer.outside(operator, remote, verified.bundle.digest) as outside:
        published = publish(
            applied, verified, submission, report.files, outside=outside, trust=trust,
            repository=repository, store=store, wishes=wishes,
        )  # fmt: skip
    return Submitted(report, applied, published)


def _first(applied: Applied, store: EnforcerStore) -> Submission:
    """Return the bundle that this change was first applied as: its commit names that one."""
    kept = store.kept(applied.bundle)
    if kept is None:
        raise ConflictError(
            f"this change was applied as bundle sha256:{applied.bundle}, of which no copy is left",
            remedies=(Remedy("Apply that bundle again, with --pr."),),
        )
    return Submission(*kept)
