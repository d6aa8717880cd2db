"""Inspect: what a bundle says of itself. Judges nothing, and everything shown is untrusted."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl import checks
from lanectl.formats import archive, envelope, sbom_document, statement
from lanectl.model.bundle import ATTESTATION, PATCH, SBOM, Bundle, Statement
from lanectl.model.report import MalformedError, RejectedError
from lanectl.model.signer import Method

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.submission import Submission

_HUNK = re.compile(rb"^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@", re.MULTILINE)
_FILE = re.compile(rb"^diff --git (.+)$", re.MULTILINE)
_LINE = re.compile(rb".*")
_ADDED = re.compile(rb"^\+", re.MULTILINE)
_REMOVED = re.compile(rb"^-", re.MULTILINE)
_BINARY = re.compile(rb"^GIT binary patch$", re.MULTILINE)
_CHANGES = {b"new file mode": "added", b"deleted file mode": "deleted", b"old mode": "mode"}


class PatchedFile(Struct, frozen=True):
    """One file section of the patch: its header's words, what happens, lines added and removed."""

    header: bytes
    change: str
    added: int
    removed: int
    binary: bool


class Inspection(Struct, frozen=True):
    """What is inside a bundle; `method` is None for an unsigned one, `hint` a signing key's."""

    bundle: Bundle
    statement: Statement
    method: Method | None
    hint: str
    components: int
    files: tuple[PatchedFile, ...]


def inspect(submission: Submission, *, limit: int) -> Inspection:
    """Return what a bundle says. Raises RejectedError if it cannot be read at all."""
    try:
        bundle = archive.read(submission.artifact, limit=limit)
        said = statement.read(bundle.members[ATTESTATION])
        components = len(sbom_document.components_of(bundle.members[SBOM]))
        signed = envelope.read_any(submission.signature) if submission.signature else None
        payload = signed.payload if signed else submission.statement
        outer = statement.read(payload) if payload and submission.is_signed else said
    except MalformedError as error:
        raise RejectedError("this is no bundle", tuple(checks.find([error.fault]))) from error
    return Inspection(
        bundle=bundle,
        statement=outer,
        method=signed.method if signed else Method.GPG if submission.is_signed else None,
        hint=signed.hint if signed else "",
        components=components,
        files=tuple(_sections(bundle.members[PATCH])),
    )


def _sections(patch: memoryview) -> Iterator[PatchedFile]:
    """Yield the file sections of a patch with their line counts; of one that is none, nothing."""
    bounds = [*(m.start() for m in _FILE.finditer(patch)), len(patch)]
    return (_section(patch[a:b]) for a, b in itertools.pairwise(bounds))


def _section(text: memoryview) -> PatchedFile:
    first = _LINE.match(text)
    header = first[0] if first else b""
    words = bytes(text[len(header) + 1 : len(header) + 20])
    body = _HUNK.search(text)
    lines = text[body.start() :] if body else b""
    return PatchedFile(
        header=header.removeprefix(b"diff --git "),
        change=next(
            (word for start, word in _CHANGES.items() if words.startswith(start)), "modified"
        ),
        added=sum(1 for _ in _ADDED.finditer(lines)),
        removed=sum(1 for _ in _REMOVED.finditer(lines)),
        binary=_BINARY.search(text) is not None,
    )
