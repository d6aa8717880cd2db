"""X.509 SVIDs: what a chain claims, and what it proves under a pinned trust bundle. Reads no files.

Follows the SPIFFE standards "SPIFFE-ID" and "X509-SVID". The path is verified by `cryptography`;
what those standards ask for beyond a path is checked here.
"""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

from lanectl.formats.envelope import pre_authentication_encoding
from lanectl.formats.keys import describe, is_valid_signature
from lanectl.model.report import Fault, MalformedError
from lanectl.model.signature import SvidFacts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate, Extension, ExtensionType

    from lanectl.model.trust import PublicKey

CHAIN_LIMIT: Final = 8
"""Certificates that a chain may have: the SVID's own and those that issued it."""

_ID_LIMIT: Final = 2048
_DOMAIN: Final = r"spiffe://[a-z0-9._-]{1,255}"
_ID: Final = re.compile(_DOMAIN + r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]+)+", re.ASCII)
_CERTIFICATE: Final = "spiffe/certificate"
_Kind = TypeVar("_Kind", bound="ExtensionType")


def is_spiffe_id(text: str) -> bool:
    """Whether a text is the SPIFFE id of a workload: a trust domain and a path, spelled plainly."""
    return len(text) <= _ID_LIMIT and _ID.fullmatch(text) is not None


def domain_of(spiffe_id: str) -> str:
    """Return the trust domain of a SPIFFE id."""
    return spiffe_id.removeprefix("spiffe://").partition("/")[0]


def read_pem(pem: bytes) -> tuple[bytes, ...]:
    """Return the certificates of a PEM file as DER, in its order. Raises ValueError: none, or broken."""
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_pem_x509_certificates

    try:
        found = load_pem_x509_certificates(pem)
    except _unreadable() as error:
        raise ValueError("no PEM certificates") from error
    return tuple(c.public_bytes(Encoding.DER) for c in found)


def leaf_key(chain: Sequence[bytes]) -> PublicKey:
    """Return the key of a chain's first certificate. Raises ValueError: another algorithm or curve."""
    from cryptography.x509 import load_der_x509_certificate

    return describe(load_der_x509_certificate(chain[0]).public_key())


def claim(chain: Sequence[bytes]) -> SvidFacts:
    """Return what a chain of DER certificates, the SVID's first, says of itself: nothing is proved.

    So the trust bundle to prove it under can be chosen. The fault is the first thing that makes it
    no SVID that lanectl reads.
    """
    try:
        certificates = _read(chain)
        window = _window(certificates)
        return SvidFacts(_leaf_fault(certificates[0]), _id(certificates[0]), *window)
    except MalformedError as error:
        return SvidFacts(error.fault)


def examine(
    chain: tuple[bytes, ...],
    payload_type: str,
    payload: bytes,
    signature: bytes,
    *,
    bundle: bytes,
    at: datetime,
) -> SvidFacts:
    """Return what a chain and a DSSE signature by its first certificate's key prove at a time.

    `bundle` is the PEM of the pinned trust domain's authorities; whoever calls chose it by the
    domain that `claim` names. Without a fault the id is proved, and its key signed the payload.
    """
    claimed = claim(chain)
    if claimed.fault is not None:
        return claimed
    try:
        certificates, anchors = _read(chain), _anchors(bundle)
        path = _path(certificates, anchors, at)
        _refuse_foreign(path[1:], claimed.id)
        key = leaf_key(chain)
    except MalformedError as error:
        return SvidFacts(error.fault, claimed.id, claimed.not_before, claimed.not_after)
    message = pre_authentication_encoding(payload_type, payload)
    fault = None
    if not is_valid_signature(key, signature, message):
        fault = Fault(
            "signature/invalid", claimed.id, "a signature that does not verify", "a valid one"
        )
    return SvidFacts(fault, claimed.id, *_window(path))


def _read(chain: Sequence[bytes]) -> list[Certificate]:
    if not 1 <= len(chain) <= CHAIN_LIMIT:
        _refuse("chain", f"{len(chain)} certificates", f"1 to {CHAIN_LIMIT}")
    return [_load(data, number) for number, data in enumerate(chain)]


def _load(data: bytes, number: int) -> Certificate:
    """Parse now what `cryptography` would parse late, so that nothing of it raises anywhere else."""
    from cryptography.utils import CryptographyDeprecationWarning
    from cryptography.x509 import load_der_x509_certificate

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", CryptographyDeprecationWarning)  # what RFC 5280 forbids
            certificate = load_der_x509_certificate(data)
            _ = certificate.extensions, certificate.subject, certificate.issuer
            certificate.public_key()
    except _unreadable() as error:
        got = f"certificate {number}: {error}"[:300]
        raise MalformedError(_fault("chain", got, "well-formed X.509 in DER")) from error
    return certificate


