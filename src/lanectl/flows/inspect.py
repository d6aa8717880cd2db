"""Inspect: what a bundle says of itself. Judges nothing, and everything shown is untrusted."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lanectl import checks
from lanectl.formats import archive, envelope, sbom, statement
from lanectl.model.bundle import ATTESTATION, PATCH, SBOM, Bundle, Statement
from lanectl.model.report import MalformedError, RejectedError

if TYPE_CHECKING:
    from lanectl.flows.verify import Submission

_HUNK = re.compile(rb"^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@", re.MULTILINE)
_FILE = re.compile(rb"^diff --git (.+)$", re.MULTILINE)
_CHANGES = {b"new file mode": "added", b"deleted file mode": "deleted", b"old mode": "mode"}


@dataclass(frozen=True, slots=True)
class PatchedFile:
    """One file section of the patch: its header's words, what happens, lines added and removed."""

    header: bytes
    change: str
    added: int
    removed: int
    binary: bool


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is inside a bundle; `hint` is the signing key's, if a readable signature is there."""

    bundle: Bundle
    statement: Statement
    signed: bool
    hint: str
    components: int
    files: tuple[PatchedFile, ...]


def inspect(submission: Submission, *, limit: int) -> Inspection:
    """Return what a bundle says. Raises RejectedError if it cannot be read at all."""
    try:
        bundle = archive.read(submission.artifact, limit=limit)
        said = statement.read(bundle.members[ATTESTATION])
        components = sbom.check_document(bundle.members[SBOM])
        signed = envelope.read(submission.signature) if submission.signature else None
        outer = statement.read(signed.payload) if signed else said
    except MalformedError as error:
        raise RejectedError("this is no bundle", tuple(checks.find([error.fault]))) from error
    return Inspection(
        bundle=bundle,
        statement=outer,
        signed=signed is not None,
        hint=signed.hint if signed else "",
        components=components,
        files=tuple(_sections(bytes(bundle.members[PATCH]))),
    )


def _sections(patch: bytes) -> list[PatchedFile]:
    """Return the file sections of a patch with their line counts; of one that is none, nothing."""
    bounds = [*(m.start() for m in _FILE.finditer(patch)), len(patch)]
    return [_section(patch[a:b]) for a, b in itertools.pairwise(bounds)]


def _section(text: bytes) -> PatchedFile:
    first, _, rest = text.partition(b"\n")
    added = removed = 0
    body = _HUNK.search(text)
    lines = text[body.start() :].split(b"\n") if body else []
    for line in lines:
        added += line.startswith(b"+")
        removed += line.startswith(b"-")
    return PatchedFile(
        header=first.removeprefix(b"diff --git "),
        change=next(
            (word for start, word in _CHANGES.items() if rest.startswith(start)), "modified"
        ),
        added=added,
        removed=removed,
        binary=b"\nGIT binary patch\n" in text,
    )
