"""A restored ledger is found by its own newest anchor, and good again once a lead has explained it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lanectl.checks.authority import standing
from lanectl.errors import UntrustedError
from lanectl.flows.anchor import newest
from lanectl.flows.restored import find_restored, refuse_restored, restorations_of
from lanectl.model.anchor import Lost
from lanectl.model.authority import SIGNERS
from lanectl.model.ledger import EventKind, Head
from lanectl.model.ledger_report import LedgerOutcome
from lanectl.model.names import RepositoryId
from lanectl.model.trust import Role
from tests.ledger.incident import LEDGER, REPOSITORY, Incident, rehash
from tests.ledger.signers import Signers, make


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> Signers:
    return make(tmp_path_factory.mktemp("restored keys"))


@pytest.fixture
def incident(tmp_path: Path, signers: Signers) -> Incident:
    made = Incident(tmp_path, signers)
    made.apply(1)
    made.anchor()
    return made


def find(incident: Incident) -> Lost | None:
    """What `apply` asks before it does anything."""
    ring = incident.signers.keyring
    with incident.ledger() as ledger:
        counted = standing(
            ledger.events(kinds=SIGNERS), ring, ledger=LEDGER, repository=REPOSITORY, now=incident.at
        )  # fmt: skip
        anchor = newest(incident.anchors, ring, now=incident.at)
        return find_restored(anchor, ledger, restorations_of(counted))


def restored(incident: Incident) -> tuple[Head, Head]:
    """Two more handoffs are applied and anchored, and lost; return the lost head and the present one."""
    backup = incident.copy()
    for number in (2, 3):
        incident.apply(number)
        incident.anchor()
    lost = incident.head()
    incident.restore(backup)
    return lost, incident.head()


def explain(incident: Incident, lost: Head, kept: Head, role: Role = Role.LEAD) -> None:
    incident.order(
        EventKind.RESTORED, role, lost_seq=str(lost.seq), lost_hash=lost.hash,
        restored_seq=str(kept.seq), restored_hash=kept.hash,
    )  # fmt: skip


def test_an_honest_ledger_is_let_be(incident: Incident) -> None:
    assert find(incident) is None
    incident.apply(2)
    assert find(incident) is None
    refuse_restored(None)


def test_without_an_anchor_there_is_nothing_to_compare(incident: Incident) -> None:
    incident.anchors = []
    assert find(incident) is None


def test_a_ledger_that_is_behind_is_found(incident: Incident) -> None:
    lost, kept = restored(incident)
    found = find(incident)
    assert found is not None
    assert (found.anchor.seq, found.head) == (lost.seq, kept)
    with pytest.raises(UntrustedError) as refused:
        refuse_restored(found)
    assert refused.value.exit_code == 3
    assert refused.value.remedies[1].command[:3] == ("lanectl", "ledger", "reconcile")


def test_a_ledger_that_went_on_beside_is_found(incident: Incident) -> None:
    lost, _ = restored(incident)
    for number in (4, 5, 6):
        incident.apply(number)
    assert incident.head().seq > lost.seq
    assert find(incident) is not None


def test_a_rewritten_ledger_is_found(incident: Incident) -> None:
    with incident.tampering() as db:
        db.execute("update events set body = replace(body, 'change-1', 'change-x') where seq = 2")
        rehash(db)
    assert find(incident) is not None


def test_a_lead_explains_the_loss(incident: Incident) -> None:
    lost, kept = restored(incident)
    explain(incident, lost, kept)
    assert find(incident) is None
    report = incident.verify()
    assert (report.outcome, report.fitting, report.explained) == (LedgerOutcome.GOOD, 1, 2)


def test_it_is_explained_for_the_pinned_repository(incident: Incident) -> None:
    """Whatever the beginning of the ledger names: it may have been made before anything was pinned."""
    explain(incident, *restored(incident))
    other = RepositoryId("example.test/a/other")
    assert incident.verify(repository=REPOSITORY).outcome is LedgerOutcome.GOOD
    assert incident.verify(repository=other).outcome is LedgerOutcome.BROKEN


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.LEAD])
def test_nobody_else_explains_it(incident: Incident, role: Role) -> None:
    explain(incident, *restored(incident), role=role)
    assert find(incident) is not None
    assert incident.verify().outcome is LedgerOutcome.BROKEN


def test_another_loss_is_not_explained(incident: Incident) -> None:
    lost, kept = restored(incident)
    explain(incident, Head(lost.seq, kept.hash, lost.at), kept)
    assert find(incident) is not None
    explain(incident, Head(lost.seq - 1, lost.hash, lost.at), kept)
    assert find(incident) is not None
    assert incident.verify().outcome is LedgerOutcome.BROKEN


def test_a_chain_that_is_not_the_restored_one_is_not_explained(incident: Incident) -> None:
    lost, kept = restored(incident)
    explain(incident, lost, Head(kept.seq, lost.hash, kept.at))
    report = incident.verify()
    assert report.outcome is LedgerOutcome.BROKEN


def test_what_is_lost_after_the_explanation_is_found(incident: Incident) -> None:
    lost, kept = restored(incident)
    explain(incident, lost, kept)
    incident.anchor()
    backup = incident.copy()
    incident.apply(4)
    incident.anchor()
    incident.restore(backup)
    assert find(incident) is not None
    assert incident.verify().outcome is LedgerOutcome.BROKEN
