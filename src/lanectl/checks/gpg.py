"""GPG: signed by a key that the target's tip pins, and that lives no longer than 30 days.

Reads what gpg's status lines and the key's own dates say, never gpg's exit code, which is 0 for
an expired key. Refuses a good signature by a key that nobody rotates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.model.gpg import ROTATION
from lanectl.model.report import Fault, Rule
from lanectl.model.signer import Method, Signer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from lanectl.model.signature import GpgFacts, SignatureFacts
    from lanectl.model.trust_policy import GpgKey, TrustPolicy

_ROTATE = Remedy(
    "Make the next signing key, let its public part be merged, and sign again.",
    ("lanectl", "keys", "rotate", "--gpg"),
)
_SIGN = Remedy("Sign the bundle again with a pinned GPG key.")
_PIN = Remedy(
    "Let a person with write access put the public key in .lanectl/trust/gpg/FINGERPRINT.asc, name"
    " it under [[trust.builder.gpg]] in lanectl.toml, and merge that commit."
)

RULES = (
    Rule(
        "gpg/malformed",
        "The GPG signature is not one detached, armoured signature over bytes",
        "Cleartext, several signatures, text signatures and weak hashes let more than one text fit.",
        _SIGN,
        example="a cleartext signature, or two signatures in one file",
    ),
    Rule(
        "gpg/invalid",
        "The GPG signature does not fit the statement and the key",
        "The statement was changed after it was signed, or signed by another key.",
        _SIGN,
        example="a signature over the statement of an earlier attempt",
    ),
    Rule(
        "gpg/unknown-key",
        "The GPG key is not pinned at the target's tip",
        "Trust comes from the target branch, by the whole fingerprint, never from the bundle.",
        _PIN,
        example="a signature by a key that only the bundle's author knows",
    ),
    Rule(
        "gpg/expired",
        "The GPG key or its signature has expired",
        "gpg itself exits with 0 here; a lost key must not stay good for ever.",
        _ROTATE,
        example="a signature by a key that ended yesterday",
    ),
    Rule(
        "gpg/revoked",
        "The GPG key is revoked",
        "Somebody else may hold it. One that was superseded or retired is refused from then on.",
        _ROTATE,
        example="a key with a revocation certificate",
    ),
    Rule(
        "gpg/no-expiry",
        "The GPG key that signed never expires",
        "A key that never ends is never rotated.",
        _ROTATE,
        example="a signing key made with `expire=never`",
    ),
    Rule(
        "gpg/rotation",
        "The GPG key that signed lives longer than 30 days",
        "A new signing key every 30 days bounds what a stolen one can do.",
        _ROTATE,
        example="a signing subkey that is good for a year",
    ),
    Rule(
        "gpg/time",
        "The GPG signature's time cannot be",
        "A signature is not older than its key, and not of the future.",
        Remedy("Set the clock right, then sign again."),
        example="a signature dated an hour from now",
    ),
    Rule(
        "gpg/span",
        "The policy does not trust the GPG key at this time",
        "Each pinned key has its own time in the policy.",
        _PIN,
        example="a pinned key whose entry in the policy has ended",
    ),
)


def find_signer(facts: GpgFacts, policy: TrustPolicy) -> Signer | None:
    """Return whom the policy names for the key; the signature may still be at fault."""
    entry = next(iter(_entries(facts, policy)), None)
    if entry is None:
        return None
    return Signer(Method.GPG, f"gpg:{entry.fingerprint}", entry.role, entry.name, entry.email)


def check(facts: SignatureFacts, policy: TrustPolicy, at: datetime) -> Iterator[Fault]:
    """Yield why a GPG signature is not to be believed at a time (UTC): now, or the admission's."""
    gpg = facts.gpg
    if gpg is None:
        return
    if gpg.fault is not None:
        yield gpg.fault
        return
    entries = _entries(gpg, policy)
    if not entries:
        yield Fault("gpg/unknown-key", "signature", gpg.fingerprint, "a pinned fingerprint")
        return
    if not any(entry.span.holds(at) for entry in entries):
        yield Fault("gpg/span", gpg.fingerprint, f"{at:%Y-%m-%d %H:%M}Z", "a time that it names")
    yield from _check_life(gpg, at)
    yield from _check_time(gpg, policy, at)


def _entries(facts: GpgFacts, policy: TrustPolicy) -> tuple[GpgKey, ...]:
    return tuple(entry for entry in policy.gpg if entry.fingerprint == facts.fingerprint)


def _check_life(gpg: GpgFacts, at: datetime) -> Iterator[Fault]:
    if gpg.created is None or gpg.expires is None:
        yield Fault("gpg/no-expiry", gpg.signing, "no expiry", f"at most {ROTATION.days} days")
        return
    life = gpg.expires - gpg.created
    if life > ROTATION:
        got = f"{gpg.created:%Y-%m-%d} to {gpg.expires:%Y-%m-%d}, {life.total_seconds() / 86400:.5g} days"
        yield Fault("gpg/rotation", gpg.signing, got, f"at most {ROTATION.days} days")
    if gpg.expires <= at:
        yield Fault("gpg/expired", gpg.signing, f"{gpg.expires:%Y-%m-%d %H:%M}Z", "a good key")


def _check_time(gpg: GpgFacts, policy: TrustPolicy, at: datetime) -> Iterator[Fault]:
    if gpg.signed is None or gpg.created is None or gpg.signed < gpg.created:
        yield Fault("gpg/time", "signature", "older than its key", "a later time")
    elif gpg.signed > at + policy.skew:
        expected = f"at most {at:%Y-%m-%d %H:%M}Z"
        yield Fault("gpg/time", "signature", f"{gpg.signed:%Y-%m-%d %H:%M}Z", expected)
