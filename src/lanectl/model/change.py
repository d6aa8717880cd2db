"""What changed: the difference of two trees as git objects name it, and where it was read."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from lanectl.model.names import ObjectFormat, ObjectId


class Mode(enum.StrEnum):
    """The file modes that a git tree may hold."""

    ABSENT = "000000"
    FILE = "100644"
    EXECUTABLE = "100755"
    LINK = "120000"
    SUBMODULE = "160000"


class TreeEntry(Struct, frozen=True):
    """One leaf of a tree: its raw path, mode (six octal digits) and object id."""

    path: bytes
    mode: str
    id: ObjectId


class FileChange(Struct, frozen=True):
    """One path whose entry differs between base tree and result tree (renames are two of them).

    Modes are six octal digits as git wrote them, `000000` and the null id where absent.
    `target` holds the new target of a symbolic link, None for everything else.
    """

    path: bytes
    old_mode: str
    new_mode: str
    old_id: ObjectId
    new_id: ObjectId
    target: bytes | None = None

    @property
    def kind(self) -> str:
        """`added`, `deleted`, `mode`, `type` or `modified`."""
        if self.old_mode == Mode.ABSENT:
            return "added"
        if self.new_mode == Mode.ABSENT:
            return "deleted"
        if self.old_mode[:3] != self.new_mode[:3]:
            return "type"
        return "mode" if self.old_id == self.new_id else "modified"


class SourceNote(Struct, frozen=True):
    """Something that reading the work tree met: `rule` is a `source/…` rule or a remark's name."""

    rule: str
    path: bytes


class ChangeSet(Struct, frozen=True):
    """A change, wholly computed from git objects; `patch` is canonical (docs/bundle-format.md)."""

    base: ObjectId
    base_tree: ObjectId
    result_tree: ObjectId
    object_format: ObjectFormat
    diff_engine: str
    patch: bytes
    files: tuple[FileChange, ...]
    notes: tuple[SourceNote, ...] = ()
