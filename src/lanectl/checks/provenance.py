"""Provenance: inner and outer statement tell one story, and the base member tells it too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.model.bundle import MERGE_BASE
from lanectl.model.report import Fault, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.evidence import Evidence

_PACK = Remedy("Pack again with an unmodified lanectl.", ("lanectl", "pack"))

RULES = (
    Rule(
        "provenance/agreement",
        "Inner and outer statement differ",
        "The signed statement adds circumstances to the inner one and changes nothing.",
        _PACK,
        example="an outer statement that names another base than the inner one",
    ),
    Rule(
        "provenance/base",
        "merge-base.sha is not the base of the statement",
        "It must be the full id of the base commit and one newline.",
        _PACK,
        example="`merge-base.sha` holds `main`",
    ),
    Rule(
        "provenance/circumstances",
        "The signed statement lacks its circumstances, or the inner one has them",
        "Without nonce and times a signature could be replayed for ever.",
        _PACK,
        example="a signed statement without a nonce",
    ),
)


def check(evidence: Evidence) -> Iterator[Fault]:
    """Yield where the two statements and the base member do not agree."""
    inner, outer, bundle = evidence.inner, evidence.outer, evidence.bundle
    if inner is not None and inner.circumstances is not None:
        yield Fault("provenance/circumstances", "inner statement", "an environment", "none")
    if outer is not None and outer.circumstances is None:
        yield Fault(
            "provenance/circumstances", "outer statement", "no environment", "nonce and times"
        )
    if inner is not None and outer is not None:
        same = (inner.handoff, inner.completeness) == (outer.handoff, outer.completeness)
        if not same:
            yield Fault("provenance/agreement", "predicate", "two different ones", "the same one")
    if inner is not None and bundle is not None:
        member = bytes(bundle.members[MERGE_BASE][:80])
        if member != f"{inner.handoff.base}\n".encode():
            yield Fault("provenance/base", MERGE_BASE, repr(member), inner.handoff.base)
