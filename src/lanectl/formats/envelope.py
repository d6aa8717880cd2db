"""The signature file: one DSSE signature in a Sigstore bundle v0.3, read strictly.

Follows the DSSE protocol (secure-systems-lab/dsse) and the Sigstore bundle format v0.3. No
`keyid` is written: cosign skips a signature whose keyid is not its own fingerprint.
"""

from __future__ import annotations

import base64
import json as plain_json
from typing import TYPE_CHECKING, Any, Final, NoReturn

from lanectl.formats import json, sigstore_bundle
from lanectl.formats.fields import Fields
from lanectl.formats.sigstore_bundle import read_base64
from lanectl.formats.statement import LIMIT
from lanectl.model.bundle import Envelope
from lanectl.model.report import Fault, MalformedError
from lanectl.model.trust import PublicKey, hint_of

if TYPE_CHECKING:
    from collections.abc import Sequence

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
FILE_LIMIT: Final = 2 * LIMIT
"""Bytes of a signature file that a reader accepts (the payload stands in it as base64)."""

_FIELDS: Final = Fields("envelope/malformed")
_KEY_ID_BYTES: Final = 32
_MATERIAL: Final = "verificationMaterial"
_KINDS: Final = {"certificate", "publicKey", "x509CertificateChain"}


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that a DSSE signature is made over (PAE)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def write(payload: bytes, signature: bytes, key: PublicKey) -> bytes:
    """Return the signature file over an in-toto payload."""
    return _write({"publicKey": {"hint": hint_of(key.id)}}, payload, signature)


def write_certified(payload: bytes, signature: bytes, chain: Sequence[bytes]) -> bytes:
    """Return the signature file over an in-toto payload, with the signer's certificates as DER.

    The signer's own comes first; `chain` holds at least one.
    """
    certificates = [{"rawBytes": base64.b64encode(c).decode("ascii")} for c in chain]
    return _write({"x509CertificateChain": {"certificates": certificates}}, payload, signature)


def _write(material: dict[str, Any], payload: bytes, signature: bytes) -> bytes:
    return (
        plain_json.dumps(
            {
                "mediaType": MEDIA_TYPE,
                "verificationMaterial": material,
                "dsseEnvelope": {
                    "payload": base64.b64encode(payload).decode("ascii"),
                    "payloadType": PAYLOAD_TYPE,
                    "signatures": [{"sig": base64.b64encode(signature).decode("ascii")}],
                },
            },
            indent=1,
        ).encode()
        + b"\n"
    )


def read(data: bytes) -> Envelope:
    """Return the one signature by a key in a signature file.

    Raises MalformedError with an `envelope/…` rule: duplicate or unknown fields, another media
    type, lenient base64, no or several signatures, a `keyid`, anything but a key's hint.
    """
    top = _top(data)
    return _of_key(top, _FIELDS.mapping(top["verificationMaterial"], _MATERIAL, {"publicKey"}))


def read_any(data: bytes) -> Envelope:
    """Return the one signature in a signature file, whatever it was made with.

    Which it is, its material says: a key's hint, a keyless signer's certificate, or a workload's
    chain, never two of them. Raises MalformedError as `read` does.
    """
    top = _top(data)
    material = top["verificationMaterial"]
    kinds = _KINDS & material.keys() if isinstance(material, dict) else set()
    if len(kinds) != 1:
        got = " and ".join(sorted(kinds)) or "nothing to verify with"
        _refuse("envelope/malformed", _MATERIAL, got, f"exactly one of {', '.join(sorted(_KINDS))}")
    if kinds == {"publicKey"}:
        return _of_key(top, _FIELDS.mapping(material, _MATERIAL, {"publicKey"}))
    if kinds == {"certificate"}:
        kind, payload, signature = _signed(top, may_say_nothing=True)
        certificate = sigstore_bundle.read_certificate(material)
        return Envelope(kind, payload, signature, "", certificate=certificate, raw=data)
    kind, payload, signature = _signed(top)
    return Envelope(
        kind, payload, signature, "", chain=sigstore_bundle.read_chain(material), raw=data
    )


def _top(data: bytes) -> dict[str, Any]:
    top = _FIELDS.mapping(
        json.load(data, rule="envelope/malformed", limit=FILE_LIMIT),
        "the file",
        {"dsseEnvelope", "mediaType", "verificationMaterial"},
    )
    if top["mediaType"] != MEDIA_TYPE:
        _refuse("envelope/media-type", "mediaType", str(top["mediaType"])[:100], MEDIA_TYPE)
    return top


def _of_key(top: dict[str, Any], material: dict[str, Any]) -> Envelope:
    key = _FIELDS.mapping(material["publicKey"], "publicKey", {"hint"})
    kind, payload, signature = _signed(top)
    if len(read_base64(key["hint"], "hint")) != _KEY_ID_BYTES:
        _refuse("envelope/malformed", "hint", "another length", "base64 of a SHA-256")
    return Envelope(kind, payload, signature, key["hint"])


def _signed(top: dict[str, Any], *, may_say_nothing: bool = False) -> tuple[str, bytes, bytes]:
    """Return payload type, payload and signature of the DSSE envelope.

    `may_say_nothing`: other keyless signers write an empty `keyid`, which names nothing.
    """
    envelope = _FIELDS.mapping(
        top["dsseEnvelope"], "dsseEnvelope", {"payload", "payloadType", "signatures"}
    )
    kind = envelope["payloadType"]
    if kind != PAYLOAD_TYPE:
        _refuse("envelope/payload-type", "payloadType", str(kind)[:100], PAYLOAD_TYPE)
    signatures = envelope["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        _refuse("envelope/signatures", "signatures", "not one entry", "exactly one signature")
    optional = {"keyid"} if may_say_nothing else set()
    signature = _FIELDS.mapping(signatures[0], "signatures[0]", {"sig"}, optional)
    if signature.get("keyid", "") != "":
        _refuse("envelope/malformed", "keyid", str(signature["keyid"])[:100], "none")
    payload = read_base64(envelope["payload"], "payload")
    return kind, payload, read_base64(signature["sig"], "sig")


def _refuse(rule: str, where: str, got: str, expected: str) -> NoReturn:
    raise MalformedError(Fault(rule, where=where, got=got, expected=expected))
