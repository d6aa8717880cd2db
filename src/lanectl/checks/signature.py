"""Signature: made by a key that the target's tip registers for Builders, and that is good now.

Of an admitted bundle: that was good when it was admitted. Any revocation stops `apply`; what was
admitted before the key may have been in other hands stays good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.model.report import Fault, Rule
from lanectl.model.trust import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.evidence import Evidence

_REGISTER = Remedy(
    "Let a person with write access register the key and merge that commit.",
    ("lanectl", "init", "--builder-key", "FILE", "--enforcer-key", "FILE"),
)
_SIGN = Remedy(
    "Sign with a registered Builder key.", ("lanectl", "sign", "--key", "FILE", "artifact.tar.gz")
)

RULES = (
    Rule(
        "signature/unknown-key",
        "The signing key is not in the keyring at the target's tip",
        "Trust comes from the target branch, never from the bundle.",
        _REGISTER,
    ),
    Rule(
        "signature/wrong-role",
        "The signing key is not a Builder's",
        "A key of another lane must not sign for this one.",
        _SIGN,
    ),
    Rule(
        "signature/invalid",
        "The signature does not fit the payload and the key",
        "The statement was changed after it was signed, or signed by another key.",
        _SIGN,
    ),
    Rule(
        "signature/not-valid-now",
        "The key is not valid at this time",
        "A key has a beginning and an end, so that a lost one does not stay good for ever.",
        _REGISTER,
    ),
    Rule(
        "signature/revoked",
        "The key is revoked",
        "Somebody else may hold it.",
        Remedy(
            "Make a new key and let it be registered.",
            ("lanectl", "keys", "new", "--role", "builder"),
        ),
    ),
)


def check(evidence: Evidence) -> Iterator[Fault]:
    """Yield why the signature is not to be believed. Needs trust and an envelope."""
    if evidence.trust is None or evidence.envelope is None:
        return
    key = evidence.signer
    if key is None:
        yield Fault("signature/unknown-key", "hint", evidence.envelope.hint, "a key of the keyring")
        return
    if key.role is not Role.BUILDER:
        yield Fault("signature/wrong-role", key.public.id, key.role, Role.BUILDER)
    if not evidence.signature_valid:
        yield Fault(
            "signature/invalid", key.public.id, "a signature that does not verify", "a valid one"
        )
    if not key.not_before <= evidence.now < key.not_after:
        span = f"{key.not_before:%Y-%m-%d} to {key.not_after:%Y-%m-%d}"
        yield Fault(
            "signature/not-valid-now", key.public.id, f"{evidence.now:%Y-%m-%d %H:%M}Z", span
        )
    if key.revoked and (
        evidence.admitted is None or key.revoked.compromised_since <= evidence.admitted
    ):
        yield Fault(
            "signature/revoked", key.public.id, f"revoked {key.revoked.at:%Y-%m-%d}", "a good key"
        )
