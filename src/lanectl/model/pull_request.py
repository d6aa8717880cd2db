"""What a forge is shown of an applied handoff: facts in, texts out. Outputs, never evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from lanectl.model.change import FileChange
    from lanectl.model.names import ObjectId
    from lanectl.model.report import VerifiedBundle
    from lanectl.model.sbom import ComponentDelta


class Proposal(Struct, frozen=True):
    """A verified bundle as it was applied: the replayed files, the components, the commit."""

    verified: VerifiedBundle
    files: tuple[FileChange, ...]
    components: ComponentDelta
    commit: ObjectId


class PullRequestText(Struct, frozen=True):
    """Title (at most 256 characters) and body (Markdown, at most 65,536 bytes)."""

    title: str
    body: str


class Annotation(Struct, frozen=True):
    """A notice on line 1 of a changed path, about what its diff does not show."""

    path: str
    title: str
    message: str


class CheckOutput(Struct, frozen=True):
    """The output of a check-run: summary and text are Markdown of at most 65,535 bytes each.

    At most 50 annotations, which is what one request may carry.
    """

    title: str
    summary: str
    text: str
    annotations: tuple[Annotation, ...]
