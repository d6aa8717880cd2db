"""How a reconciliation is shown: what came back, what did not, which events are lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.cli import render
from lanectl.model.display import display

if TYPE_CHECKING:
    from typing import Any

    from lanectl.flows.reconcile import Reconciled


def to_json(result: Reconciled) -> dict[str, Any]:
    """Return the result as plain data, every text made safe to show."""
    return {
        "lost": {
            "ledger": result.lost.anchor.ledger,
            "from": result.first,
            "to": result.lost.anchor.seq,
        },
        "recovered": [
            {"key": key, "bundle": f"sha256:{said.bundle}", "commit": said.commit}
            for key, said in result.recovered
        ],
        "skipped": [
            {"where": display(where), "why": display(why)} for where, why in result.skipped
        ],
    }


def show(result: Reconciled) -> None:
    """Write the result for people."""
    anchor = result.lost.anchor
    for _, said in result.recovered:
        render.data(f"applied again  sha256:{said.bundle}")
        render.data(f"               as {said.commit}")
    for where, why in result.skipped:
        render.talk(f"! left out {display(where)}: {display(why)}")
    render.talk(f"events {result.first} to {anchor.seq} of ledger {anchor.ledger} are lost:")
    render.talk("    refusals, verdicts, approvals, freezes and revocations among them are gone,")
    render.talk("    and have to be given again by who gave them")
    render.talk("the ledger is in use again; a new anchor is signed")
