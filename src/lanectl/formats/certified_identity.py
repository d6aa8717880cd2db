"""What a Fulcio certificate says: who signed, who vouches for them, and of which run.

Follows Fulcio's table of X.509 extensions (1.3.6.1.4.1.57264.1). Judges nothing; refuses what it
cannot read without a doubt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lanectl.model.signature import KeylessFacts

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_ARC: Final = "1.3.6.1.4.1.57264.1."
_ISSUER_V1: Final = f"{_ARC}1"
_OTHER_NAME: Final = f"{_ARC}7"
_ISSUER: Final = f"{_ARC}8"

_CLAIMS: Final = {
    f"{_ARC}9": "build_signer_uri",
    f"{_ARC}10": "build_signer_digest",
    f"{_ARC}11": "runner_environment",
    f"{_ARC}12": "source_repository_uri",
    f"{_ARC}13": "source_repository_digest",
    f"{_ARC}14": "source_repository_ref",
    f"{_ARC}15": "source_repository_identifier",
    f"{_ARC}16": "source_repository_owner_uri",
    f"{_ARC}17": "source_repository_owner_identifier",
    f"{_ARC}18": "build_config_uri",
    f"{_ARC}19": "build_config_digest",
    f"{_ARC}20": "build_trigger",
    f"{_ARC}21": "run_invocation_uri",
    f"{_ARC}22": "source_repository_visibility_at_signing",
    f"{_ARC}23": "deployment_environment",
}

MAX_IDENTITY: Final = 1024
"""Characters of an identity and of an issuer: a policy's pattern is matched against the first."""


def read_identity(certificate: Certificate) -> KeylessFacts:
    """Return the identity, the issuer and the claims, all of it unproved.

    Raises ValueError for more or less than one identity, and for text that is not printable.
    """
    from cryptography.hazmat import asn1
    from cryptography.x509 import UnrecognizedExtension

    values = {
        extension.oid.dotted_string: extension.value.value
        for extension in certificate.extensions
        if isinstance(extension.value, UnrecognizedExtension)
    }
    said = {oid: asn1.decode_der(str, values[oid]) for oid in (*_CLAIMS, _ISSUER) if oid in values}
    issuer = said.get(_ISSUER) or values.get(_ISSUER_V1, b"").decode()  # the old one is bare bytes
    return KeylessFacts(
        identity=_plain(_subject(certificate), "identity"),
        issuer=_plain(issuer, "issuer"),
        claims={name: said[oid] for oid, name in _CLAIMS.items() if oid in said},
    )


def _subject(certificate: Certificate) -> str:
    """Return the one alternative name: an address, a URI, or Fulcio's own kind of name."""
    from cryptography.hazmat import asn1
    from cryptography.x509 import (
        OtherName,
        RFC822Name,
        SubjectAlternativeName,
        UniformResourceIdentifier,
    )

    names = list(certificate.extensions.get_extension_for_class(SubjectAlternativeName).value)
    if len(names) != 1:
        raise ValueError(f"{len(names)} identities in one certificate")
    (name,) = names
    if isinstance(name, RFC822Name | UniformResourceIdentifier):
        return name.value
    if isinstance(name, OtherName) and name.type_id.dotted_string == _OTHER_NAME:
        return asn1.decode_der(str, name.value)
    raise ValueError("an identity of another kind")


def _plain(text: str, what: str) -> str:
    if not text or len(text) > MAX_IDENTITY or not text.isprintable():
        raise ValueError(f"the {what} is empty, too long or not printable")
    return text
