"""Signing with an SVID's two files: what is written proves the workload, and what cannot is refused."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from pathlib import Path

import pytest

from lanectl.adapters.svid import CERTIFICATES, PRIVATE_KEY, SvidSigner, load
from lanectl.errors import UnreadableError
from lanectl.formats import svid
from lanectl.formats.envelope import MEDIA_TYPE, PAYLOAD_TYPE
from lanectl.model.bundle import SIGNATURE_SUFFIX
from lanectl.model.signer import Method
from lanectl.ports.signing import StatementSigner
from tests import svids
from tests.svids import HOUR, ID, NOW, Issued, authority, workload

PAYLOAD = b'{"the":"statement"}'
ROOT = svids.root()
MIDDLE = ROOT.issue(authority("middle"))
LEAF = MIDDLE.issue(workload())


def signer(
    folder: Path,
    certificates: bytes = LEAF.pem + MIDDLE.pem,
    key: Issued = LEAF,
    at: datetime = NOW,
) -> SvidSigner:
    chain, private = folder / CERTIFICATES, folder / PRIVATE_KEY
    chain.write_bytes(certificates)
    private.write_bytes(key.key_pem)
    private.chmod(0o600)
    return load(str(chain), str(private), at)


def refusal(error: UnreadableError) -> str:
    assert error.remedies
    return f"{error.what}: {error.why}"


def test_what_it_writes_is_one_signature_with_its_certificates_and_proves_the_workload(
    tmp_path: Path,
) -> None:
    by: StatementSigner = signer(tmp_path)
    seal = by.seal(PAYLOAD)
    assert (seal.method, seal.shown, by.method) == (Method.SPIFFE, ID, Method.SPIFFE)
    assert seal.files.keys() == {SIGNATURE_SUFFIX}
    file = json.loads(seal.files[SIGNATURE_SUFFIX])
    assert file.keys() == {"mediaType", "verificationMaterial", "dsseEnvelope"}
    assert file["mediaType"] == MEDIA_TYPE
    assert file["verificationMaterial"].keys() == {"x509CertificateChain"}
    certificates = file["verificationMaterial"]["x509CertificateChain"]["certificates"]
    chain = tuple(base64.b64decode(c["rawBytes"], validate=True) for c in certificates)
    assert chain == (LEAF.der, MIDDLE.der)
    [signature] = file["dsseEnvelope"]["signatures"]
    assert signature.keys() == {"sig"}
    facts = svid.examine(
        chain, file["dsseEnvelope"]["payloadType"],
        base64.b64decode(file["dsseEnvelope"]["payload"]), base64.b64decode(signature["sig"]),
        bundle=ROOT.pem, at=NOW,
    )  # fmt: skip
    assert (facts.fault, facts.id) == (None, ID)
    assert file["dsseEnvelope"]["payloadType"] == PAYLOAD_TYPE


def test_an_svid_that_is_over_or_not_begun_signs_nothing(tmp_path: Path) -> None:
    for at in (NOW - 2 * HOUR, NOW + 2 * HOUR):
        with pytest.raises(UnreadableError) as caught:
            signer(tmp_path, at=at)
        told = refusal(caught.value)
        assert "valid from 2026-03-01 11:00Z to 2026-03-01 13:00Z" in told
        assert f"now is {at:%Y-%m-%d %H:%M}Z" in told


@pytest.mark.parametrize(
    ("certificates", "why"),
    [
        (b"", "no PEM certificates"),
        (LEAF.key_pem, "no PEM certificates"),
        (MIDDLE.pem + LEAF.pem, "no single SPIFFE id"),
        (ROOT.issue(workload(ID, f"{ID}-2")).pem, "no single SPIFFE id"),
        (ROOT.issue(workload("https://x.test/\x1b[2J")).pem, "no single SPIFFE id"),
        (ROOT.issue(workload(uses={"key_agreement"})).pem, "no workload's SVID: keyUsage"),
        (ROOT.issue(workload(), svids.p384()).pem, "ECDSA P-256 or Ed25519"),
        (LEAF.pem * 9, "9 certificates"),
        (MIDDLE.issue(workload()).pem, "its key is not the one in"),
    ],
)
def test_what_is_no_usable_svid_signs_nothing(
    tmp_path: Path, certificates: bytes, why: str
) -> None:
    with pytest.raises(UnreadableError) as caught:
        signer(tmp_path, certificates)
    told = refusal(caught.value)
    assert why in told
    assert told.isprintable()


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    signer(tmp_path)
    (tmp_path / PRIVATE_KEY).chmod(0o640)
    with pytest.raises(UnreadableError, match="can be read by others"):
        load(str(tmp_path / CERTIFICATES), str(tmp_path / PRIVATE_KEY), NOW)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    signer(tmp_path)
    (tmp_path / CERTIFICATES).unlink()
    with pytest.raises(UnreadableError, match=CERTIFICATES):
        load(str(tmp_path / CERTIFICATES), str(tmp_path / PRIVATE_KEY), NOW)
