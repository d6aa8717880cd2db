"""Handoff: this bundle is fresh, for this repository, and on a base that the target knows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.model.evidence import Line
from lanectl.model.report import Fault, Rule
from lanectl.model.trust_policy import VALIDITY, TrustPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.bundle import Circumstances
    from lanectl.model.evidence import Evidence

_REBASE = Remedy(
    "Rebase the work onto the target branch and pack again.",
    ("git", "rebase", "origin/HEAD"),
)
_SIGN = Remedy("Sign the bundle again.", ("lanectl", "sign", "artifact.tar.gz"))

RULES = (
    Rule(
        "handoff/expired",
        "The bundle's time is over",
        "What was checked long ago, against other rules, must be looked at again.",
        _SIGN,
        example="a bundle of last month",
    ),
    Rule(
        "handoff/time",
        "The bundle's times cannot be",
        "It was issued in the future, or for longer than seven days.",
        _SIGN,
        example="a bundle that is good for a year",
    ),
    Rule(
        "handoff/repository",
        "The bundle is for another repository",
        "A change proved for one repository proves nothing for another.",
        Remedy(
            "Apply it where it belongs, or pack with the right id.",
            ("lanectl", "pack", "--repository", "ID"),
        ),
        example="a bundle for `github.com/acme/shop`, delivered to its fork",
    ),
    Rule(
        "handoff/object-format",
        "The bundle names objects by another hash than the repository",
        "Its ids cannot exist there.",
        Remedy("Pack in a clone of this repository."),
        example="a SHA-1 bundle for a SHA-256 repository",
    ),
    Rule(
        "handoff/base-unknown",
        "The base commit is not in this repository",
        "Nothing can be replayed on a commit that is not there.",
        Remedy(
            "Fetch the target branch; if it is still missing, rebase and pack again.",
            ("git", "fetch", "origin"),
        ),
        example="a base that was never pushed",
    ),
    Rule(
        "handoff/base-line",
        "The base is not on the target branch's own line of history",
        "A Builder must not choose a base with other rules, or one that was never the target's state.",
        _REBASE,
        example="a base on a branch that was merged, which still had a revoked key",
    ),
)


def check(evidence: Evidence) -> Iterator[Fault]:
    """Yield why this bundle is not for here and now."""
    if evidence.outer is not None and evidence.outer.circumstances is not None:
        yield from _check_times(evidence, evidence.outer.circumstances)
    statement = evidence.outer or evidence.inner
    if statement is None:
        return
    handoff, base = statement.handoff, evidence.base
    if evidence.trust is not None:
        expected = evidence.trust.operator.repository
        if handoff.repository != expected:
            yield Fault("handoff/repository", "configSource", handoff.repository, expected)
    if base is None:
        return
    if handoff.object_format is not base.object_format:
        yield Fault(
            "handoff/object-format", "object_format", handoff.object_format, base.object_format
        )
    elif base.tree is None:
        yield Fault("handoff/base-unknown", "base", handoff.base, "a commit of this repository")
    elif base.line not in {None, Line.OWN}:
        yield Fault(
            "handoff/base-line",
            "base",
            f"{handoff.base} ({base.line})",
            "a commit of the target's first-parent history",
        )


def _check_times(evidence: Evidence, at: Circumstances) -> Iterator[Fault]:
    """Yield why a bundle is not fresh: what it says of itself, and no longer than the tip allows.

    What was admitted in time is not refused by a policy that became shorter since.
    """
    policy = evidence.trust.policy if evidence.trust else TrustPolicy()
    validity = policy.validity if evidence.admitted is None else VALIDITY
    end = min(at.expires, at.issued + validity)
    if (
        at.issued > evidence.now + policy.skew
        or not timedelta() < at.expires - at.issued <= VALIDITY
    ):
        span = f"{at.issued:%Y-%m-%d %H:%M}Z to {at.expires:%Y-%m-%d %H:%M}Z"
        yield Fault(
            "handoff/time", "environment", span, "issued in the past, for seven days at most"
        )
    elif evidence.now > end + policy.skew:
        shortened = f" ([trust] validity_days: {validity.days})" if end < at.expires else ""
        yield Fault(
            "handoff/expired",
            "environment",
            f"expired {end:%Y-%m-%d %H:%M}Z{shortened}",
            "a bundle that is still valid",
        )
