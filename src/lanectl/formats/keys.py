"""Public keys and their signatures: ECDSA P-256 (SHA-256) and Ed25519, by `cryptography`.

Private keys never come here: they live in `adapters/keys.py`.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from lanectl.model.names import Digest
from lanectl.model.trust import Algorithm, PublicKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes


def read_public_key(pem: str) -> PublicKey:
    """Return the key in a PEM text (SubjectPublicKeyInfo).

    Raises ValueError: no public key, a private one, another algorithm or curve.
    """
    if "PRIVATE KEY" in pem:
        raise ValueError("this is a private key; give its public part, the file ending in .pub")
    return describe(_load(pem))


def describe(key: PublicKeyTypes) -> PublicKey:
    """Return the PEM, algorithm and id (SHA-256 of the DER encoding) of a loaded key.

    Raises ValueError for an algorithm or curve that lanectl does not read.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if isinstance(key, ed25519.Ed25519PublicKey):
        algorithm = Algorithm.ED25519
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        algorithm = Algorithm.ECDSA_P256
    else:
        raise ValueError("neither ECDSA P-256 nor Ed25519")  # noqa: TRY004 - a value, not a call, is wrong
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(Digest.of(der), algorithm, text.decode("ascii"))


def openssh(key: PublicKey) -> str:
    """Return the key as the one line that OpenSSH writes: kind and base64, without a comment."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return _load(key.pem).public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")


def fingerprint(key: PublicKey) -> str:
    """Return the key's fingerprint as `ssh-add -l` shows it: SHA256 and unpadded base64."""
    digest = hashlib.sha256(base64.b64decode(openssh(key).split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode('ascii').rstrip('=')}"


def is_valid_signature(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether `signature` over `message` was made by the private part of `key`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    public = _load(key.pem)
    try:
        if isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(signature, message)
        elif isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        else:
            return False
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=256)
def _load(pem: str) -> PublicKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        return load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("not a PEM public key") from error
