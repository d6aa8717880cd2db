"""Who may sign without a key: identity, issuer, claims and time, each compared as it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from lanectl.checks.keyless import RULES, check, find_signer
from lanectl.model.bundle import Envelope
from lanectl.model.report import Fault
from lanectl.model.signature import KeylessFacts, SignatureFacts
from lanectl.model.signer import Method
from lanectl.model.trust import Role
from lanectl.model.trust_policy import KeylessIdentity, Span, TrustPolicy

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ISSUER = "https://token.actions.githubusercontent.com"
WORKFLOW = "https://github.com/acme/shop/.github/workflows/handoff.yml@refs/heads/main"
RUN = {"source_repository_ref": "refs/heads/main", "runner_environment": "github-hosted"}


def entry(
    identity: str = WORKFLOW,
    *,
    issuer: str = ISSUER,
    name: str = "Codex",
    is_pattern: bool = False,
    claims: Mapping[str, str] | None = None,
    span: Span | None = None,
) -> KeylessIdentity:
    return KeylessIdentity(
        Role.BUILDER, name, "codex@acme.test", issuer, identity,
        is_pattern=is_pattern, claims=claims or {}, span=span or Span(),
    )  # fmt: skip


def signed(identity: str = WORKFLOW, issuer: str = ISSUER) -> KeylessFacts:
    return KeylessFacts(identity=identity, issuer=issuer, claims=RUN, signed=NOW)


def faults(facts: KeylessFacts | None, *entries: KeylessIdentity) -> list[str]:
    signature = SignatureFacts(Method.KEYLESS, Envelope("", b"", b"", ""), keyless=facts)
    return [f.rule for f in check(signature, TrustPolicy(keyless=entries), NOW)]


def who(facts: KeylessFacts, *entries: KeylessIdentity) -> str | None:
    found, signer = find_signer(facts, TrustPolicy(keyless=entries), NOW)
    assert (found is None) == (signer is None)
    return signer.name if signer else None


def test_the_identity_that_the_policy_names_may_sign() -> None:
    named = entry(claims=RUN)
    assert faults(signed(), named) == []
    found, signer = find_signer(signed(), TrustPolicy(keyless=(named,)), NOW)
    assert found is named
    assert signer is not None
    assert signer.id == f"keyless:{ISSUER}#{WORKFLOW}"
    assert (signer.method, signer.role) == (Method.KEYLESS, Role.BUILDER)
    assert (signer.name, signer.email) == ("Codex", "codex@acme.test")


def test_a_signature_of_another_method_is_not_judged_here() -> None:
    assert faults(None, entry()) == []


def test_what_the_proof_lacks_is_all_that_is_said() -> None:
    unproved = KeylessFacts(Fault("keyless/log", "x", "y", "z"), WORKFLOW, ISSUER)
    assert faults(unproved) == ["keyless/log"]
    assert who(unproved, entry()) is None


@pytest.mark.parametrize(
    "other",
    [
        WORKFLOW + "x", "x" + WORKFLOW, WORKFLOW.upper(), WORKFLOW[:-1], "",
        WORKFLOW.replace("acme", "evil"), WORKFLOW.replace(".yml", "xyml"),
    ],
)  # fmt: skip
def test_an_identity_is_compared_exactly(other: str) -> None:
    assert faults(signed(other), entry()) == ["keyless/identity"]
    assert who(signed(other), entry()) is None


@pytest.mark.parametrize(
    ("pattern", "identity", "fits"),
    [
        (r"^https://acme\.test/[a-z]+$", "https://acme.test/codex", True),
        (r"^https://acme\.test/[a-z]+$", "https://acme.test/codex/evil", False),
        (r"^https://acme\.test/[a-z]+$", "https://evil.test/?https://acme.test/codex", False),
        (r"^https://acme\.test/[a-z]+$", "https://acme.test/codex\n", False),
        (r"^https://acme\.test/[a-z]+$", "https://acmeXtest/codex", False),
        (r"^a|b$", "a", True),
        (r"^a|b$", "a and anything", False),
        (r"^a|b$", "anything and b", False),
        (r"^(a$", "(a", False),
    ],
)
def test_a_pattern_is_matched_from_end_to_end(pattern: str, identity: str, fits: bool) -> None:
    expected = [] if fits else ["keyless/identity"]
    assert faults(signed(identity), entry(pattern, is_pattern=True)) == expected


def test_an_exact_identity_is_no_pattern() -> None:
    assert faults(signed("https://acme.test/x"), entry("https://acme.test/.")) == [
        "keyless/identity"
    ]


@pytest.mark.parametrize("issuer", ["https://evil.test", ISSUER + "/", ISSUER.upper(), ""])
def test_another_issuer_of_the_same_name_is_refused(issuer: str) -> None:
    assert faults(signed(issuer=issuer), entry()) == ["keyless/issuer"]
    assert who(signed(issuer=issuer), entry()) is None


def test_every_claim_that_differs_is_told() -> None:
    wanted = {**RUN, "runner_environment": "self-hosted", "build_trigger": "push"}
    assert faults(signed(), entry(claims=wanted)) == ["keyless/claims", "keyless/claims"]
    assert faults(signed(), entry(claims={"build_trigger": ""})) == ["keyless/claims"]


def test_an_entry_holds_from_then_to_then() -> None:
    day = timedelta(days=1)
    assert faults(signed(), entry(span=Span(NOW, NOW + day))) == []
    assert faults(signed(), entry(span=Span(None, NOW))) == ["keyless/span"]
    assert faults(signed(), entry(span=Span(NOW + day, None))) == ["keyless/span"]


def test_of_several_entries_the_one_that_fits_counts() -> None:
    over = entry(name="over", span=Span(None, NOW))
    elsewhere = entry(name="elsewhere", issuer="https://gitlab.test")
    release = entry(name="release", claims={"source_repository_ref": "refs/heads/release"})
    good = entry(name="good", claims=RUN)
    assert faults(signed(), over, elsewhere, release, good) == []
    assert who(signed(), over, elsewhere, release, good) == "good"
    assert faults(signed(), over, elsewhere, release) == ["keyless/span"]
    assert who(signed(), over, elsewhere, release) == "over"
    assert faults(signed(), elsewhere, release) == ["keyless/claims"]
    assert who(signed(), elsewhere) is None


def test_an_id_is_of_printable_ascii_without_blanks_and_of_one_signer_only() -> None:
    strange = "https://acme.test/my flow#1%23\u00e9"
    _, signer = find_signer(signed(strange), TrustPolicy(keyless=(entry(strange),)), NOW)
    assert signer is not None
    assert signer.id == f"keyless:{ISSUER}#https://acme.test/my%20flow%231%2523%C3%A9"
    assert signer.id.count("#") == 1


def test_every_rule_was_seen_to_fail_somewhere() -> None:
    """The others are in tests/sigstore/test_keyless.py."""
    assert {rule.id for rule in RULES} == {
        "keyless/root", "keyless/certificate", "keyless/log", "keyless/time", "keyless/invalid",
        "keyless/identity", "keyless/issuer", "keyless/claims", "keyless/span",
    }  # fmt: skip
