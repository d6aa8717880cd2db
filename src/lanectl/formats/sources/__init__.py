"""Which files say where packages come from, and what they say. The name decides, not the content."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lanectl.model.dependency import Sources

LOCKFILE, MANIFEST = "lockfile", "manifest"


class SourceFile(NamedTuple):
    """A kind of file: its reader's name, whose packages it speaks of, its role, its own name."""

    reader: str
    ecosystem: str
    role: str
    name: str


KINDS = (
    SourceFile("npm.manifest", "npm", MANIFEST, r"package\.json"),
    SourceFile("npm.lock", "npm", LOCKFILE, r"(?:package-lock|npm-shrinkwrap)\.json"),
    SourceFile("npm.yarn", "npm", LOCKFILE, r"yarn\.lock"),
    SourceFile("npm.pnpm", "npm", LOCKFILE, r"pnpm-lock\.yaml"),
    SourceFile("npm.settings", "npm", MANIFEST, r"\.(?:npmrc|yarnrc|yarnrc\.yml)"),
    SourceFile(
        "python.requirements", "python", MANIFEST,
        r"(?:requirements|constraints)(?:/[^/]+|[^/]*)\.(?:txt|in)",
    ),
    SourceFile("python.lock", "python", LOCKFILE, r"(?:uv|poetry|pdm)\.lock|pylock(?:\.[^./]+)?\.toml"),
    SourceFile("python.manifest", "python", MANIFEST, r"pyproject\.toml"),
    SourceFile("python.tables", "python", MANIFEST, r"uv\.toml|Pipfile"),
    SourceFile("python.pipfile_lock", "python", LOCKFILE, r"Pipfile\.lock"),
    SourceFile("python.settings", "python", MANIFEST, r"pip\.(?:conf|ini)"),
    SourceFile("cargo.manifest", "cargo", MANIFEST, r"Cargo\.toml|\.cargo/config(?:\.toml)?"),
    SourceFile("cargo.lock", "cargo", LOCKFILE, r"Cargo\.lock"),
    SourceFile("go.mod", "go", MANIFEST, r"go\.(?:mod|work)"),
    SourceFile("go.sum", "go", LOCKFILE, r"go\.(?:work\.)?sum"),
    SourceFile("ruby.manifest", "ruby", MANIFEST, r"Gemfile|gems\.rb"),
    SourceFile("ruby.lock", "ruby", LOCKFILE, r"Gemfile\.lock|gems\.locked"),
)  # fmt: skip


def kind_of(path: bytes) -> SourceFile | None:
    """Return what kind of lockfile or manifest a path of any depth names, or None."""
    tail = b"/".join(path.rsplit(b"/", 2)[-2:])
    match = _names().fullmatch(tail)
    return KINDS[int((match.lastgroup or "")[1:])] if match else None


@functools.cache
def _names() -> re.Pattern[bytes]:
    names = (f"(?P<k{n}>(?:[^/]*/)?(?:{kind.name}))" for n, kind in enumerate(KINDS))
    return re.compile("|".join(names).encode(), re.DOTALL)


def read_sources(path: bytes, data: bytes) -> Sources:
    """Return what a file says of where packages come from.

    Raises MalformedError for one that its tool may read and lanectl does not, ValueError for a
    path that is none of a lockfile or manifest.
    """
    from lanectl.formats.sources.collector import Collector
    from lanectl.formats.sources.readers import READERS

    kind = kind_of(path)
    if kind is None:
        raise ValueError(f"no lockfile and no manifest: {path!r}")
    found = Collector(path.rpartition(b"/")[0].decode("utf-8", "replace"))
    READERS[kind.reader](data, found)
    return found.sources()
