"""A whole Sigstore without a network: its trust documents, and bundles, good ones and forged ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tests.sigstore.authority import START, Authority, general_name, new_key, sign, spki
from tests.sigstore.log import Log, b64
from tests.sigstore.stamps import Stamps

ME = "codex@lanectl.test"
LONG_AGO = datetime(2024, 2, 29, 12, 0, tzinfo=UTC)
PAYLOAD_TYPE = "application/vnd.in-toto+json"
LIFE = timedelta(minutes=10)


class Sigstore:
    """Everybody whom a trusted root names. `version`: Rekor's, 2 needs the timestamps."""

    def __init__(self, base: str = "https://sigstore.example.test", version: int = 1) -> None:
        self.base, self.issuer = base, base
        self.authority, self.stamps = Authority(), Stamps()
        self.log = Log(base.partition("://")[2].partition(":")[0], version)

    @property
    def trusted_root(self) -> bytes:
        return json.dumps(self._root()).encode()

    @property
    def config(self) -> bytes:
        """What a client needs: root and servers."""
        since = {"start": f"{START:%Y-%m-%dT%H:%M:%SZ}"}

        def service(path: str, version: int = 1) -> dict[str, Any]:
            url = self.base + path
            return {"url": url, "majorApiVersion": version, "validFor": since, "operator": "test"}

        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
                "trustedRoot": self._root(),
                "signingConfig": {
                    "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                    "caUrls": [service("")],
                    "oidcUrls": [service("")],
                    "rekorTlogUrls": [service("", self.log.version)],
                    "rekorTlogConfig": {"selector": "ANY"},
                    "tsaUrls": [service("/api/v1/timestamp")],
                    "tsaConfig": {"selector": "ANY"},
                },
            }
        ).encode()

    def _root(self) -> dict[str, Any]:
        since = {"start": f"{START:%Y-%m-%dT%H:%M:%SZ}"}

        def log(key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
            return {
                "baseUrl": self.base,
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": b64(spki(key)),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": since,
                },
                "logId": {"keyId": b64(hashlib.sha256(spki(key)).digest())},
            }

        def authority(*chain: x509.Certificate) -> dict[str, Any]:
            raw = [{"rawBytes": b64(one.public_bytes(Encoding.DER))} for one in chain]
            return {
                "subject": {"organization": "test", "commonName": "test"},
                "uri": self.base,
                "certChain": {"certificates": raw},
                "validFor": since,
            }

        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(self.log.key)],
            "certificateAuthorities": [authority(self.authority.intermediate, self.authority.root)],
            "ctlogs": [log(self.authority.ct)],
            "timestampAuthorities": [authority(self.stamps.certificate, self.stamps.root)],
        }

    def bundle(
        self,
        payload: bytes,
        identity: str = ME,
        *,
        at: datetime = LONG_AGO,
        claims: Mapping[str, str] | None = None,
        life: tuple[timedelta, timedelta] = (timedelta(0), LIFE),
        names: list[x509.GeneralName] | None = None,
        stamped: bool | None = None,
        **certified: Any,
    ) -> dict[str, Any]:
        """Return a bundle that was signed at a time.

        `life`: from when to when the certificate is valid, counted from then. What is `certified`
        otherwise goes to `Authority.issue`.
        """
        key = new_key()
        certificate = self.authority.issue(
            key.public_key(), names or [general_name(identity)], certified.pop("issuer", self.issuer),
            claims or {}, start=at + life[0], end=at + life[1], **certified,
        )  # fmt: skip
        message = b"DSSEv1 %d %b %d %b" % (
            len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload,
        )  # fmt: skip
        signature = sign(key, message)
        envelope = {
            "payload": b64(payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": b64(signature)}],
        }
        material: dict[str, Any] = {
            "certificate": {"rawBytes": b64(certificate.public_bytes(Encoding.DER))},
            "tlogEntries": [self.log.add(envelope, certificate, at)],
        }
        if stamped if stamped is not None else self.log.version == 2:
            stamp = {"signedTimestamp": b64(self.stamps.stamp(signature, at))}
            material["timestampVerificationData"] = {"rfc3161Timestamps": [stamp]}
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": material,
            "dsseEnvelope": envelope,
        }
