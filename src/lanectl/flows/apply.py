"""Apply: from a verified bundle to a marker commit on `feature/<slug>`. Takes nothing unverified.

Everything before `publish` happens outside the repository; `publish` ends with one ref. Running
again finds what is there.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lanectl.errors import ConflictError, Remedy, UntrustedError
from lanectl.flows.trust import REGISTER
from lanectl.model.handoff import APPLIED, commit_message, feature_branch, parse_message
from lanectl.model.trust import Key, Role
from lanectl.ports import AppliedRecord, Identity, NewCommit

if TYPE_CHECKING:
    from datetime import datetime

    from lanectl.flows.verify import Submission
    from lanectl.model.evidence import CommitFacts, Trust
    from lanectl.model.names import Digest, ObjectId
    from lanectl.model.report import VerifiedBundle
    from lanectl.ports import ApplyingRepository, EnforcerStore, System


class ApplyState(enum.StrEnum):
    """What `apply` found or did."""

    CREATED = "created"
    SUPERSEDED = "superseded"
    FOUND = "found"
    PLANNED = "planned"


@dataclass(frozen=True, slots=True)
class Applied:
    """The result of `apply`; a plan has no commit yet."""

    state: ApplyState
    branch: str
    bundle: Digest
    commit: ObjectId | None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the commit goes: the branch's present head (None: no branch) and the new parents."""

    head: ObjectId | None
    parents: tuple[ObjectId, ...]


def apply(
    verified: VerifiedBundle,
    submission: Submission,
    *,
    trust: Trust,
    repository: ApplyingRepository,
    store: EnforcerStore,
    system: System,
    sign: bool = False,
    dry_run: bool = False,
) -> Applied:
    """Put a verified bundle on its feature branch, once.

    Raises ConflictError if the branch is something else, UntrustedError without an Enforcer key in
    the keyring. After any error the repository is as before.
    """
    handoff, digest = verified.statement.handoff, verified.bundle.digest
    branch = feature_branch(handoff.slug)
    former = store.applied(handoff.base, handoff.result_tree)
    if former is not None:
        return Applied(ApplyState.FOUND, former.branch, former.bundle, former.commit)
    found, place = _look(verified, repository, branch)
    if found is not None:
        store.record_applied(
            handoff.base, handoff.result_tree, AppliedRecord(digest, found, branch)
        )
        return Applied(ApplyState.FOUND, branch, digest, found)
    enforcer = _enforcer(trust, system.now())
    if dry_run:
        return Applied(ApplyState.PLANNED, branch, digest, None)
    store.keep(digest, submission.artifact, submission.signature or b"")
    commit = repository.commit(_commit(verified, place, enforcer, system.now(), sign=sign))
    repository.publish(branch, commit, place.head, handoff.base)
    store.record_applied(handoff.base, handoff.result_tree, AppliedRecord(digest, commit, branch))
    store.record_tip(trust.source.tip)
    state = ApplyState.CREATED if place.head is None else ApplyState.SUPERSEDED
    return Applied(state, branch, digest, commit)


def _look(
    verified: VerifiedBundle, repository: ApplyingRepository, branch: str
) -> tuple[ObjectId | None, _Place]:
    """Return this bundle's commit if the branch has it, else where a new one goes."""
    handoff = verified.statement.handoff
    head = repository.resolve(f"refs/heads/{branch}")
    if head is None:
        return None, _Place(None, (handoff.base,))
    line = repository.commits_since(head, handoff.base)
    for commit in line:
        if _marked(commit) == verified.bundle.digest and commit.tree == handoff.result_tree:
            return commit.id, _Place(head, ())
    circumstances = verified.statement.circumstances
    supersedes = circumstances.supersedes if circumstances else None
    if not line or supersedes is None or _marked(line[0]) != supersedes:
        raise ConflictError(
            f"branch {branch} exists and is not this handoff",
            why="it has another head, or the bundle does not supersede the one on it",
            remedies=(
                Remedy("Look at it.", ("git", "log", "-1", branch)),
                Remedy(
                    "If it belongs to this handoff, pack again on top of it.",
                    ("lanectl", "pack", "--supersedes", "DIGEST"),
                ),
                Remedy("If not, pack under another slug.", ("lanectl", "pack", "--slug", "SLUG")),
            ),
        )
    moved = () if repository.is_ancestor(handoff.base, head) else (handoff.base,)
    return None, _Place(head, (head, *moved))


def _marked(commit: CommitFacts) -> Digest | None:
    """Return the bundle that a commit's marker names. It finds; the tree decides."""
    marker = parse_message(commit.message)
    return marker.trailers.bundle if marker and marker.kind == APPLIED else None


def _commit(
    verified: VerifiedBundle, place: _Place, enforcer: Key, now: datetime, *, sign: bool
) -> NewCommit:
    handoff, signer = verified.statement.handoff, verified.signer
    circumstances = verified.statement.circumstances
    issued = circumstances.issued if circumstances else now
    name = f"key:sha256:{signer.public.id}"
    return NewCommit(
        tree=handoff.result_tree,
        parents=place.parents,
        message=commit_message(APPLIED, handoff, verified.bundle.digest, name),
        author=Identity(signer.name, signer.email, issued),
        committer=Identity(enforcer.name, enforcer.email, now),
        sign=sign,
    )


def _enforcer(trust: Trust, now: datetime) -> Key:
    """Return the newest Enforcer key that is good now: it names the committer."""
    good = [
        k for k in trust.keyring.in_role(Role.ENFORCER)
        if k.not_before <= now < k.not_after and k.revoked is None
    ]  # fmt: skip
    if not good:
        raise UntrustedError(
            "the keyring at the target's tip has no valid Enforcer key", remedies=(REGISTER,)
        )
    return max(good, key=lambda k: (k.not_before, k.public.id))
