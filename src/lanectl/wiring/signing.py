"""Who signs a bundle: one way for each method, built when it is asked for. Holds no logic of trust."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.adapters.system import environment
from lanectl.errors import Remedy, UsageError
from lanectl.model.bundle import COUNTERSIGNATURE_SUFFIX, SIGNATURE_SUFFIX
from lanectl.model.display import display
from lanectl.model.signer import Method
from lanectl.wiring.codex import builder_signer

if TYPE_CHECKING:
    from lanectl.ports.signing import StatementSigner

_SECONDS = "LANECTL_SIGSTORE_SECONDS"
_MOST_SECONDS = 300
_TOKEN_LIMIT = 1 << 16
_CONFIG_LIMIT = 1 << 22


class SigningOptions(Struct, frozen=True):
    """What a person says of how to sign; empty: find it."""

    method: Method = Method.KEY
    key: str | None = None
    identity_token: str | None = None
    sigstore: str | None = None
    gpg_key: str | None = None
    svid: str | None = None
    svid_key: str | None = None
    countersign: bool = False


def statement_signer(options: SigningOptions) -> StatementSigner:
    """Return who signs. Raises UsageError where something that the method needs is not named."""
    makers = {
        Method.KEY: _by_key, Method.KEYLESS: _by_identity, Method.GPG: _by_gpg, Method.SPIFFE: _by_svid,
    }  # fmt: skip
    return makers[options.method](options)


def _suffix(options: SigningOptions) -> str:
    return COUNTERSIGNATURE_SUFFIX if options.countersign else SIGNATURE_SUFFIX


def _by_key(options: SigningOptions) -> StatementSigner:
    from lanectl.flows.sign import KeySigner

    return KeySigner(builder_signer(options.key), _suffix(options))


def _by_identity(options: SigningOptions) -> StatementSigner:
    from lanectl.adapters.sigstore import KeylessSigner

    token, config = options.identity_token, options.sigstore
    return KeylessSigner(
        token=_read(token, _TOKEN_LIMIT).decode("utf-8", "replace") if token else None,
        config=_read(config, _CONFIG_LIMIT) if config else None,
        suffix=_suffix(options),
        seconds=_seconds(),
    )


def _seconds() -> float:
    """Return how long each of Sigstore's servers may take."""
    said = environment().get(_SECONDS, "30")
    if re.fullmatch("[0-9]{1,3}", said) and 1 <= int(said) <= _MOST_SECONDS:
        return float(said)
    raise UsageError(
        f"{_SECONDS} is {display(said, limit=40)}",
        why=f"it has to be a number of seconds, 1 to {_MOST_SECONDS}",
        remedies=(Remedy("Leave it out: then it is 30.", ("unset", _SECONDS)),),
    )


def _by_gpg(options: SigningOptions) -> StatementSigner:
    from lanectl.wiring.gpg import gpg_signer

    if options.countersign:
        raise UsageError("a countersignature is keyless, or by a key or an SVID; gpg makes none")
    if options.gpg_key is None:
        raise UsageError(
            "which key of your gpg?",
            remedies=(
                Remedy(
                    "Name it by its fingerprint.",
                    ("lanectl", "sign", "--with", "gpg", "--gpg-key", "FINGERPRINT", "BUNDLE"),
                ),
                Remedy("List them.", ("gpg", "--list-secret-keys")),
            ),
        )
    return gpg_signer(options.gpg_key)


def _by_svid(options: SigningOptions) -> StatementSigner:
    from lanectl.adapters import svid
    from lanectl.wiring.common import system

    if options.svid is None or options.svid_key is None:
        raise UsageError(
            "there is no SVID to sign with",
            remedies=(
                Remedy(
                    "Name both files.",
                    (
                        "lanectl", "sign", "--with", "spiffe", "--svid", "svid.pem",
                        "--svid-key", "svid_key.pem", "BUNDLE",
                    ),
                ),
            ),
        )  # fmt: skip
    return svid.load(options.svid, options.svid_key, system().now(), _suffix(options))


def _read(path: str, limit: int) -> bytes:
    """Return a file that a person named; `-` is standard input."""
    import sys

    from lanectl.adapters import files

    return sys.stdin.buffer.read(limit) if path == "-" else files.read(path, limit=limit)
