"""Rollback: the revert of a merged handoff as one commit, and as a pull request. Executes no SQL.

The revert is a three-way merge that anybody can recompute: what the handoff brought into the
target's line is taken out of the tip.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from lanectl.errors import ConflictError, Remedy, UsageError
from lanectl.flows.fetch import fetch_branch
from lanectl.flows.office import opened
from lanectl.flows.publish import Outside, publish_rollback
from lanectl.flows.recorder import claimed
from lanectl.flows.trust import read_operator
from lanectl.model.display import display, display_path
from lanectl.model.evidence import Line
from lanectl.model.globs import matches
from lanectl.model.handoff import (
    APPLIED,
    ROLLED_BACK,
    Trailers,
    parse_message,
    rollback_branch,
    rollback_message,
)
from lanectl.model.ledger import EventKind, HandoffKey
from lanectl.model.names import Digest, ObjectId
from lanectl.model.pull_request_evidence import Reverted
from lanectl.ports import Identity, NewCommit

if TYPE_CHECKING:
    from lanectl.flows.office import Enforcer, Office
    from lanectl.flows.publish import Published, Wishes
    from lanectl.model.evidence import CommitFacts, Merge, Trust
    from lanectl.model.handoff import Marker
    from lanectl.ports import ApplyingRepository, TargetRepository
    from lanectl.ports.publishing import Remote


class RolledBack(Struct, frozen=True):
    """The revert: its branch and commit, what it reverts, and the pull request if asked for."""

    branch: str
    commit: ObjectId | None
    reverts: ObjectId
    bundle: Digest
    has_sql: bool
    published: Published | None = None


class _Merged(Struct, frozen=True):
    """A handoff on the target's line: its newest marker, the commit that brought it, the one before."""

    marker: Marker
    after: CommitFacts
    before: CommitFacts


def rollback(name: str, enforcer: Enforcer, *, wishes: Wishes | None, dry_run: bool) -> RolledBack:
    """Revert the handoff that a slug, a bundle digest or a commit of the target names.

    A freeze does not stop it. Raises UsageError if it was never merged or is rolled back already,
    ConflictError if the revert conflicts with what came after.
    """
    operator = read_operator(enforcer.operator_file)
    remote = enforcer.remote(operator) if wishes else None
    with opened(enforcer, operator, remote, changes=not dry_run) as office:
        merged = _find(name, office.trust.source.tip, enforcer.repository)
        if dry_run:
            return _revert(merged, enforcer, office, remote, dry_run=True)
        trailers = merged.marker.trailers
        key = HandoffKey.of(operator.repository, trailers.base, trailers.result_tree)
        with contextlib.ExitStack() as stack:
            claim = None
            if office.existing(key) is not None:
                claim = stack.enter_context(claimed(office.recorder, key))
            result = _revert(merged, enforcer, office, remote, dry_run=False)
            if remote is not None and wishes is not None and result.commit is not None:
                digest = Digest.of(f"rollback {result.commit}".encode())
                forge = stack.enter_context(enforcer.forge(operator))
                journal = office.journal(digest, key, claim)
                published = publish_rollback(
                    merged.marker, result, result.commit,
                    outside=Outside(remote, forge, journal, lambda: None),
                    repository=enforcer.repository, target=operator.branch, wishes=wishes,
                )  # fmt: skip
                result = replace(result, published=published)
            _record(office, key, result)
            return result


def _record(office: Office, key: HandoffKey, result: RolledBack) -> None:
    """Record the rollback once, and its pull request once it has one."""
    data = {"bundle": result.bundle, "commit": result.commit or "", "branch": result.branch}
    name = f"rolled-back:{result.commit}"
    if result.published is not None:
        data["url"], name = result.published.url, f"{name}:{result.published.number}"
    office.recorder.note(EventKind.ROLLED_BACK, key, data, name)


def _revert(
    merged: _Merged, enforcer: Enforcer, office: Office, remote: Remote | None, *, dry_run: bool
) -> RolledBack:
    """Make the revert's commit on its branch, or find it there."""
    repository, tip = enforcer.repository, office.trust.source.tip
    branch, bundle = rollback_branch(merged.marker.slug), merged.marker.trailers.bundle
    has_sql = _has_sql(merged, office.trust, repository)
    head = fetch_branch(remote, repository, branch, tip) if remote else None
    commit = _there(repository, branch, merged, tip, head)
    if commit is None:
        commit = repository.commit(_commit(office, repository, merged))
        if not dry_run:
            repository.publish(branch, commit, None, tip)
        else:
            return RolledBack(branch, None, merged.after.id, bundle, has_sql)
    return RolledBack(branch, commit, merged.after.id, bundle, has_sql)


