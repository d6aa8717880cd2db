"""How handoffs and their stories are shown: a table, or one paragraph an event."""

from __future__ import annotations

import collections
import re
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from lanectl.checks import RULES
from lanectl.cli import render
from lanectl.formats.statement import format_time
from lanectl.model.change import Mode
from lanectl.model.display import display, display_path
from lanectl.model.ledger import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from lanectl.flows.ledger_show import Entry, Story
    from lanectl.model.authority import Record
    from lanectl.model.ledger import HandoffRow

SCHEMA: Final = "urn:lanectl:ledger-show:v1"
_SHORT: Final = 12
_KEY: Final = 16
"""Digits of a key's id, as `keys list` shows it; eight are enough to name it."""
_INDENT: Final = 6
_HEX: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_RULE: Final = re.compile(r"[a-z-]+/[a-z0-9-]+", re.ASCII)
_HIDDEN: Final = frozenset(
    {
        "admission", "claim", "enforcer", "happened", "hint", "holder", "number", "of", "payload",
        "reason", "restored", "rule", "rules", "signature", "signer", "step",
    }
)  # fmt: skip
"""Data that say nothing to a person, or are shown in words."""
_ABOVE: Final = frozenset({"base", "result_tree", "slug"})  # a handoff keeps them, and is told once
_SAID: Final = frozenset({"confidence", "verdict"})
_STEPS: Final = {
    "bundle": "bundle pushed", "push": "{branch} pushed", "pull-request": "pull request {number} {state}",
    "labels": "labelled {labels}", "reviewers": "{reviewers} asked to review",
    "check": "check run written",
}  # fmt: skip
_LABELS: Final = {"bundle": "bundle ", "policy": "judged by the target's tip "}
_CONFLICTS: Final = {
    "merge": "it no longer merges into the target branch",
    "taken": "something else is in its place, here or on the remote",
}
_WIDTH: Final = 80
"""Columns where there is no terminal."""
_SPANS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))
_WORDS: Final[Mapping[EventKind, str]] = {
    EventKind.QUEUED: "queued",
    EventKind.CLAIMED: "claimed",
    EventKind.REFUSED: "REFUSED",
    EventKind.HELD: "HELD",
    EventKind.CONFLICTED: "CONFLICT",
    EventKind.ROLLED_BACK: "rolled back",
    EventKind.GATE_RESULT: "gate", EventKind.DRIFT_REPORT: "drift",
    EventKind.APPROVAL: "approved",
    EventKind.APPROVAL_WITHDRAWN: "approval withdrawn",
    EventKind.KEY_REVOKED: "key revoked",
}  # fmt: skip


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
    if story.frozen is not None:
        one = story.frozen
        render.data(
            f"{'frozen':<9} since {_when(one.at, now)} by {display(one.signer.name)}"
            f" ({one.signer.role.value})"
        )
    render.data("")
    for entry in story.entries:
        _paragraph(f"{_when(entry.at, now)}  {_headline(entry)}", 0)
        for line in _details(entry, story.row):
            _paragraph(line, _INDENT)


def rows_json(rows: Sequence[HandoffRow]) -> dict[str, Any]:
    """Return the handoffs as plain data."""
    return {"schema": SCHEMA, "handoffs": [_row_json(r) for r in rows]}


def stories_json(stories: Sequence[Story]) -> dict[str, Any]:
    """Return stories as plain data, every text made safe to show."""
    told = [
        {
            **_row_json(s.row),
            "frozen": format_time(s.frozen.at) if s.frozen else None,
            "events": [_entry_json(e) for e in s.entries],
        }
        for s in stories
    ]
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
    what, data = _WORDS.get(entry.kind, entry.kind.value), entry.data
    if entry.kind in {EventKind.STEP_INTENDED, EventKind.STEP_DONE}:
        return _step(entry)
    if entry.record is not None and entry.record.kind is EventKind.VERDICT:
        subject = entry.record.subject
        what = f"verdict {subject['verdict']} ({subject['confidence']} %)"
    elif entry.kind is EventKind.PUBLISHED and "number" in data:
        what = f"published as pull request {display(data['number'])}"
    who = f"{display(entry.by.name)} ({entry.by.role.value})" if entry.by else display(entry.actor)
    machine = data.get("holder", "").partition("/")[0]
    return f"{what} by {who}{f' on {display(machine)}' if machine else ''}"


