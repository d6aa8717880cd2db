"""Each forged thing is refused for the right reason; what is good stays good long after."""

from __future__ import annotations

import base64
import copy
import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.formats import envelope, keyless
from lanectl.model.report import MalformedError
from lanectl.model.signature import KeylessFacts
from tests.assets.bundles.workshop.steps import paths, put
from tests.sigstore.authority import Authority, new_key
from tests.sigstore.material import LONG_AGO, ME, Sigstore

PAYLOAD = b'{"_type":"https://in-toto.io/Statement/v1"}'
FIRST, SECOND = Sigstore(version=1), Sigstore(version=2)
MINUTE = timedelta(minutes=1)

Bundle = dict[str, Any]


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


def material(bundle: Bundle) -> Any:
    return bundle["verificationMaterial"]


def entry(bundle: Bundle) -> Any:
    return material(bundle)["tlogEntries"][0]


def flipped(text: str) -> str:
    """Return base64 of the same bytes with the last one changed."""
    data = bytearray(base64.b64decode(text))
    data[-1] ^= 1
    return base64.b64encode(data).decode()


def payload_changed(bundle: Bundle) -> None:
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(PAYLOAD + b" ").decode()


def signature_changed(bundle: Bundle) -> None:
    one = bundle["dsseEnvelope"]["signatures"][0]
    one["sig"] = flipped(one["sig"])


def signature_of_another_payload(bundle: Bundle) -> None:
    bundle["dsseEnvelope"]["signatures"] = FIRST.bundle(b"{}")["dsseEnvelope"]["signatures"]


def certificate_of_another_key(bundle: Bundle) -> None:
    material(bundle)["certificate"] = material(FIRST.bundle(PAYLOAD))["certificate"]


def root_changed(bundle: Bundle) -> None:
    proof = entry(bundle)["inclusionProof"]
    proof["rootHash"] = flipped(proof["rootHash"])


def entry_changed(bundle: Bundle) -> None:
    entry(bundle)["canonicalizedBody"] = flipped(entry(bundle)["canonicalizedBody"])


def entry_about_something_else(bundle: Bundle) -> None:
    material(bundle)["tlogEntries"] = material(FIRST.bundle(b"{}"))["tlogEntries"]


def entry_of_another_signature(bundle: Bundle) -> None:
    material(bundle)["tlogEntries"] = material(FIRST.bundle(PAYLOAD))["tlogEntries"]


def entry_of_another_log(bundle: Bundle) -> None:
    material(bundle)["tlogEntries"] = material(Sigstore().bundle(PAYLOAD))["tlogEntries"]


def checkpoint_of_another_log(bundle: Bundle) -> None:
    other = entry(Sigstore().bundle(PAYLOAD))["inclusionProof"]["checkpoint"]
    entry(bundle)["inclusionProof"]["checkpoint"] = other


def promise_changed(bundle: Bundle) -> None:
    promise = entry(bundle)["inclusionPromise"]
    promise["signedEntryTimestamp"] = flipped(promise["signedEntryTimestamp"])


def time_of_the_log_changed(bundle: Bundle) -> None:
    entry(bundle)["integratedTime"] = str(int(entry(bundle)["integratedTime"]) + 1)


def time_of_the_log_absurd(bundle: Bundle) -> None:
    entry(bundle)["integratedTime"] = str(2**63)


def time_of_the_log_outside_of_the_certificate(bundle: Bundle) -> None:
    entry(bundle)["integratedTime"] = str(int(entry(bundle)["integratedTime"]) + 86_400)


def no_proof(bundle: Bundle) -> None:
    del entry(bundle)["inclusionProof"]


def no_checkpoint(bundle: Bundle) -> None:
    del entry(bundle)["inclusionProof"]["checkpoint"]


def no_entry(bundle: Bundle) -> None:
    material(bundle)["tlogEntries"] = []


def no_word_of_entries(bundle: Bundle) -> None:
    del material(bundle)["tlogEntries"]


def two_entries(bundle: Bundle) -> None:
    material(bundle)["tlogEntries"] *= 2


def no_promise(bundle: Bundle) -> None:
    del entry(bundle)["inclusionPromise"]