def recompute(head: CommitFacts, tip: ObjectId, repository: TargetRepository) -> Reverted:
    """Return what a rollback's commit should be, from what its trailers name."""
    marker = parse_message(head.message)
    if marker is None or marker.kind != ROLLED_BACK or marker.trailers.reverts is None:
        return Reverted(base_is_on_target=False, reverts_handoff=False, tree=None)
    base = repository.find_commit(marker.trailers.base)
    after = repository.find_commit(marker.trailers.reverts)
    if base is None or after is None:
        return Reverted(base_is_on_target=False, reverts_handoff=False, tree=None)
    carried = _carried(after, repository)
    before = _before(after, repository)
    if carried is None or before is None:
        return Reverted(base_is_on_target=True, reverts_handoff=False, tree=None)
    named = (carried.trailers.bundle, carried.slug) == (marker.trailers.bundle, marker.slug)
    undone = repository.revert(base.tree, before.tree, after.tree)
    return Reverted(
        base_is_on_target=repository.line_of(base.id, tip) is Line.OWN,
        reverts_handoff=named and repository.line_of(after.id, base.id) is Line.OWN,
        tree=None if undone.conflicts else undone.tree,
    )


def _find(name: str, tip: ObjectId, repository: TargetRepository) -> _Merged:
    """Return the handoff that a slug, digest or commit names. Raises UsageError."""
    found = repository.marker_commit(name.removeprefix("sha256:"), tip)
    after = repository.introduced(found, tip) if found else None
    carried = _carried(after, repository) if after else None
    before = _before(after, repository) if after else None
    if after is None or carried is None or before is None:
        raise UsageError(
            f"no merged handoff is called {display(name)}",
            why="no commit of the target branch carries its marker",
            remedies=(
                Remedy("Name its slug, its bundle digest, or its commit on the target branch."),
                Remedy("Look for it.", ("git", "log", "--grep", "CLAUDE-APPLIED")),
            ),
        )
    return _Merged(carried, after, before)


def _carried(commit: CommitFacts, repository: TargetRepository) -> Marker | None:
    """Return the handoff's marker on a commit of the target's line, or on what it merged."""
    for facts in (commit, *(repository.find_commit(p) for p in commit.parents[1:])):
        marker = parse_message(facts.message, squashed=True) if facts else None
        if marker is not None and marker.kind == APPLIED:
            return marker
    return None


def _before(after: CommitFacts, repository: TargetRepository) -> CommitFacts | None:
    """Return the commit before a handoff: below all its attempts, where they lie in one line."""
    slug = parse_message(after.message, squashed=True)
    at = repository.find_commit(after.parents[0]) if after.parents else None
    while slug is not None and at is not None:
        marker = parse_message(at.message, squashed=True)
        if marker is None or (marker.kind, marker.slug) != (APPLIED, slug.slug):
            break
        at = repository.find_commit(at.parents[0]) if at.parents else None
    return at


def _has_sql(merged: _Merged, trust: Trust, repository: TargetRepository) -> bool:
    """Whether the handoff touched what the rules call a migration, and so brought a rollback.sql."""
    patterns = trust.rules.migrations

    def is_migration(path: bytes) -> bool:
        return any(matches(pattern, path) for pattern in patterns)

    before, after = (
        {(e.path, e.mode, e.id) for e in repository.objects.find(commit.tree, is_migration)}
        for commit in (merged.before, merged.after)
    )
    return before != after


def _there(
    repository: ApplyingRepository,
    branch: str,
    merged: _Merged,
    tip: ObjectId,
    remote_head: ObjectId | None,
) -> ObjectId | None:
    """Return the rollback that the branch holds already. Raises ConflictError for anything else."""
    local = repository.resolve(f"refs/heads/{branch}")
    head = repository.find_commit(remote_head or local or "") if remote_head or local else None
    if head is None:
        return None
    marker = parse_message(head.message)
    is_this = marker is not None and marker.trailers.reverts == merged.after.id
    if marker is None or not is_this or recompute(head, tip, repository).tree != head.tree:
        raise ConflictError(
            f"branch {branch} exists and is not this rollback",
            remedies=(Remedy("Look at it.", ("git", "log", "-1", branch)),),
        )
    if local is None:
        repository.publish(branch, head.id, None, marker.trailers.base)
    return head.id


def _commit(office: Office, repository: ApplyingRepository, merged: _Merged) -> NewCommit:
    tip, now = office.trust.source.tip, office.recorder.system.now()
    tip_tree = repository.commit_tree(tip) or tip
    undone = repository.revert(tip_tree, merged.before.tree, merged.after.tree)
    _refuse(undone, tip_tree, merged)
    marker, key = merged.marker, office.key
    trailers = Trailers(marker.trailers.bundle, tip, undone.tree, None, merged.after.id)
    who = Identity(key.name, key.email, now)
    message = rollback_message(marker.slug, marker.title, trailers)
    return NewCommit(undone.tree, (tip,), message, who, who)


def _refuse(undone: Merge, tip_tree: ObjectId, merged: _Merged) -> None:
    if undone.conflicts:
        paths = ", ".join(display_path(c.path) for c in undone.conflicts[:3])
        raise ConflictError(
            f"the revert of {merged.marker.slug} conflicts with what came after: {paths}",
            why=f"files in conflict: {len(undone.conflicts)}; nothing was written",
            remedies=(Remedy("Revert by hand.", ("git", "revert", "-m", "1", merged.after.id)),),
        )
    if undone.tree == tip_tree:
        raise UsageError(f"{merged.marker.slug} is rolled back already: nothing of it is left")
