"""What the rules of content judge: a change's difference, what its files hold, what lies around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.model.settings import Rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lanectl.model.change import FileChange
    from lanectl.model.names import ObjectId, RepositoryId

BLOB_LIMIT = 16 << 20
"""Bytes of a file that is looked into."""


class Words(Struct, frozen=True):
    """What the Builder calls its change."""

    slug: str
    title: str
    message: str


class Content(Struct, frozen=True):
    """All that is known of a change's content, gathered before any of it is judged. All untrusted.

    `blobs` holds the old and the new blobs of `files` (no submodules; links: `FileChange.target`);
    one over `BLOB_LIMIT` bytes is missing. `tree` lists every leaf of the result tree: `mode id 0`,
    a tab, the path and a NUL each. `links` holds the targets of its links by path, if the change
    brings one or one has a protected name (`model/protected.py`). `lockfiles` and `base_lockfiles`
    are those of result and base tree by path, None where too large. `members` are the bundle's,
    without the patch; while `pack` still makes them, those that it was given. `repository` and
    `result_tree` are what the SBOM is made for.
    """

    files: tuple[FileChange, ...] = ()
    blobs: Mapping[ObjectId, bytes] = {}
    tree: bytes = b""
    links: Mapping[bytes, bytes] = {}
    lockfiles: Mapping[bytes, bytes | None] = {}
    base_lockfiles: Mapping[bytes, bytes | None] = {}
    members: Mapping[str, bytes] = {}
    words: Words | None = None
    rules: Rules = Rules()
    repository: RepositoryId | None = None
    result_tree: ObjectId | None = None

    @property
    def changed(self) -> Mapping[bytes, FileChange]:
        """The changed paths by name."""
        return {file.path: file for file in self.files}

    def old(self, file: FileChange) -> bytes | None:
        """Return what a changed path held; None: nothing, or too large to look into."""
        return self.blobs.get(file.old_id)

    def new(self, file: FileChange) -> bytes | None:
        """Return what a changed path holds now; None: nothing, or too large to look into."""
        return self.blobs.get(file.new_id)