def _step(entry: Entry) -> str:
    """Return what a step did in words; its facts are those of the handoff."""
    name = entry.data.get("step", "")
    if entry.ended is None:
        return f"step {display(name)}: begun, not known to be done"
    facts = collections.defaultdict(str, {k: display(v) for k, v in entry.data.items()})
    return _STEPS.get(name, f"step {display(name)}: done").format_map(facts)


def _details(entry: Entry, row: HandoffRow) -> Iterator[str]:
    data = entry.data
    if entry.absent:
        yield f"counts as absent: {display(entry.absent)}"
    if entry.record is not None:
        yield f"because: {display(entry.record.reason)}"
        yield from _subject(entry.record)
        if entry.record.expires:
            yield f"until {format_time(entry.record.expires)}"
    if entry.kind in {EventKind.STEP_INTENDED, EventKind.STEP_DONE} and entry.ended:
        return
    yield from _circumstances(entry)
    mark = "! held by" if entry.kind is EventKind.HELD else "✗"
    yield from _rules(f"{data.get('rules', '')} {data.get('rule', '')}", mark)
    if entry.record is None:
        if "signer" in data and entry.kind is not EventKind.APPLIED:
            yield f"bundle signed by {_signer(entry)}"
        known = {row.bundle, row.commit, row.branch, row.url}
        hidden = _HIDDEN | _ABOVE
        yield from _facts_of({k: v for k, v in data.items() if k not in hidden and v not in known})


def _subject(record: Record) -> Iterator[str]:
    """Yield what a record is about; of an approval what a person wants to know."""
    subject = record.subject
    if record.kind is EventKind.APPROVAL:
        yield f"of {subject['rule']}: {display_path(unquote_to_bytes(subject['path']))}"
        if {subject["old_mode"], subject["new_mode"]} != {Mode.ABSENT}:
            yield f"mode {subject['old_mode']} to {subject['new_mode']}, {subject['new_id']}"
        yield f"{_LABELS['bundle']}{subject['bundle']}"
        return
    yield from _facts_of({k: v for k, v in subject.items() if k not in _SAID})


def _circumstances(entry: Entry) -> Iterator[str]:
    data = entry.data
    if "restored" in data:
        yield f"recorded again after the ledger was restored; admitted {display(data['restored'])}"
    if "happened" in data:
        yield f"it happened {display(data['happened'])}, while the ledger was away"
    if entry.times > 1 and entry.ended:
        yield f"{entry.times} times, the last time {format_time(entry.ended).replace('T', ' ')}"
    if "reason" in data:
        yield _CONFLICTS.get(data["reason"], f"reason: {display(data['reason'])}")


def _rules(text: str, mark: str) -> Iterator[str]:
    """Yield why a bundle was refused, what to do about it, and where more is to be read."""
    for name in dict.fromkeys(_RULE.findall(text)):
        rule = RULES.get(name)
        yield f"{mark} {name}: {rule.title}" if rule else f"{mark} {name}"
        if rule:
            yield f"  → {rule.remedy.text}"
            yield f"  read docs/rules.md#{name}"


def _signer(entry: Entry) -> str:
    key = entry.data["signer"]
    if entry.signer is None and _HEX.fullmatch(key):
        return f"key {display(key)}, which is not in the keyring"
    if entry.signer is None:
        return display(key)
    return f"{display(entry.signer.name)} ({entry.signer.role.value}, key {key[:_KEY]})"


def _facts_of(data: Mapping[str, str]) -> Iterator[str]:
    for name, value in sorted(data.items()):
        if value:
            label = _LABELS.get(name, f"{name.replace('_', ' ')}: ")
            yield f"{label}{display(value)}"


def _paragraph(text: str, indent: int) -> None:
    """Write one line, wrapped between words: what has none, such as a digest, is never cut."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH
    lead = " " * (indent + len(text) - len(text.lstrip()))
    lines = textwrap.wrap(
        text.lstrip(), max(width, len(lead) + 20), initial_indent=lead,
        subsequent_indent=f"{lead}  ", break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    for line in lines:
        render.data(line)


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
        "times": entry.times,
        "data": {k: _plain(k, v) for k, v in sorted(entry.data.items()) if k != "claim"},
        "reason": display(record.reason) if record else None,
        "subject": {k: display(v) for k, v in sorted(record.subject.items())} if record else None,
        "absent": display(entry.absent),
    }


def _plain(name: str, value: str) -> str:
    """Return a value for JSON; an admission as it is, since a file is made of it."""
    return value if name == "admission" else display(value)
