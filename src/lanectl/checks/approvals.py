"""Approvals: which of the signed records that were published with a bundle count for it.

CI has no ledger: a record's own time is all that is known of when it was given, the keyring at the
tip all that is known of who may give it. What does not count is absent, whoever wrote it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.formats.keys import is_valid_signature
from lanectl.model.authority import SIGNERS, Counted
from lanectl.model.ledger import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from lanectl.formats.approvals import Written
    from lanectl.model.names import Digest, RepositoryId
    from lanectl.model.trust import Key, Keyring


def counting(
    written: Iterable[Written],
    keyring: Keyring,
    *,
    bundle: Digest,
    repository: RepositoryId,
    at: datetime,
) -> tuple[Counted, ...]:
    """Return the approvals of a bundle that had not expired at a time, by keys that are good for it.

    A withdrawal counts whenever it was made. An approval is void if its key may have been in other
    hands then, a withdrawal only after its key was revoked.
    """
    signed = list(_signed(written, keyring, repository))
    withdrawn = {
        c.record.subject["approval"] for c in signed
        if c.record.kind is EventKind.APPROVAL_WITHDRAWN
    }  # fmt: skip
    return tuple(
        c for c in signed
        if c.record.kind is EventKind.APPROVAL
        and c.record.id not in withdrawn
        and c.record.subject["bundle"] == bundle
        and (c.record.expires is None or c.record.expires > at)
    )  # fmt: skip


def _signed(
    written: Iterable[Written], keyring: Keyring, repository: RepositoryId
) -> Iterator[Counted]:
    """Yield the records that their signer could give when they were issued."""
    for number, one in enumerate(written, 1):
        record, sealed = one.record, one.sealed
        key = keyring.by_hint(sealed.hint)
        if key is None or record.repository != repository or not _may(key, one):
            continue
        if is_valid_signature(key.public, sealed.signature, sealed.message):
            yield Counted(number, record.issued, record, key)


def _may(key: Key, one: Written) -> bool:
    issued, revoked = one.record.issued, key.revoked
    if key.role not in SIGNERS[one.record.kind] or not key.not_before <= issued < key.not_after:
        return False
    if revoked is None:
        return True
    if one.record.kind is EventKind.APPROVAL_WITHDRAWN:
        return issued <= revoked.at
    return issued < revoked.compromised_since
