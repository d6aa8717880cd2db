"""Members: archive and statements name the same files with the same digests, both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.model.bundle import ARTIFACT, ATTESTATION, TAR
from lanectl.model.names import Digest
from lanectl.model.report import Fault, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lanectl.model.evidence import Evidence

RULES = (
    Rule(
        "members/subjects",
        "Subjects of a statement and members of the archive are not the same",
        "Every byte of a bundle is signed for, and nothing is signed for that is not there.",
        Remedy("Pack again with an unmodified lanectl.", ("lanectl", "pack")),
        example="a statement that leaves out `rollback.sql`",
    ),
)


def check(evidence: Evidence) -> Iterator[Fault]:
    """Yield a fault for every name where subjects and members differ."""
    if evidence.bundle is None:
        return
    digests = {name: Digest.of(content) for name, content in evidence.bundle.members.items()}
    siblings = {n: d for n, d in digests.items() if n != ATTESTATION}
    if evidence.inner is not None:
        yield from _differences("inner", evidence.inner.subjects, siblings)
    if evidence.outer is not None:
        whole = {ARTIFACT: evidence.artifact, TAR: evidence.bundle.tar_digest, **digests}
        yield from _differences("outer", evidence.outer.subjects, whole)


def _differences(
    which: str, subjects: Mapping[str, Digest], members: Mapping[str, Digest]
) -> Iterator[Fault]:
    for name in sorted(subjects.keys() | members.keys()):
        if subjects.get(name) != members.get(name):
            yield Fault(
                "members/subjects", f"{which} statement, {name}",
                subjects.get(name, "no subject"), members.get(name, "no member"),
            )  # fmt: skip
