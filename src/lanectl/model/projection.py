"""What events add up to: how each one moves its handoff. The one rule for every back end."""

from __future__ import annotations

from msgspec.structs import replace

from lanectl.model.ledger import MOVES, STRICT, Event, EventKind, HandoffRow, HandoffState
from lanectl.model.names import Digest, ObjectId, Slug


class MoveError(ValueError):
    """The handoff is in no state for this event."""


def moved(row: HandoffRow | None, event: Event) -> HandoffRow | None:
    """Return the handoff after an event; `row` itself where the event moves nothing.

    Raises MoveError for a strict event from another state or about no handoff, and ValueError for
    data that lack what the move needs. Claims are not looked at: they are no part of what events
    add up to.
    """
    what = event.event
    if what.kind not in MOVES:
        return row
    state = row.state if row else None
    if what.handoff is None or state not in MOVES[what.kind]:
        if what.kind in STRICT:
            raise MoveError(f"{what.kind} is not possible: the handoff is {state or 'unknown'}")
        return row
    if row is None or what.kind is EventKind.QUEUED:  # nothing else moves what is not there
        return _queued(event)
    row = replace(row, state=HandoffState(what.kind.value), updated=what.at)
    data = what.data
    if what.kind is EventKind.APPLIED:
        commit, branch = ObjectId(_of(data, "commit")), _of(data, "branch")
        return replace(row, bundle=Digest(_of(data, "bundle")), commit=commit, branch=branch)
    if what.kind is EventKind.PUBLISHED:
        return replace(row, url=_of(data, "url"))
    return row


def _queued(event: Event) -> HandoffRow | None:
    what = event.event
    if what.handoff is None:
        return None
    return HandoffRow(
        key=what.handoff, repository=what.repository,
        base=ObjectId(_of(what.data, "base")), result_tree=ObjectId(_of(what.data, "result_tree")),
        slug=Slug(_of(what.data, "slug")), bundle=Digest(_of(what.data, "bundle")),
        state=HandoffState.QUEUED, updated=what.at,
    )  # fmt: skip


def _of(data: object, name: str) -> str:
    if not isinstance(data, dict) or name not in data:
        raise ValueError(f"the event's data lack {name}")
    return str(data[name])
