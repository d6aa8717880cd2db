"""What a handoff became: the ledger's row of it, believed only as far as an Enforcer signed it.

Whoever holds the ledger's credential can write a row. The commit, its bundle and its tree are the
admission's; the branch is the one that the signed commit names.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from lanectl.errors import ConflictError, Remedy, UntrustedError
from lanectl.flows.admit import admit
from lanectl.flows.anchor import BadAnchorError, read_admission
from lanectl.flows.apply import Applied, ApplyState, first_commit
from lanectl.flows.fetch import fetch_branch
from lanectl.flows.publish_bundle import Admitted
from lanectl.flows.recorder import applied_id
from lanectl.formats import envelope
from lanectl.formats.anchor import key_id
from lanectl.model.admission import Admission
from lanectl.model.display import display
from lanectl.model.handoff import APPLIED, feature_branch, parse_message
from lanectl.model.ledger import EventKind
from lanectl.model.names import Slug
from lanectl.model.trust import Role

if TYPE_CHECKING:
    from lanectl.flows.office import Office
    from lanectl.model.bundle import Handoff
    from lanectl.model.ledger import Event, HandoffRow
    from lanectl.model.report import VerifiedBundle
    from lanectl.ports import ApplyingRepository, TargetRepository
    from lanectl.ports.publishing import Remote


def first_result(
    office: Office, handoff: Handoff, row: HandoffRow, repository: TargetRepository
) -> tuple[Applied, Admitted]:
    """Return what a consumed handoff became, and its newest good admission. Raises UntrustedError."""
    event = office.recorder.ledger.find(applied_id(handoff.key))
    if event is None:
        raise _refused("it holds no admission of it")
    admitted = _newest(office, handoff) or read_admitted(office, event, handoff)
    said = admitted.admission
    if (said.bundle, said.commit) != (row.bundle, row.commit):
        raise _refused(f"its admission is of the commit {said.commit}")
    applied = Applied(ApplyState.FOUND, row.branch, said.bundle, said.commit)
    _refuse_branch(applied, handoff, repository)
    return applied, admitted


def admit_again(
    office: Office, verified: VerifiedBundle, row: HandoffRow, repository: ApplyingRepository
) -> bool:
    """Admit with this Enforcer's key what an admission that no longer counts speaks of.

    Only a commit that is made from this very bundle alone, as its Enforcer made it: it needs
    nobody's word. Returns whether it is; it is recorded then.
    """
    recorder, handoff = office.recorder, verified.statement.handoff
    event = recorder.ledger.find(applied_id(handoff.key))
    by = event.event.data.get("enforcer", "") if event else ""
    key = next((k for k in office.trust.keyring.in_role(Role.ENFORCER) if k.public.id == by), None)
    if key is None or row.commit is None or row.bundle != verified.bundle.digest:
        return False
    if repository.commit(first_commit(verified, key)) != row.commit:
        return False
    head, now = recorder.ledger.head(), recorder.system.now()
    said = Admission(
        repository=handoff.repository, bundle=row.bundle, commit=row.commit,
        result_tree=handoff.result_tree, policy=office.trust.source.tip,
        ledger=recorder.ledger.id, seq=head.seq, head=head.hash, at=now,
    )  # fmt: skip
    file = admit(said, office.signer)
    office.store.keep_admission(row.bundle, file)
    data = {
        "bundle": row.bundle, "commit": row.commit, "enforcer": office.signer.public.id,
        "admission": file.decode("ascii"),
    }  # fmt: skip
    recorder.record(EventKind.ADMITTED, handoff.key, data)
    return True


def _newest(office: Office, handoff: Handoff) -> Admitted | None:
    """Return the newest admission of those that were made once more, or None."""
    again = [*office.recorder.ledger.events(kinds={EventKind.ADMITTED}, handoff=handoff.key)]
    for event in reversed(again):
        with contextlib.suppress(UntrustedError):
            return read_admitted(office, event, handoff)
    return None


def bring(
    applied: Applied,
    admitted: Admitted,
    verified: VerifiedBundle,
    *,
    office: Office,
    remote: Remote,
    repository: ApplyingRepository,
) -> None:
    """Have the commit here, which another machine may have made: fetch it, or make it once more.

    Raises ConflictError if it is neither published nor to be made from the bundle alone.
    """
    commit, handoff = applied.commit, verified.statement.handoff
    if commit is None or repository.commit_tree(commit) is not None:
        return
    fetch_branch(remote, repository, applied.branch, office.trust.source.tip)
    key = office.trust.keyring.by_id(key_id(envelope.read(admitted.file)))
    if (
        repository.commit_tree(commit) is None
        and key is not None
        and repository.commit(first_commit(verified, key)) != commit
    ):
        raise ConflictError(
            f"the commit of this handoff is not here, nor on the remote: {commit}",
            why=f"{display(key.name)} applied it on another machine, on top of another bundle or signed",
            remedies=(Remedy("Publish it there.", ("lanectl", "apply", "--pr", "BUNDLE")),),
        )
    _refuse_branch(applied, handoff, repository)


def read_admitted(office: Office, event: Event, handoff: Handoff) -> Admitted:
    """Return the admission in an `applied` event: signed by an Enforcer, of this very change."""
    told = event.event
    kinds = {EventKind.APPLIED, EventKind.ADMITTED}
    if told.kind not in kinds or told.handoff != handoff.key:
        raise _refused(f"its event {event.seq} has the id of an applied one, and is none")
    file = told.data.get("admission", "").encode("utf-8")
    now = office.recorder.system.now()
    try:
        said, _ = read_admission(file, office.trust.keyring, now=now)
    except BadAnchorError as error:
        raise _refused(f"the admission in its event {event.seq} is none: {error}") from error
    if (said.repository, said.result_tree) != (handoff.repository, handoff.result_tree):
        raise _refused(f"the admission in its event {event.seq} is of another change")
    return Admitted(said, file)


def _refuse_branch(applied: Applied, handoff: Handoff, repository: TargetRepository) -> None:
    """Raise UntrustedError unless the branch is the commit's own; one that is not here may have any."""
    commit = repository.find_commit(applied.commit or "")
    marker = parse_message(commit.message) if commit else None
    if commit is None:
        with contextlib.suppress(ValueError):
            if applied.branch == feature_branch(Slug(applied.branch.removeprefix("feature/"))):
                return
    elif marker is not None and commit.tree == handoff.result_tree:
        said = marker.trailers
        if (marker.kind, feature_branch(marker.slug), said.bundle, said.base) == (
            APPLIED, applied.branch, applied.bundle, handoff.base,
        ):  # fmt: skip
            return
    raise _refused(f"the branch that it names is not this commit's: {display(applied.branch)}")


def _refused(why: str) -> UntrustedError:
    return UntrustedError(
        "the ledger says that this handoff is applied, and cannot prove it",
        why=display(why),
        remedies=(
            Remedy("Look for what is wrong with it.", ("lanectl", "ledger", "verify")),
            Remedy("Find out who wrote that event; change the ledger's credential if need be."),
            Remedy(
                "If a lost Enforcer's key admitted it, apply the very bundle that it was applied as;"
                " or let the Builder rebase and pack again."
            ),
        ),
    )
