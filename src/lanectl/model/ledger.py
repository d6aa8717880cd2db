"""What the ledger holds: events in one chain, and the handoffs that they add up to."""

from __future__ import annotations

import enum
import hashlib
import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lanectl.model.names import Digest, Name, ObjectId, RepositoryId, Slug

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

GENESIS: Final = Digest("0" * 64)
"""What the first event names as the hash before it."""

LEASE: Final = 300
"""Seconds that a claim holds unless it is renewed."""


class LedgerId(Name):
    """The name of one ledger, drawn when it is made."""

    __slots__ = ()
    pattern = re.compile(r"[0-9a-f]{32}", re.ASCII)
    expected = "a ledger's id (32 lower-case hex digits)"


class HandoffKey(Name):
    """What a handoff is used once by: the SHA-256 of repository id, base and result tree."""

    __slots__ = ()
    pattern = re.compile(r"[0-9a-f]{64}", re.ASCII)
    expected = "a handoff's key (64 lower-case hex digits)"

    @classmethod
    def of(cls, repository: RepositoryId, base: ObjectId, result_tree: ObjectId) -> HandoffKey:
        """Return the key of a handoff."""
        text = f"{repository}\n{base}\n{result_tree}\n"
        return cls(hashlib.sha256(text.encode("ascii")).hexdigest())


class EventKind(enum.StrEnum):
    """What can happen."""

    CREATED = "created"  # the ledger itself
    QUEUED = "queued"
    CLAIMED = "claimed"
    REFUSED = "refused"
    HELD = "held"
    CONFLICTED = "conflicted"
    WITHDRAWN = "withdrawn"
    STEP_INTENDED = "step-intended"
    STEP_DONE = "step-done"
    APPLIED = "applied"
    ADMITTED = "admitted"  # once more, by another Enforcer's key
    PUBLISHED = "published"
    MERGED = "merged"
    ROLLED_BACK = "rolled-back"
    GATE_RESULT = "gate-result"
    DRIFT_REPORT = "drift-report"
    KEY = "key"  # a key was first seen at the target's tip
    VERDICT = "verdict"
    APPROVAL = "approval"
    APPROVAL_WITHDRAWN = "approval-withdrawn"
    OVERRIDE = "override"
    KEY_REVOKED = "key-revoked"
    FROZEN = "frozen"
    LIFTED = "lifted"
    RESTORED = "restored"


class HandoffState(enum.StrEnum):
    """Where a handoff is. Only `applied` and what follows consumes it."""

    QUEUED = "queued"
    REFUSED = "refused"
    HELD = "held"
    CONFLICTED = "conflicted"
    WITHDRAWN = "withdrawn"
    APPLIED = "applied"
    PUBLISHED = "published"
    MERGED = "merged"
    ROLLED_BACK = "rolled-back"

    @property
    def is_consumed(self) -> bool:
        """Whether the handoff has become a commit."""
        return self in _CONSUMED


_S = HandoffState
_CONSUMED = {_S.APPLIED, _S.PUBLISHED, _S.MERGED, _S.ROLLED_BACK}
_OPEN = (_S.QUEUED, _S.REFUSED, _S.HELD, _S.CONFLICTED, _S.WITHDRAWN)

MOVES: Final[Mapping[EventKind, tuple[HandoffState | None, ...]]] = {
    EventKind.QUEUED: (None, *_OPEN),
    EventKind.WITHDRAWN: _OPEN,
    EventKind.REFUSED: _OPEN,
    EventKind.HELD: _OPEN,
    EventKind.CONFLICTED: _OPEN,
    EventKind.APPLIED: (_S.QUEUED,),
    EventKind.PUBLISHED: (_S.APPLIED, _S.PUBLISHED),
    EventKind.MERGED: (_S.APPLIED, _S.PUBLISHED),
    EventKind.ROLLED_BACK: (_S.APPLIED, _S.PUBLISHED, _S.MERGED),
}
"""From which states an event moves its handoff into the state of its own name (None: no row yet)."""

STRICT: Final = frozenset(
    {EventKind.QUEUED, EventKind.WITHDRAWN, EventKind.APPLIED, EventKind.PUBLISHED}
)
"""Events that are refused from any other state; the others are then recorded and move nothing."""

CLAIMED_ONLY: Final = frozenset({EventKind.APPLIED, EventKind.PUBLISHED})
"""Events that only the holder of the claim may record: their data names its token as `claim`."""


class NewEvent(Struct, frozen=True):
    """An event to be recorded. `id` makes it idempotent: the first one of an id stands.

    Times are UTC, whole seconds. `handoff` is empty for what concerns none. Keys of `data` match
    `[a-z][a-z_]*`; values hold no NUL and, by rule, no secret and no text of the Builder's.
    """

    id: str
    kind: EventKind
    at: datetime
    actor: str
    repository: RepositoryId
    handoff: HandoffKey | None = None
    data: Mapping[str, str] = {}


class Event(Struct, frozen=True):
    """A recorded event: its place in the chain, and `body`, the text that was hashed."""

    seq: int
    prev: Digest
    hash: Digest
    body: bytes
    ledger: LedgerId
    event: NewEvent


class Head(Struct, frozen=True):
    """The end of a chain: the number and the hash of its last event, and its time."""

    seq: int
    hash: Digest
    at: datetime


class HandoffRow(Struct, frozen=True):
    """A handoff as its events add up to it. `commit` and `branch` from `applied`, `url` from `published`."""

    key: HandoffKey
    repository: RepositoryId
    base: ObjectId
    result_tree: ObjectId
    slug: Slug
    bundle: Digest
    state: HandoffState
    updated: datetime
    commit: ObjectId | None = None
    branch: str = ""
    url: str = ""


class Claim(Struct, frozen=True):
    """The right to act on one handoff, until the lease ends or somebody takes it over."""

    key: HandoffKey
    token: str
    holder: str


class Busy(Struct, frozen=True):
    """Somebody else's claim: who holds it, by which token, until when (UTC)."""

    holder: str
    token: str
    until: datetime
