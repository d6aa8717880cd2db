"""Archive: the signed file, in canonical form, within the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.model.bundle import ARTIFACT
from lanectl.model.report import Fault, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.evidence import Evidence

_PACK = Remedy("Pack again with an unmodified lanectl; never repack by hand.", ("lanectl", "pack"))

RULES = (
    Rule(
        "archive/digest",
        "The archive is not the one that was signed",
        "Its SHA-256 differs from the signed statement's.",
        Remedy(
            "Copy archive and signature together, or sign again.", ("lanectl", "sign", ARTIFACT)
        ),
        example="a new archive beside the signature of the one before",
    ),
    Rule(
        "archive/gzip",
        "Not one plain, whole gzip stream",
        "A damaged, truncated or longer file may hold what the signer never saw.",
        _PACK,
        example="a second archive appended to the first",
    ),
    Rule(
        "archive/limit",
        "The archive inflates to more than the limit, or changes more files",
        "A small file can inflate to fill a machine, or keep git busy for minutes.",
        Remedy("Split the change, or let the operator raise limits.inflated_mib in enforcer.toml."),
        example="100 kB that inflate to 100 MB of zeros, or that add 100,000 empty files",
    ),
    Rule(
        "archive/member",
        "A member is missing, unknown, repeated or out of order",
        "A bundle holds exactly the members of the format.",
        _PACK,
        example="an archive with a file `../evil`, or without `changes.patch`",
    ),
    Rule(
        "archive/not-canonical",
        "The archive is not in its canonical form",
        "Other headers, padding or trailing bytes are where attacks on archives live.",
        _PACK,
        example="the same members packed by another `tar`",
    ),
)


def check_digest(evidence: Evidence) -> Iterator[Fault]:
    """Yield a fault if the archive is not the signed one."""
    if evidence.outer is not None:
        signed = evidence.outer.subjects.get(ARTIFACT)
        if signed != evidence.artifact:
            yield Fault(
                "archive/digest", ARTIFACT, evidence.artifact, signed or "a subject of this name"
            )
