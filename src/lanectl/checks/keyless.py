"""Keyless: the identity is proved, and the `[trust]` of the target's tip lets it sign, now.

Identity and issuer are compared as they are, or with an anchored pattern; claims exactly.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from lanectl.errors import Remedy
from lanectl.model.report import Fault, Rule
from lanectl.model.signer import Method, Signer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from lanectl.model.signature import KeylessFacts, SignatureFacts
    from lanectl.model.trust_policy import KeylessIdentity, TrustPolicy

_AGAIN = Remedy(
    "Sign again with an identity that the policy names.",
    ("lanectl", "sign", "--with", "keyless", "artifact.tar.gz"),
)
_POLICY = Remedy(
    "Look at who may sign; a person with write access changes `[trust]` on the target branch.",
    ("lanectl", "policy", "show"),
)

RULES = (
    Rule(
        "keyless/root",
        "There is no readable Sigstore root at the target's tip",
        "Without a pinned root nobody vouches for an identity.",
        Remedy("Pin a root on the target branch.", ("lanectl", "init", "--sigstore")),
        example="a keyless bundle, and no `.lanectl/trust/trusted_root.json` on the target branch",
    ),
    Rule(
        "keyless/certificate",
        "The pinned root does not vouch for the certificate",
        "Anybody can write a name into a certificate; an authority that is not pinned proves nothing.",
        _AGAIN,
        example="a certificate that somebody issued to themselves",
    ),
    Rule(
        "keyless/log",
        "No pinned log proves that this signature was logged",
        "A signature that is in no log can be made in secret with a stolen identity.",
        _AGAIN,
        example="a Sigstore bundle without an entry of the transparency log",
    ),
    Rule(
        "keyless/time",
        "It is not proved that the signature was made while the certificate was valid",
        "A certificate is good for minutes; whoever finds its key later must not sign with it.",
        _AGAIN,
        example="a signature logged an hour after its certificate ended",
    ),
    Rule(
        "keyless/invalid",
        "The Sigstore bundle is refused",
        "What the verifying library cannot read or refuses for another reason proves nothing.",
        _AGAIN,
        example="a bundle whose log entry is over another signature",
    ),
    Rule(
        "keyless/identity",
        "The policy does not name this identity",
        "That somebody has an identity does not mean that they may sign here.",
        _POLICY,
        example="the workflow of a fork",
    ),
    Rule(
        "keyless/issuer",
        "Another issuer vouches for this identity than the policy names",
        "Who runs an issuer can issue any identity; a name counts only from its own issuer.",
        _POLICY,
        example="the right email, vouched for by another provider",
    ),
    Rule(
        "keyless/claims",
        "The run was another one than the policy demands",
        "The same workflow on another branch, trigger or runner is not the one that may sign.",
        _POLICY,
        example="the named workflow, run on a self-hosted runner where the policy demands a hosted one",
    ),
    Rule(
        "keyless/span",
        "The policy's entry for this identity does not hold at this time",
        "An entry has a beginning and an end, so that a forgotten one does not stay good for ever.",
        _POLICY,
        example="an entry of the policy whose `not_after` has passed",
    ),
)


def check(facts: SignatureFacts, policy: TrustPolicy, at: datetime) -> Iterator[Fault]:
    """Yield why a keyless signature is not to be believed at a time; of other methods nothing."""
    found = facts.keyless
    if found is None:
        return
    if found.fault is not None:
        yield found.fault
        return
    named = [entry for entry in policy.keyless if _is_identity(entry, found.identity)]
    if not named:
        yield Fault("keyless/identity", "identity", found.identity, "an identity of [trust]")
        return
    entry = _best(named, found, at)
    if entry.issuer != found.issuer:
        yield Fault("keyless/issuer", "issuer", found.issuer, entry.issuer)
        return
    for claim, value in sorted(entry.claims.items()):
        if found.claims.get(claim) != value:
            yield Fault("keyless/claims", claim, found.claims.get(claim, "nothing"), value)
    if not entry.span.holds(at):
        start, end = (
            f"{time:%Y-%m-%d}" if time else "open"
            for time in (entry.span.not_before, entry.span.not_after)
        )
        yield Fault("keyless/span", found.identity, f"{at:%Y-%m-%d %H:%M}Z", f"{start} to {end}")


def find_signer(
    facts: KeylessFacts, policy: TrustPolicy, at: datetime
) -> tuple[KeylessIdentity | None, Signer | None]:
    """Return the entry that names identity and issuer, and who that is; None for an unproved one.

    Of several entries it is the one that `check` is about: whose claims and time fit best.
    """
    if facts.fault is not None:
        return None, None
    named = [
        entry
        for entry in policy.keyless
        if entry.issuer == facts.issuer and _is_identity(entry, facts.identity)
    ]
    if not named:
        return None, None
    entry = _best(named, facts, at)
    who = f"keyless:{quote(facts.issuer, safe=_URL)}#{quote(facts.identity, safe=_URL)}"
    return entry, Signer(Method.KEYLESS, who, entry.role, entry.name, entry.email)


_URL = "!$&'()*+,/:;=?@[]~"
"""What stays as it is in an id: all that a URL or an address is made of, but neither `#` nor `%`."""


def _best(entries: list[KeylessIdentity], facts: KeylessFacts, at: datetime) -> KeylessIdentity:
    """Return the entry that fits best: by issuer, then claims, then time; the first of equals."""
    return max(
        entries,
        key=lambda entry: (
            entry.issuer == facts.issuer,
            entry.claims.items() <= facts.claims.items(),
            entry.span.holds(at),
        ),
    )


def _is_identity(entry: KeylessIdentity, identity: str) -> bool:
    """Whether an entry names an identity; its length is bounded where it was read."""
    if not entry.is_pattern:
        return entry.identity == identity
    try:
        # Without its anchors: `^a|b$` would be anchored at one end of each half only.
        inner = entry.identity.removeprefix("^").removesuffix("$")
        return re.fullmatch(inner, identity) is not None
    except re.error:
        return False
