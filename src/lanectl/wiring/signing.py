"""Who signs a bundle: one way for each method, built when it is asked for. Holds no logic of trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.model.bundle import COUNTERSIGNATURE_SUFFIX, SIGNATURE_SUFFIX
from lanectl.model.signer import Method
from lanectl.wiring.codex import builder_signer

if TYPE_CHECKING:
    from lanectl.ports.signing import StatementSigner

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
    makers = {Method.KEY: _by_key}
    return makers[options.method](options)


def _suffix(options: SigningOptions) -> str:
    return COUNTERSIGNATURE_SUFFIX if options.countersign else SIGNATURE_SUFFIX


def _by_key(options: SigningOptions) -> StatementSigner:
    from lanectl.flows.sign import KeySigner

    return KeySigner(builder_signer(options.key), _suffix(options))
