"""Gather what an admission says, and whether the bundle is judged by its time. Changes nothing.

It can make a bundle better only if it is good in every way; any other adds its findings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from lanectl import checks
from lanectl.formats import admission, envelope
from lanectl.formats.keys import is_valid_signature
from lanectl.model.evidence import AdmissionFacts
from lanectl.model.report import Fault, MalformedError

if TYPE_CHECKING:
    from lanectl.model.bundle import Envelope
    from lanectl.model.evidence import Evidence, Trust
    from lanectl.ports import TargetRepository


def find_admission(
    evidence: Evidence, data: bytes | None, repository: TargetRepository | None
) -> Evidence:
    """Return the evidence with an admission's facts; `data` is None if there is no file."""
    facts = AdmissionFacts()
    if data is not None:
        try:
            found = envelope.read(data)
            facts = replace(facts, envelope=found)
            if evidence.trust is not None and repository is not None:
                facts = _authenticate(facts, found, evidence.trust)
                if facts.signature_valid:
                    facts = _read(facts, found, evidence.trust, repository)
        except MalformedError as error:
            evidence = replace(evidence, faults=(*evidence.faults, _malformed(error.fault)))
    return replace(evidence, admission=facts)


def settle_admission(evidence: Evidence) -> Evidence:
    """Return the evidence with the admission's time as `now`, if the admission is good in every way.

    Needs the bundle's own signature to have been gathered, as it stands at that time.
    """
    facts = evidence.admission
    if facts is None or facts.said is None or not checks.is_admitted(evidence):
        return evidence
    return replace(evidence, now=facts.said.at, admitted=facts.said.at)


def _authenticate(facts: AdmissionFacts, found: Envelope, trust: Trust) -> AdmissionFacts:
    key = trust.keyring.by_hint(found.hint)
    message = envelope.pre_authentication_encoding(found.payload_type, found.payload)
    valid = key is not None and is_valid_signature(key.public, found.signature, message)
    return replace(facts, key=key, signature_valid=valid)


def _read(
    facts: AdmissionFacts, found: Envelope, trust: Trust, repository: TargetRepository
) -> AdmissionFacts:
    """Add what was signed; the signature is known to be valid."""
    said = admission.read(found.payload)
    is_there = repository.commit_tree(said.policy) is not None
    on_target = is_there and repository.is_ancestor(said.policy, trust.source.tip)
    return replace(facts, said=said, policy_on_target=on_target)


def _malformed(fault: Fault) -> Fault:
    """Return the fault as the admission's own; those of the envelope name the bundle's signature."""
    if fault.rule == "admission/malformed":
        return fault
    return replace(fault, rule="admission/malformed", where=f"{fault.rule} {fault.where}".strip())
