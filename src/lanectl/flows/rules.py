"""The rules in a `lanectl.toml`, whole: its form, and that `[rules]` fits the rules that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl import checks
from lanectl.config import parse_rules
from lanectl.errors import Remedy, UnreadableError
from lanectl.model.decision import Decision
from lanectl.model.settings import RULES_PATH

if TYPE_CHECKING:
    from lanectl.model.report import Rule
    from lanectl.model.ruling import RulePolicy
    from lanectl.model.settings import Rules

_PAGE = Remedy("Look the rule up in docs/rules.md, and correct lanectl.toml.")


def read_rules(data: bytes) -> Rules:
    """Return the rules in a `lanectl.toml`.

    Raises UnreadableError with the place: not of the form, a rule that there is none of, an entry
    that makes a rule milder, or that allows what nobody can.
    """
    rules = parse_rules(data)
    for identifier, entry in rules.ruling.rules.items():
        key, problem = _problem(checks.RULES.get(identifier), entry)
        if problem:
            place = f'rules."{identifier}"{key}'
            raise UnreadableError(f"{RULES_PATH}: {place} {problem}", remedies=(_PAGE,))
    return rules


def _problem(rule: Rule | None, entry: RulePolicy) -> tuple[str, str]:
    """Return the key and why an entry cannot be; two empty texts if it can."""
    if rule is None:
        return "", "is no rule of this lanectl"
    decision = entry.decision or rule.decision
    if decision.strictness < rule.decision.strictness:
        return ".decision", f"makes the rule milder: it is {rule.decision}, and {decision} is less"
    if not entry.allow or (decision is Decision.HOLD and checks.is_about_paths(rule)):
        return "", ""
    if decision is Decision.BLOCK:
        return ".allow", "allows nothing: the rule blocks, and nobody can allow that"
    if decision is Decision.WARN:
        return ".allow", "allows nothing: the rule only warns, and stops nothing"
    return ".allow", "allows nothing: the rule is not about paths"
