"""What the ledger is told of a refused or held bundle: its digest and the rules, never the Builder's words."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from lanectl.errors import ConflictError, UnavailableError
from lanectl.formats.secrets import scan
from lanectl.model.decision import Decision
from lanectl.model.ledger import LEASE, Claim, EventKind
from lanectl.model.report import Outcome

if TYPE_CHECKING:
    from lanectl.flows.office import Office
    from lanectl.model.report import VerificationReport


_STOPS = frozenset({Decision.HOLD, Decision.BLOCK})


def record_refusal(office: Office, report: VerificationReport) -> None:
    """Record why a bundle is refused or held, on its handoff if an Enforcer can tell which that is.

    A handoff whose very name holds a secret is not named: the ledger forgets nothing.
    """
    kind = EventKind.HELD if report.outcome is Outcome.HELD else EventKind.REFUSED
    stopping = (f.rule.id for f in report.findings if f.decision in _STOPS)
    rules = " ".join(dict.fromkeys(stopping))
    data = {"bundle": report.digest, "rules": rules or "not-judged"}
    said = report.statement.handoff if report.statement and report.signer else None
    if (
        said is None
        or said.repository != office.trust.operator.repository
        or scan(said.slug.encode())
    ):
        office.recorder.note(kind, None, data)
        return
    key, ledger = said.key, office.recorder.ledger
    if report.signer is not None:
        data["signer"] = report.signer.id
    if ledger.handoff(key) is None:
        place = {"slug": said.slug, "base": said.base, "result_tree": said.result_tree}
        queued = {k: v for k, v in data.items() if k != "rules"}
        with contextlib.suppress(ConflictError):  # another Enforcer has applied it by now
            office.recorder.record(EventKind.QUEUED, key, {**queued, **place})
    claim = ledger.claim(key, office.recorder.system.holder(), seconds=LEASE)
    if not isinstance(claim, Claim):  # who holds it has a better bundle: it is not moved
        office.recorder.note(kind, None, {**data, "about": key})
        return
    office.recorder.note(kind, key, data)
    with contextlib.suppress(UnavailableError):
        ledger.release(claim)
