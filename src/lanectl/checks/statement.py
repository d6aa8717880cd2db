"""Statement: a canonical in-toto Statement v1 with SLSA Provenance v0.2, every field known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.model.handoff import message_problem, title_problem
from lanectl.model.report import Fault, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.evidence import Evidence

_PACK = Remedy("Pack again with an unmodified lanectl.", ("lanectl", "pack"))

RULES = (
    Rule(
        "statement/malformed",
        "A statement has a missing, unknown or ill-formed field",
        "What one reader ignores another might obey; empty digests and invented algorithms prove nothing.",
        _PACK,
        example="a subject whose digest is `{}`",
    ),
    Rule(
        "statement/not-canonical",
        "A statement is not in its canonical encoding",
        "One statement has one encoding (RFC 8785), so that its digest means something.",
        _PACK,
        example="a statement with its fields in another order",
    ),
    Rule(
        "statement/type",
        "Another statement or predicate type",
        "Fields mean what their type says; only Statement v1 with SLSA Provenance v0.2 is read.",
        _PACK,
        example="a statement with SLSA Provenance v1",
    ),
    Rule(
        "statement/text",
        "Title or message could forge a marker or a trailer, or hides characters",
        "They become the commit message that people and machines read.",
        Remedy(
            "Pack again with an ordinary title and message.",
            ("lanectl", "pack", "--title", "TITLE"),
        ),
        example="a message that ends in the line `Lanectl-Bundle: sha256:…`",
    ),
)


def check(evidence: Evidence) -> Iterator[Fault]:
    """Yield what is wrong with the texts of the signed statement."""
    statement = evidence.outer or evidence.inner
    if statement is None:
        return
    if problem := title_problem(statement.handoff.title):
        yield Fault("statement/text", "title", problem, "one plain line")
    if problem := message_problem(statement.handoff.message):
        yield Fault("statement/text", "message", problem, "plain text")
