"""Envelope: the signature file is one strict Sigstore bundle with one DSSE signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.model.report import Fault, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.evidence import Evidence

_SIGN = Remedy("Sign the bundle again.", ("lanectl", "sign", "artifact.tar.gz"))

RULES = (
    Rule(
        "envelope/missing",
        "No signature beside the bundle",
        "An unsigned bundle is never acceptable: nobody answers for it.",
        _SIGN,
        example="`artifact.tar.gz` alone, without a `.sigstore.json`",
    ),
    Rule(
        "envelope/malformed",
        "The signature file is not the strict JSON that it must be",
        "Two readers could understand duplicate or unknown fields differently.",
        _SIGN,
        example="a signature file with a field twice, or a comma too many",
    ),
    Rule(
        "envelope/media-type",
        "The signature file is no Sigstore bundle v0.3",
        "Other versions mean other fields.",
        _SIGN,
        example="`mediaType` is `application/vnd.dev.sigstore.bundle+json;version=0.2`",
    ),
    Rule(
        "envelope/payload-type",
        "The signed payload is no in-toto statement",
        "A signature over something else must not pass for one over a statement.",
        _SIGN,
        example="a DSSE envelope over `text/plain`",
    ),
    Rule(
        "envelope/signatures",
        "Not exactly one signature",
        "With several, it would be unclear whose word counts.",
        _SIGN,
        example="an envelope with two signatures, or none",
    ),
    Rule(
        "envelope/base64",
        "A field is not strict base64",
        "Lenient decoding gives one signature several spellings.",
        _SIGN,
        example="a payload with a line break in its base64",
    ),
)


def check(evidence: Evidence) -> Iterator[Fault]:
    """Yield what is wrong with the signature file."""
    if not evidence.signature_present:
        yield Fault(
            "envelope/missing", "artifact.tar.gz.sigstore.json", "no such file", "a signature"
        )
