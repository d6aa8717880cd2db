"""A timestamp authority (RFC 3161)."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.sigstore.authority import certificate_of_authority, new_key, sign


class Stamps:
    """Stamps whatever it is asked to, at any time."""

    def __init__(self) -> None:
        root, self._key = new_key(), new_key()
        self.root = certificate_of_authority("stamps root", root)
        self.certificate = certificate_of_authority(
            "stamps", self._key, (self.root, root), stamps=True
        )

    def stamp(self, signature: bytes, at: datetime) -> bytes:
        """Return the response over a signature."""
        imprint = tsp.MessageImprint(
            {
                "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
                "hashed_message": hashlib.sha256(signature).digest(),
            }
        )
        return self._answer(imprint, None, at)

    def answer(self, query: bytes, at: datetime) -> bytes:
        """Return the response to a request."""
        asked = tsp.TimeStampReq.load(query)
        return self._answer(asked["message_imprint"], asked["nonce"], at)

    def _answer(self, imprint: Any, nonce: Any, at: datetime) -> bytes:
        at = at.replace(microsecond=0)
        info = tsp.TSTInfo({
            "version": "v1", "policy": "1.3.6.1.4.1.57264.2", "message_imprint": imprint,
            "serial_number": int(at.timestamp()), "gen_time": at,
        })  # fmt: skip
        if nonce is not None:
            info["nonce"] = nonce
        der = self.certificate.public_bytes(Encoding.DER)
        attributes = _attributes(info.dump(), der, at)
        own = asn1_x509.Certificate.load(der)
        signer = cms.SignerInfo({
            "version": "v1",
            "sid": cms.SignerIdentifier({"issuer_and_serial_number": {
                "issuer": own.issuer, "serial_number": own.serial_number,
            }}),
            "digest_algorithm": {"algorithm": "sha256"},
            "signed_attrs": attributes,
            "signature_algorithm": {"algorithm": "sha256_ecdsa"},
            "signature": sign(self._key, attributes.untag().dump()),
        })  # fmt: skip
        signed = cms.SignedData({
            "version": "v3",
            "digest_algorithms": [{"algorithm": "sha256"}],
            "encap_content_info": {
                "content_type": "tst_info", "content": core.ParsableOctetString(info.dump()),
            },
            "certificates": [own],
            "signer_infos": [signer],
        })  # fmt: skip
        token = {"content_type": "signed_data", "content": signed}
        answer = tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token})
        return bytes(answer.dump())


def _attributes(info: bytes, certificate: bytes, at: datetime) -> Any:
    own = tsp.ESSCertIDv2({"cert_hash": hashlib.sha256(certificate).digest()})
    return cms.CMSAttributes(
        [
            cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
            cms.CMSAttribute({"type": "signing_time", "values": [cms.Time({"utc_time": at})]}),
            cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha256(info).digest()]}),
            cms.CMSAttribute(
                {
                    "type": "signing_certificate_v2",
                    "values": [tsp.SigningCertificateV2({"certs": [own]})],
                }
            ),
        ]
    )
