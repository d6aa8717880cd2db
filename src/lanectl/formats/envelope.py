"""The signature file: DSSE in a Sigstore bundle v0.3 with a public-key hint, read strictly.

Follows the DSSE protocol (secure-systems-lab/dsse) and the Sigstore bundle format v0.3. No
`keyid` is written: cosign skips a signature whose keyid is not its own fingerprint.
"""

from __future__ import annotations

import base64
import binascii
import json as plain_json
from typing import Any, Final, NoReturn

from lanectl.formats import json
from lanectl.formats.fields import Fields
from lanectl.formats.statement import LIMIT
from lanectl.model.bundle import Envelope
from lanectl.model.report import Fault, MalformedError
from lanectl.model.trust import PublicKey, hint_of

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
FILE_LIMIT: Final = 2 * LIMIT
"""Bytes of a signature file that a reader accepts (the payload stands in it as base64)."""

_FIELDS: Final = Fields("envelope/malformed")
_KEY_ID_BYTES: Final = 32


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that a DSSE signature is made over (PAE)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def write(payload: bytes, signature: bytes, key: PublicKey) -> bytes:
    """Return the signature file over an in-toto payload."""
    return (
        plain_json.dumps(
            {
                "mediaType": MEDIA_TYPE,
                "verificationMaterial": {"publicKey": {"hint": hint_of(key.id)}},
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
    """Return the one signature in a signature file.

    Raises MalformedError with an `envelope/…` rule: duplicate or unknown fields, another media
    type, lenient base64, no or several signatures, a `keyid`.
    """
    top = _FIELDS.mapping(
        json.load(data, rule="envelope/malformed", limit=FILE_LIMIT),
        "the file",
        {"dsseEnvelope", "mediaType", "verificationMaterial"},
    )
    if top["mediaType"] != MEDIA_TYPE:
        _refuse("envelope/media-type", "mediaType", str(top["mediaType"])[:100], MEDIA_TYPE)
    material = _FIELDS.mapping(top["verificationMaterial"], "verificationMaterial", {"publicKey"})
    key = _FIELDS.mapping(material["publicKey"], "publicKey", {"hint"})
    envelope = _FIELDS.mapping(
        top["dsseEnvelope"], "dsseEnvelope", {"payload", "payloadType", "signatures"}
    )
    if envelope["payloadType"] != PAYLOAD_TYPE:
        _refuse(
            "envelope/payload-type", "payloadType", str(envelope["payloadType"])[:100], PAYLOAD_TYPE
        )
    signatures = envelope["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        _refuse("envelope/signatures", "signatures", "not one entry", "exactly one signature")
    signature = _FIELDS.mapping(signatures[0], "signatures[0]", {"sig"})
    if len(_base64(key["hint"], "hint")) != _KEY_ID_BYTES:
        _refuse("envelope/malformed", "hint", "another length", "base64 of a SHA-256")
    return Envelope(
        payload_type=envelope["payloadType"],
        payload=_base64(envelope["payload"], "payload"),
        signature=_base64(signature["sig"], "sig"),
        hint=key["hint"],
    )


def read_any(data: bytes) -> Envelope:
    """Return the one signature in a signature file, by a key or a certificate."""
    return read(data)


def _base64(text: Any, where: str) -> bytes:
    """Decode standard base64 that is its own re-encoding: no white space, no loose bits."""
    if not isinstance(text, str) or not text:
        _refuse("envelope/base64", where, "not a text", "standard base64")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        _refuse("envelope/base64", where, str(error), "standard base64")
    if base64.b64encode(data).decode("ascii") != text:
        _refuse("envelope/base64", where, "another encoding of the same bytes", "standard base64")
    return data


def _refuse(rule: str, where: str, got: str, expected: str) -> NoReturn:
    raise MalformedError(Fault(rule, where=where, got=got, expected=expected))
