"""`pylock.toml` (PEP 751), lock version 1. The folder `.` is the project itself, no component."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lanectl.formats.lockfiles import toml
from lanectl.formats.lockfiles.components import (
    LOCAL,
    REGISTRY,
    WITHOUT_VERSION,
    Origin,
    address,
    pypi,
    vcs,
)
from lanectl.formats.lockfiles.fields import gaps, refuse, table, tables, text
from lanectl.model.sbom import Lockfile, merge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def read(data: bytes) -> Lockfile:
    """Return what a `pylock.toml` fixes. Raises MalformedError `sbom/lockfile`."""
    document = toml.load(data)
    version = text(document, "lock-version")
    if version.partition(".")[0] != "1":
        refuse(f"lock-version {version[:20]!r}", "pylock.toml of lock-version 1")
    packages = [p for p in tables(document, "packages") if not _is_root(p)]
    found = [pypi(text(p, "name"), text(p, "version"), _hashes(p), _origin(p)) for p in packages]
    return Lockfile(merge(found), gaps(WITHOUT_VERSION for c in found if not c.version))


def _is_root(package: Mapping[str, Any]) -> bool:
    kinds = [k for k in ("vcs", "directory", "archive") if k in package]
    if len(kinds) + ("sdist" in package or "wheels" in package) > 1:
        refuse(f"{', '.join(kinds)} in one package", "one source")
    return text(table(package, "directory"), "path") in {".", "./"}


def _origin(package: Mapping[str, Any]) -> Origin:
    if "vcs" in package:
        source = table(package, "vcs")
        kind, url = text(source, "type"), text(source, "url")
        if kind not in {"git", "hg", "bzr", "svn"}:
            refuse(f"vcs type {kind[:20]!r}", "git, hg, bzr or svn")
        return vcs(url, text(source, "commit-id"), kind=kind) if url else LOCAL
    if "archive" in package:
        return address(text(table(package, "archive"), "url"))
    return LOCAL if "directory" in package else REGISTRY


def _hashes(package: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    files = (table(package, "archive"), table(package, "sdist"), *tables(package, "wheels"))
    for found in (table(file, "hashes") for file in files):
        for algorithm in found:
            yield algorithm, text(found, algorithm)
