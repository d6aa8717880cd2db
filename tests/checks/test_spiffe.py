"""Whom an SVID stands for: only a proved id that the target's tip names, while both are good."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from lanectl.checks import spiffe
from lanectl.model.bundle import Envelope
from lanectl.model.report import Fault
from lanectl.model.signature import SignatureFacts, SvidFacts
from lanectl.model.signer import Method, Signer
from lanectl.model.trust import Role
from lanectl.model.trust_policy import Span, TrustPolicy, Workload
from tests.svids import HOUR, ID, NOW

ENTRY = Workload(Role.BUILDER, "Agent", "agent@example.test", ID)
POLICY = TrustPolicy(spiffe=(ENTRY,))
ENVELOPE = Envelope("", b"", b"", "")


def facts(**changes: Any) -> SignatureFacts:
    found = SvidFacts(**{"id": ID, "not_before": NOW - HOUR, "not_after": NOW + HOUR, **changes})
    return SignatureFacts(Method.SPIFFE, ENVELOPE, spiffe=found)


def broken(
    found: SignatureFacts, policy: TrustPolicy = POLICY, at: datetime = NOW
) -> list[tuple[str, str]]:
    return [(f.rule, f.got) for f in spiffe.check(found, policy, at)]


def test_a_named_workload_is_believed_and_authors_as_the_policy_says() -> None:
    assert broken(facts()) == []
    assert spiffe.find_signer(facts(), POLICY) == Signer(
        Method.SPIFFE, ID, Role.BUILDER, "Agent", "agent@example.test"
    )


def test_the_edges_of_its_time_are_its_own() -> None:
    for at in (NOW - HOUR, NOW + HOUR):
        assert broken(facts(), at=at) == []
    for at in (NOW - 1.01 * HOUR, NOW + 1.01 * HOUR):
        assert [rule for rule, _ in broken(facts(), at=at)] == ["spiffe/expired"]


@pytest.mark.parametrize(
    "other", [f"{ID}/", f"{ID}-8", ID.upper(), "spiffe://other.test/ci/agent-7", ""]
)
def test_an_id_that_is_not_exactly_the_named_one_is_nobody(other: str) -> None:  # fmt: skip
    assert broken(facts(id=other)) == [("spiffe/unknown-id", other)]
    assert spiffe.find_signer(facts(id=other), POLICY) is None


def test_what_is_not_proved_names_nobody_and_says_the_first_reason_only() -> None:
    fault = Fault("signature/invalid", ID, "a signature that does not verify", "a valid one")
    bad = facts(fault=fault, id="spiffe://unknown.test/a", not_after=NOW - HOUR)
    assert list(spiffe.check(bad, POLICY, NOW)) == [fault]
    assert spiffe.find_signer(facts(fault=fault), POLICY) is None


def test_facts_without_times_prove_nothing() -> None:
    assert broken(facts(not_after=None)) == [("spiffe/certificate", "no times")]


def test_an_entry_holds_in_its_span_only() -> None:
    ended = TrustPolicy(spiffe=(Workload(*_words(ENTRY), span=Span(not_after=NOW)),))
    assert [rule for rule, _ in broken(facts(), ended)] == ["spiffe/not-valid-now"]
    assert broken(facts(), ended, NOW - HOUR / 2) == []


def test_another_method_is_not_judged_here() -> None:
    other = SignatureFacts(Method.KEY, ENVELOPE)
    assert broken(other) == []
    assert spiffe.find_signer(other, POLICY) is None


def _words(entry: Workload) -> tuple[Role, str, str, str]:
    return entry.role, entry.name, entry.email, entry.id
