"""A head of the ledger that was signed and kept outside of it: what bounds a rewrite. Pure facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from datetime import datetime

    from lanectl.model.ledger import Head, LedgerId
    from lanectl.model.names import Digest


class Anchor(Struct, frozen=True):
    """That event `seq` of a ledger had this hash at this time (UTC), said by the holder of `key`."""

    ledger: LedgerId
    seq: int
    hash: Digest
    at: datetime
    key: Digest


class Restoration(Struct, frozen=True):
    """A lead's word that a ledger was restored: events after `restored_seq` up to `lost_seq` are lost.

    `at` is when that was signed (UTC).
    """

    lost_seq: int
    lost_hash: Digest
    restored_seq: int
    restored_hash: Digest
    at: datetime

    def explains(self, anchor: Anchor) -> bool:
        """Whether an anchor stands for an event that the lead knows to be lost."""
        if anchor.seq == self.lost_seq:
            return anchor.hash == self.lost_hash and anchor.at <= self.at
        return self.restored_seq < anchor.seq < self.lost_seq and anchor.at <= self.at


class Lost(Struct, frozen=True):
    """A ledger that is behind or beside what was signed of it: the newest anchor, and its own head."""

    anchor: Anchor
    head: Head
