"""`package-lock.json` and `npm-shrinkwrap.json` of the lockfile versions 1, 2 and 3.

Links are skipped: what they lead to has an entry of its own (versions 2 and 3). Which section an
npm believes depends on the npm, not on the version that the file says: both are read, always.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from lanectl.formats import json
from lanectl.formats.lockfiles.components import (
    LOCAL,
    REGISTRY,
    WITHOUT_VERSION,
    Origin,
    address,
    npm,
    vcs,
)
from lanectl.formats.lockfiles.fields import (
    LIMIT,
    RULE,
    as_table,
    gaps,
    number,
    refuse,
    table,
    text,
)
from lanectl.model.sbom import Component, Lockfile, merge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_INSTALLED = re.compile(r"(?:.*/)?node_modules/((?:@[^/]+/)?[^/]+)", re.DOTALL)


def read(data: bytes) -> Lockfile:
    """Return what an npm lockfile fixes. Raises MalformedError `sbom/lockfile`."""
    document = as_table(json.load(data, rule=RULE, limit=LIMIT), "the file")
    version = number(document, "lockfileVersion", 1)  # npm before 5 wrote none
    if version not in {1, 2, 3}:
        refuse(f"lockfileVersion {version}", "1, 2 or 3")
    found = list(_by_path(table(document, "packages")))
    named = {c.name for c in found}
    # Of what is no registry's, `dependencies` gives an address where the version would stand.
    found += [c for c in _nested(document) if c.version or c.name not in named]
    return Lockfile(merge(found), gaps(WITHOUT_VERSION for c in found if not c.version))


def _nested(document: dict[str, Any]) -> Iterator[Component]:
    """Yield the components of `dependencies`, where a package holds what is installed inside it."""
    waiting = [document]
    while waiting:
        for name, item in table(waiting.pop(), "dependencies").items():
            entry = as_table(item, name)
            yield _old_component(name, entry)
            waiting.append(entry)


def _old_component(name: str, entry: Mapping[str, Any]) -> Component:
    """Return a component whose `version` may be an alias, an address or a path."""
    version, found = text(entry, "version"), _integrity(text(entry, "integrity"))
    if version.startswith("npm:"):
        name, _, version = version.removeprefix("npm:").rpartition("@")
    elif ":" in version:
        return npm(name, "", found, _fetched(version))
    return npm(name, version, found, _origin(name, version, text(entry, "resolved")))


def _by_path(packages: Mapping[str, Any]) -> Iterator[Component]:
    """Yield the components of `packages`, where the path says which package it is."""
    for path, item in packages.items():
        entry = as_table(item, path)
        if path == "" or entry.get("link") is True:
            continue
        version = text(entry, "version")
        found = _integrity(text(entry, "integrity"))
        if match := _INSTALLED.fullmatch(path):
            name = text(entry, "name") or match[1]  # they differ where the package has an alias
            yield npm(name, version, found, _origin(name, version, text(entry, "resolved")))
        else:  # a folder that a link leads to: a workspace, or `file:folder`
            name = text(entry, "name") or path.rpartition("/")[2]
            yield npm(name, version, found, LOCAL)


def _origin(name: str, version: str, resolved: str) -> Origin:
    """Return the registry only if the address is the one every registry has for this very package."""
    path = f"/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
    if not resolved or unquote(re.split("[?#]", resolved, maxsplit=1)[0]).endswith(path):
        return REGISTRY
    return _fetched(resolved)


def _fetched(url: str) -> Origin:
    origin = address(url)
    return vcs(*url.split("#", 1)) if origin.qualifier == "vcs_url" else origin


def _integrity(metadata: str) -> Iterator[tuple[str, str]]:
    """Yield (algorithm, hex) of each hash in a `integrity` (W3C SRI: several, with options)."""
    for item in metadata.split():
        algorithm, _, encoded = item.partition("?")[0].partition("-")
        try:
            digest = base64.b64decode(encoded, validate=True)
        except ValueError:
            digest = b""
        if not digest:
            refuse(f"integrity {item[:80]!r}", "algorithm-base64")
        yield algorithm, digest.hex()
