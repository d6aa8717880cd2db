"""Gather what every signature of a bundle proves, and read what is signed. Judges and changes nothing.

The payload is read under a valid signature of somebody whom the trust names, or without any trust.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from lanectl import checks
from lanectl.formats import envelope, statement
from lanectl.formats.keys import is_valid_signature
from lanectl.model.bundle import Envelope
from lanectl.model.report import Fault, MalformedError
from lanectl.model.signature import SignatureFacts
from lanectl.model.signer import Method, Signer
from lanectl.model.trust_policy import TRUST_FOLDER, TRUSTED_ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from lanectl.model.evidence import Evidence, Trust
    from lanectl.model.submission import Submission
    from lanectl.ports.signing import GpgReader


def gather_signatures(
    evidence: Evidence, submission: Submission, gpg: GpgReader | None, at: datetime
) -> Evidence:
    """Return the evidence with the facts of steps 1 to 3, as they stand at a time.

    Strict parse, who signed, whether the signature is valid, and only then the payload.
    """
    evidence = replace(
        evidence, signature=None, countersignature=None, outer=None,
        faults=tuple(f for f in evidence.faults if f.rule.partition("/")[0] not in _OURS),
    )  # fmt: skip
    evidence = reading(evidence, lambda: _primary(evidence, submission, gpg, at))
    if submission.countersignature is not None:
        evidence = reading(evidence, lambda: _counter(evidence, submission, at))
    facts = evidence.signature
    if facts is None or not (evidence.trust is None or any(s.valid for s in evidence.signatures)):
        return evidence
    payload = facts.envelope.payload
    return reading(evidence, lambda: replace(evidence, outer=statement.read(payload)))


def reading(evidence: Evidence, read: Callable[[], Evidence]) -> Evidence:
    """Return what a strict reader adds to the evidence, or the evidence with its fault."""
    try:
        return read()
    except MalformedError as error:
        return replace(evidence, faults=(*evidence.faults, error.fault))


_OURS = frozenset({"envelope", "statement", "signature"})
"""Families whose faults are gathered here."""


def _primary(
    evidence: Evidence, submission: Submission, gpg: GpgReader | None, at: datetime
) -> Evidence:
    if submission.signature is not None:
        facts = examine(envelope.read_any(submission.signature), evidence.trust, at)
    elif submission.gpg is not None and submission.statement is not None:
        facts = _gpg_facts(submission.statement, submission.gpg, evidence.trust, gpg, at)
    else:
        return evidence
    return replace(evidence, signature=facts)


def _counter(evidence: Evidence, submission: Submission, at: datetime) -> Evidence:
    """Return the evidence with the countersignature. Its faults are named as its own."""
    try:
        found = envelope.read_any(submission.countersignature or b"")
    except MalformedError as error:
        where = f"countersignature {error.fault.where}".strip()
        raise MalformedError(replace(error.fault, where=where)) from error
    first = evidence.signature
    if first is not None and found.payload != first.envelope.payload:
        raise MalformedError(
            Fault(
                "signature/countersignature", "payload", "another statement",
                "the very bytes that the bundle's own signature is over",
            )
        )  # fmt: skip
    return replace(evidence, countersignature=examine(found, evidence.trust, at))


def examine(found: Envelope, trust: Trust | None, at: datetime) -> SignatureFacts:
    """Return what a signature file proves under this trust at a time; without trust nothing."""
    facts = SignatureFacts(found.method, found)
    if trust is None:
        return facts
    by = {Method.KEY: _by_key, Method.KEYLESS: _by_identity, Method.SPIFFE: _by_workload}
    return by[found.method](facts, trust, at)


def _by_key(facts: SignatureFacts, trust: Trust, _: datetime) -> SignatureFacts:
    found = facts.envelope
    key = trust.keyring.by_hint(found.hint)
    message = envelope.pre_authentication_encoding(found.payload_type, found.payload)
    valid = key is not None and is_valid_signature(key.public, found.signature, message)
    return replace(facts, key=key, signer=Signer.of_key(key) if key else None, valid=valid)


def _by_identity(facts: SignatureFacts, trust: Trust, at: datetime) -> SignatureFacts:
    from lanectl.formats import keyless  # it brings the Sigstore library

    said = keyless.examine(facts.envelope, trust.material.at(TRUSTED_ROOT))
    entry, signer = checks.keyless.find_signer(said, trust.policy, at)
    return replace(
        facts, keyless=said, signer=signer, valid=signer is not None,
        is_hosted=entry is not None and entry.is_hosted,
    )  # fmt: skip


def _by_workload(facts: SignatureFacts, trust: Trust, at: datetime) -> SignatureFacts:
    from lanectl.formats import svid

    found = facts.envelope
    domain = svid.domain_of(svid.claim(found.chain).id)
    said = svid.examine(
        found.chain, found.payload_type, found.payload, found.signature,
        bundle=trust.material.at(f"{TRUST_FOLDER}/spiffe/{domain}.pem"), at=at,
    )  # fmt: skip
    facts = replace(facts, spiffe=said)
    signer = checks.spiffe.find_signer(facts, trust.policy)
    return replace(facts, signer=signer, valid=said.fault is None and signer is not None)


def _gpg_facts(
    payload: bytes, signature: bytes, trust: Trust | None, gpg: GpgReader | None, at: datetime
) -> SignatureFacts:
    found = Envelope(envelope.PAYLOAD_TYPE, payload, signature)
    facts = SignatureFacts(Method.GPG, found)
    if trust is None or gpg is None:
        return facts
    keys = {k.fingerprint: trust.material.at(k.path) for k in trust.policy.gpg}
    said = gpg.examine(payload, signature, keys, at)
    signer = checks.gpg.find_signer(said, trust.policy)
    valid = said.fault is None and signer is not None
    return replace(facts, gpg=said, signer=signer, valid=valid)