def no_time(bundle: Bundle) -> None:
    del entry(bundle)["integratedTime"]


def index_beyond_the_tree(bundle: Bundle) -> None:
    entry(bundle)["inclusionProof"]["logIndex"] = "99"


def version_of_tomorrow(bundle: Bundle) -> None:
    entry(bundle)["kindVersion"]["version"] = "0.0.9"


def certificate_is_none(bundle: Bundle) -> None:
    material(bundle)["certificate"]["rawBytes"] = base64.b64encode(b"hello").decode()


@pytest.mark.parametrize(
    ("forge", "rule"),
    [
        (payload_changed, "signature/invalid"),
        (signature_changed, "signature/invalid"),
        (signature_of_another_payload, "signature/invalid"),
        (certificate_of_another_key, "signature/invalid"),
        (certificate_is_none, "keyless/certificate"),
        (root_changed, "keyless/log"),
        (entry_changed, "keyless/log"),
        (entry_about_something_else, "keyless/log"),
        (entry_of_another_signature, "keyless/log"),
        (entry_of_another_log, "keyless/log"),
        (checkpoint_of_another_log, "keyless/log"),
        (promise_changed, "keyless/log"),
        (time_of_the_log_changed, "keyless/log"),
        (no_proof, "keyless/log"),
        (no_checkpoint, "keyless/log"),
        (no_entry, "keyless/log"),
        (no_word_of_entries, "keyless/log"),
        (two_entries, "keyless/log"),
        (time_of_the_log_absurd, "keyless/time"),
        (time_of_the_log_outside_of_the_certificate, "keyless/time"),
        (no_promise, "keyless/time"),
        (no_time, "keyless/time"),
        (index_beyond_the_tree, "keyless/invalid"),
        (version_of_tomorrow, "keyless/invalid"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_what_is_changed_afterwards_is_refused(forge: Callable[[Bundle], None], rule: str) -> None:
    bundle = FIRST.bundle(PAYLOAD)
    assert judged(bundle).fault is None
    forge(bundle)
    assert refused(bundle) == rule


@pytest.mark.parametrize("change", [payload_changed, signature_changed, root_changed, no_entry])
def test_a_log_of_the_second_version_is_no_other_judge(change: Callable[[Bundle], None]) -> None:
    bundle = SECOND.bundle(PAYLOAD)
    change(bundle)
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


GOOD = FIRST.bundle(PAYLOAD, stamped=True)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30)
    | st.binary(min_size=1, max_size=40).map(lambda b: base64.b64encode(b).decode()),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=8), v, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(paths(GOOD)), ANYTHING)
def test_anything_anywhere_is_refused_or_says_what_it_said(place: str, value: Any) -> None:
    document = json.loads(json.dumps(GOOD))
    put(place, value)(document)
    try:
        facts = judged(document)
    except MalformedError:
        return
    if facts.fault is None:
        assert document["dsseEnvelope"]["payload"] == GOOD["dsseEnvelope"]["payload"]
        assert (facts.identity, facts.signed) == (ME, LONG_AGO)
    else:
        assert re.fullmatch(r"(keyless|signature)/[a-z]+", facts.fault.rule)


def test_nothing_is_looked_up_written_or_printed(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Not even by a root whose key the library warns of."""
    before = sorted(Path.home().rglob("*"))
    strange = pinned(lambda root: root["ctlogs"].append(
        {**root["ctlogs"][0], "publicKey": {**root["ctlogs"][0]["publicKey"],
         "keyDetails": "PKIX_ED25519_PH"}}
    ))  # fmt: skip
    assert judged(FIRST.bundle(PAYLOAD), strange).fault is None
    assert sorted(Path.home().rglob("*")) == before
    assert capfd.readouterr() == ("", "")
    with pytest.raises(AssertionError, match="network in a test"):
        socket.create_connection(("192.0.2.1", 9))  # so any look-up would have failed the test


def test_the_library_is_loaded_only_when_it_is_used() -> None:
    code = (
        "import sys, lanectl.formats.keyless, lanectl.adapters.sigstore\n"
        "print({m.partition('.')[0] for m in sys.modules} & {'sigstore', 'requests', 'cryptography'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "set()\n"
