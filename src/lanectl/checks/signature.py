"""Signature: made by whom the target's tip names as a Builder, with what it accepts, and good now.

Of an admitted bundle: that was good when it was admitted. Any revocation stops `apply`; what was
admitted before the key may have been in other hands stays good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.model.report import Fault, Rule
from lanectl.model.signer import Method
from lanectl.model.trust import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.evidence import Evidence
    from lanectl.model.signature import SignatureFacts

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
        example="a bundle signed with a key that `keys new` made a minute ago",
    ),
    Rule(
        "signature/wrong-role",
        "The signing key is not a Builder's",
        "A key of another lane must not sign for this one.",
        _SIGN,
        example="a bundle signed with the Enforcer's key",
    ),
    Rule(
        "signature/invalid",
        "The signature does not fit the payload and the key",
        "The statement was changed after it was signed, or signed by another key.",
        _SIGN,
        example="a statement whose title was edited after it was signed",
    ),
    Rule(
        "signature/not-valid-now",
        "The key is not valid at this time",
        "A key has a beginning and an end, so that a lost one does not stay good for ever.",
        _REGISTER,
        example="a key whose `not_after` was yesterday",
    ),
    Rule(
        "signature/revoked",
        "The key is revoked",
        "Somebody else may hold it.",
        Remedy(
            "Make a new key and let it be registered.",
            ("lanectl", "keys", "new", "--role", "builder"),
        ),
        example="a key that the keyring or the ledger calls revoked",
    ),
    Rule(
        "signature/method",
        "The bundle is not signed in a way that the trust policy accepts",
        "A weaker kind of signature must not take the place of a stronger one unasked.",
        Remedy(
            "Sign it again with an accepted method, or add a countersignature.",
            ("lanectl", "sign", "--countersign", "artifact.tar.gz"),
        ),
        example="a GPG signature where the policy accepts keyless alone",
    ),
    Rule(
        "signature/countersignature",
        "The countersignature is over something else",
        "A second signature counts for the very statement that the first one is over.",
        Remedy(
            "Remove the file, or countersign this bundle.",
            ("lanectl", "sign", "--countersign", "artifact.tar.gz"),
        ),
        example="the countersignature of an earlier attempt beside a new bundle",
    ),
)


def check(evidence: Evidence) -> Iterator[Fault]:
    """Yield why the signatures are not to be believed, their own methods aside. Needs trust."""
    if evidence.trust is None:
        return
    for facts in evidence.signatures:
        yield from _check_key(facts, evidence)
        if facts.signer is not None and facts.signer.role is not Role.BUILDER:
            yield Fault("signature/wrong-role", facts.signer.id, facts.signer.role, Role.BUILDER)
    accepted = evidence.trust.policy.accepted(Role.BUILDER)
    if evidence.signature is not None and not any(
        facts.method in accepted for facts in evidence.signatures
    ):
        expected = " or ".join(accepted)
        yield Fault("signature/method", evidence.signature.method, "is not enough", expected)


def _check_key(facts: SignatureFacts, evidence: Evidence) -> Iterator[Fault]:
    """Yield what is wrong with a signature by a key of the keyring."""
    if facts.method is not Method.KEY:
        return
    key = facts.key
    if key is None:
        yield Fault("signature/unknown-key", "hint", facts.envelope.hint, "a key of the keyring")
        return
    if not facts.valid:
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
