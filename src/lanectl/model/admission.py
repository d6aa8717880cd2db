"""The Enforcer's word that it made one commit from one verified bundle, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from datetime import datetime

    from lanectl.model.ledger import LedgerId
    from lanectl.model.names import Digest, ObjectId, RepositoryId


class Admission(Struct, frozen=True):
    """What an admission says. `policy` is the target's tip that the bundle was judged by.

    `seq` and `head` are the end of the ledger's chain when it was signed; `at` is UTC, whole seconds.
    """

    repository: RepositoryId
    bundle: Digest
    commit: ObjectId
    result_tree: ObjectId
    policy: ObjectId
    ledger: LedgerId
    seq: int
    head: Digest
    at: datetime
