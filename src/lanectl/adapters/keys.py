"""Private keys in files: made, read and used here, shown nowhere."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from lanectl.adapters import files
from lanectl.errors import Remedy, UnreadableError
from lanectl.formats.keys import describe
from lanectl.model.display import display
from lanectl.model.trust import Algorithm, PublicKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_LIMIT = 1 << 16


class FileSigner:
    """Implements `ports.Signer` with a private key from a file."""

    def __init__(self, key: EllipticCurvePrivateKey | Ed25519PrivateKey) -> None:
        self._key = key
        self._public = describe(key.public_key())

    @property
    def public(self) -> PublicKey:
        """The public part."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Return a signature over exactly these bytes (ECDSA: SHA-256, DER)."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(message)
        return self._key.sign(message, ec.ECDSA(hashes.SHA256()))


def create(path: str, algorithm: Algorithm) -> PublicKey:
    """Make a key: the private part at `path` (0600, new), the public part at `path` + `.pub`."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = (
        ed25519.Ed25519PrivateKey.generate()
        if algorithm is Algorithm.ED25519
        else ec.generate_private_key(ec.SECP256R1())
    )
    public = describe(key.public_key())
    files.write_exclusive(
        path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), mode=0o600
    )
    try:
        files.write_exclusive(f"{path}.pub", public.pem.encode(), mode=0o644)
    except BaseException:
        os.unlink(path)
        raise
    return public


def load(path: str) -> FileSigner:
    """Return the signer that a private key file holds.

    Raises UnreadableError: missing, readable by others, not PEM, another algorithm, encrypted.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = files.read(path, limit=_LIMIT)
    if stat.S_IMODE(os.stat(path).st_mode) & 0o077:
        raise UnreadableError(
            f"the private key {display(path)} can be read by others",
            remedies=(Remedy("Make it yours alone.", ("chmod", "600", path)),),
        )
    try:
        key = load_pem_private_key(data, None)
        describe(key.public_key())
        return FileSigner(key)  # type: ignore[arg-type]  # describe refused every other kind
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UnreadableError(
            f"{display(path)} is no private key that lanectl can use",
            why="it must be an unencrypted PEM key, ECDSA P-256 or Ed25519",
            remedies=(Remedy("Make one.", ("lanectl", "keys", "new", "--role", "builder")),),
        ) from error
