"""A small certificate authority that issues X.509 SVIDs, and everything that is not one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lanectl.formats import envelope

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ID = "spiffe://build.example.test/ci/agent-7"
BOTH = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
AUTHORITY_USES = {"key_cert_sign", "crl_sign"}
_USES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
    "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def p256() -> Any:
    return ec.generate_private_key(ec.SECP256R1())


def p384() -> Any:
    return ec.generate_private_key(ec.SECP384R1())


@dataclass
class Plan:
    """What to issue; None leaves an extension out."""

    subject: str = ""
    names: Sequence[x509.GeneralName] = ()
    is_authority: bool | None = False
    path_length: int | None = None
    uses: set[str] | None = field(default_factory=lambda: {"digital_signature"})
    uses_are_critical: bool = True
    extended: Sequence[x509.ObjectIdentifier] | None = BOTH
    start: datetime = NOW - HOUR
    end: datetime = NOW + HOUR
    hash: Any = field(default_factory=hashes.SHA256)
    extra: Sequence[tuple[x509.ExtensionType, bool]] = ()


def workload(*uris: str, **changes: Any) -> Plan:
    """A workload's SVID."""
    return Plan(names=[x509.UniformResourceIdentifier(u) for u in uris or (ID,)], **changes)


def authority(subject: str, **changes: Any) -> Plan:
    """An authority that lives longer than what it issues."""
    return Plan(
        **{
            "subject": subject, "is_authority": True, "uses": AUTHORITY_USES, "extended": None,
            "start": NOW - 24 * HOUR, "end": NOW + 24 * HOUR, **changes,
        }
    )  # fmt: skip


@dataclass(frozen=True)
class Issued:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: Any

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def issue(self, plan: Plan, key: Any = None) -> Issued:
        """Issue a certificate, for a new key unless there is one."""
        key = key or p256()
        return Issued(_build(plan, key, self.certificate.subject, self.key), key)

    def sign(self, payload: bytes) -> bytes:
        """Sign a payload as DSSE does."""
        message = envelope.pre_authentication_encoding(envelope.PAYLOAD_TYPE, payload)
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(message)
        signature: bytes = self.key.sign(message, ec.ECDSA(hashes.SHA256()))
        return signature


def root(subject: str = "root", key: Any = None, **changes: Any) -> Issued:
    """A self-signed authority."""
    key, plan = key or p256(), authority(subject, **changes)
    return Issued(_build(plan, key, _name(subject), key), key)


def with_sha1(issued: Issued, by: Issued) -> bytes:
    """A certificate that an RSA key signed again, with SHA-1: `cryptography` would not sign it."""
    sha256, sha1 = (
        b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01" + last for last in (b"\x0b", b"\x05")
    )
    body = issued.certificate.tbs_certificate_bytes.replace(sha256, sha1)
    info = bytes.fromhex("3021300906052b0e03021a05000414") + hashlib.sha1(body).digest()  # noqa: S324 - the weakness is the test
    numbers = by.key.private_numbers()
    size = (numbers.public_numbers.n.bit_length() + 7) // 8
    padded = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
    value = pow(int.from_bytes(padded), numbers.d, numbers.public_numbers.n)
    whole = issued.der.replace(issued.certificate.tbs_certificate_bytes, body).replace(sha256, sha1)
    return whole.replace(issued.certificate.signature, value.to_bytes(size))


def _build(plan: Plan, key: Any, issuer: x509.Name, by: Any) -> x509.Certificate:
    builder = x509.CertificateBuilder(
        issuer, _name(plan.subject), key.public_key(), x509.random_serial_number(),
        plan.start.replace(tzinfo=None), plan.end.replace(tzinfo=None),
    )  # fmt: skip
    if plan.is_authority is not None:
        length = plan.path_length if plan.is_authority else None
        builder = builder.add_extension(
            x509.BasicConstraints(plan.is_authority, length), critical=True
        )
    if plan.uses is not None:
        uses = x509.KeyUsage(**{use: use in plan.uses for use in _USES})
        builder = builder.add_extension(uses, critical=plan.uses_are_critical)
    if plan.names:
        names = x509.SubjectAlternativeName(plan.names)
        builder = builder.add_extension(names, critical=not plan.subject)
    if plan.extended is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(plan.extended), critical=False)
    for extension, is_critical in plan.extra:
        builder = builder.add_extension(extension, critical=is_critical)
    return builder.sign(by, None if isinstance(by, ed25519.Ed25519PrivateKey) else plan.hash)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])
