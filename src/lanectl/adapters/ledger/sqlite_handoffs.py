"""The handoffs of a ledger in SQLite: moved by events, claimed by whoever works on them.

Everything that writes runs inside the caller's transaction.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from lanectl.errors import ConflictError, Remedy
from lanectl.formats.statement import format_time, parse_time
from lanectl.model.display import display
from lanectl.model.ledger import CLAIMED_ONLY, Busy, Claim, HandoffKey, HandoffRow, HandoffState
from lanectl.model.names import Digest, ObjectId, RepositoryId, Slug
from lanectl.model.projection import MoveError, moved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.adapters.ledger.sqlite_file import Database
    from lanectl.model.ledger import Event

_ROW: Final = (
    'select key, repository, base, result_tree, slug, bundle, state, updated, "commit", branch, url'
    " from handoffs "
)
_PUT: Final = """
insert into handoffs (key, repository, base, result_tree, slug, bundle, state, updated, "commit",
  branch, url, seq) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (key) do update set repository = excluded.repository, base = excluded.base,
  result_tree = excluded.result_tree, slug = excluded.slug, bundle = excluded.bundle,
  state = excluded.state, updated = excluded.updated, "commit" = excluded."commit",
  branch = excluded.branch, url = excluded.url, seq = excluded.seq"""
_NEXT: Final = "where state = 'queued' and (token is null or lease_until <= ?) order by seq limit 1"
_CLAIM: Final = "update handoffs set holder = ?, token = ?, lease_until = ? where key = ?"
_RENEW: Final = "update handoffs set lease_until = ? where key = ? and token = ? returning key"
_RELEASE: Final = "update handoffs set holder = null, token = null, lease_until = null where key = ? and token = ?"


def find(db: Database, key: HandoffKey) -> HandoffRow | None:
    """Return a handoff, or None."""
    rows = db.rows(_ROW + "where key = ?", (key,))
    return _read(db, rows[0]) if rows else None


def listed(db: Database, slug: Slug | None) -> Iterator[HandoffRow]:
    """Yield handoffs, the one that changed last first."""
    if slug is None:
        rows = db.rows(_ROW + "order by seq desc")
    else:
        rows = db.rows(_ROW + "where slug = ? order by seq desc", (slug,))
    return (_read(db, row) for row in rows)


def move(db: Database, event: Event) -> None:
    """Move the handoff that an event is about.

    Raises ConflictError from another state or without the claim, ValueError for data that lack
    what the move needs.
    """
    what = event.event
    row = find(db, what.handoff) if what.handoff else None
    try:
        after = moved(row, event)
    except MoveError as error:
        raise ConflictError(
            f"the ledger does not take {what.kind} for this handoff",
            why=f"lanectl/move: {error}",
            remedies=(Remedy("Look at what happened to the handoff in the meantime."),),
        ) from error
    if after is None or after is row:
        return
    if what.kind in CLAIMED_ONLY and what.data.get("claim", "") != _token(db, after.key):
        raise _lost(f"only its holder may record {what.kind}")
    values = (
        after.key, after.repository, after.base, after.result_tree, after.slug, after.bundle,
        after.state.value, format_time(after.updated), after.commit, after.branch, after.url,
    )  # fmt: skip
    db.rows(_PUT, (*values, event.seq))


def claim(
    db: Database, key: HandoffKey, holder: str, seconds: int, over: str | None
) -> Claim | Busy:
    """Take the claim on a handoff, or return whose it is. Raises ConflictError for an unknown key."""
    rows = db.rows("select holder, token, lease_until from handoffs where key = ?", (key,))
    if not rows:
        raise ConflictError(
            "the ledger knows no such handoff",
            why=f"lanectl/claim: {key} was never queued",
            remedies=(Remedy("Queue it first."),),
        )
    now, (present, token, until) = time.time(), rows[0]
    if token is not None and until > now and token != over:
        return Busy(present, token, datetime.fromtimestamp(until, UTC))
    return _taken(db, key, holder, now + seconds)


def claim_next(db: Database, holder: str, seconds: int) -> tuple[Claim, HandoffRow] | None:
    """Take the claim on the queued handoff that waits longest and nobody holds, or None."""
    now = time.time()
    rows = db.rows(_ROW + _NEXT, (now,))
    if not rows:
        return None
    row = _read(db, rows[0])
    return _taken(db, row.key, holder, now + seconds), row


def renew(db: Database, claim: Claim, seconds: int) -> None:
    """Begin the lease anew. Raises ConflictError if the claim is lost."""
    if not db.rows(_RENEW, (time.time() + seconds, claim.key, claim.token)):
        raise _lost("its lease cannot begin anew")


def release(db: Database, claim: Claim) -> None:
    """Give a claim back; a lost one is left alone."""
    db.rows(_RELEASE, (claim.key, claim.token))


def _taken(db: Database, key: HandoffKey, holder: str, until: float) -> Claim:
    token = os.urandom(16).hex()
    db.rows(_CLAIM, (holder, token, until, key))
    return Claim(key, token, holder)


def _token(db: Database, key: HandoffKey) -> str | None:
    rows = db.rows("select token from handoffs where key = ?", (key,))
    return rows[0][0] if rows else None


def _lost(what: str) -> ConflictError:
    return ConflictError(
        "the claim on this handoff is lost",
        why=f"lanectl/claim: somebody else took it over, or it was given back; {what}",
        remedies=(Remedy("Run the command again: it claims the handoff anew."),),
    )


def _read(db: Database, row: tuple[Any, ...]) -> HandoffRow:
    key, repository, base, tree, slug, bundle, state, updated, commit, branch, url = row
    try:
        return HandoffRow(
            HandoffKey(key), RepositoryId(repository), ObjectId(base), ObjectId(tree), Slug(slug),
            Digest(bundle), HandoffState(state), parse_time(updated),
            None if commit is None else ObjectId(commit), branch, url,
        )  # fmt: skip
    except ValueError as error:
        raise db.damaged(f"handoff {display(key)}: {error}") from error
