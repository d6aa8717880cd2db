"""Publish a bundle: archive, signature and what the Enforcer says of it as one commit at `refs/lanectl/<sha256>`.

What is there already is looked at, never trusted: another tree for the same archive gets ours on
top of it, anything else is a conflict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lanectl.errors import ConflictError, LaneError, Remedy
from lanectl.model.bundle import ADMISSION_SUFFIX, APPROVALS_SUFFIX, ARTIFACT, SUMMARY_SUFFIX
from lanectl.model.handoff import bundle_ref
from lanectl.model.names import Digest
from lanectl.model.submission import SUFFIXES
from lanectl.ports import Identity, NewCommit

if TYPE_CHECKING:
    from datetime import datetime

    from lanectl.model.admission import Admission
    from lanectl.model.names import ObjectId
    from lanectl.model.report import VerifiedBundle
    from lanectl.model.submission import Submission
    from lanectl.ports import ApplyingRepository
    from lanectl.ports.publishing import Remote

_WHO: Final = ("lanectl", "lanectl@localhost")
_BESIDE: Final = ("", *SUFFIXES, ADMISSION_SUFFIX, SUMMARY_SUFFIX, APPROVALS_SUFFIX)
_NAMES: Final = tuple(ARTIFACT + suffix for suffix in _BESIDE)


class Admitted(Struct, frozen=True):
    """An admission and its signed file, and what is published with it where there is any.

    `summary` is the summary's file, `approvals` that of the approvals.
    """

    admission: Admission
    file: bytes
    summary: bytes | None = None
    approvals: bytes = b""

    @property
    def facts(self) -> dict[str, str]:
        """What tells one publication of a bundle from another."""
        said: dict[str, str] = {"admission": Digest.of(self.file)}
        return said | ({"approvals": Digest.of(self.approvals)} if self.approvals else {})


def push_bundle(
    remote: Remote,
    repository: ApplyingRepository,
    verified: VerifiedBundle,
    submission: Submission,
    admitted: Admitted,
) -> dict[str, str]:
    """Publish a bundle; the same files are the same commit. Raises ConflictError for another archive."""
    digest = verified.bundle.digest
    beside = {**submission.files, ADMISSION_SUFFIX: admitted.file}
    if admitted.summary is not None:
        beside[SUMMARY_SUFFIX] = admitted.summary
    if admitted.approvals:
        beside[APPROVALS_SUFFIX] = admitted.approvals
    named = {ARTIFACT + suffix: data for suffix, data in beside.items()}
    tree = repository.bundle_tree({ARTIFACT: submission.artifact, **named})
    ref = bundle_ref(digest)
    there = remote.heads(ref).get(ref)
    facts = {"ref": ref, **admitted.facts}
    if there is None:
        commit = repository.commit(_commit(verified, admitted, tree, ()))
        push(remote, ref, commit, None)
        return {**facts, "commit": commit}
    found = repository.commit_tree(remote.fetch((ref,))[ref])
    theirs, ours = _files(repository, found), _files(repository, tree)
    if found == tree or _is_published(theirs, ours):
        return {**facts, "commit": there}
    if theirs.get(ARTIFACT) != ours[ARTIFACT]:
        raise _something_else(ref)
    commit = repository.commit(_commit(verified, admitted, tree, (there,)))
    push(remote, ref, commit, there)
    return {**facts, "commit": commit}


def push_approvals(
    remote: Remote,
    repository: ApplyingRepository,
    bundle: Digest,
    file: bytes,
    *,
    now: datetime,
    limit: int,
) -> bool:
    """Bring what is published of a bundle up to these approvals; False: nothing is published.

    No file there has more than `limit` bytes. Raises ConflictError if something else is there, or
    another Enforcer is at it.
    """
    ref = bundle_ref(bundle)
    there = remote.heads(ref).get(ref)
    if there is None:
        return False
    fetched = remote.fetch((ref,))[ref]
    facts = repository.find_commit(fetched)
    files = dict(repository.objects.files_at(facts.tree, _NAMES, limit=limit)) if facts else {}
    if facts is None or Digest.of(files.get(ARTIFACT, b"")) != bundle:
        raise _something_else(ref)
    if files.get(ARTIFACT + APPROVALS_SUFFIX, b"") == file:
        return True
    tree = repository.bundle_tree({**files, ARTIFACT + APPROVALS_SUFFIX: file})
    who = Identity(*_WHO, now)
    push(
        remote, ref, repository.commit(NewCommit(tree, (fetched,), facts.message, who, who)), there
    )
    return True


def _something_else(ref: str) -> ConflictError:
    return ConflictError(
        f"{ref} of the remote holds something else",
        remedies=(Remedy("Find out who wrote it; a person may delete it."),),
    )


def push(remote: Remote, ref: str, new: ObjectId, old: ObjectId | None) -> None:
    """Push; a push that failed may have arrived, or another Enforcer's may have: look."""
    try:
        remote.push(ref, new, old)
    except LaneError:
        if remote.heads(ref).get(ref) != new:
            raise


def _commit(
    verified: VerifiedBundle, admitted: Admitted, tree: ObjectId, parents: tuple[ObjectId, ...]
) -> NewCommit:
    """Return the commit to publish; its trailer anchors the ledger's head on the remote."""
    who = Identity(*_WHO, verified.circumstances.issued)
    said = admitted.admission
    message = (
        f"Bundle sha256:{verified.bundle.digest}\n\n"
        f"Lanectl-Ledger: {said.ledger} {said.seq} {said.head}\n"
    )
    return NewCommit(tree, parents, message, who, who)


def _files(repository: ApplyingRepository, tree: ObjectId | None) -> dict[str, ObjectId]:
    """Return the blobs of a published tree by name."""
    entries = repository.objects.find(tree, lambda _: True) if tree is not None else ()
    return {entry.path.decode("utf-8", "surrogateescape"): entry.id for entry in entries}


def _is_published(theirs: dict[str, ObjectId], ours: dict[str, ObjectId]) -> bool:
    """Whether all of ours is there; a summary that is signed anew says nothing new."""
    summary = ARTIFACT + SUMMARY_SUFFIX
    return summary in theirs and {**ours, summary: theirs[summary]} == theirs
