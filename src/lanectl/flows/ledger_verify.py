"""Verify the ledger: walk its whole chain, and hold it against what was signed of it elsewhere.

Whoever can write to the database may have written anything: what is there raises nothing, it is
told as a problem, with its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from lanectl.checks.authority import standing
from lanectl.errors import UnreadableError
from lanectl.flows.anchor import BadAnchorError, read_good
from lanectl.flows.ledger_walk import BrokenError, Walk
from lanectl.flows.restored import restorations_of
from lanectl.formats.statement import format_time
from lanectl.model.ledger_report import LedgerReport, Problem
from lanectl.model.projection import MoveError
from lanectl.model.report import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from lanectl.model.anchor import Anchor
    from lanectl.model.authority import Standing
    from lanectl.model.ledger import Event, HandoffKey, HandoffRow, LedgerId
    from lanectl.model.names import RepositoryId
    from lanectl.model.trust import Keyring

_LONGEST: Final = 20
"""Rows that are listed of a table that is wrong."""
_TRIES: Final = 5
"""How often a ledger that others write to is looked at again."""


class Source(Protocol):
    """Where events come from: a ledger, or an export."""

    def events(self, *, after: int = 0) -> Iterator[Event]:
        """Yield the events above a number. Raises MalformedError at one that is none."""
        ...

    def handoffs(self) -> Iterator[HandoffRow] | None:
        """Yield the rows that the events should add up to, or None where there are none to compare."""
        ...


def verify_ledger(
    source: Source,
    anchors: Sequence[tuple[str, bytes]],
    keyring: Keyring | None,
    *,
    now: datetime,
    ledger: LedgerId | None = None,
    repository: RepositoryId | None = None,
) -> LedgerReport:
    """Return the report over a whole ledger.

    `anchors` are (place, bytes): lines of anchors.jsonl and admission files, every one of them
    untrusted until its signature is seen. `keyring` is that of the target's tip; without one no
    anchor counts. `ledger` is the id that it must have, `repository` the pinned one, which signed
    records must be made for; without one it is what the ledger's beginning names. Raises only what the back end raises.
    """
    good, warnings = _believed(anchors, keyring, now)
    walk = Walk(anchor.seq for anchor in good)
    problem = _go_on(walk, source)
    if problem is None and ledger is not None and walk.ledger != ledger:
        problem = Problem("event 1", f"this is the ledger {walk.ledger}, not {ledger}")
    if problem is not None:
        return LedgerReport(walk.ledger, walk.seq, walk.hash, (problem,), warnings=warnings)
    counted = _standing(walk, repository or walk.repository, keyring, now)
    own = [a for a in good if a.ledger == walk.ledger and not _is_revoked(a, counted)]
    if len(own) < len(good):
        text = f"{len(good) - len(own)} of another ledger, or by a key that the ledger revokes"
        warnings = (*warnings, Problem("anchors", text))
    fitting = [a for a in own if walk.marks[a.seq] == a.hash]
    others = [a for a in own if walk.marks[a.seq] != a.hash]
    unfit = [a for a in others if not _is_explained(a, counted, source)]
    return LedgerReport(
        walk.ledger, walk.seq, walk.hash,
        problems=(*_rewritten(unfit, fitting, walk), *_compare(walk, source)),
        anchor=max(fitting, key=lambda a: a.seq, default=None),
        fitting=len(fitting), explained=len(others) - len(unfit),
        warnings=(*warnings, *_absent(counted)),
    )  # fmt: skip


def _believed(
    anchors: Sequence[tuple[str, bytes]], keyring: Keyring | None, now: datetime
) -> tuple[list[Anchor], tuple[Problem, ...]]:
    """Return the heads that an Enforcer signed, and why the others are not believed."""
    if keyring is None:
        return [], (Problem("anchors", "without a keyring none is believed"),) if anchors else ()
    good, bad = [], []
    for place, data in anchors:
        try:
            good.append(read_good(data, keyring, now=now))
        except BadAnchorError as error:
            bad.append(Problem(place, f"no anchor: {error}"))
    return good, tuple(bad)


def _go_on(walk: Walk, source: Source) -> Problem | None:
    """Walk to the end; return the first break, where the walk stays."""
    try:
        for event in source.events(after=walk.seq):
            walk.take(event)
    except MalformedError as error:
        return Problem(f"event {walk.seq + 1}", f"it is no event: {error.fault.where} {error}")
    except (BrokenError, MoveError) as error:
        return Problem(f"event {walk.seq + 1}", str(error))
    except (
        ValueError,
        TypeError,
        LookupError,
        UnreadableError,
    ) as error:  # a column or a field that holds something else
        return Problem(f"event {walk.seq + 1}", f"it is no event: {error}")
    return None if walk.seq else Problem("event 1", "there is none")


def _compare(walk: Walk, source: Source) -> list[Problem]:
    """Return where the table of handoffs is not what the events add up to.

    While others write, rows may be newer than the walk: then it goes on, and looks again.
    """
    found: list[Problem] = []
    for _ in range(_TRIES):
        before = walk.seq
        found = _differences(walk.rows, source)
        if not found:
            return []
        problem = _go_on(walk, source)
        if problem is not None:
            return [problem]
        if walk.seq == before:
            break
    return found[:_LONGEST]


def _differences(rows: Mapping[HandoffKey, HandoffRow], source: Source) -> list[Problem]:
    left, found = dict(rows), []
    try:
        table = source.handoffs()
        if table is None:
            return []
        for row in table:
            wanted = left.pop(row.key, None)
            if wanted is None:
                found.append(
                    Problem(f"handoff {row.key}", "no event made it, or it is twice there")
                )
            elif row != wanted:
                names = [n for n in row.__struct_fields__ if getattr(row, n) != getattr(wanted, n)]
                text = "; ".join(
                    f"{n} is {getattr(row, n)}, not {getattr(wanted, n)}" for n in names
                )
                found.append(Problem(f"handoff {row.key}", text))
    except (MalformedError, ValueError, TypeError, LookupError, UnreadableError) as error:
        return [Problem("handoffs", f"a row is none: {error}")]
    return [*found, *(Problem(f"handoff {key}", "its row is missing") for key in left)]


def _rewritten(unfit: Sequence[Anchor], fitting: Sequence[Anchor], walk: Walk) -> Iterator[Problem]:
    """Yield what the signed heads say was done to the chain."""
    if not unfit:
        return
    first = min(unfit, key=lambda a: a.seq)
    below = max((a.seq for a in fitting if a.seq < first.seq), default=0)
    what = "cut" if first.seq > walk.seq else "rewritten"
    there = f"now it is {walk.marks[first.seq]}" if walk.marks[first.seq] else "now there is none"
    yield Problem(
        f"event {first.seq}",
        f"{what} after event {below}: at {format_time(first.at)} it was signed as {first.hash}, {there}",
    )


def _standing(
    walk: Walk, repository: RepositoryId | None, keyring: Keyring | None, now: datetime
) -> Standing | None:
    """Return which signed records count."""
    if keyring is None or walk.ledger is None or repository is None:
        return None
    return standing(walk.signed, keyring, ledger=walk.ledger, repository=repository, now=now)


def _is_revoked(anchor: Anchor, counted: Standing | None) -> bool:
    key = counted.keyring.by_id(anchor.key) if counted else None
    return bool(key and key.revoked and key.revoked.compromised_since <= anchor.at)


def _is_explained(anchor: Anchor, counted: Standing | None, source: Source) -> bool:
    """Whether a lead knows that this event is lost, and the chain is still the restored one."""
    for restoration in restorations_of(counted) if counted else ():
        if restoration.explains(anchor):
            kept = next(source.events(after=restoration.restored_seq - 1), None)
            if kept is not None and kept.hash == restoration.restored_hash:
                return True
    return False


def _absent(counted: Standing | None) -> Iterator[Problem]:
    for one in counted.ignored if counted else ():
        yield Problem(f"event {one.seq}", f"{one.kind.value} counts as absent: {one.because}")
