"""A certificate authority in Fulcio's shape, with the log of certificates that it must be in."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

START = datetime(2020, 1, 1, tzinfo=UTC)
_ARC = "1.3.6.1.4.1.57264.1"
_SCT_LIST = "1.3.6.1.4.1.11129.2.4.2"

CLAIMS = {
    "build_signer_uri": 9, "build_signer_digest": 10, "runner_environment": 11,
    "source_repository_uri": 12, "source_repository_digest": 13, "source_repository_ref": 14,
    "source_repository_identifier": 15, "source_repository_owner_uri": 16, "build_config_uri": 18,
    "build_config_digest": 19, "build_trigger": 20, "run_invocation_uri": 21,
}  # fmt: skip
"""Where a certificate says what of a run."""


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def certificate_of_authority(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None,
    *,
    stamps: bool = False,
) -> x509.Certificate:
    """Return a root, an intermediate (with `issuer`), or what a timestamp authority signs with."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signing = issuer[1] if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=36500))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_usage(signs_certificates=not stamps), critical=True)
    )
    if issuer:
        known = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
        builder = builder.add_extension(known, critical=False)
    if stamps:
        use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        return builder.add_extension(use, critical=True).sign(signing, hashes.SHA256())
    basic = x509.BasicConstraints(ca=True, path_length=0 if issuer else 1)
    return builder.add_extension(basic, critical=True).sign(signing, hashes.SHA256())


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    yes = signs_certificates
    return x509.KeyUsage(
        digital_signature=not yes, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=yes, crl_sign=yes,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


class Authority:
    """Issues certificates that are good for minutes, or for whatever a forger wants."""

    def __init__(self) -> None:
        root, self._key, self.ct = new_key(), new_key(), new_key()
        self.root = certificate_of_authority("root", root)
        self.intermediate = certificate_of_authority("intermediate", self._key, (self.root, root))

    def issue(
        self,
        public: ec.EllipticCurvePublicKey | Ed25519PublicKey,
        names: list[x509.GeneralName],
        issuer: str,
        claims: Mapping[str, str],
        *,
        start: datetime,
        end: datetime,
        ct: ec.EllipticCurvePrivateKey | None = None,
        use: x509.ObjectIdentifier = ExtendedKeyUsageOID.CODE_SIGNING,
    ) -> x509.Certificate:
        """Return a certificate with its proof of being logged by `ct`, else by the own log."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.intermediate.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName(names), critical=True)
        )
        builder = _with(builder, f"{_ARC}.1", issuer.encode())
        builder = _with(builder, f"{_ARC}.8", core.UTF8String(issuer).dump())
        for claim, value in claims.items():
            encoded = core.UTF8String(value).dump()
            builder = _with(builder, f"{_ARC}.{CLAIMS[claim]}", encoded)
        bare = builder.sign(self._key, hashes.SHA256()).tbs_certificate_bytes
        proof = self._logged(bare, start, ct or self.ct)
        builder = _with(builder, _SCT_LIST, core.OctetString(proof).dump())
        return builder.sign(self._key, hashes.SHA256())

    def _logged(self, bare: bytes, at: datetime, ct: ec.EllipticCurvePrivateKey) -> bytes:
        """Return a list of one signed certificate timestamp (RFC 6962, 3.2 and 3.3)."""
        stamp = int(at.timestamp() * 1000)
        issuer = hashlib.sha256(spki(self._key)).digest()
        length = struct.pack("!I", len(bare))[1:]
        signed = struct.pack("!BBQH", 0, 0, stamp, 1) + issuer + length + bare + b"\0\0"
        signature = sign(ct, signed)
        one = (
            b"\0" + hashlib.sha256(spki(ct)).digest() + struct.pack("!QH", stamp, 0)
            + b"\x04\x03" + struct.pack("!H", len(signature)) + signature
        )  # fmt: skip
        return struct.pack("!HH", len(one) + 2, len(one)) + one


def _with(builder: x509.CertificateBuilder, oid: str, value: bytes) -> x509.CertificateBuilder:
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
    return builder.add_extension(extension, critical=False)


def general_name(identity: str) -> x509.GeneralName:
    """Return how a certificate names somebody: an address, or a URI."""
    if "@" in identity and "://" not in identity:
        return x509.RFC822Name(identity)
    return x509.UniformResourceIdentifier(identity)
