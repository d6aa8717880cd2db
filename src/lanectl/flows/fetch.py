"""Fetch: the target's present tip and a handoff's branch, from the pinned address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.flows.trust import load_trust

if TYPE_CHECKING:
    from lanectl.flows.trust import OperatorFile
    from lanectl.model.evidence import Trust
    from lanectl.model.names import ObjectId
    from lanectl.model.settings import Operator
    from lanectl.ports import ApplyingRepository, EnforcerStore
    from lanectl.ports.publishing import Remote


def fetch_trust(
    file: OperatorFile,
    operator: Operator,
    remote: Remote | None,
    repository: ApplyingRepository,
    store: EnforcerStore,
) -> Trust:
    """Fetch the pinned branch, return the trust at its tip, and let the clone's own ref follow.

    Without a remote the clone's own ref is the tip. Raises as `load_trust`, and UnavailableError if the remote does not answer.
    """
    if remote is None:
        return load_trust(file, repository, store)
    ref = f"refs/heads/{operator.branch}"
    local = repository.resolve(operator.ref)
    tip = remote.fetch((ref,), have=(local,) if local else (), keep=True)[ref]
    trust = load_trust(file, repository, store, tip=tip)
    repository.advance(operator.ref, tip, local)
    return trust


def fetch_branch(
    remote: Remote, repository: ApplyingRepository, branch: str, tip: ObjectId
) -> ObjectId | None:
    """Return where the remote has a branch, with its commits brought here, or None."""
    ref = f"refs/heads/{branch}"
    if ref not in remote.heads(ref):
        return None
    local = repository.resolve(ref)
    return remote.fetch((ref,), have=(tip, *((local,) if local else ())), keep=True)[ref]
