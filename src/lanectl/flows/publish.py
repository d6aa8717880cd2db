"""Publish: an applied handoff becomes a remote branch and one pull request. Resumable at any step.

Each step first records what it intends, then looks what is there, does what is missing, and
records what it did. The bundle goes out before the branch, so that a check which the push starts
finds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lanectl.errors import ConflictError, Remedy
from lanectl.flows.apply import refuse_conflict
from lanectl.flows.publish_bundle import Admitted, push, push_bundle
from lanectl.formats import lockfiles
from lanectl.formats.pull_request import check_output, pull_request
from lanectl.formats.rollback_request import rollback_request
from lanectl.formats.sbom_delta import component_delta
from lanectl.model.handoff import is_applied
from lanectl.model.pull_request import Proposal
from lanectl.ports.publishing import CheckRun, NewPullRequest, PullRequestState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lanectl.flows.apply import Applied
    from lanectl.flows.rollback import RolledBack
    from lanectl.model.change import FileChange
    from lanectl.model.evidence import Trust
    from lanectl.model.handoff import Marker
    from lanectl.model.names import ObjectId
    from lanectl.model.pull_request import PullRequestText
    from lanectl.model.report import VerifiedBundle
    from lanectl.model.sbom import ComponentDelta
    from lanectl.model.submission import Submission
    from lanectl.ports import ApplyingRepository, EnforcerStore, ObjectReader
    from lanectl.ports.publishing import Forge, Journal, Remote

LABEL: Final = ("codex-handoff", "1f6feb", "A coding agent's change, verified by lanectl")
CHECK: Final = "lanectl"
_LOCKFILE_LIMIT: Final = 64 << 20

Facts = dict[str, str]


class Wishes(Struct, frozen=True):
    """What the caller wants of the pull request."""

    draft: bool = False
    reviewers: tuple[str, ...] = ()


class Published(Struct, frozen=True):
    """The pull request that a handoff became, and how it was come by: opened or found."""

    number: int
    url: str
    state: str


class Outside(Struct, frozen=True):
    """The Enforcer's way out: the pinned remote, its forge, the journal of this bundle.

    `may_push` is asked right before the branch is pushed, and raises to stop it.
    """

    remote: Remote
    forge: Forge
    journal: Journal
    may_push: Callable[[], None]


def publish(
    applied: Applied,
    verified: VerifiedBundle,
    submission: Submission,
    admitted: Admitted,
    files: tuple[FileChange, ...],
    *,
    outside: Outside,
    trust: Trust,
    repository: ApplyingRepository,
    store: EnforcerStore,
    wishes: Wishes,
) -> Published:
    """Bring an applied handoff to its pull request; run again, finish or change nothing.

    Raises ConflictError if the remote holds something else or the change no longer merges, and
    RefusedError or UnavailableError with the forge's reason.
    """
    if applied.commit is None:
        raise ValueError("a plan is not published")
    commit, branch = applied.commit, applied.branch
    base_tree = repository.commit_tree(verified.statement.handoff.base)
    delta = _components(repository.objects, base_tree, verified.statement.handoff.result_tree)
    proposal = Proposal(verified, files, delta, commit)
    remote, forge, journal = outside.remote, outside.forge, outside.journal
    _step(
        journal, _bundle_step(journal, admitted), admitted.facts,
        lambda: push_bundle(remote, repository, verified, submission, admitted),
    )  # fmt: skip
    if journal.done("push") is None:
        refuse_conflict(verified, commit, trust=trust, repository=repository, store=store)
    text, target = pull_request(proposal), trust.operator.branch
    published = _offer(outside, repository, branch, commit, text=text, target=target, wishes=wishes)
    _step(journal, "check", {"commit": commit}, lambda: _check(forge, commit, proposal))
    return published


def _bundle_step(journal: Journal, admitted: Admitted) -> str:
    """Return the step that publishes the bundle: one of its own for an admission or approval later."""
    done, facts = journal.done("bundle"), admitted.facts
    if done is None or {k: done[k] for k in ("admission", "approvals") if k in done} == facts:
        return "bundle"
    return f"bundle:{':'.join(facts.values())}"


def publish_rollback(
    marker: Marker,
    undone: RolledBack,
    commit: ObjectId,
    *,
    outside: Outside,
    repository: ApplyingRepository,
    target: str,
    wishes: Wishes,
) -> Published:
    """Bring a rollback to its pull request, as `publish` does a handoff."""
    text = rollback_request(marker, undone.reverts, commit, has_sql=undone.has_sql)
    return _offer(
        outside, repository, undone.branch, commit, text=text, target=target, wishes=wishes
    )


def _offer(
    outside: Outside,
    repository: ApplyingRepository,
    branch: str,
    commit: ObjectId,
    *,
    text: PullRequestText,
    target: str,
    wishes: Wishes,
) -> Published:
    """Bring a commit to the remote branch, the pull request, its label and its reviewers."""
    remote, forge, journal = outside.remote, outside.forge, outside.journal
    new = NewPullRequest(branch, target, text.title, text.body, wishes.draft)
    outside.may_push()
    _step(
        journal, "push", {"branch": branch, "commit": commit},
        lambda: _push_branch(remote, repository, branch, commit),
    )  # fmt: skip
    opened = _step(journal, "pull-request", {"branch": branch}, lambda: _open(forge, new, commit))
    number = int(opened["number"])
    _step(journal, "labels", opened, lambda: _label(forge, number))
    if wishes.reviewers:
        _step(journal, "reviewers", opened, lambda: _ask(forge, number, wishes.reviewers))
    return Published(number, opened["url"], opened["state"])


def _step(
    journal: Journal, name: str, intended: Mapping[str, str], act: Callable[[], Facts]
) -> Mapping[str, str]:
    """Return what a step did, now or in an earlier run."""
    done = journal.done(name)
    if done is not None:
        return done
    journal.intend(name, intended)
    facts = act()
    journal.complete(name, facts)
    return facts


def _push_branch(
    remote: Remote, repository: ApplyingRepository, branch: str, commit: ObjectId
) -> Facts:
    """Push with a lease on what was there, then read back what the remote has."""
    ref = f"refs/heads/{branch}"
    there = remote.heads(ref).get(ref)
    if there is not None and there != commit:
        remote.fetch((ref,), have=(commit,))
        if repository.is_ancestor(commit, there):
            later = repository.commits_since(there, commit)
            if not all(is_applied(c.message) for c in later):
                raise _elsewhere(branch, commit, there)
            return {"commit": there}  # a later bundle of this handoff is there already
        if not repository.is_ancestor(there, commit):
            raise _elsewhere(branch, commit, there)
    if there != commit:
        push(remote, ref, commit, there)
    back = remote.fetch((ref,), have=(commit,))[ref]
    if repository.commit_tree(back) != repository.commit_tree(commit):
        raise _elsewhere(branch, commit, back)
    return {"commit": commit}


def _elsewhere(branch: str, commit: ObjectId, there: ObjectId) -> ConflictError:
    return ConflictError(
        f"{branch} of the remote is not the handoff's commit",
        why=f"it is at {there}, the handoff's commit is {commit}",
        remedies=(Remedy("Look at it.", ("git", "fetch", "origin", branch)),),
    )


def _open(forge: Forge, new: NewPullRequest, commit: ObjectId) -> Facts:
    """Find the branch's pull request or open one. One that is closed at this commit stays closed."""
    found, state = forge.find_pull_request(new.head_branch, new.base_branch), "found"
    if found is not None and found.state is PullRequestState.OPEN:
        forge.update_pull_request(found.number, new.title, new.body)
    elif found is None or found.head != commit:
        found, state = forge.open_pull_request(new), "opened"
    return {"number": str(found.number), "url": found.url, "state": state}


def _label(forge: Forge, number: int) -> Facts:
    forge.ensure_label(*LABEL)
    forge.add_labels(number, (LABEL[0],))
    return {"labels": LABEL[0]}


def _ask(forge: Forge, number: int, reviewers: tuple[str, ...]) -> Facts:
    forge.request_reviewers(number, reviewers)
    return {"reviewers": " ".join(reviewers)}


def _check(forge: Forge, commit: ObjectId, proposal: Proposal) -> Facts:
    key = f"sha256:{proposal.verified.bundle.digest}"
    run = CheckRun(CHECK, key, success=True, output=check_output(proposal))
    return {"url": forge.record_check(commit, run)}


def _components(
    objects: ObjectReader, base_tree: ObjectId | None, result_tree: ObjectId
) -> ComponentDelta:
    """Return what the change does to the components, from the lockfiles of both trees."""
    sides = []
    for tree in (base_tree or result_tree, result_tree):
        entries = objects.find(
            tree, lambda path: lockfiles.reader_for(path) is not None, hints=lockfiles.HINTS
        )
        blobs = objects.blobs((e.id for e in entries), limit=_LOCKFILE_LIMIT)
        sides.append({e.path: blobs.get(e.id) for e in entries})
    return component_delta(*sides)
