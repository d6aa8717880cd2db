"""How the report over a ledger is shown: what is good, up to where, and what is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.cli import render
from lanectl.formats.statement import format_time
from lanectl.model.display import display
from lanectl.model.ledger_report import LedgerOutcome

if TYPE_CHECKING:
    from typing import Any

    from lanectl.model.ledger_report import LedgerReport, Problem
    from lanectl.model.trust import Keyring

SCHEMA = "urn:lanectl:ledger-report:v1"
_LONGEST = 20


def to_json(report: LedgerReport) -> dict[str, Any]:
    """Return the report as plain data, every text made safe to show."""
    anchor = report.anchor
    return {
        "schema": SCHEMA,
        "outcome": report.outcome.value,
        "ledger": report.ledger,
        "events": report.events,
        "head": report.head,
        "anchor": anchor
        and {
            "seq": anchor.seq,
            "hash": anchor.hash,
            "at": format_time(anchor.at),
            "key": anchor.key,
        },
        "anchors": {"fitting": report.fitting, "explained": report.explained},
        "problems": [_plain(p) for p in report.problems],
        "warnings": [_plain(p) for p in report.warnings],
    }


def show(report: LedgerReport, keyring: Keyring | None) -> None:
    """Write the report for people; the keyring says who signed the anchor."""
    render.data(f"ledger  {report.ledger or 'unknown'}")
    render.data(f"chain   {report.events} events hold, up to {report.head}")
    for line in _claims(report, keyring):
        render.data(line)
    render.data(report.outcome.value.upper())
    for problem in report.problems:
        render.talk(f"✗ {display(problem.where)}")
        render.talk(f"    {display(problem.what)}")
    for warning in report.warnings[:_LONGEST]:
        render.talk(f"! {display(warning.where)}: {display(warning.what)}")
    if len(report.warnings) > _LONGEST:
        render.talk(f"! {len(report.warnings) - _LONGEST} more warnings; --json lists them all")
    if report.outcome is LedgerOutcome.UNVERIFIED:
        render.talk("UNVERIFIED: no signed head of this ledger was found, so its owner may have")
        render.talk("    rewritten all of it; name anchors or admissions with --anchor")


def _claims(report: LedgerReport, keyring: Keyring | None) -> list[str]:
    lines = []
    anchor = report.anchor
    if anchor is not None and not report.problems:
        key = keyring.by_id(anchor.key) if keyring else None
        who = f"{display(key.name)}, key {anchor.key}" if key else f"key {anchor.key}"
        lines.append(
            f"good    up to event {anchor.seq}, anchored {format_time(anchor.at)} by {who}"
        )
        rest = report.events - anchor.seq
        if rest:
            verb = "event after it is" if rest == 1 else "events after it are"
            lines.append(f"        {rest} {verb} not anchored")
    if report.explained:
        lines.append(f"lost    {report.explained} signed heads; a lead recorded the restoration")
    return lines


def _plain(problem: Problem) -> dict[str, str]:
    return {"where": display(problem.where), "what": display(problem.what)}
