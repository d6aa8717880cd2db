"""SPIFFE: an X.509 SVID that a pinned trust domain issued to a workload that the tip names.

It is judged by the same time as everything else: an SVID lives for minutes or hours, so a later
check needs the admission's time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.model.report import Fault, Rule
from lanectl.model.signer import Method, Signer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from lanectl.model.signature import SignatureFacts
    from lanectl.model.trust_policy import TrustPolicy, Workload

_PIN = Remedy(
    "Let a person with write access name the workload in [trust] of lanectl.toml and put its trust"
    " domain's authorities in .lanectl/trust/spiffe/ on the target branch."
)
_FETCH = Remedy("Let the Builder fetch a new SVID from its SPIFFE agent and sign again.")

RULES = (
    Rule(
        "spiffe/certificate",
        "The certificates are no SVID of the pinned trust domain",
        "An identity is proved by a path of certificates to an authority that the target pins, each"
        " of which may do what it is used for.",
        _PIN,
        example="an SVID of another trust domain",
    ),
    Rule(
        "spiffe/id",
        "The certificate does not hold exactly one SPIFFE id of a workload",
        "With none there is nobody to believe; with two, two readers could believe different ones.",
        _FETCH,
        example="a certificate with two URI names",
    ),
    Rule(
        "spiffe/unknown-id",
        "The SPIFFE id is not in the trust policy at the target's tip",
        "Trust comes from the target branch, never from the bundle.",
        _PIN,
        example="`spiffe://acme.example/tester` where the policy names the builder",
    ),
    Rule(
        "spiffe/expired",
        "The SVID is not valid at this time",
        "An SVID is short-lived, so that a lost key is of no use for long.",
        _FETCH,
        example="an SVID that ended before the bundle was issued",
    ),
    Rule(
        "spiffe/not-valid-now",
        "The trust policy does not name this workload at this time",
        "An entry has a beginning and an end, as a key has.",
        _PIN,
        example="an entry of the policy that begins next month",
    ),
)


def find_signer(facts: SignatureFacts, policy: TrustPolicy) -> Signer | None:
    """Return whom the trust policy names for a proved SPIFFE id; None for one that it does not."""
    entry = _entry(facts, policy)
    if entry is None:
        return None
    return Signer(Method.SPIFFE, entry.id, entry.role, entry.name, entry.email)


def check(facts: SignatureFacts, policy: TrustPolicy, at: datetime) -> Iterator[Fault]:
    """Yield why an SVID's signature is not to be believed at a time. Role and method: elsewhere."""
    found = facts.spiffe
    if found is None:
        return
    if found.fault is not None:
        yield found.fault
        return
    if found.not_before is None or found.not_after is None:
        yield Fault("spiffe/certificate", "chain", "no times", "a time of validity")
        return
    now = f"{at:%Y-%m-%d %H:%M}Z"
    if not found.not_before <= at <= found.not_after:
        span = f"{found.not_before:%Y-%m-%d %H:%M}Z to {found.not_after:%Y-%m-%d %H:%M}Z"
        yield Fault("spiffe/expired", found.id, now, span)
    entry = _entry(facts, policy)
    if entry is None:
        yield Fault("spiffe/unknown-id", "SPIFFE id", found.id, "one that the trust policy names")
    elif not entry.span.holds(at):
        yield Fault("spiffe/not-valid-now", found.id, now, "a time that its entry holds for")


def _entry(facts: SignatureFacts, policy: TrustPolicy) -> Workload | None:
    found = facts.spiffe
    if found is None or found.fault is not None:
        return None
    return next((entry for entry in policy.spiffe if entry.id == found.id), None)
