"""Approve: a lead lets what a rule holds pass, for one bundle; or takes it back until the merge.

What is approved is what this clone finds held, under the trust at the tip. Blocks nobody approves.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from msgspec import Struct
from msgspec.structs import replace

from lanectl.errors import LaneError, Remedy, UntrustedError, UsageError
from lanectl.flows.approvals import in_force, to_publish
from lanectl.flows.authority import give_all
from lanectl.flows.publish_bundle import push_approvals
from lanectl.flows.verify import verify
from lanectl.formats.approvals import APPROVALS
from lanectl.model.approval import POLICY, binding
from lanectl.model.decision import Decision
from lanectl.model.display import display, display_path
from lanectl.model.ledger import EventKind
from lanectl.model.names import Digest
from lanectl.model.report import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lanectl.flows.authority import Registry
    from lanectl.model.authority import Counted
    from lanectl.model.report import Finding, VerificationReport
    from lanectl.model.submission import Submission
    from lanectl.ports import ApplyingRepository, Signer
    from lanectl.ports.publishing import Remote
    from lanectl.ports.signing import GpgReader

_JUDGED: Final = (Outcome.HELD, Outcome.ACCEPTED)


class Wanted(Struct, frozen=True):
    """What a person named: a rule, and a subject as findings show it (None: any)."""

    rule: str | None = None
    path: str | None = None

    def takes(self, rule: str, name: bytes) -> bool:
        """Whether a hold is meant."""
        return self.rule in {None, rule} and self.path in {None, display_path(name)}

    def takes_approval(self, one: Counted) -> bool:
        """Whether an approval is meant."""
        said = one.record.subject
        return self.takes(said["rule"], unquote_to_bytes(said["path"]))


class Approved(Struct, frozen=True):
    """The report as it is now; what was approved, what had been, and what is held still."""

    report: VerificationReport
    given: tuple[Counted, ...] = ()
    already: tuple[str, ...] = ()

    @property
    def held(self) -> tuple[Finding, ...]:
        """What is held still."""
        return tuple(f for f in self.report.findings if f.decision is Decision.HOLD)


class TakenBack(Struct, frozen=True):
    """What was withdrawn now; empty: it had been before. `is_published`: CI can see it."""

    withdrawn: tuple[Counted, ...]
    is_published: bool


def approve(
    registry: Registry,
    signer: Signer,
    submission: Submission,
    *,
    wanted: Wanted,
    reason: str,
    days: int,
    repository: ApplyingRepository,
    gpg: GpgReader | None = None,
) -> Approved:
    """Approve what a rule holds of a bundle; a bundle that is bad or not judged is only reported.

    Raises UsageError if the rule holds nothing that is meant, UntrustedError if the signer is who
    signed the bundle, and what `give` raises.
    """
    report = _judged(registry, submission, repository, gpg)
    if report.outcome not in _JUDGED:
        return Approved(report)
    meant = [
        f for f in Approved(report).held if f.subject and wanted.takes(f.rule.id, f.subject.name)
    ]
    before = _in_force(registry, report.digest, repository)
    already = tuple(c.record.id for c in before if wanted.takes_approval(c))
    if not meant and not already:
        _refuse_none(wanted, Approved(report).held)
    if not meant:
        return Approved(report, (), already)
    _refuse_builder(registry, signer, report)
    _refuse_many(registry, report.digest, len(meant))
    now = registry.system.now()
    given = give_all(
        registry, signer, EventKind.APPROVAL, reason,
        [_subject(f, report) | {POLICY: registry.trust.source.tip} for f in meant],
        issued=now, expires=now + timedelta(days=days),
    )  # fmt: skip
    return Approved(_judged(registry, submission, repository, gpg), given, already)


def withdraw(
    registry: Registry,
    signer: Signer,
    artifact: bytes,
    *,
    wanted: Wanted,
    reason: str,
    repository: ApplyingRepository,
    remote: Remote | None,
) -> TakenBack:
    """Withdraw approvals of a bundle, and bring what is published of it up to that.

    Run again, it publishes what could not be. Raises UsageError for what is merged or was never
    approved, and what `give` and the remote raise: it is recorded then.
    """
    bundle = Digest.of(artifact)
    _refuse_merged(registry, bundle, repository)
    standing = registry.standing()
    mine = [c for c in standing.counted if c.record.kind is EventKind.APPROVAL]
    mine = [c for c in mine if c.record.subject["bundle"] == bundle and wanted.takes_approval(c)]
    if not mine:
        raise UsageError(f"no such approval of sha256:{bundle} is in force")
    ids = {c.record.id for c in standing.approvals}
    live = [{"approval": c.record.id} for c in mine if c.record.id in ids]
    given: tuple[Counted, ...] = ()
    if live:
        given = give_all(registry, signer, EventKind.APPROVAL_WITHDRAWN, reason, live)
    return TakenBack(given, _publish(registry, bundle, repository, remote))


def _publish(
    registry: Registry, bundle: Digest, repository: ApplyingRepository, remote: Remote | None
) -> bool:
    """Publish a withdrawal with the bundle, if it may be published at all."""
    rows = registry.ledger.handoffs()
    if remote is None or not any(r.bundle == bundle and r.state.is_consumed for r in rows):
        return False
    limit = registry.trust.operator.limits.inflated + (1 << 20)
    try:
        return push_approvals(
            remote, repository, bundle, to_publish(registry, bundle),
            now=registry.system.now(), limit=limit,
        )  # fmt: skip
    except LaneError as error:
        raise type(error)(
            "the withdrawal is recorded, but is not yet published: CI does not know of it",
            why=f"{error.what} {error.why}".strip(),
            remedies=(*error.remedies, Remedy("Run the command again.")),
        ) from error


def _judged(
    registry: Registry,
    submission: Submission,
    repository: ApplyingRepository,
    gpg: GpgReader | None,
) -> VerificationReport:
    standing = registry.standing()
    trust = replace(registry.trust, keyring=standing.keyring)
    approvals = in_force(standing.approvals, Digest.of(submission.artifact), trust, repository)
    return verify(
        submission, trust=trust, untrusted=None, repository=repository, system=registry.system,
        gpg=gpg, approvals=approvals,
    )  # fmt: skip


def _in_force(registry: Registry, bundle: Digest, repository: ApplyingRepository) -> list[Counted]:
    counted = registry.standing().approvals
    ids = {a.id for a in in_force(counted, bundle, registry.trust, repository)}
    return [c for c in counted if c.record.id in ids]


def _subject(finding: Finding, report: VerificationReport) -> dict[str, str]:
    if finding.subject is None or report.statement is None:
        raise ValueError("what is held has a subject, and was read")
    files = {file.path: file for file in report.files}
    return binding(
        finding.rule.id, finding.subject, files.get(finding.subject.name),
        report.statement.handoff, report.digest,
    )  # fmt: skip


def _refuse_none(wanted: Wanted, held: Sequence[Finding]) -> None:
    if not held:
        raise UsageError("nothing of this bundle is held, so there is nothing to approve")
    what = f"{display(wanted.rule or '')} {display(wanted.path or '')}".strip()
    raise UsageError(
        f"{what} holds nothing of this bundle",
        why=f"held: {_names(held)}",
        remedies=tuple(f.approval for f in held[:5] if f.approval),
    )


def _names(held: Iterable[Finding]) -> str:
    return ", ".join(f"{f.rule.id} {display(f.where)}" for f in held)


def _refuse_builder(registry: Registry, signer: Signer, report: VerificationReport) -> None:
    key = registry.trust.keyring.by_id(signer.public.id)
    if key is None or report.signer is None or not report.signer.is_same_person(key):
        return
    raise UntrustedError(
        "who signed a bundle cannot approve it",
        why=f"key {key.public.id} is {display(report.signer.name)}'s, by key, name or email",
        remedies=(Remedy("Let another lead look at it."),),
    )


def _refuse_many(registry: Registry, bundle: Digest, more: int) -> None:
    counted = registry.standing().counted
    before = sum(
        c.record.kind is EventKind.APPROVAL and c.record.subject["bundle"] == bundle
        for c in counted
    )
    if before + more > APPROVALS:
        raise UsageError(
            f"{before + more} approvals of one bundle are too many",
            why=f"{APPROVALS} at most are published with it",
            remedies=(Remedy("Let the Builder split it, or allow the paths in lanectl.toml."),),
        )


def _refuse_merged(registry: Registry, bundle: Digest, repository: ApplyingRepository) -> None:
    if repository.marker_commit(bundle, registry.trust.source.tip) is None:
        return
    raise UsageError(
        "this bundle is merged: a withdrawal would change nothing",
        remedies=(Remedy("Take the change back.", ("lanectl", "rollback", "--pr", bundle)),),
    )
