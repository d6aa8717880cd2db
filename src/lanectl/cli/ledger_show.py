"""How handoffs and their stories are shown: a table, or one paragraph an event."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Final

from lanectl.checks import RULES
from lanectl.cli import render
from lanectl.formats.statement import format_time
from lanectl.model.display import display
from lanectl.model.ledger import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from lanectl.flows.ledger_show import Entry, Story
    from lanectl.model.ledger import HandoffRow

SCHEMA: Final = "urn:lanectl:ledger-show:v1"
_SHORT: Final = 12
_INDENT: Final = 6
_RULE: Final = re.compile(r"[a-z-]+/[a-z0-9-]+", re.ASCII)
_HIDDEN: Final = frozenset({"claim", "hint", "payload", "rule", "rules", "signature", "step"})
"""Data that say nothing to a person, or are shown in words."""
_ABOVE: Final = frozenset({"base", "result_tree", "slug"})
"""What a handoff keeps for good, and is told of it once."""
_SAID: Final = frozenset({"confidence", "verdict"})
_SPANS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))
_WORDS: Final[Mapping[EventKind, str]] = {
    EventKind.QUEUED: "queued",
    EventKind.CLAIMED: "claimed",
    EventKind.REFUSED: "REFUSED",
    EventKind.HELD: "HELD",
    EventKind.CONFLICTED: "CONFLICT with the target branch",
    EventKind.ROLLED_BACK: "rolled back",
    EventKind.GATE_RESULT: "gate",
    EventKind.DRIFT_REPORT: "drift",
    EventKind.APPROVAL_WITHDRAWN: "approval withdrawn",
    EventKind.KEY_REVOKED: "key revoked",
}


def show_table(rows: Sequence[HandoffRow], now: datetime) -> None:
    """Write the handoffs as a table; digests are short here, and only here."""
    if not rows:
        render.talk("the ledger holds no handoff")
        return
    cells = [
        (
            r.slug,
            r.state.value,
            r.bundle[:_SHORT],
            _when(r.updated, now),
            display(r.url or r.branch),
        )
        for r in rows
    ]
    render.table(("handoff", "state", "bundle", "changed", "where"), cells)


def show_row(row: HandoffRow) -> None:
    """Write where one handoff is."""
    for label, value in _facts(row):
        render.data(f"{label:<9} {value}")


def show_story(story: Story, now: datetime) -> None:
    """Write what happened to a handoff, oldest first."""
    show_row(story.row)
    for entry in story.entries:
        render.data("")
        _paragraph(f"{_when(entry.at, now)}  {_headline(entry)}", 0)
        for line in _details(entry):
            _paragraph(line, _INDENT)


def rows_json(rows: Sequence[HandoffRow]) -> dict[str, Any]:
    """Return the handoffs as plain data."""
    return {"schema": SCHEMA, "handoffs": [_row_json(r) for r in rows]}


def stories_json(stories: Sequence[Story]) -> dict[str, Any]:
    """Return stories as plain data, every text made safe to show."""
    told = [{**_row_json(s.row), "events": [_entry_json(e) for e in s.entries]} for s in stories]
    return {"schema": SCHEMA, "handoffs": told}


def _facts(row: HandoffRow) -> Iterator[tuple[str, str]]:
    yield "handoff", f"{row.slug}, {row.state.value}"
    yield "bundle", f"sha256:{row.bundle}"
    yield "base", row.base
    yield "result", f"tree {row.result_tree}"
    if row.commit:
        yield "commit", f"{row.commit} on {display(row.branch)}"
    if row.url:
        yield "url", display(row.url)
    yield "in", row.repository
    yield "key", row.key


def _headline(entry: Entry) -> str:
    what = _WORDS.get(entry.kind, entry.kind.value)
    if entry.kind in {EventKind.STEP_INTENDED, EventKind.STEP_DONE}:
        state = "done" if entry.ended else "begun, not known to be done"
        what = f"step {display(entry.data.get('step', ''))}: {state}"
    elif entry.record is not None and entry.record.kind is EventKind.VERDICT:
        subject = entry.record.subject
        what = f"verdict {subject['verdict']} ({subject['confidence']} %)"
    if entry.by is not None:
        return f"{what} by {display(entry.by.name)} ({entry.by.role.value})"
    return f"{what} by {display(entry.actor)}"


def _details(entry: Entry) -> Iterator[str]:
    if entry.absent:
        yield f"counts as absent: {display(entry.absent)}"
    if entry.record is not None:
        yield f"because: {display(entry.record.reason)}"
        yield from _facts_of({k: v for k, v in entry.record.subject.items() if k not in _SAID})
        if entry.record.expires:
            yield f"until {format_time(entry.record.expires)}"
    for name in dict.fromkeys(
        _RULE.findall(entry.data.get("rules", "") + " " + entry.data.get("rule", ""))
    ):
        rule = RULES.get(name)
        yield f"✗ {name}: {rule.title}" if rule else f"✗ {name}"
    if entry.record is None:
        yield from _facts_of({k: v for k, v in entry.data.items() if k not in _HIDDEN | _ABOVE})


def _facts_of(data: Mapping[str, str]) -> Iterator[str]:
    for name, value in sorted(data.items()):
        if value:
            yield f"{name.replace('_', ' ')}: {display(value)}"


def _paragraph(text: str, indent: int) -> None:
    """Write one line, wrapped between words: what has none, such as a digest, is never cut."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 100
    for number, line in enumerate(
        textwrap.wrap(
            text, max(width - indent - 2, 20), break_long_words=False, break_on_hyphens=False
        )
    ):
        render.data(" " * (indent + 2 * (number > 0)) + line)


def _when(at: datetime, now: datetime) -> str:
    """Return a time, on a terminal with how long ago that was."""
    text = format_time(at).replace("T", " ")
    if not sys.stdout.isatty():
        return text
    seconds = int((now - at).total_seconds())
    span = next((f"{seconds // size} {unit}" for size, unit in _SPANS if seconds >= size), "")
    return f"{text} ({span} ago)" if span else f"{text} (just now)"


def _row_json(row: HandoffRow) -> dict[str, Any]:
    return {
        "slug": row.slug,
        "state": row.state.value,
        "key": row.key,
        "repository": row.repository,
        "base": row.base,
        "result_tree": row.result_tree,
        "bundle": f"sha256:{row.bundle}",
        "changed": format_time(row.updated),
        "commit": row.commit,
        "branch": display(row.branch),
        "url": display(row.url),
    }


def _entry_json(entry: Entry) -> dict[str, Any]:
    record = entry.record
    return {
        "seq": entry.seq,
        "at": format_time(entry.at),
        "kind": entry.kind.value,
        "actor": display(entry.actor),
        "by": entry.by
        and {
            "name": display(entry.by.name),
            "role": entry.by.role.value,
            "key": entry.by.public.id,
        },
        "ended": entry.ended and format_time(entry.ended),
        "data": {k: display(v) for k, v in sorted(entry.data.items()) if k != "claim"},
        "reason": display(record.reason) if record else None,
        "subject": {k: display(v) for k, v in sorted(record.subject.items())} if record else None,
        "absent": display(entry.absent),
    }
