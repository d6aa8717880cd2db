"""Each forged thing is refused for the right reason; what is good stays good long after."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from lanectl.formats import envelope, keyless
from lanectl.model.report import MalformedError
from lanectl.model.signature import KeylessFacts
from tests.sigstore.authority import Authority, new_key
from tests.sigstore.forgeries import (
    FORGERIES,
    PAYLOAD,
    Bundle,
    Forgery,
    entry,
    material,
    no_entry,
    payload_changed,
    root_changed,
    signature_changed,
)
from tests.sigstore.material import LONG_AGO, ME, Sigstore

FIRST, SECOND = Sigstore(version=1), Sigstore(version=2)
MINUTE = timedelta(minutes=1)


def judged(bundle: Bundle, root: bytes | None = None) -> KeylessFacts:
    data = json.dumps(bundle).encode()
    return keyless.examine(envelope.read_any(data), root or FIRST.trusted_root)


def refused(bundle: Bundle, root: bytes | None = None) -> str:
    fault = judged(bundle, root).fault
    assert fault is not None
    assert fault.got
    assert fault.expected
    return fault.rule


@pytest.fixture(params=[FIRST, SECOND], ids=["rekor-1", "rekor-2"])
def sigstore(request: pytest.FixtureRequest) -> Sigstore:
    one = request.param
    assert isinstance(one, Sigstore)
    return one


def test_a_signature_is_good_long_after_its_certificate(sigstore: Sigstore) -> None:
    claims = {"build_trigger": "push", "source_repository_ref": "refs/heads/main"}
    facts = judged(sigstore.bundle(PAYLOAD, claims=claims), sigstore.trusted_root)
    assert facts == KeylessFacts(
        identity=ME, issuer=sigstore.issuer, claims=claims, signed=LONG_AGO
    )
    assert datetime.now(UTC) - LONG_AGO > timedelta(days=365)


def test_the_tree_may_be_of_any_size() -> None:
    sigstore = Sigstore(version=1)
    root = sigstore.trusted_root
    for _ in range(9):
        assert judged(sigstore.bundle(PAYLOAD), root).fault is None


def test_what_protobuf_leaves_out_is_zero() -> None:
    """The first entry of a log: others write neither its index nor its empty proof."""
    sigstore = Sigstore(version=2)
    bundle = sigstore.bundle(PAYLOAD)
    (entry,) = bundle["verificationMaterial"]["tlogEntries"]
    del entry["logIndex"], entry["inclusionProof"]["logIndex"], entry["inclusionProof"]["hashes"]
    bundle["dsseEnvelope"]["signatures"][0]["keyid"] = ""
    assert judged(bundle, sigstore.trusted_root).fault is None


def test_the_earliest_proven_time_counts() -> None:
    bundle = FIRST.bundle(PAYLOAD)
    signature = base64.b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"])
    later = FIRST.stamps.stamp(signature, LONG_AGO + MINUTE)
    stamps = [{"signedTimestamp": base64.b64encode(later).decode()}]
    bundle["verificationMaterial"]["timestampVerificationData"] = {"rfc3161Timestamps": stamps}
    assert judged(bundle).signed == LONG_AGO


def test_a_uri_and_fulcios_own_kind_of_name_are_identities_too() -> None:
    uri = "https://github.com/acme/shop/.github/workflows/handoff.yml@refs/heads/main"
    assert judged(FIRST.bundle(PAYLOAD, uri)).identity == uri
    other = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7"), b"\x0c\x03bot")
    assert judged(FIRST.bundle(PAYLOAD, names=[other])).identity == "bot"


@pytest.mark.parametrize(
    ("forge", "rule"), FORGERIES, ids=lambda v: v if isinstance(v, str) else v.__name__
)
def test_what_is_changed_afterwards_is_refused(forge: Forgery, rule: str) -> None:
    bundle = FIRST.bundle(PAYLOAD)
    assert judged(bundle).fault is None
    forge(FIRST, bundle)
    assert refused(bundle) == rule


@pytest.mark.parametrize("change", [payload_changed, signature_changed, root_changed, no_entry])
def test_a_log_of_the_second_version_is_no_other_judge(change: Forgery) -> None:
    bundle = SECOND.bundle(PAYLOAD)
    change(SECOND, bundle)
    rule = "signature/invalid" if change in {payload_changed, signature_changed} else "keyless/log"
    assert refused(bundle, SECOND.trusted_root) == rule


def test_another_payload_type_is_not_even_read() -> None:
    bundle = FIRST.bundle(PAYLOAD)
    bundle["dsseEnvelope"]["payloadType"] = "text/plain"
    with pytest.raises(MalformedError, match="envelope/payload-type"):
        judged(bundle)


@pytest.mark.parametrize(
    ("life", "why"),
    [
        ((-10 * MINUTE, -MINUTE), "it had expired when it signed"),
        ((-10 * MINUTE, timedelta(seconds=-1)), "it had expired a second before"),
        ((MINUTE, 10 * MINUTE), "it was not valid yet"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_signature_outside_of_the_certificates_life_is_refused(
    sigstore: Sigstore, life: tuple[timedelta, timedelta], why: str
) -> None:
    bundle = sigstore.bundle(PAYLOAD, life=life)
    assert refused(bundle, sigstore.trusted_root) == "keyless/time", why


def test_one_proven_time_outside_of_the_certificates_life_is_enough_to_refuse() -> None:
    bundle = FIRST.bundle(PAYLOAD)
    signature = base64.b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"])
    later = FIRST.stamps.stamp(signature, LONG_AGO + 11 * MINUTE)
    stamps = [{"signedTimestamp": base64.b64encode(later).decode()}]
    material(bundle)["timestampVerificationData"] = {"rfc3161Timestamps": stamps}
    assert refused(bundle) == "keyless/time"


def stamps_of(bundle: Bundle) -> list[Any]:
    stamps: list[Any] = material(bundle)["timestampVerificationData"]["rfc3161Timestamps"]
    return stamps


def test_a_timestamp_proves_nothing_but_its_own_signature_by_a_pinned_authority() -> None:
    root = SECOND.trusted_root
    good = SECOND.bundle(PAYLOAD)
    for stranger in (SECOND.bundle(PAYLOAD), Sigstore(version=2).bundle(PAYLOAD)):
        bundle = copy.deepcopy(good)
        stamps_of(bundle)[:] = stamps_of(stranger)
        assert refused(bundle, root) == "keyless/time"
    for stamps, rule in (
        ([], "keyless/time"),
        ([{"signedTimestamp": base64.b64encode(b"no stamp").decode()}], "keyless/invalid"),
    ):
        bundle = copy.deepcopy(good)
        stamps_of(bundle)[:] = stamps
        assert refused(bundle, root) == rule
    stamps_of(good).append(stamps_of(good)[0])
    assert refused(good, root) == "keyless/time"


def test_a_time_of_the_log_that_nobody_promised_does_not_count() -> None:
    bundle = SECOND.bundle(PAYLOAD)
    entry(bundle)["integratedTime"] = str(int(LONG_AGO.timestamp()) - 60)
    assert judged(bundle, SECOND.trusted_root).signed == LONG_AGO
    entry(bundle)["inclusionPromise"] = {
        "signedEntryTimestamp": base64.b64encode(b"made up").decode()
    }
    assert refused(bundle, SECOND.trusted_root) == "keyless/time"


def pinned(change: Callable[[dict[str, Any]], None]) -> bytes:
    root = json.loads(FIRST.trusted_root)
    change(root)
    return json.dumps(root).encode()


def test_a_root_that_is_not_pinned_proves_nothing() -> None:
    bundle = FIRST.bundle(PAYLOAD)
    other = json.loads(Sigstore().trusted_root)
    assert refused(bundle, json.dumps(other).encode()) == "keyless/certificate"

    def taken(part: str) -> bytes:
        return pinned(lambda root: root.update({part: other[part]}))

    assert refused(bundle, taken("certificateAuthorities")) == "keyless/certificate"
    assert refused(bundle, taken("ctlogs")) == "keyless/certificate"
    assert refused(bundle, taken("tlogs")) == "keyless/log"
    second = SECOND.bundle(PAYLOAD)
    root = json.loads(SECOND.trusted_root)
    root["timestampAuthorities"] = other["timestampAuthorities"]
    assert refused(second, json.dumps(root).encode()) == "keyless/time"


def test_the_public_root_does_not_vouch_for_us() -> None:
    from lanectl.adapters.sigstore import public_good_root

    assert refused(FIRST.bundle(PAYLOAD), public_good_root()) == "keyless/certificate"


@pytest.mark.parametrize(
    "root", [
        b"{", b"{}", b"[]", b"\xff",
        pinned(lambda root: root.update(tlogs=[])),
        pinned(lambda root: root.update(certificateAuthorities=[])),
        pinned(lambda root: root.update(mediaType="application/json")),
    ],
)  # fmt: skip
def test_an_unreadable_root_is_said_so(root: bytes) -> None:
    assert refused(FIRST.bundle(PAYLOAD), root) == "keyless/root"


def test_no_root_is_said_so() -> None:
    read = envelope.read_any(json.dumps(FIRST.bundle(PAYLOAD)).encode())
    fault = keyless.examine(read, b"").fault
    assert fault is not None
    assert (fault.rule, fault.where) == ("keyless/root", ".lanectl/trust/trusted_root.json")


@pytest.mark.parametrize(
    "certified",
    [
        {"ct": new_key()},
        {"use": ExtendedKeyUsageOID.SERVER_AUTH},
        {"names": [x509.RFC822Name(ME), x509.RFC822Name("mallory@lanectl.test")]},
        {"names": [x509.DNSName("lanectl.test")]},
        {"identity": "https://example.test/\u202e"},
        {"identity": "https://example.test/" + "a" * 1024},
        {"issuer": ""},
    ],
    ids=["ct-log", "use", "two-names", "dns", "unprintable", "long", "no-issuer"],
)
def test_a_certificate_that_is_none_of_fulcios_is_refused(certified: dict[str, Any]) -> None:
    if "identity" in certified:
        name = x509.UniformResourceIdentifier._init_without_validation(certified.pop("identity"))
        certified["names"] = [name]
    assert refused(FIRST.bundle(PAYLOAD, **certified)) == "keyless/certificate"


def test_a_forger_with_an_own_authority_is_refused_although_everything_fits() -> None:
    forger = Sigstore()
    bundle = forger.bundle(PAYLOAD)
    assert judged(bundle, forger.trusted_root).fault is None
    assert refused(bundle) == "keyless/certificate"


def test_a_certificate_signed_by_a_leaf_is_refused() -> None:
    """A leaf is no authority, even if its own chain is good."""
    stranger = Authority()
    stranger.intermediate = FIRST.authority.intermediate
    forger = copy.copy(FIRST)
    forger.authority = stranger  # names the pinned intermediate, signs with another key
    assert refused(forger.bundle(PAYLOAD)) == "keyless/certificate"


def test_a_key_of_another_kind_is_refused() -> None:
    leaf = FIRST.authority.issue(
        Ed25519PrivateKey.generate().public_key(), [x509.RFC822Name(ME)], FIRST.issuer, {},
        start=LONG_AGO, end=LONG_AGO + MINUTE,
    )  # fmt: skip
    bundle = FIRST.bundle(PAYLOAD)
    der = base64.b64encode(leaf.public_bytes(Encoding.DER)).decode()
    material(bundle)["certificate"]["rawBytes"] = der
    assert refused(bundle) == "keyless/certificate"
