"""Signature files of every method: which one it is, and the one form of each that is read."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from lanectl.formats import envelope
from lanectl.model.report import MalformedError
from tests.assets.bundles.workshop import bundle
from tests.assets.bundles.workshop.bundle import Plan
from tests.sigstore.material import Sigstore

SIGSTORE = Sigstore(version=1)
PAYLOAD = b"{}"
RAW = base64.b64encode(b"der").decode()


def keyless() -> dict[str, Any]:
    return SIGSTORE.bundle(PAYLOAD, stamped=True)


def workload(count: int = 2) -> dict[str, Any]:
    document = keyless()
    chain = [{"rawBytes": base64.b64encode(b"%d" % i).decode()} for i in range(count)]
    document["verificationMaterial"] = {"x509CertificateChain": {"certificates": chain}}
    return document


def refusal(document: Any) -> str:
    with pytest.raises(MalformedError) as caught:
        envelope.read_any(
            document if isinstance(document, bytes) else json.dumps(document).encode()
        )
    return caught.value.fault.rule


def test_a_key_is_read_as_ever() -> None:
    data = bundle.make(Plan()).signature or b""
    assert envelope.read_any(data) == envelope.read(data)


def test_a_keyless_signature_keeps_its_certificate_and_its_own_bytes() -> None:
    data = json.dumps(keyless()).encode()
    read = envelope.read_any(data)
    assert (read.payload, read.hint, read.chain, read.raw) == (PAYLOAD, "", (), data)
    assert read.certificate.startswith(b"\x30\x82")


def test_a_workloads_chain_is_read_leaf_first() -> None:
    read = envelope.read_any(json.dumps(workload(8)).encode())
    assert read.chain == tuple(b"%d" % i for i in range(8))
    assert (read.certificate, read.hint) == (b"", "")


@pytest.mark.parametrize("document", [keyless(), workload()])
def test_where_only_keys_sign_nothing_else_is_read(document: Any) -> None:
    with pytest.raises(MalformedError, match="envelope/malformed"):
        envelope.read(json.dumps(document).encode())


def material(document: Any) -> Any:
    return document["verificationMaterial"]


def entry(document: Any) -> Any:
    return material(document)["tlogEntries"][0]


def proof(document: Any) -> Any:
    return entry(document)["inclusionProof"]


def signatures(document: Any) -> Any:
    return document["dsseEnvelope"]["signatures"]


BAD: list[tuple[Callable[[Any], Any], str]] = [
    (lambda d: d.update(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.2"), "media-type"),
    (lambda d: d.update(messageSignature={}), "malformed"),
    (lambda d: d["dsseEnvelope"].update(payloadType="text/plain"), "payload-type"),
    (lambda d: d["dsseEnvelope"].update(payload=" " + RAW), "base64"),
    (lambda d: signatures(d).append(signatures(d)[0]), "signatures"),
    (lambda d: signatures(d).clear(), "signatures"),
    (lambda d: signatures(d)[0].update(keyid="SHA256:x"), "malformed"),
    (lambda d: signatures(d)[0].update(keyid=None), "malformed"),
    (lambda d: signatures(d)[0].update(sig=signatures(d)[0]["sig"] + "\n"), "base64"),
    (lambda d: d.update(verificationMaterial=[]), "malformed"),
    (lambda d: material(d).clear(), "malformed"),
    (lambda d: material(d).update(publicKey={"hint": RAW}), "malformed"),
    (lambda d: material(d).update(x509CertificateChain={"certificates": []}), "malformed"),
    (lambda d: material(d).update(note="x"), "malformed"),
    (lambda d: material(d).update(certificate={"rawBytes": RAW, "note": "x"}), "malformed"),
    (lambda d: material(d).update(certificate={"rawBytes": ""}), "base64"),
    (lambda d: material(d).update(certificate={"rawBytes": "ZGV="}), "base64"),
    (lambda d: material(d).update(tlogEntries=None), "malformed"),
    (lambda d: material(d).update(tlogEntries=material(d)["tlogEntries"] * 17), "malformed"),
    (lambda d: entry(d).update(note="x"), "malformed"),
    (lambda d: entry(d).pop("canonicalizedBody"), "malformed"),
    (lambda d: entry(d).update(canonicalizedBody="=="), "base64"),
    (lambda d: entry(d).update(logIndex=1), "malformed"),
    (lambda d: entry(d).update(logIndex="01"), "malformed"),
    (lambda d: entry(d).update(integratedTime="-1"), "malformed"),
    (lambda d: entry(d).update(integratedTime="1" * 21), "malformed"),
    (lambda d: entry(d).update(integratedTime="\u0661"), "malformed"),
    (lambda d: entry(d)["logId"].update(keyId=""), "base64"),
    (lambda d: entry(d)["kindVersion"].update(kind=1), "malformed"),
    (lambda d: entry(d).update(inclusionPromise={}), "malformed"),
    (lambda d: entry(d).update(inclusionPromise={"signedEntryTimestamp": "x"}), "base64"),
    (lambda d: proof(d).update(note="x"), "malformed"),
    (lambda d: proof(d).update(hashes=[RAW] * 65), "malformed"),
    (lambda d: proof(d).update(hashes=["x"]), "base64"),
    (lambda d: proof(d).update(checkpoint={"envelope": 1}), "malformed"),
    (lambda d: material(d).update(timestampVerificationData=None), "malformed"),
    (lambda d: material(d)["timestampVerificationData"].update(note="x"), "malformed"),
    (lambda d: material(d)["timestampVerificationData"].update(rfc3161Timestamps=[{}]), "malformed"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "rule"), BAD, ids=range(len(BAD)))
def test_another_form_of_a_keyless_signature_is_refused(
    change: Callable[[Any], Any], rule: str
) -> None:
    document = keyless()
    change(document)
    assert refusal(document) == f"envelope/{rule}"


@pytest.mark.parametrize("count", [0, 9])
def test_a_chain_is_neither_empty_nor_long(count: int) -> None:
    assert refusal(workload(count)) == "envelope/malformed"


def test_a_chain_has_no_log_and_no_timestamp_beside_it() -> None:
    for extra in ("tlogEntries", "timestampVerificationData"):
        document = workload()
        material(document)[extra] = material(keyless())[extra]
        assert refusal(document) == "envelope/malformed"
    document = workload()
    material(document).update(tlogEntries=[], timestampVerificationData={"rfc3161Timestamps": []})
    assert len(envelope.read_any(json.dumps(document).encode()).chain) == 2
    document = workload()
    signatures(document)[0]["keyid"] = ""
    assert refusal(document) == "envelope/malformed"


def test_a_field_that_stands_twice_is_refused() -> None:
    data = json.dumps(keyless()).encode()
    twice = data.replace(b'"certificate":', b'"certificate": {"rawBytes": "AAAA"}, "certificate":')
    assert refusal(twice) == "envelope/malformed"
