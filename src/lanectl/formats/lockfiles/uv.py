"""`uv.lock`, version 1. The project itself is no component, other members of its workspace are."""

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
    tagged,
    vcs,
)
from lanectl.formats.lockfiles.fields import gaps, number, refuse, table, tables, text
from lanectl.model.sbom import Lockfile, merge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FOLDERS = ("editable", "virtual", "directory")
_KINDS = frozenset({"registry", "git", "url", "path", *_FOLDERS})


def read(data: bytes) -> Lockfile:
    """Return what a `uv.lock` fixes. Raises MalformedError `sbom/lockfile`."""
    document = toml.load(data)
    if (version := number(document, "version", 0)) != 1:
        refuse(f"version {version}", "uv.lock of version 1")
    packages = [p for p in tables(document, "package") if not _is_root(table(p, "source"))]
    found = [
        pypi(text(p, "name"), text(p, "version"), _hashes(p), _origin(table(p, "source")))
        for p in packages
    ]
    return Lockfile(merge(found), gaps(WITHOUT_VERSION for c in found if not c.version))


def _is_root(source: Mapping[str, Any]) -> bool:
    return any(source == {kind: "."} for kind in _FOLDERS)


def _origin(source: Mapping[str, Any]) -> Origin:
    if len(source.keys() & _KINDS) != 1:  # none, or two readers could see two packages
        refuse(f"source {', '.join(source)[:80]!r}", f"one of {', '.join(sorted(_KINDS))}")
    if "registry" in source:
        return REGISTRY
    if "git" in source:
        url, _, commit = text(source, "git").partition("#")
        return vcs(url, commit)
    if "url" in source:
        return address(text(source, "url"))
    return LOCAL


def _hashes(package: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for file in (table(package, "sdist"), *tables(package, "wheels")):
        yield tagged(text(file, "hash"))
