"""Gather which approvals count that lie beside a bundle, or were published with it. Changes nothing.

`apply` never looks at them: it asks the ledger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from lanectl.checks import approvals as published
from lanectl.flows.approvals import in_force
from lanectl.formats import approvals
from lanectl.model.report import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lanectl.model.evidence import Evidence
    from lanectl.ports import TargetRepository


def find_approvals(
    evidence: Evidence, files: Iterable[bytes], repository: TargetRepository | None
) -> Evidence:
    """Return the evidence with the approvals of these files that count by its time.

    What stands in any of them counts: a withdrawal that was published once is not undone by a later
    file without it. If one is malformed nothing is approved. Needs a settled admission.
    """
    trust = evidence.trust
    if trust is None or repository is None:
        return evidence
    try:
        written = {one.sealed: one for file in files for one in approvals.read(file)}
    except MalformedError:
        return evidence
    found = published.counting(
        written.values(), trust.keyring,
        bundle=evidence.artifact, repository=trust.operator.repository, at=evidence.now,
    )  # fmt: skip
    said = evidence.admission.said if evidence.admission and evidence.admitted else None
    good = in_force(
        found, evidence.artifact, trust, repository, admitted=said.policy if said else None
    )
    return replace(evidence, approvals=(*evidence.approvals, *good))
