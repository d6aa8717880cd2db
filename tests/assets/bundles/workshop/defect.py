"""One defect: its name, the plan that has it, and the rules that must find it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.assets.bundles.workshop.bundle import Plan


@dataclass(frozen=True)
class Defect:
    """`name` is `family/what`; `rules` is empty for a good bundle."""

    name: str
    rules: tuple[str, ...]
    plan: Plan = field(repr=False)
    note: str = ""


def defect(name: str, rules: str, note: str = "", **plan: Any) -> Defect:
    """Return a defect of a plan that differs from the good one as said."""
    return Defect(name, tuple(sorted(rules.split())), Plan(**plan), note)
