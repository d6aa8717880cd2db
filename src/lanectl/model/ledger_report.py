"""What a look at the whole ledger found. Its texts may quote what the database holds: untrusted."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.errors import ExitCode

if TYPE_CHECKING:
    from lanectl.model.anchor import Anchor
    from lanectl.model.ledger import LedgerId
    from lanectl.model.names import Digest


class LedgerOutcome(enum.StrEnum):
    """The verdict over a ledger."""

    GOOD = "good"
    BROKEN = "broken"
    UNVERIFIED = "unverified"

    @property
    def exit_code(self) -> ExitCode:
        """What it means to the shell."""
        return _CODES[self]


_CODES = {
    LedgerOutcome.GOOD: ExitCode.OK,
    LedgerOutcome.BROKEN: ExitCode.FINDINGS,
    LedgerOutcome.UNVERIFIED: ExitCode.UNJUDGED,
}


class Problem(Struct, frozen=True):
    """What is wrong, and where: "event 7", "handoffs", "the export"."""

    where: str
    what: str


class LedgerReport(Struct, frozen=True):
    """The chain up to its end or its first broken link, and the signed heads that bound it.

    `anchor` is the highest good anchor that fits; nothing is claimed of the events after it.
    `fitting` and `explained` count good anchors: those that fit, and those whose events a lead
    knows to be lost. `warnings` make nothing broken.
    """

    ledger: LedgerId | None
    events: int
    head: Digest
    problems: tuple[Problem, ...]
    anchor: Anchor | None = None
    fitting: int = 0
    explained: int = 0
    warnings: tuple[Problem, ...] = ()

    @property
    def outcome(self) -> LedgerOutcome:
        """Broken with any problem; good only with an anchor."""
        if self.problems:
            return LedgerOutcome.BROKEN
        return LedgerOutcome.GOOD if self.anchor else LedgerOutcome.UNVERIFIED
