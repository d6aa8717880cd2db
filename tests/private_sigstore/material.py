"""Keys, certificates and the documents of trust of a private Sigstore, all made anew for one run."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

MEDIA = "application/vnd.dev.sigstore."
SINCE = {"start": "2020-01-01T00:00:00Z"}
NAMES = ("oidc", "ct", "fulcio-root", "fulcio", "timestamp-root", "timestamp", "rekor")

Key = ec.EllipticCurvePrivateKey


def load(folder: Path, name: str) -> Key:
    """Return the private key of this name."""
    key = load_pem_private_key((folder / f"{name}.pem").read_bytes(), None)
    assert isinstance(key, Key)
    return key


def public_der(key: Any) -> bytes:
    """Return a public key as SubjectPublicKeyInfo."""
    data: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return data


def _usage(*granted: str) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: name in granted for name in names})


def _certificate(
    name: str,
    key: Key,
    by: tuple[x509.Certificate, Key] | None = None,
    path_length: int | None = None,
    purpose: x509.ObjectIdentifier | None = None,
) -> x509.Certificate:
    """Issue a certificate for ten years: of an authority if it has a path length, else of a leaf."""
    is_authority = path_length is not None
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "lanectl-test"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    issuer, signing = (by[0].subject, by[1]) if by else (subject, key)
    start = datetime.now(UTC) - timedelta(days=1)
    usage = _usage("key_cert_sign", "crl_sign") if is_authority else _usage("digital_signature")
    builder = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=3650))
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if is_authority:
        builder = builder.add_extension(x509.BasicConstraints(True, path_length), critical=True)
    if purpose:  # critical for who stamps times (RFC 3161, 2.3)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=not is_authority)
    if by:
        known = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
        builder = builder.add_extension(known, critical=False)
    return builder.sign(signing, hashes.SHA256())


def _chains(keys: Mapping[str, Key]) -> dict[str, list[x509.Certificate]]:
    root = _certificate("fulcio-root", keys["fulcio-root"], path_length=1)
    issuing = _certificate(
        "fulcio", keys["fulcio"], (root, keys["fulcio-root"]), 0, ExtendedKeyUsageOID.CODE_SIGNING
    )
    top = _certificate("timestamp-root", keys["timestamp-root"], path_length=0)
    stamping = _certificate(
        "timestamp", keys["timestamp"], (top, keys["timestamp-root"]),
        purpose=ExtendedKeyUsageOID.TIME_STAMPING,
    )  # fmt: skip
    return {"fulcio": [issuing, root], "timestamp": [stamping, top]}


def make(folder: Path, urls: Mapping[str, str]) -> None:
    """Write keys, chains, `trusted_root.json`, `signing_config.json` and `trust_config.json`."""
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in NAMES}
    chains = _chains(keys)
    for name, key in keys.items():
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{name}.pem").write_bytes(pem)
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (folder / f"{name}.pub").write_bytes(public)
    for name, chain in chains.items():
        pem = b"".join(one.public_bytes(Encoding.PEM) for one in chain)
        (folder / f"{name}-chain.pem").write_bytes(pem)
    root, config = _trusted_root(keys, chains, urls), _signing_config(urls)
    both = {"mediaType": f"{MEDIA}clienttrustconfig.v0.1+json", "trustedRoot": root, "signingConfig": config}  # fmt: skip
    documents = {"trusted_root": root, "signing_config": config, "trust_config": both}
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document, indent=1), encoding="ascii")


def _trusted_root(
    keys: Mapping[str, Key], chains: Mapping[str, list[x509.Certificate]], urls: Mapping[str, str]
) -> dict[str, Any]:
    def log(name: str) -> dict[str, Any]:
        der = public_der(keys[name].public_key())
        return {
            "baseUrl": urls[name], "hashAlgorithm": "SHA2_256",
            "publicKey": {"rawBytes": _base64(der), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": SINCE},
            "logId": {"keyId": _base64(hashlib.sha256(der).digest())},
        }  # fmt: skip

    def authority(name: str) -> dict[str, Any]:
        certificates = [
            {"rawBytes": _base64(one.public_bytes(Encoding.DER))} for one in chains[name]
        ]
        return {
            "subject": {"organization": "lanectl-test", "commonName": name}, "uri": urls[name],
            "validFor": SINCE, "certChain": {"certificates": certificates},
        }  # fmt: skip

    return {
        "mediaType": f"{MEDIA}trustedroot+json;version=0.1",
        "tlogs": [log("rekor")],
        "certificateAuthorities": [authority("fulcio")],
        "ctlogs": [log("ct")],
        "timestampAuthorities": [authority("timestamp")],
    }


def _signing_config(urls: Mapping[str, str]) -> dict[str, Any]:
    def service(url: str, version: int = 1) -> list[dict[str, Any]]:
        return [{"url": url, "majorApiVersion": version, "validFor": SINCE, "operator": "local"}]

    return {
        "mediaType": f"{MEDIA}signingconfig.v0.2+json",
        "caUrls": service(urls["fulcio"]),
        "oidcUrls": service(f"{urls['issuer']}/gha"),
        "rekorTlogUrls": service(urls["rekor"], 2),
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaUrls": service(f"{urls['timestamp']}/api/v1/timestamp"),
        "tsaConfig": {"selector": "ANY"},
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
