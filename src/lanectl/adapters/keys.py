"""Private keys, in files or with an SSH agent: made, opened and used here, shown nowhere."""

from __future__ import annotations

import functools
import os
import stat
from functools import cached_property
from typing import TYPE_CHECKING

from lanectl.adapters import files, passphrase
from lanectl.errors import Remedy, UnreadableError, UsageError
from lanectl.formats.keys import describe
from lanectl.model.display import display
from lanectl.model.trust import Algorithm, PublicKey, is_with_agent

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from lanectl.ports import Signer

_LIMIT = 1 << 16
_ENCRYPTED = (b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED")


class FileSigner:
    """Implements `ports.Signer` with a private key from a file, parsed when it is first used.

    So that what parses it can load while git works. Using it raises UnreadableError: not PEM,
    another algorithm, another passphrase; UsageError: no passphrase is given.
    """

    def __init__(self, path: str, pem: bytes) -> None:
        self._path = path
        self._pem = pem

    @property
    def is_encrypted(self) -> bool:
        """Whether opening it takes a passphrase."""
        return any(mark in self._pem for mark in _ENCRYPTED)

    @cached_property
    def public(self) -> PublicKey:
        """The public part."""
        return describe(self._key.public_key())

    @cached_property
    def _key(self) -> EllipticCurvePrivateKey | Ed25519PrivateKey:
        return _open(self._path, self._pem, encrypted=self.is_encrypted)

    def sign(self, message: bytes) -> bytes:
        """Return a signature over exactly these bytes (ECDSA: SHA-256, DER)."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(message)
        return self._key.sign(message, ec.ECDSA(hashes.SHA256()))


@functools.lru_cache(maxsize=8)  # so that no command asks twice for one key's passphrase
def _open(path: str, pem: bytes, *, encrypted: bool) -> EllipticCurvePrivateKey | Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    secret = passphrase.ask(path) if encrypted else None
    try:
        key = load_pem_private_key(pem, secret)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if secret is not None:
            raise UnreadableError(
                f"{display(path)} does not open with this passphrase",
                why="the passphrase is another one, or the file is damaged",
            ) from error
        raise _unusable(path) from error
    try:
        describe(key.public_key())
    except ValueError as error:
        raise _unusable(path) from error
    return key  # type: ignore[return-value]  # describe refused every other kind


def _unusable(path: str) -> UnreadableError:
    return UnreadableError(
        f"{display(path)} is no private key that lanectl can use",
        why="it must be a PEM key, ECDSA P-256 or Ed25519",
        remedies=(Remedy("Make one.", ("lanectl", "keys", "new", "--role", "builder")),),
    )


def generate(path: str, algorithm: Algorithm, *, encrypt: bool) -> tuple[bytes, PublicKey]:
    """Return a new key in memory: its private PEM, and its public part; `path` is for the prompt.

    Raises UsageError if it is to be encrypted and no passphrase is given.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    if os.path.lexists(path):  # before anybody types a passphrase for nothing
        raise files.exists(path)
    protection = BestAvailableEncryption(passphrase.choose(path)) if encrypt else NoEncryption()
    key = (
        ed25519.Ed25519PrivateKey.generate()
        if algorithm is Algorithm.ED25519
        else ec.generate_private_key(ec.SECP256R1())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
    return pem, describe(key.public_key())


def store(path: str, pem: bytes, public: PublicKey) -> None:
    """Write a key: the private part to `path` (0600, new), the public part to `path` + `.pub`."""
    files.write_exclusive(path, pem, mode=0o600)
    try:
        files.write_exclusive(f"{path}.pub", public.pem.encode(), mode=0o644)
    except BaseException:
        os.unlink(path)
        raise


def load(named: str, *, may_ask: bool = True) -> Signer:
    """Return the signer that a name stands for: a private key file, or `agent:…`.

    A passphrase is asked for here, before a command begins; not at all without `may_ask`. Raises
    UnreadableError: missing, readable by others, another passphrase; UsageError: no passphrase;
    and as `ssh_agent.find`.
    """
    if is_with_agent(named):
        from lanectl.adapters import ssh_agent

        return ssh_agent.find(named)
    data = files.read(named, limit=_LIMIT)
    if stat.S_IMODE(os.stat(named).st_mode) & 0o077:
        raise UnreadableError(
            f"the private key {display(named)} can be read by others",
            remedies=(Remedy("Make it yours alone.", ("chmod", "600", named)),),
        )
    signer = FileSigner(named, data)
    if signer.is_encrypted:
        if not may_ask:
            raise UsageError(f"{display(named)} is encrypted")
        _ = signer.public
    return signer