def _unreadable() -> tuple[type[Exception], ...]:
    """Return what `cryptography` raises for a certificate that it does not read."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.utils import CryptographyDeprecationWarning

    odd = (x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType)
    return (ValueError, TypeError, UnsupportedAlgorithm, CryptographyDeprecationWarning, *odd)


def _window(certificates: Sequence[Certificate]) -> tuple[datetime, datetime]:
    """Return the narrowest validity of all."""
    return (
        max(c.not_valid_before_utc for c in certificates),
        min(c.not_valid_after_utc for c in certificates),
    )


def _uris(certificate: Certificate) -> list[str]:
    from cryptography.x509 import SubjectAlternativeName, UniformResourceIdentifier

    names = _extension(certificate, SubjectAlternativeName)
    return names.value.get_values_for_type(UniformResourceIdentifier) if names else []


def _id(leaf: Certificate) -> str:
    """Return the one SPIFFE id of the SVID. Raises MalformedError `spiffe/id`."""
    uris = _uris(leaf)
    if len(uris) != 1:
        got = f"{len(uris)} URI names"
        raise MalformedError(Fault("spiffe/id", "subjectAltName", got, "exactly one SPIFFE id"))
    if not is_spiffe_id(uris[0]):
        raise MalformedError(
            Fault("spiffe/id", "subjectAltName", uris[0][:200], "spiffe://DOMAIN/PATH")
        )
    return uris[0]


def _leaf_fault(leaf: Certificate) -> Fault | None:
    """Return what makes a certificate none that identifies a workload and may sign, or None."""
    from cryptography.x509 import BasicConstraints, ExtendedKeyUsage, KeyUsage
    from cryptography.x509.oid import ExtendedKeyUsageOID

    basic = _extension(leaf, BasicConstraints)
    usage = _extension(leaf, KeyUsage)
    extended = _extension(leaf, ExtendedKeyUsage)
    both = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    if basic is not None and basic.value.ca:
        return _fault("basicConstraints", "an authority's certificate", "a workload's")
    if usage is None or not usage.critical or not usage.value.digital_signature:
        return _fault("keyUsage", "not digitalSignature, marked critical", "digitalSignature")
    if usage.value.key_cert_sign or usage.value.crl_sign:
        return _fault("keyUsage", "may sign certificates or revocations", "only an authority may")
    if extended is not None and not both <= set(extended.value):
        return _fault("extendedKeyUsage", "only for something else", "serverAuth and clientAuth")
    try:
        describe(leaf.public_key())
    except ValueError as error:
        return _fault("the SVID's key", str(error), "ECDSA P-256 or Ed25519")
    return None


def _anchors(bundle: bytes) -> list[Certificate]:
    """Return the pinned authorities. Raises MalformedError: none are pinned, or they are unreadable."""
    if not bundle.strip():
        _refuse("trust bundle", "none is pinned for this trust domain", "its authorities, as PEM")
    try:
        return [_load(data, number) for number, data in enumerate(read_pem(bundle))]
    except (ValueError, MalformedError) as error:
        fault = _fault("trust bundle", "not PEM certificates", "its authorities, as PEM")
        raise MalformedError(fault) from error


def _path(
    chain: list[Certificate], anchors: list[Certificate], at: datetime
) -> Sequence[Certificate]:
    """Return the verified path from the SVID to a pinned authority: the chain as given, no more.

    `cryptography` refuses weak algorithms, names that do not chain, a path that is too long, any
    name constraint on URIs and whatever else is critical and unknown to it.
    """
    from cryptography.x509 import BasicConstraints, KeyUsage
    from cryptography.x509.verification import (
        Criticality,
        ExtensionPolicy,
        PolicyBuilder,
        Store,
        VerificationError,
    )

    authority = (
        ExtensionPolicy.permit_all()
        .require_present(BasicConstraints, Criticality.CRITICAL, None)
        .require_present(KeyUsage, Criticality.CRITICAL, _signs_certificates)
    )
    rules = PolicyBuilder().store(Store(anchors)).time(at).max_chain_depth(CHAIN_LIMIT)
    rules = rules.extension_policies(ca_policy=authority, ee_policy=ExtensionPolicy.permit_all())
    try:
        path = rules.build_client_verifier().verify(chain[0], chain[1:]).chain
    except (VerificationError, ValueError) as error:
        raise MalformedError(_why(chain, anchors, at, error)) from error
    if chain not in (path[:-1], path):
        expected = "the SVID, then each one's issuer, nothing else"
        _refuse("chain", "another order, or certificates that have no part in it", expected)
    return path


def _signs_certificates(_policy: object, _certificate: Certificate, usage: ExtensionType) -> None:
    """Refuse an authority that may not sign certificates."""
    from cryptography.x509 import KeyUsage

    if not isinstance(usage, KeyUsage) or not usage.key_cert_sign:
        raise ValueError("an authority without keyCertSign")


def _why(
    chain: list[Certificate], anchors: list[Certificate], at: datetime, error: Exception
) -> Fault:
    """Return why there is no path: a time, if any certificate of it is out of its own."""
    issuer = chain[-1].issuer
    start, end = _window([*chain, *(a for a in anchors if a.subject == issuer)])
    if start <= at <= end:
        return _fault("chain", str(error)[:300], "a path to the pinned trust bundle")
    span = f"{start:%Y-%m-%d %H:%M}Z to {end:%Y-%m-%d %H:%M}Z"
    return Fault("spiffe/expired", "chain", f"{at:%Y-%m-%d %H:%M}Z", span)


def _refuse_foreign(authorities: Sequence[Certificate], spiffe_id: str) -> None:
    """Refuse an authority that is another trust domain's own: it may name its own workloads only."""
    own = f"spiffe://{domain_of(spiffe_id)}"
    for certificate in authorities:
        uris = _uris(certificate)
        if uris not in ([], [own]):
            _refuse("an authority's SPIFFE id", ", ".join(uris)[:200], own)


def _extension(certificate: Certificate, kind: type[_Kind]) -> Extension[_Kind] | None:
    from cryptography.x509 import ExtensionNotFound

    try:
        return certificate.extensions.get_extension_for_class(kind)
    except ExtensionNotFound:
        return None


def _fault(where: str, got: str, expected: str) -> Fault:
    return Fault(_CERTIFICATE, where, got, expected)


def _refuse(where: str, got: str, expected: str) -> NoReturn:
    raise MalformedError(_fault(where, got, expected))
