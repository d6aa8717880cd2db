"""Anchors: signing the ledger's head, and saying which signed heads are to be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.formats import admission, anchor, envelope
from lanectl.formats.keys import is_valid_signature
from lanectl.model.anchor import Anchor
from lanectl.model.evidence import SKEW
from lanectl.model.report import MalformedError
from lanectl.model.trust import Role

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lanectl.model.bundle import Envelope
    from lanectl.model.ledger import Head, LedgerId
    from lanectl.model.trust import Keyring
    from lanectl.ports import Signer


class BadAnchorError(ValueError):
    """Why a signed head is not to be believed; the text may quote what it holds."""


def make_anchor(ledger: LedgerId, head: Head, at: datetime, signer: Signer) -> bytes:
    """Return the line of `anchors.jsonl` that says: this was the ledger's head at this time (UTC)."""
    payload = anchor.write(ledger, head, at)
    signature = signer.sign(envelope.pre_authentication_encoding(envelope.PAYLOAD_TYPE, payload))
    return anchor.write_line(payload, signature, signer.public)


def read_good(data: bytes, keyring: Keyring, *, now: datetime) -> Anchor:
    """Return the head that an Enforcer signed, in a line of `anchors.jsonl` or in an admission.

    `keyring` holds the ledger's revocations, too. A key that has ended since does not matter.
    Raises BadAnchorError.
    """
    try:
        signed = envelope.read(data)
        found = _head(signed)
    except MalformedError as error:
        raise BadAnchorError(str(error)) from error
    key = keyring.by_hint(signed.hint)
    if key is None or key.role is not Role.ENFORCER:
        raise BadAnchorError(f"signed by {found.key}, which is no Enforcer's key")
    if not is_valid_signature(
        key.public,
        signed.signature,
        envelope.pre_authentication_encoding(signed.payload_type, signed.payload),
    ):
        raise BadAnchorError(f"the signature is not that of {found.key}")
    if not key.not_before <= found.at < key.not_after:
        raise BadAnchorError(f"{found.key} was not valid then")
    if key.revoked is not None and key.revoked.compromised_since <= found.at:
        raise BadAnchorError(f"{found.key} was in other hands then")
    if found.at > now + SKEW:
        raise BadAnchorError("it is from the future")
    return found


def newest(
    lines: Sequence[bytes], ledger: LedgerId | None, keyring: Keyring, *, now: datetime
) -> Anchor | None:
    """Return the last good anchor of a ledger (None: of any) in the state folder's lines, or None.

    The last, not the highest: after a restoration the numbers begin again lower.
    """
    for line in reversed(lines):
        try:
            found = read_good(line, keyring, now=now)
        except BadAnchorError:
            continue
        if ledger in {None, found.ledger}:
            return found
    return None


def _head(signed: Envelope) -> Anchor:
    """Return the head in a signed statement of either kind."""
    if admission.PREDICATE_TYPE.encode() not in signed.payload:
        return anchor.read_payload(signed)
    said = admission.read(signed.payload)
    return Anchor(said.ledger, said.seq, said.head, said.at, anchor.key_id(signed))
