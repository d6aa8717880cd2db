"""SBOM: valid CycloneDX 1.5 whose components are those of the result tree's lockfiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.formats import sbom
from lanectl.model.bundle import SBOM
from lanectl.model.report import Fault, MalformedError, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.content import Content
    from lanectl.model.evidence import Evidence

RULES = (
    Rule(
        "sbom/malformed",
        "sbom.cdx.json is no strict CycloneDX 1.5 document",
        "Tools downstream would read something else, or nothing.",
        Remedy(
            "Pack again with an unmodified lanectl, or mend your own SBOM.", ("lanectl", "pack")
        ),
        example="a dependency on a `bom-ref` that no component has",
    ),
    Rule(
        "sbom/components",
        "The SBOM names other components than the lockfiles of the result tree",
        "Who looks for a vulnerable package looks here, and must find what gets installed.",
        Remedy(
            "Pack again; begin your own SBOM from the one that lanectl packs.", ("lanectl", "pack")
        ),
        example="left-pad 1.3.0 in package-lock.json and not in the SBOM",
    ),
)


def check(evidence: Evidence) -> Iterator[Fault]:
    """Yield what is wrong with a bundle's SBOM; without a repository as far as it can be judged."""
    if evidence.bundle is not None:
        yield from _judge(bytes(evidence.bundle.members[SBOM]), evidence.content)


def check_own(content: Content) -> Iterator[Fault]:
    """Yield what is wrong with an SBOM that `pack` was given."""
    if (data := content.members.get(SBOM)) is not None:
        yield from _judge(data, content)


def _judge(data: bytes, content: Content | None) -> Iterator[Fault]:
    wanted = _recomputed(content)
    if data == wanted:
        return
    from lanectl.formats import sbom_document

    try:
        given = sbom_document.components_of(data)
        if wanted is None:
            return
        components = sbom_document.components_of(wanted)
    except MalformedError as error:
        yield error.fault
        return
    for difference in sbom_document.difference(given, components)[:1]:
        yield Fault("sbom/components", SBOM, difference, f"{len(components)} of the lockfiles")


def _recomputed(content: Content | None) -> bytes | None:
    """Return what lanectl writes for the result tree; None where the tree is not known."""
    if content is None or content.repository is None or content.result_tree is None:
        return None
    lockfiles = [*content.lockfiles.items()]
    return sbom.build(
        repository=content.repository, result_tree=content.result_tree, lockfiles=lockfiles
    ).document
