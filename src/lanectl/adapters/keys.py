"""Private keys in files: made, read and used here, shown nowhere."""

from __future__ import annotations

import os
import stat
from functools import cached_property
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
    """Implements `ports.Signer` with a private key from a file, parsed when it is first used.

    So that what parses it can load while git works. Using it raises UnreadableError: not PEM,
    another algorithm, encrypted.
    """

    def __init__(self, path: str, pem: bytes) -> None:
        self._path = path
        self._pem = pem

    @cached_property
    def public(self) -> PublicKey:
        """The public part."""
        return describe(self._key.public_key())

    @cached_property
    def _key(self) -> EllipticCurvePrivateKey | Ed25519PrivateKey:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(self._pem, None)
            describe(key.public_key())
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise UnreadableError(
                f"{display(self._path)} is no private key that lanectl can use",
                why="it must be an unencrypted PEM key, ECDSA P-256 or Ed25519",
                remedies=(Remedy("Make one.", ("lanectl", "keys", "new", "--role", "builder")),),
            ) from error
        return key  # type: ignore[return-value]  # describe refused every other kind

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

    Raises UnreadableError: missing, or readable by others.
    """
    data = files.read(path, limit=_LIMIT)
    if stat.S_IMODE(os.stat(path).st_mode) & 0o077:
        raise UnreadableError(
            f"the private key {display(path)} can be read by others",
            remedies=(Remedy("Make it yours alone.", ("chmod", "600", path)),),
        )
    return FileSigner(path, data)
