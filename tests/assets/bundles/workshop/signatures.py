"""Defects of the signature file and of the signature."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from tests.assets.bundles.workshop import bundle
from tests.assets.bundles.workshop.bundle import GOOD, Made, Plan, Step, make
from tests.assets.bundles.workshop.defect import Defect, defect
from tests.assets.bundles.workshop.steps import drop, put, replace

_BAD, _BASE64, _INVALID = "envelope/malformed", "envelope/base64", "signature/invalid"
_PAYLOAD, _SIG = "dsseEnvelope.payload", "dsseEnvelope.signatures.0.sig"
_HINT = "verificationMaterial.publicKey.hint"
_OTHER = Plan(edits={**GOOD, b"new.txt": None, b"other.txt": GOOD[b"new.txt"]})


def defects() -> Iterator[Defect]:
    yield from _files()
    yield from _fields()
    yield from _base64()
    yield from _signatures()
    yield from _keys()


def _files() -> Iterator[Defect]:
    forms: dict[str, Step] = {
        "empty-file": lambda _: b"",
        "not-json": lambda _: b"-----BEGIN SIGNATURE-----\n",
        "null": lambda _: b"null\n",
        "a-list": lambda d: b"[" + d + b"]",
        "cut": lambda d: d[:-20],
        "trailing-data": lambda d: d + b"{}",
        "comment": lambda d: b"// hidden\n" + d,
        "duplicate-key": replace(b'{\n "mediaType"', b'{\n "mediaType": "x",\n "mediaType"'),
        "duplicate-key-deep": replace(b'"sig": ', b'"sig": "AAAA",\n    "sig": '),
        "byte-order-mark": lambda d: b"\xef\xbb\xbf" + d,
        "utf-16": lambda d: d.decode().encode("utf-16"),
        "utf-16-without-mark": lambda d: d.decode().encode("utf-16-le"),
        "not-utf-8": replace(b"bundle.v0.3", b"bundle.v0.\xff"),
        "lone-surrogate": replace(b'"mediaType"', b'"\\ud800": "x", "mediaType"'),
        "not-a-number": replace(b'"mediaType"', b'"x": NaN, "mediaType"'),
        "infinity": replace(b'"mediaType"', b'"x": -Infinity, "mediaType"'),
        "overflowing-number": replace(b'"mediaType"', b'"x": 1e999, "mediaType"'),
        "long-number": replace(b'"mediaType"', b'"x": ' + b"9" * 5000 + b', "mediaType"'),
        "deep-nesting": lambda _: b'{"mediaType":' + b"[" * 3000 + b"]" * 3000 + b"}",
    }  # fmt: skip
    for what, form in forms.items():
        yield defect(f"envelope/{what}", _BAD, file=form)


def _fields() -> Iterator[Defect]:
    material = "verificationMaterial"
    steps: dict[str, tuple[str, Step]] = {
        "unknown-field": (_BAD, put("extra", "x")),
        "no-media-type": (_BAD, drop("mediaType")),
        "media-type-v02": ("envelope/media-type", put("mediaType", "application/vnd.dev.sigstore.bundle+json;version=0.2")),
        "media-type-upper-case": ("envelope/media-type", put("mediaType", str.upper)),
        "media-type-list": ("envelope/media-type", put("mediaType", ["application/vnd.dev.sigstore.bundle.v0.3+json"])),
        "payload-type": ("envelope/payload-type", put("dsseEnvelope.payloadType", "application/json")),
        "payload-type-null": ("envelope/payload-type", put("dsseEnvelope.payloadType", None)),
        "message-signature": (_BAD, put("messageSignature", {"signature": "AAAA"})),
        "bare-certificate": ("keyless/root signature/method", put(material, {"certificate": {"rawBytes": "AAAA"}})),
        "certificate": (_BAD, put(material, {"certificate": {"rawBytes": "AAAA", "hint": "AAAA"}})),
        "key-and-certificate": (_BAD, put(f"{material}.certificate", {"rawBytes": "AAAA"})),
        "transparency-log": (_BAD, put(f"{material}.tlogEntries", [])),
        "raw-key": (_BAD, put(f"{material}.publicKey", {"rawBytes": "AAAA", "hint": "AAAA"})),
        "hint-of-another-length": (_BAD, put(_HINT, base64.b64encode(bytes(20)).decode())),
        "hint-empty": (_BASE64, put(_HINT, "")),
        "hint-hex": (_BAD, put(_HINT, bundle.key_id("builder-ed25519").hex())),
        "no-signature": ("envelope/signatures", put("dsseEnvelope.signatures", [])),
        "two-signatures": ("envelope/signatures", put("dsseEnvelope.signatures", lambda s: s * 2)),
        "signatures-object": ("envelope/signatures", put("dsseEnvelope.signatures", {})),
        "keyid": (_BAD, put("dsseEnvelope.signatures.0.keyid", "x")),
        "empty-keyid": (_BAD, put("dsseEnvelope.signatures.0.keyid", "")),
        "signature-as-text": (_BAD, put("dsseEnvelope.signatures.0", "AAAA")),
        "no-payload": (_BAD, drop(_PAYLOAD)),
        "payload-as-object": (_BASE64, put(_PAYLOAD, {})),
    }  # fmt: skip
    for what, (rule, step) in steps.items():
        yield defect(f"envelope/{what}", rule, envelope=step)


def _base64() -> Iterator[Defect]:
    spellings: dict[str, tuple[str, Any]] = {
        "white-space": (_PAYLOAD, lambda t: t[:8] + "\n" + t[8:]),
        "trailing-newline": (_SIG, lambda t: t + "\n"),
        "missing-padding": (_SIG, lambda t: t.rstrip("=")),
        "padding-in-the-middle": (_SIG, lambda t: "AA==" + t),
        "too-much-padding": (_SIG, lambda t: t + "="),
        "loose-bits": (_SIG, _loose),
        "foreign-character": (_PAYLOAD, lambda t: t[:8] + "*" + t[8:]),
        "not-ascii": (_PAYLOAD, lambda t: t[:8] + "\u00e9" + t[8:]),
        "empty-payload": (_PAYLOAD, ""),
        "empty-signature": (_SIG, ""),
        "number": (_SIG, 7),
    }
    for what, (place, value) in spellings.items():
        yield defect(f"envelope/base64-{what}", _BASE64, envelope=put(place, value))
    yield defect(
        "envelope/base64-url-safe", _BASE64,
        signature=lambda _: b"\xfb\xef\xbe" * 22, envelope=put(_SIG, lambda t: t.replace("+", "-")),
    )  # fmt: skip


def _signatures() -> Iterator[Defect]:
    text = b'"title":"Fix the login"', b'"title":"Fix the logon"'

    def changed(made: Any) -> None:
        payload = base64.b64decode(made["dsseEnvelope"]["payload"])
        made["dsseEnvelope"]["payload"] = base64.b64encode(replace(*text)(payload)).decode()

    def transplanted(made: Any) -> None:
        import json

        other = json.loads(make(_OTHER).signature or b"")
        made["dsseEnvelope"]["signatures"] = other["dsseEnvelope"]["signatures"]

    def cut(data: bytes) -> bytes:
        return data[:-1]

    def zero_der(_: bytes) -> bytes:
        return bytes.fromhex("3006020100020100")

    p256 = {"key": "builder-p256"}
    yield defect("signature/changed-payload", _INVALID, envelope=changed)
    yield defect("signature/transplanted", _INVALID, envelope=transplanted)
    yield defect("signature/raw-payload-signed", _INVALID, signed=_without_pae)
    yield defect(
        "signature/digest-signed", _INVALID, signed=lambda m: bytes.fromhex(bundle.sha256(m))
    )
    yield defect(
        "signature/other-payload-type-signed", _INVALID,
        signed=lambda m: bundle.pae(_without_pae(m), b"application/json"),
    )  # fmt: skip
    yield defect("signature/pae-of-v2", _INVALID, signed=replace(b"DSSEv1", b"DSSEv2"))
    yield defect("signature/flipped-bit", _INVALID, signature=lambda s: bytes([s[0] ^ 1]) + s[1:])
    yield defect("signature/zeros", _INVALID, signature=lambda s: bytes(len(s)))
    yield defect("signature/one-byte", _INVALID, signature=lambda _: b"\0")
    yield defect("signature/cut", _INVALID, signature=cut)
    yield defect("signature/a-byte-more", _INVALID, signature=lambda s: s + b"\0")
    yield defect("signature/p256-zero-numbers", _INVALID, signature=zero_der, **p256)
    yield defect("signature/p256-cut", _INVALID, signature=cut, **p256)
    yield defect("signature/p256-a-byte-more", _INVALID, signature=lambda s: s + b"\0", **p256)
    yield defect("signature/p256-raw-form", _INVALID, signature=_raw, **p256)
    yield defect(
        "signature/other-files-signature", "archive/digest",
        note="a good signature, but over another bundle",
        deliver=lambda m: Made(m.artifact, make(_OTHER).signature),
    )  # fmt: skip


def _keys() -> Iterator[Defect]:
    def hint(name: str) -> Step:
        return put(_HINT, base64.b64encode(bundle.key_id(name)).decode())

    yield defect("signature/enforcers-key", "signature/wrong-role", key="enforcer")
    yield defect("signature/unregistered-key", "signature/unknown-key", key="unregistered")
    yield defect("signature/expired-key", "signature/not-valid-now", key="expired")
    yield defect("signature/not-yet-valid-key", "signature/not-valid-now", key="future")
    yield defect("signature/revoked-key", "signature/revoked", key="revoked")
    yield defect("signature/anothers-hint", _INVALID, envelope=hint("builder-p256"))
    yield defect(
        "signature/unregistered-key-with-a-registered-hint", _INVALID,
        key="unregistered", envelope=hint("builder-ed25519"),
    )  # fmt: skip
    yield defect(
        "signature/enforcers-hint", f"{_INVALID} signature/wrong-role", envelope=hint("enforcer")
    )
    for what, name in {"revoked": "revoked", "enforcers": "enforcer", "expired": "expired"}.items():
        rule = {"revoked": "revoked", "enforcers": "wrong-role", "expired": "not-valid-now"}[what]
        yield defect(
            f"signature/{what}-key-over-a-bomb", f"signature/{rule}",
            note="refused before anything is inflated",
            key=name, gzip=lambda _: bundle.archive.gzip(bytes((1 << 20) + 1)),
        )  # fmt: skip


def _loose(text: str) -> str:
    """Set bits that a lenient decoder throws away."""
    letter = text.rstrip("=")[-1]
    return text.replace(f"{letter}=", f"{chr(ord(letter) + 1)}=")


def _without_pae(message: bytes) -> bytes:
    return message[message.index(b"{") :]


def _raw(signature: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    r, s = decode_dss_signature(signature)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")
