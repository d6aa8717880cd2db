"""Anchors: signing the ledger's head, and saying which signed heads are to be believed."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from lanectl.formats import admission, anchor, envelope
from lanectl.formats.keys import is_valid_signature
from lanectl.model.anchor import Anchor
from lanectl.model.report import MalformedError
from lanectl.model.trust import Role
from lanectl.model.trust_policy import SKEW

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lanectl.model.admission import Admission
    from lanectl.model.bundle import Envelope
    from lanectl.model.ledger import Head, LedgerId
    from lanectl.model.names import Digest
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
    believe(signed, found.at, keyring, now)
    return found


def read_admission(data: bytes, keyring: Keyring, *, now: datetime) -> tuple[Admission, Digest]:
    """Return an admission that an Enforcer signed, and the id of its key. Raises BadAnchorError."""
    try:
        signed = envelope.read(data)
        found = admission.read(signed.payload)
    except MalformedError as error:
        raise BadAnchorError(str(error)) from error
    believe(signed, found.at, keyring, now)
    return found, anchor.key_id(signed)


def believe(signed: Envelope, at: datetime, keyring: Keyring, now: datetime) -> None:
    """Raise BadAnchorError unless an Enforcer's key, good at that time, signed this."""
    name, key = anchor.key_id(signed), keyring.by_hint(signed.hint)
    if key is None or key.role is not Role.ENFORCER:
        raise BadAnchorError(f"signed by {name}, which is no Enforcer's key")
    message = envelope.pre_authentication_encoding(signed.payload_type, signed.payload)
    if not is_valid_signature(key.public, signed.signature, message):
        raise BadAnchorError(f"the signature is not that of {name}")
    if not key.not_before <= at < key.not_after:
        raise BadAnchorError(f"{name} was not valid then")
    if key.revoked is not None and key.revoked.compromised_since <= at:
        raise BadAnchorError(f"{name} was in other hands then")
    if at > now + SKEW:
        raise BadAnchorError("it is from the future")


def split(data: bytes) -> list[bytes]:
    """Return the signed heads in a file: an admission is one, else every line is."""
    try:
        envelope.read(data)
    except MalformedError:
        return [line for line in data.split(b"\n") if line]
    return [data]


def newest(lines: Sequence[bytes], keyring: Keyring, *, now: datetime) -> Anchor | None:
    """Return the last good anchor in the state folder's lines, of whatever ledger, or None.

    The last, not the highest: after a restoration the numbers begin again lower.
    """
    for line in reversed(lines):
        with contextlib.suppress(BadAnchorError):
            return read_good(line, keyring, now=now)
    return None


def _head(signed: Envelope) -> Anchor:
    """Return the head in a signed statement of either kind."""
    if admission.PREDICATE_TYPE.encode() not in signed.payload:
        return anchor.read_payload(signed)
    said = admission.read(signed.payload)
    return Anchor(said.ledger, said.seq, said.head, said.at, anchor.key_id(signed))
