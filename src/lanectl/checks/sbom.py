"""SBOM: a strict CycloneDX 1.5 document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.formats import sbom
from lanectl.model.bundle import SBOM
from lanectl.model.report import MalformedError, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.evidence import Evidence
    from lanectl.model.report import Fault

RULES = (
    Rule(
        "sbom/malformed",
        "sbom.cdx.json is no strict CycloneDX 1.5 document",
        "Tools downstream would read something else, or nothing.",
        Remedy("Pack again with an unmodified lanectl.", ("lanectl", "pack")),
    ),
)


def check(evidence: Evidence) -> Iterator[Fault]:
    """Yield what is wrong with the SBOM."""
    if evidence.bundle is not None:
        try:
            sbom.check_document(evidence.bundle.members[SBOM])
        except MalformedError as error:
            yield error.fault
