"""`rollback.sql`: which migrations a change touches, where their rollbacks lie, how they are joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.model import globs
from lanectl.model.display import display_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lanectl.model.change import FileChange


def touched(files: Sequence[FileChange], migrations: Sequence[str]) -> tuple[bytes, ...]:
    """Return the changed paths that a migration pattern matches, by path."""
    return tuple(f.path for f in files if any(globs.matches(m, f.path) for m in migrations))


def is_plain_path(path: str) -> bool:
    """Whether a path can be asked of git as it is: relative, no `.` or `..`, not too long."""
    parts = set(path.split("/"))
    return (
        len(path.encode("utf-8", "surrogateescape")) <= 1000
        and "\0" not in path
        and not parts & {"", ".", ".."}
    )


def conventional_path(migration: bytes) -> bytes:
    """Return `rollbacks/<same name>` beside the folder that the migration lies in."""
    folder, _, name = migration.rpartition(b"/")
    above = folder.rpartition(b"/")[0]
    return (above + b"/" if above else b"") + b"rollbacks/" + name


def join(parts: Sequence[tuple[str, bytes]]) -> bytes:
    """Return one script of (path, content) pairs in the given order; a single one stays as it is."""
    if len(parts) == 1:
        return parts[0][1]
    return b"".join(
        f"-- {display_path(path.encode('utf-8', 'surrogateescape'))}\n".encode()
        + (content if content.endswith(b"\n") else content + b"\n")
        for path, content in parts
    )
