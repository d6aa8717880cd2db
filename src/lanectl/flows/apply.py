"""Apply: from a verified bundle to a marker commit on `feature/<slug>`. Takes nothing unverified.

Everything before `publish` happens outside the repository; `publish` ends with one ref. Running
again finds what is there.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.errors import ConflictError, Remedy
from lanectl.formats import conflict
from lanectl.model.display import display, display_path
from lanectl.model.handoff import APPLIED, commit_message, feature_branch, parse_message
from lanectl.ports import Identity, NewCommit

if TYPE_CHECKING:
    from lanectl.model.evidence import CommitFacts, Trust
    from lanectl.model.names import Digest, ObjectId
    from lanectl.model.report import VerifiedBundle
    from lanectl.model.submission import Submission
    from lanectl.model.trust import Key
    from lanectl.ports import ApplyingRepository, EnforcerStore


class ApplyState(enum.StrEnum):
    """What `apply` found or did."""

    CREATED = "created"
    SUPERSEDED = "superseded"
    FOUND = "found"
    PLANNED = "planned"


class MergeConflictError(ConflictError):
    """The target has moved so that the change no longer merges."""


class Applied(Struct, frozen=True):
    """The result of `apply`; a plan has no commit yet."""

    state: ApplyState
    branch: str
    bundle: Digest
    commit: ObjectId | None


class _Place(Struct, frozen=True):
    """Where the commit goes: where the branch is here, its newest head here or there, the parents."""

    local: ObjectId | None
    head: ObjectId | None
    parents: tuple[ObjectId, ...]


def apply(
    verified: VerifiedBundle,
    submission: Submission,
    *,
    trust: Trust,
    repository: ApplyingRepository,
    store: EnforcerStore,
    enforcer: Key,
    remote_head: ObjectId | None = None,
    sign: bool = False,
    dry_run: bool = False,
) -> Applied:
    """Put a verified bundle on its feature branch; whether it may be, the ledger has said.

    `remote_head` is where the remote has that branch, `enforcer` the key that names the committer.
    Raises ConflictError if the branch is something else or the change no longer merges. After any
    error the repository is as before.
    """
    handoff, digest = verified.statement.handoff, verified.bundle.digest
    branch = feature_branch(handoff.slug)
    found, place = _look(verified, repository, branch, remote_head)
    if found is not None and dry_run:
        return Applied(ApplyState.FOUND, branch, digest, found)
    if found is not None:
        if place.head is not None and place.head != place.local:
            repository.publish(branch, place.head, place.local, handoff.base)
        store.keep(digest, submission)
        return Applied(ApplyState.FOUND, branch, digest, found)
    commit = repository.commit(_commit(verified, place, enforcer, sign=sign and not dry_run))
    refuse_conflict(
        verified, commit, trust=trust, repository=repository, store=None if dry_run else store
    )
    if dry_run:
        return Applied(ApplyState.PLANNED, branch, digest, None)
    store.keep(digest, submission)
    repository.publish(branch, commit, place.local, handoff.base)
    store.record_tip(trust.source.tip)
    state = ApplyState.CREATED if place.head is None else ApplyState.SUPERSEDED
    return Applied(state, branch, digest, commit)


def refuse_conflict(
    verified: VerifiedBundle,
    commit: ObjectId,
    *,
    trust: Trust,
    repository: ApplyingRepository,
    store: EnforcerStore | None,
) -> None:
    """Raise MergeConflictError if the target has moved too far, and leave a packet for the Builder.

    Without a store there is no packet.
    """
    tip, handoff = trust.source.tip, verified.statement.handoff
    if tip == handoff.base:
        return
    merged = repository.trial_merge(tip, commit)
    if not merged.conflicts:
        return
    sides = [s for c in merged.conflicts for s in (c.base, c.ours, c.theirs) if s]
    blobs = repository.objects.blobs((blob for _, blob in sides), limit=conflict.SIDE_LIMIT)
    packet = conflict.write(verified, trust.source, merged.conflicts, blobs)
    path = store.put_packet(verified.bundle.digest, packet) if store else None
    paths = ", ".join(display_path(c.path) for c in merged.conflicts[:3])
    raise MergeConflictError(
        f"the change no longer merges into {display(trust.operator.branch)}: {paths}",
        why=f"files in conflict: {len(merged.conflicts)}; nothing was pushed",
        remedies=(
            Remedy(f"Give the Builder {display(path)}: both sides of every file, and what to do.")
            if path
            else Remedy("Without --dry-run a packet for the Builder is written, with both sides."),
            *(
                Remedy("In the Builder's clone:", c)
                for c in conflict.commands(handoff, trust.operator.branch, tip)
            ),
        ),
    )


def _look(
    verified: VerifiedBundle,
    repository: ApplyingRepository,
    branch: str,
    remote_head: ObjectId | None,
) -> tuple[ObjectId | None, _Place]:
    """Return this bundle's commit if the branch has it, else where a new one goes."""
    handoff = verified.statement.handoff
    local = repository.resolve(f"refs/heads/{branch}")
    head = _newer(repository, branch, local, remote_head)
    if head is None:
        return None, _Place(None, None, (handoff.base,))
    line = repository.commits_since(head, handoff.base)
    for commit in line:
        if _marked(commit) == verified.bundle.digest and commit.tree == handoff.result_tree:
            return commit.id, _Place(local, head, ())
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
    return None, _Place(local, head, (head, *moved))


def _newer(
    repository: ApplyingRepository, branch: str, local: ObjectId | None, remote: ObjectId | None
) -> ObjectId | None:
    """Return the head that holds the other. Raises ConflictError if neither does."""
    if local is None or remote is None or local == remote:
        return local or remote
    if repository.is_ancestor(local, remote):
        return remote
    if repository.is_ancestor(remote, local):
        return local
    raise ConflictError(
        f"branch {branch} here and on the remote went different ways",
        why=f"here {local}, there {remote}",
        remedies=(
            Remedy("Look at both; keep what is on the remote.", ("git", "branch", "-D", branch)),
        ),
    )


def _marked(commit: CommitFacts) -> Digest | None:
    """Return the bundle that a commit's marker names. It finds; the tree decides."""
    marker = parse_message(commit.message)
    return marker.trailers.bundle if marker and marker.kind == APPLIED else None


def first_commit(verified: VerifiedBundle, enforcer: Key) -> NewCommit:
    """Return the commit that this Enforcer makes of a bundle that supersedes none, unsigned."""
    base = verified.statement.handoff.base
    return _commit(verified, _Place(None, None, (base,)), enforcer, sign=False)


def _commit(verified: VerifiedBundle, place: _Place, enforcer: Key, *, sign: bool) -> NewCommit:
    """Return the commit to make. Its times are the bundle's: every Enforcer makes the same one."""
    handoff, signer = verified.statement.handoff, verified.signer
    issued = verified.circumstances.issued
    return NewCommit(
        tree=handoff.result_tree,
        parents=place.parents,
        message=commit_message(APPLIED, handoff, verified.bundle.digest, signer.trailer),
        author=Identity(signer.name, signer.email, issued),
        committer=Identity(enforcer.name, enforcer.email, issued),
        sign=sign,
    )
