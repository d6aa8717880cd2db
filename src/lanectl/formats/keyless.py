"""What a keyless signature proves under a pinned Sigstore root: offline, by sigstore-python.

Looks at no clock and writes nothing: a certificate of ten minutes proves what it signed for ever,
if the log or a timestamp authority proves when. Who may sign is not judged here.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
from typing import TYPE_CHECKING, Any, Final, NoReturn

from msgspec.structs import replace

from lanectl.formats.certified_identity import read_identity
from lanectl.formats.envelope import pre_authentication_encoding
from lanectl.model.report import Fault, MalformedError
from lanectl.model.signature import KeylessFacts
from lanectl.model.trust_policy import TRUSTED_ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from cryptography.x509 import Certificate
    from sigstore.models import Bundle
    from sigstore.verify import Verifier

    from lanectl.model.bundle import Envelope

_SILENCE: Final = logging.NullHandler()  # else the library's warnings reach the terminal raw


def examine(envelope: Envelope, trusted_root: bytes) -> KeylessFacts:
    """Return what the signature proves; `trusted_root` is the pinned trusted_root.json.

    The first thing that the proof lacks is the facts' fault: `keyless/root`,
    `keyless/certificate`, `signature/invalid`, `keyless/log`, `keyless/time`, or
    `keyless/invalid` for whatever else the library refuses. Raises nothing.
    """
    logging.getLogger("sigstore").addHandler(_SILENCE)
    facts = KeylessFacts()
    try:
        with _step("keyless/root", TRUSTED_ROOT, "a Sigstore trusted root"):
            verifier = _verifier(trusted_root)
        with _step("keyless/certificate", "certificate", "a certificate of one identity"):
            certificate = _load(envelope.certificate)
            facts = read_identity(certificate)
            key = certificate.public_key()
        _check_signature(envelope, key)
        return replace(facts, signed=_prove(verifier, _bundle(envelope), certificate))
    except MalformedError as error:
        return replace(facts, fault=error.fault)


@functools.lru_cache(maxsize=4)
def _verifier(trusted_root: bytes) -> Verifier:
    """Return the library's verifier for a root; the same root is read once."""
    from sigstore.models import TrustedRoot
    from sigstore.verify import Verifier
    from sigstore_models.trustroot.v1 import TrustedRoot as Document

    return Verifier(trusted_root=TrustedRoot(Document.from_json(trusted_root)))


def _load(der: bytes) -> Certificate:
    from cryptography.x509 import load_der_x509_certificate

    return load_der_x509_certificate(der)


def _check_signature(envelope: Envelope, key: object) -> None:
    """Refuse a signature that the certificate's own key did not make, whoever vouches for it."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    if not isinstance(key, ec.EllipticCurvePublicKey):
        _refuse("keyless/certificate", "certificate", "a key of another kind", "an ECDSA key")
    message = pre_authentication_encoding(envelope.payload_type, envelope.payload)
    try:
        key.verify(envelope.signature, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        _refuse(
            "signature/invalid", "certificate", "a signature that does not verify", "a good one"
        )


def _bundle(envelope: Envelope) -> Bundle:
    """Return the library's bundle of what was strictly read; refuse one that can prove nothing."""
    from sigstore.models import Bundle

    document = json.loads(envelope.raw)
    material = document["verificationMaterial"]
    entries = material.setdefault("tlogEntries", [])
    if len(entries) != 1:
        _refuse("keyless/log", "tlogEntries", f"{len(entries)} entries", "exactly one log entry")
    (entry,) = entries
    if "checkpoint" not in entry.get("inclusionProof", {}):
        _refuse("keyless/log", "inclusionProof", "none with a checkpoint", "a proof of inclusion")
    stamps = material.get("timestampVerificationData", {}).get("rfc3161Timestamps", [])
    if "inclusionPromise" not in entry and not stamps:
        _refuse("keyless/time", "tlogEntries", "no promise and no timestamp", "a proven time")
    _spell_out(entry)
    with _step("keyless/invalid", "verificationMaterial", "a Sigstore bundle v0.3"):
        return Bundle.from_json(json.dumps(document))


def _spell_out(entry: dict[str, Any]) -> None:
    """Write what protobuf's JSON leaves out where it is zero or empty; the library demands it."""
    entry.setdefault("logIndex", "0")
    proof = entry["inclusionProof"]
    for field, empty in (("logIndex", "0"), ("treeSize", "0"), ("hashes", [])):
        proof.setdefault(field, empty)


def _prove(verifier: Verifier, bundle: Bundle, certificate: Certificate) -> datetime:
    """Return the earliest proven time of the signature, once everything else is proved, too."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    with _step("keyless/time", "verificationMaterial", "a time that the pinned root proves"):
        times = [one.time for one in verifier._establish_time(bundle)]  # noqa: SLF001 - no public way
    if not times:
        _refuse(
            "keyless/time", "verificationMaterial", "no proven time", "a time of the pinned root"
        )
    if outside := [at for at in times if not start <= at <= end]:
        life = f"within {start:%Y-%m-%d %H:%M:%S}Z to {end:%Y-%m-%d %H:%M:%S}Z"
        _refuse("keyless/time", "certificate", f"signed {outside[0]:%Y-%m-%d %H:%M:%S}Z", life)
    witness = _Witness()
    try:
        verifier.verify_dsse(bundle, witness)
    except Exception as error:  # noqa: BLE001 - whatever the library makes of hostile input refuses
        rule, where, expected = (
            ("keyless/log", "tlogEntries", "an entry of a pinned log about this signature")
            if witness.is_certified
            else ("keyless/certificate", "certificate", "one that the pinned root vouches for")
        )
        _refuse(rule, where, _reason(error), expected)
    return min(times)


class _Witness:
    """The library's policy, asked when the certificate is proved and the log entry is not yet.

    Who may sign, `checks/keyless.py` judges.
    """

    is_certified = False

    def verify(self, _certificate: Certificate) -> None:
        """Be told."""
        self.is_certified = True


@contextlib.contextmanager
def _step(rule: str, where: str, expected: str) -> Iterator[None]:
    """Turn whatever a library raises in it into a fault of this rule."""
    try:
        yield
    except Exception as error:
        raise MalformedError(Fault(rule, where, _reason(error), expected)) from error


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:300]


def _refuse(rule: str, where: str, got: str, expected: str) -> NoReturn:
    raise MalformedError(Fault(rule, where, got, expected))
