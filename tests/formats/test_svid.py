"""X.509 SVIDs: what proves a workload, and each thing that only looks as if it did."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.formats import svid
from lanectl.formats.envelope import PAYLOAD_TYPE
from lanectl.model.signature import SvidFacts
from tests import svids
from tests.svids import HOUR, ID, NOW, Issued, authority, workload

FUZZ = settings(max_examples=40, deadline=None)
PAYLOAD = b'{"the":"statement"}'
ROOT = svids.root()
MIDDLE = ROOT.issue(authority("middle", path_length=0))
BELOW = MIDDLE.issue(workload())
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")


def examine(
    *chain: Issued | bytes, bundle: bytes = ROOT.pem, at: datetime = NOW, **changes: Any
) -> SvidFacts:
    ders = tuple(c if isinstance(c, bytes) else c.der for c in chain)
    signature = chain[0].sign(PAYLOAD) if isinstance(chain[0], Issued) else b""
    said = {"payload_type": PAYLOAD_TYPE, "payload": PAYLOAD, "signature": signature, **changes}
    return svid.examine(ders, **said, bundle=bundle, at=at)


def refused(facts: SvidFacts, rule: str, *words: str) -> None:
    assert facts.fault is not None
    assert facts.fault.rule == rule, facts.fault
    told = f"{facts.fault.where} {facts.fault.got} {facts.fault.expected}"
    assert all(word in told for word in words), told


def test_a_workload_is_proved_directly_and_by_an_authority_between() -> None:
    direct = examine(ROOT.issue(workload()))
    assert direct == SvidFacts(None, ID, NOW - HOUR, NOW + HOUR)
    assert examine(BELOW, MIDDLE) == direct


def test_an_ed25519_key_and_an_svid_without_uses_beyond_its_own_are_good() -> None:
    plan = workload(extended=None, is_authority=None)
    assert examine(ROOT.issue(plan, ed25519.Ed25519PrivateKey.generate())).fault is None


def test_a_dns_name_beside_the_id_is_allowed() -> None:
    plan = workload()
    plan.names = [*plan.names, x509.DNSName("agent.example.test")]
    assert examine(ROOT.issue(plan)).id == ID


def test_authorities_with_a_p384_or_rsa_key_are_good() -> None:
    for key in (svids.p384(), rsa.generate_private_key(65537, 2048)):
        top = svids.root(key=key)
        assert examine(top.issue(workload()), bundle=top.pem).fault is None


def test_the_pinned_authority_itself_may_come_along() -> None:
    assert examine(BELOW, MIDDLE, ROOT).fault is None


def test_two_pinned_authorities_overlap_while_they_rotate() -> None:
    assert examine(BELOW, MIDDLE, bundle=svids.root("next").pem + ROOT.pem).fault is None


def test_the_narrowest_times_of_the_whole_path_count() -> None:
    short = ROOT.issue(authority("short", end=NOW + HOUR / 2))
    facts = examine(short.issue(workload()), short)
    assert (facts.not_before, facts.not_after) == (NOW - HOUR, NOW + HOUR / 2)
    top = svids.root(start=NOW - HOUR / 4, end=NOW + HOUR / 4)
    facts = examine(top.issue(workload()), bundle=top.pem)
    assert (facts.not_before, facts.not_after) == (NOW - HOUR / 4, NOW + HOUR / 4)


def test_another_root_of_the_same_name_proves_nothing() -> None:
    refused(examine(BELOW, MIDDLE, bundle=svids.root().pem), "spiffe/certificate", "path to the")
    refused(examine(BELOW), "spiffe/certificate", "path to the")


@pytest.mark.parametrize("bundle", [b"", b"\n", b"no certificate", b"-----BEGIN CERTIFICATE-----"])
def test_without_a_pinned_bundle_nothing_is_proved(bundle: bytes) -> None:
    why = "not PEM" if bundle.strip() else "none is pinned"
    refused(examine(BELOW, MIDDLE, bundle=bundle), "spiffe/certificate", "trust bundle", why)


def test_an_authority_of_another_trust_domain_names_no_workload_of_this_one() -> None:
    other = [x509.UniformResourceIdentifier("spiffe://other.test")]
    foreign = ROOT.issue(authority("foreign", names=other))
    refused(
        examine(foreign.issue(workload()), foreign), "spiffe/certificate", "spiffe://other.test"
    )
    top = svids.root(names=other)
    refused(examine(top.issue(workload()), bundle=top.pem), "spiffe/certificate", "other.test")
    own = [x509.UniformResourceIdentifier("spiffe://build.example.test")]
    good = ROOT.issue(authority("own", names=own))
    assert examine(good.issue(workload()), good).fault is None


def test_an_svid_is_good_in_its_own_time_only() -> None:
    late = ROOT.issue(workload(end=NOW - HOUR / 2, start=NOW - HOUR))
    refused(examine(late), "spiffe/expired", "2026-03-01 12:00Z", "2026-03-01 11:30Z")
    early = ROOT.issue(workload(start=NOW + HOUR / 2))
    refused(examine(early), "spiffe/expired", "2026-03-01 12:30Z")
    assert examine(late, at=NOW - 0.75 * HOUR).fault is None  # an admission's time


def test_an_authority_that_is_out_of_its_time_proves_nothing_either() -> None:
    old = ROOT.issue(authority("old", end=NOW - HOUR))
    refused(examine(old.issue(workload()), old), "spiffe/expired")
    gone = svids.root(end=NOW - HOUR)
    refused(examine(gone.issue(workload()), bundle=gone.pem), "spiffe/expired")


@pytest.mark.parametrize(
    "uris",
    [
        (ID, f"{ID}-2"),
        (ID, ID),
        (ID, "https://example.test/"),
        ("https://build.example.test/ci",),
        ("spiffe://build.example.test",),
        ("spiffe://build.example.test/",),
        (f"{ID}/",),
        ("spiffe://build.example.test//ci",),
        ("spiffe://build.example.test/ci/../root",),
        ("spiffe://build.example.test/./ci",),
        ("SPIFFE://build.example.test/ci",),
        ("spiffe://Build.example.test/ci",),
        ("spiffe://build.example.test:443/ci",),
        ("spiffe://me@build.example.test/ci",),
        (f"{ID}?as=root",),
        (f"{ID}#root",),
        ("spiffe://build.example.test/c%69",),
        ("spiffe://build.example.test/a b",),
        ("spiffe://build.example.test/a\x1b[2J",),
        (f"{ID}\n",),
        ("spiffe:///ci",),
        ("spiffe://build.example.test/" + "a" * 2048,),
    ],
)
def test_what_is_not_exactly_one_plain_id_of_a_workload_is_none(uris: tuple[str, ...]) -> None:
    refused(examine(ROOT.issue(workload(*uris))), "spiffe/id", "subjectAltName")


def test_a_certificate_without_any_uri_has_no_id() -> None:
    plan = workload(subject="agent")
    plan.names = [x509.DNSName("build.example.test")]
    refused(examine(ROOT.issue(plan)), "spiffe/id", "0 URI names")
    plan.names = ()
    refused(examine(ROOT.issue(plan)), "spiffe/id", "0 URI names")


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"is_authority": True}, "basicConstraints"),
        ({"uses": None}, "keyUsage"),
        ({"uses": {"key_agreement"}}, "keyUsage"),
        ({"uses_are_critical": False}, "keyUsage"),
        ({"uses": {"digital_signature", "key_cert_sign"}}, "keyUsage"),
        ({"uses": {"digital_signature", "crl_sign"}}, "keyUsage"),
        ({"extended": [ExtendedKeyUsageOID.CODE_SIGNING]}, "extendedKeyUsage"),
        ({"extended": [ExtendedKeyUsageOID.CLIENT_AUTH]}, "extendedKeyUsage"),
        ({"extra": [(UNKNOWN, True)]}, "critical"),
    ],
)
def test_a_certificate_for_something_else_identifies_no_workload(
    changes: dict[str, Any], where: str
) -> None:
    refused(examine(ROOT.issue(workload(**changes))), "spiffe/certificate", where)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"is_authority": False}, "cA must be asserted"),
        ({"is_authority": None}, "basicConstraints"),
        ({"uses": None}, "missing required extension"),
        ({"uses": {"digital_signature"}}, "keyCertSign"),
        ({"uses_are_critical": False}, "critical"),
        ({"extra": [(UNKNOWN, True)]}, "unaccounted-for critical"),
        ({"is_authority": None, "extra": [(x509.BasicConstraints(True, None), False)]}, "critical"),
        (
            {"extra": [(x509.NameConstraints([x509.UniformResourceIdentifier("a.test")], None), True)]},
            "unsupported name constraint",
        ),
    ],
)  # fmt: skip
def test_an_authority_between_must_be_one(changes: dict[str, Any], why: str) -> None:
    between = ROOT.issue(authority("between", **changes))
    refused(examine(between.issue(workload()), between), "spiffe/certificate", why)


def test_an_authority_that_is_kept_to_dns_names_may_name_workloads() -> None:
    limits = x509.NameConstraints([x509.DNSName("example.test")], None)
    between = ROOT.issue(authority("between", extra=[(limits, True)]))
    assert examine(between.issue(workload()), between).fault is None


def test_a_pinned_certificate_that_is_no_authority_anchors_nothing() -> None:
    for changes in ({"is_authority": False}, {"uses": {"digital_signature"}}):
        top = svids.root(**changes)
        refused(examine(top.issue(workload()), bundle=top.pem), "spiffe/certificate")


def test_a_path_that_is_longer_than_its_authority_allows_is_none() -> None:
    deeper = MIDDLE.issue(authority("deeper"))  # MIDDLE may issue workloads only
    facts = examine(deeper.issue(workload()), deeper, MIDDLE)
    refused(facts, "spiffe/certificate", "path length")


def test_a_weakly_signed_svid_or_one_under_a_small_rsa_key_is_none() -> None:
    top = svids.root(key=rsa.generate_private_key(65537, 2048))
    leaf = top.issue(workload())
    assert examine(leaf, bundle=top.pem).fault is None
    weak = examine(svids.with_sha1(leaf, top), signature=leaf.sign(PAYLOAD), bundle=top.pem)
    refused(weak, "spiffe/certificate", "Forbidden signature algorithm")
    small = svids.root(key=rsa.generate_private_key(65537, 1024))  # noqa: S505 - the weakness is the test
    refused(examine(small.issue(workload()), bundle=small.pem), "spiffe/certificate", "too weak")


def test_authorities_with_ed25519_keys_are_not_read() -> None:
    top = svids.root(key=ed25519.Ed25519PrivateKey.generate())
    refused(examine(top.issue(workload()), bundle=top.pem), "spiffe/certificate", "Ed25519")


def test_a_key_that_no_statement_is_signed_with_is_refused_clearly() -> None:
    for key in (svids.p384(), rsa.generate_private_key(65537, 2048)):
        facts = examine(ROOT.issue(workload(), key).der)
        refused(facts, "spiffe/certificate", "the SVID's key", "ECDSA P-256 or Ed25519")


def test_the_chain_is_the_path_in_its_order_and_nothing_more() -> None:
    upper = ROOT.issue(authority("upper"))
    lower = upper.issue(authority("lower"))
    leaf = lower.issue(workload())
    assert examine(leaf, lower, upper).fault is None
    refused(examine(leaf, upper, lower), "spiffe/certificate", "another order")
    refused(examine(lower, leaf, upper), "spiffe/id")  # an authority first
    refused(examine(leaf, lower, upper, svids.root("unrelated")), "spiffe/certificate", "no part")
    refused(examine(leaf, lower, upper, upper), "spiffe/certificate", "no part")
    refused(examine(leaf, leaf, lower, upper), "spiffe/certificate", "no part")


def test_one_to_eight_certificates_are_read() -> None:
    refused(svid.claim(()), "spiffe/certificate", "0 certificates")
    refused(examine(*[BELOW] * 9), "spiffe/certificate", "9 certificates")


def test_a_changed_payload_type_signature_or_signer_is_found() -> None:
    other = ROOT.issue(workload())
    for changes in (
        {"payload": PAYLOAD + b" "},
        {"payload_type": "application/json"},
        {"signature": b""},
        {"signature": other.sign(PAYLOAD)},
    ):
        facts = examine(BELOW, MIDDLE, **changes)
        refused(facts, "signature/invalid", ID)


def test_a_claim_proves_nothing_and_says_which_trust_domain_to_look_in() -> None:
    stranger = svids.root("stranger").issue(workload("spiffe://evil.test/ci"))
    claimed = svid.claim((stranger.der,))
    assert (claimed.fault, claimed.id) == (None, "spiffe://evil.test/ci")
    assert svid.domain_of(claimed.id) == "evil.test"
    refused(examine(stranger), "spiffe/certificate")


@FUZZ
@given(st.binary(max_size=80), st.integers(0, len(BELOW.der)))
def test_no_bytes_raise(junk: bytes, at: int) -> None:
    cut = BELOW.der[:at] + junk + BELOW.der[at + len(junk) :]
    for chain in ((junk,), (cut, MIDDLE.der), (BELOW.der, cut)):
        facts = examine(*chain, signature=BELOW.sign(PAYLOAD))
        if chain != (BELOW.der, MIDDLE.der):
            assert facts.fault is not None


@pytest.mark.parametrize("version", [0, 1, 7])
def test_another_version_of_x509_is_none(version: int) -> None:
    is_third = b"\xa0\x03\x02\x01\x02"
    for issued in (BELOW, MIDDLE):
        assert is_third in issued.der
    odd = [c.der.replace(is_third, is_third[:-1] + bytes([version]), 1) for c in (BELOW, MIDDLE)]
    for chain in ((odd[0], MIDDLE.der), (BELOW.der, odd[1])):
        refused(examine(*chain, signature=BELOW.sign(PAYLOAD)), "spiffe/certificate")


def test_an_extension_that_stands_twice_is_refused() -> None:
    second = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.2"), b"\x05\x00")
    issued = ROOT.issue(workload(extra=[(UNKNOWN, False), (second, False)]))
    assert examine(issued).fault is None
    facts = examine(issued.der.replace(b"\x86\x8d\x1f\x02", b"\x86\x8d\x1f\x01"))
    refused(facts, "spiffe/certificate", "certificate 0", "uplicate")


def test_an_odd_name_or_a_negative_serial_number_is_refused_without_a_word_elsewhere(
    recwarn: pytest.WarningsRecorder,
) -> None:
    name = MIDDLE.der.replace(b"\x0c\x06middle", b"\x03\x06\x00iddle")  # a bit string
    negative = bytearray(MIDDLE.der)
    negative[negative.index(b"\xa0\x03\x02\x01\x02\x02") + 7] |= 0x80
    for odd in (name, bytes(negative)):
        assert odd != MIDDLE.der
        facts = examine(BELOW.der, odd, signature=BELOW.sign(PAYLOAD))
        refused(facts, "spiffe/certificate", "certificate 1", "well-formed")
    assert not recwarn.list


def test_a_pinned_certificate_that_cannot_be_read_is_said_to_be_so() -> None:
    odd = MIDDLE.der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07", 1)
    pem = b"-----BEGIN CERTIFICATE-----\n%b-----END CERTIFICATE-----\n" % base64.encodebytes(odd)
    refused(examine(BELOW, MIDDLE, bundle=pem), "spiffe/certificate", "trust bundle", "not PEM")
    with pytest.raises(ValueError, match="PEM"):
        svid.read_pem(pem)


def test_pem_is_read_in_its_order() -> None:
    assert svid.read_pem(BELOW.pem + MIDDLE.pem) == (BELOW.der, MIDDLE.der)
    with pytest.raises(ValueError, match="PEM"):
        svid.read_pem(b"nothing")
