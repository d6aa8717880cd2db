"""Verify a pull request: each of its commits against the bundle published for it. Changes nothing.

Markers and branch names only say where to look. What counts is the bundle at `refs/lanectl/`,
judged by the trust of the target's tip, the Enforcer's admission of it as this commit, and the
commit's tree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from lanectl import checks
from lanectl.errors import RefusedError, UntrustedError
from lanectl.flows.rollback import recompute
from lanectl.flows.trust import load_trust, read_operator
from lanectl.flows.verify import verify
from lanectl.formats import approvals
from lanectl.model.bundle import ADMISSION_SUFFIX, APPROVALS_SUFFIX, ARTIFACT
from lanectl.model.display import display
from lanectl.model.handoff import APPLIED, ROLLED_BACK, bundle_ref, parse_message
from lanectl.model.pull_request_evidence import (
    Judged,
    Kind,
    PullRequestEvidence,
    PullRequestReport,
)
from lanectl.model.submission import SUFFIXES, Submission

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lanectl.flows.trust import OperatorFile
    from lanectl.model.evidence import CommitFacts, Trust
    from lanectl.model.names import ObjectId
    from lanectl.model.report import VerificationReport
    from lanectl.ports import EnforcerStore, System, TargetRepository
    from lanectl.ports.publishing import Forge, PullRequest, Remote
    from lanectl.ports.signing import GpgReader

_LONGEST: Final = 50
"""Marker commits of one pull request that are looked at: attempts of one handoff. Also how often
a bundle may be published: of a longer history no approval counts."""


def verify_pull_request(
    number: int,
    *,
    expected_head: ObjectId | None = None,
    file: OperatorFile,
    forge: Forge,
    remote: Remote,
    repository: TargetRepository,
    store: EnforcerStore,
    system: System,
    gpg: GpgReader | None = None,
) -> PullRequestReport:
    """Return the report over a pull request of the pinned repository.

    `expected_head` is the commit that the caller's check stands for.

    Raises UntrustedError if it goes to another branch than the pinned one, and what fetching and
    the forge raise.
    """
    operator = read_operator(file)
    opened = forge.pull_request(number)
    if opened.base_branch != operator.branch:
        raise UntrustedError(
            f"pull request {number} goes to {display(opened.base_branch)}",
            why=f"{file.path} pins {operator.branch}, and only that branch says whom to believe",
        )
    target = f"refs/heads/{operator.branch}"
    local = repository.resolve(operator.ref)
    refs = remote.fetch((target, opened.head_ref), have=(local,) if local else ())
    trust = load_trust(file, repository, store, tip=refs[target])
    head = repository.find_commit(refs[opened.head_ref])
    if head is None:
        raise RefusedError(f"the head of pull request {number} is no commit")
    gathered = _gather(opened, head, trust, remote, repository=repository, system=system, gpg=gpg)
    evidence = replace(gathered, expected_head=expected_head)
    findings = [
        *(f for judged in evidence.chain if judged.report for f in judged.report.findings),
        *checks.find(checks.pull_request.check(evidence)),
    ]
    return PullRequestReport(evidence, trust.source, tuple(dict.fromkeys(findings)))


def _gather(
    opened: PullRequest,
    head: CommitFacts,
    trust: Trust,
    remote: Remote,
    *,
    repository: TargetRepository,
    system: System,
    gpg: GpgReader | None,
) -> PullRequestEvidence:
    line, below = _walk(head, repository)
    kind = _kind(opened.head_branch, head, has_markers=bool(line))
    bundles = _bundles(line, remote) if kind is Kind.HANDOFF else {}
    chain = [
        Judged(commit, _judge(commit, bundles, trust, repository, system=system, gpg=gpg))
        for commit in (line if kind is Kind.HANDOFF else ())
    ]
    reverted = recompute(head, trust.source.tip, repository) if kind is Kind.ROLLBACK else None
    return PullRequestEvidence(
        number=opened.number, kind=kind, head_branch=opened.head_branch,
        same_repository=opened.same_repository, required=trust.rules.require_handoff,
        chain=tuple(chain), below=below, head=head, reverted=reverted,
    )  # fmt: skip


def _walk(
    head: CommitFacts, repository: TargetRepository
) -> tuple[list[CommitFacts], CommitFacts | None]:
    """Return the marker commits from the head down, and the commit that should have been one.

    The walk ends where a commit's first parent is the base that its own trailers name; whether
    that is the bundle's base is judged later.
    """
    line: list[CommitFacts] = []
    at: CommitFacts | None = head
    while at is not None and len(line) < _LONGEST:
        marker = parse_message(at.message)
        if marker is None or marker.kind != APPLIED:
            return line, at
        line.append(at)
        if at.parents[:1] == (marker.trailers.base,):
            return line, None
        at = repository.find_commit(at.parents[0]) if at.parents else None
    return line, at


def _kind(branch: str, head: CommitFacts, *, has_markers: bool) -> Kind:
    marker = parse_message(head.message)
    if branch.startswith("rollback/") or (marker is not None and marker.kind == ROLLED_BACK):
        return Kind.ROLLBACK
    return Kind.HANDOFF if has_markers or branch.startswith("feature/") else Kind.OTHER


def _bundles(line: list[CommitFacts], remote: Remote) -> Mapping[str, ObjectId]:
    """Return the commits published for the bundles that these commits name, by ref."""
    markers = [parse_message(commit.message) for commit in line]
    refs = sorted({bundle_ref(marker.trailers.bundle) for marker in markers if marker})
    there = remote.heads(*refs)
    return remote.fetch(sorted(there)) if there else {}


def _judge(
    commit: CommitFacts,
    bundles: Mapping[str, ObjectId],
    trust: Trust,
    repository: TargetRepository,
    *,
    system: System,
    gpg: GpgReader | None,
) -> VerificationReport | None:
    """Return the report over the bundle published for a commit, or None if there is none."""
    marker = parse_message(commit.message)
    published = bundles.get(bundle_ref(marker.trailers.bundle)) if marker else None
    trees, is_whole = _history(published, repository) if published else ([], False)
    if not trees:
        return None
    names = tuple(ARTIFACT + suffix for suffix in ("", *SUFFIXES, ADMISSION_SUFFIX))
    limit = trust.operator.limits.inflated + (1 << 20)
    found = repository.objects.files_at(trees[0], names, limit=limit)
    if ARTIFACT not in found:
        return None
    beside = {name.removeprefix(ARTIFACT): data for name, data in found.items()}
    return verify(
        Submission.of(found[ARTIFACT], beside), trust=trust, untrusted=None,
        repository=repository, system=system, commit=commit.id,
        admission=beside.get(ADMISSION_SUFFIX), admission_required=True, gpg=gpg,
        published=_approvals(trees, repository) if is_whole else (),
    )  # fmt: skip


def _history(published: ObjectId, repository: TargetRepository) -> tuple[list[ObjectId], bool]:
    """Return the trees that were published for a bundle, the last one first, and if they are all.

    By every parent: who may add a commit and not rewrite the ref could put an own line in front.
    """
    trees: list[ObjectId] = []
    seen: set[ObjectId] = set()
    left = [published]
    while left and len(seen) < _LONGEST:
        at = left.pop(0)
        if at in seen:
            continue
        seen.add(at)
        commit = repository.find_commit(at)
        if commit is None:
            return trees, False
        trees.append(commit.tree)
        left += commit.parents
    return trees, not left


def _approvals(trees: list[ObjectId], repository: TargetRepository) -> set[bytes]:
    """Return every file of approvals that was published: what a later one left out counts, too."""
    name = ARTIFACT + APPROVALS_SUFFIX
    files = (repository.objects.files_at(t, (name,), limit=approvals.LIMIT) for t in trees)
    return {found[name] for found in files if name in found}
