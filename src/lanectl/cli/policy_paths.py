"""What `lanectl policy explain PATH` and the `[rules]` part of `policy show` print."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from lanectl.cli import render
from lanectl.model.display import display

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lanectl.flows.explain_path import Explained
    from lanectl.model.evidence import Trust
    from lanectl.model.ruling import Ruling

_WORDS = {
    "allow": "goes through",
    "warn": "goes through with a warning",
    "hold": "is held until it is approved",
    "block": "is refused",
}
_REST = (
    "What depends on the content, such as secrets, hidden text, links and size, is judged when the "
    "bundle is there."
)


def explain(trust: Trust, paths: Sequence[str], *, as_json: bool) -> None:
    """Print what would become of a change of each path."""
    from lanectl.flows.explain_path import explain_path

    found = [explain_path(os.fsencode(path), trust.rules) for path in paths]
    if as_json:
        rows = [_document(one) for each in found for one in each]
        render.document({"tip": trust.source.tip, "paths": rows, "note": _REST})
        return
    render.data(f"By the policy at {trust.source.tip}:")
    for each in found:
        for one in _merged(each):
            for line in _lines(*one):
                render.data(line)
    render.data(_REST)


def rules_document(ruling: Ruling) -> dict[str, Any]:
    """Return what `[rules]` says as plain data."""
    entries = {
        rule: {
            "decision": said.decision.value if said.decision else None,
            "allow": [display(pattern) for pattern in said.allow],
        }
        for rule, said in sorted(ruling.rules.items())
    }
    return {"secrets": sorted(ruling.secrets), "entries": entries}


def show_rules(ruling: Ruling) -> None:
    """Print what `[rules]` says, where it says anything."""
    rows = [
        (rule, said.decision.value if said.decision else "", ", ".join(map(display, said.allow)))
        for rule, said in sorted(ruling.rules.items())
    ]
    if rows:
        render.data("")
        render.table(("rule", "decision", "allowed paths"), rows)
    if ruling.secrets:
        render.data("")
        render.table(("no secrets, by fingerprint",), [(text,) for text in sorted(ruling.secrets)])


def _merged(each: Sequence[Explained]) -> Iterator[tuple[list[str], Explained]]:
    """Yield what is decided with all the kinds of change that it is decided of."""
    kinds: dict[object, tuple[list[str], Explained]] = {}
    for one in each:
        key = (one.decision, one.finding and one.finding.rule.id, one.possible, one.migration)
        kinds.setdefault(key, ([], one))[0].append(one.kind)
    yield from kinds.values()


def _lines(kinds: list[str], one: Explained) -> Iterator[str]:
    from lanectl.flows.explain_path import turned_by

    yield f"{render.path(one.path)} ({', '.join(kinds)}): {_WORDS[one.decision]}"
    if one.finding is None:
        yield "    no rule is about this name"
    else:
        yield f"    rule    {one.finding.rule.id}: {one.finding.rule.title}"
        yield f"    why     {one.finding.rule.why}"
        if one.finding.allowed_by:
            yield f"    allowed {display(one.finding.allowed_by)}"
        yield f"    turn    {turned_by(one.finding)}"
    if one.migration:
        yield "    needs   a rollback in the same change: it is a migration (rule rollback/missing)"
    for rule in one.possible:
        yield f"    may     break {rule.id} by its content ({rule.decision}): {rule.title}"


def _document(one: Explained) -> dict[str, Any]:
    from lanectl.flows.explain_path import turned_by

    finding = one.finding
    return {
        "path": render.path(one.path),
        "change": one.kind,
        "decision": one.decision.value,
        "rule": finding.rule.id if finding else None,
        "why": finding.rule.why if finding else "",
        "allowed_by": display(finding.allowed_by) if finding else "",
        "turned_by": turned_by(finding) if finding else "",
        "migration": one.migration,
        "possible": [rule.id for rule in one.possible],
    }
