"""The verification material of a Sigstore bundle v0.3, read strictly: its structure, not its truth.

Follows the Sigstore protobuf specs (sigstore_bundle, sigstore_rekor) in their JSON form, where a
number is a string and what is zero or empty may be left out. Refuses every field it does not know.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from lanectl.formats.fields import Fields
from lanectl.model.report import Fault, MalformedError

_FIELDS: Final = Fields("envelope/malformed")
_MAX_CHAIN: Final = 8
_MAX_ENTRIES: Final = 16
_MAX_HASHES: Final = 64
"""A proof of inclusion in a log of 2^64 entries."""
_MAX_TIMESTAMPS: Final = 32
_MAX_DIGITS: Final = 20


def read_base64(text: Any, where: str) -> bytes:
    """Decode standard base64 that is its own re-encoding: no white space, no loose bits.

    Raises MalformedError with `envelope/base64`, for an empty text, too.
    """
    expected = "standard base64"
    if not isinstance(text, str) or not text:
        raise MalformedError(Fault("envelope/base64", where, "not a text", expected))
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedError(Fault("envelope/base64", where, str(error), expected)) from error
    if base64.b64encode(data).decode("ascii") != text:
        got = "another encoding of the same bytes"
        raise MalformedError(Fault("envelope/base64", where, got, expected))
    return data


def read_certificate(material: dict[str, Any]) -> bytes:
    """Return the DER of a keyless signer's certificate, with log entries and timestamps in order.

    Raises MalformedError (`envelope/…`) for any other structure; a bundle without a log entry has
    one, and is refused where it is judged.
    """
    optional = {"tlogEntries", "timestampVerificationData"}
    material = _FIELDS.mapping(material, "verificationMaterial", {"certificate"}, optional)
    for entry in _items(material.get("tlogEntries", []), "tlogEntries", _MAX_ENTRIES):
        _log_entry(entry)
    for stamp in _timestamps(material):
        signed = _FIELDS.mapping(stamp, "rfc3161Timestamps[]", {"signedTimestamp"})
        read_base64(signed["signedTimestamp"], "signedTimestamp")
    return _raw_bytes(material["certificate"], "certificate")


def read_chain(material: dict[str, Any]) -> tuple[bytes, ...]:
    """Return the DER certificates of a workload, the leaf first.

    Raises MalformedError (`envelope/…`); log entries and timestamps prove nothing of a workload and
    are refused.
    """
    optional = {"tlogEntries", "timestampVerificationData"}
    material = _FIELDS.mapping(material, "verificationMaterial", {"x509CertificateChain"}, optional)
    _items(material.get("tlogEntries", []), "tlogEntries", 0)
    if _timestamps(material):
        _FIELDS.refuse("timestampVerificationData", "a timestamp", "none beside a chain")
    chain = _FIELDS.mapping(
        material["x509CertificateChain"], "x509CertificateChain", {"certificates"}
    )
    certificates = _items(chain["certificates"], "certificates", _MAX_CHAIN)
    if not certificates:
        _FIELDS.refuse("certificates", "none", "at least one certificate")
    return tuple(_raw_bytes(one, "certificates[]") for one in certificates)


def _log_entry(value: Any) -> None:
    """Check the structure of a TransparencyLogEntry."""
    optional = {"logIndex", "integratedTime", "inclusionPromise", "inclusionProof"}
    entry = _FIELDS.mapping(
        value, "tlogEntries[]", {"logId", "kindVersion", "canonicalizedBody"}, optional
    )
    _number(entry, "logIndex")
    _number(entry, "integratedTime")
    read_base64(_FIELDS.mapping(entry["logId"], "logId", {"keyId"})["keyId"], "keyId")
    kind = _FIELDS.mapping(entry["kindVersion"], "kindVersion", {"kind", "version"})
    _FIELDS.texts(kind, "kindVersion")
    read_base64(entry["canonicalizedBody"], "canonicalizedBody")
    if "inclusionPromise" in entry:
        promise = _FIELDS.mapping(
            entry["inclusionPromise"], "inclusionPromise", {"signedEntryTimestamp"}
        )
        read_base64(promise["signedEntryTimestamp"], "signedEntryTimestamp")
    if "inclusionProof" in entry:
        _inclusion_proof(entry["inclusionProof"])


def _inclusion_proof(value: Any) -> None:
    optional = {"logIndex", "treeSize", "hashes", "checkpoint"}
    proof = _FIELDS.mapping(value, "inclusionProof", {"rootHash"}, optional)
    _number(proof, "logIndex")
    _number(proof, "treeSize")
    read_base64(proof["rootHash"], "rootHash")
    for item in _items(proof.get("hashes", []), "hashes", _MAX_HASHES):
        read_base64(item, "hashes[]")
    if "checkpoint" in proof:
        checkpoint = _FIELDS.mapping(proof["checkpoint"], "checkpoint", {"envelope"})
        _FIELDS.text(checkpoint["envelope"], "checkpoint.envelope")


def _timestamps(material: dict[str, Any]) -> list[Any]:
    where = "timestampVerificationData"
    data = _FIELDS.mapping(material.get(where, {}), where, set(), {"rfc3161Timestamps"})
    return _items(data.get("rfc3161Timestamps", []), "rfc3161Timestamps", _MAX_TIMESTAMPS)


def _raw_bytes(value: Any, where: str) -> bytes:
    return read_base64(_FIELDS.mapping(value, where, {"rawBytes"})["rawBytes"], where)


def _items(value: Any, where: str, limit: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > limit:
        got = f"{len(value)} entries" if isinstance(value, list) else type(value).__name__
        _FIELDS.refuse(where, got, f"a list of at most {limit}")
    return value


def _number(value: dict[str, Any], where: str) -> None:
    """Refuse anything but a uint64 as protobuf's JSON writes it: a string of digits."""
    text = value.get(where, "0")
    if not isinstance(text, str) or not (text.isascii() and text.isdigit()):
        _FIELDS.refuse(where, str(text), "digits in a string")
    if len(text) > _MAX_DIGITS or (len(text) > 1 and text[0] == "0"):
        _FIELDS.refuse(where, text, "a number of 64 bits")
