"""`poetry.lock` of the lock versions 1 and 2. It does not name the project itself."""

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
from lanectl.formats.lockfiles.fields import gaps, refuse, table, tables, text
from lanectl.model.sbom import Lockfile, merge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def read(data: bytes) -> Lockfile:
    """Return what a `poetry.lock` fixes. Raises MalformedError `sbom/lockfile`."""
    document = toml.load(data)
    metadata = table(document, "metadata")
    version = text(metadata, "lock-version")
    if version.partition(".")[0] not in {"1", "2"}:
        refuse(f"lock-version {version[:20]!r}", "poetry.lock of lock-version 1 or 2")
    elsewhere = table(metadata, "files")  # where lock-version 1 keeps all hashes, by name
    found = [
        pypi(text(p, "name"), text(p, "version"), _hashes(p, elsewhere), _origin(p))
        for p in tables(document, "package")
    ]
    return Lockfile(merge(found), gaps(WITHOUT_VERSION for c in found if not c.version))


def _origin(package: Mapping[str, Any]) -> Origin:
    source = table(package, "source")
    kind = text(source, "type")
    if kind in {"", "legacy"}:  # legacy: another index than the default one
        return REGISTRY
    if kind == "git":
        return vcs(text(source, "url"), text(source, "resolved_reference"))
    if kind == "url":
        return address(text(source, "url"))
    if kind not in {"file", "directory"}:
        refuse(f"source type {kind[:20]!r}", "legacy, git, url, file or directory")
    return LOCAL


def _hashes(package: Mapping[str, Any], elsewhere: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for file in [*tables(package, "files"), *tables(elsewhere, text(package, "name"))]:
        yield tagged(text(file, "hash"))
