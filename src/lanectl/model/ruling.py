"""The one decision over a broken rule: its default, what the policy makes of it, who approved it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.model import globs
from lanectl.model.decision import Decision, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lanectl.model.report import Fault, Finding, Rule


class RulePolicy(Struct, frozen=True):
    """What `[rules]` says of one rule: a stricter decision, or paths (globs) where a hold is none."""

    decision: Decision | None = None
    allow: tuple[str, ...] = ()


class Ruling(Struct, frozen=True):
    """`[rules]` of `lanectl.toml`: what differs from the defaults, and secrets that are none."""

    rules: Mapping[str, RulePolicy] = {}
    secrets: frozenset[str] = frozenset()

    def decide(self, rule: Rule, fault: Fault) -> tuple[Decision, str]:
        """Return what a broken rule means here, and what of the policy allows it.

        A policy makes stricter, or turns a hold into an allowance for named paths. A block stays
        one, but for a secret's fingerprint that is listed.
        """
        policy = self.rules.get(rule.id, RulePolicy())
        decision = max(rule.decision, policy.decision or rule.decision, key=lambda d: d.strictness)
        if fault.fingerprint and fault.fingerprint in self.secrets:
            return Decision.ALLOW, f"lanectl.toml lists the fingerprint {fault.fingerprint}"
        if decision is Decision.HOLD and (pattern := self._allowing(policy, fault)):
            return Decision.ALLOW, f"lanectl.toml allows {pattern}"
        return decision, ""

    def _allowing(self, policy: RulePolicy, fault: Fault) -> str:
        subject = fault.subject
        if subject is None or subject.kind is not Kind.PATH:
            return ""
        return next((p for p in policy.allow if globs.matches(p, subject.name)), "")


def strictest(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return one finding for every subject: the strictest, of equals the first, in order.

    What has no subject is about the bundle itself and stays as it is.
    """
    kept: dict[object, Finding] = {}
    for number, finding in enumerate(findings):
        key: object = finding.subject or number
        former = kept.get(key)
        if former is None or finding.decision.strictness > former.decision.strictness:
            kept[key] = finding
    return tuple(kept.values())
