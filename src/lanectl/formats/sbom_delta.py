"""What a change does to the components: the lockfiles of base tree and result tree, compared.

It judges nothing, and what it cannot read it names as a gap instead of leaving it out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lanectl.formats.lockfiles import read_lockfile
from lanectl.model.display import display, display_path
from lanectl.model.sbom import ComponentDelta, merge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lanectl.model.sbom import Component, Lockfile

_VERSION_OR_QUALIFIER = re.compile("[@?]")

_Components = dict[str, tuple["Component", ...]]


def component_delta(
    base: Mapping[bytes, bytes | None], result: Mapping[bytes, bytes | None]
) -> ComponentDelta:
    """Return the delta between the lockfiles of two trees, each path to its content.

    All lockfiles of a tree belong in its mapping: what moves from one to another has not changed.
    Content None stands for one that is too large. Raises ValueError for a path that is no
    lockfile's.
    """
    if base == result:
        return ComponentDelta()
    before, after = _read(base), _read(result)
    old, new = _components(before), _components(after)
    both = sorted(old.keys() & new.keys())
    return ComponentDelta(
        added=tuple(_purls(new[key]) for key in sorted(new.keys() - old.keys())),
        removed=tuple(_purls(old[key]) for key in sorted(old.keys() - new.keys())),
        changed=tuple(_change(old[key], new[key]) for key in both if old[key] != new[key]),
        gaps=(*_gaps("base", before), *_gaps("result", after)),
    )


def _read(files: Mapping[bytes, bytes | None]) -> dict[bytes, Lockfile]:
    return {path: read_lockfile(path, files[path]) for path in sorted(files)}


def _components(lockfiles: Mapping[bytes, Lockfile]) -> _Components:
    """Return the components by kind and name; one name may stand there in several versions."""
    found: _Components = {}
    for component in merge(c for lockfile in lockfiles.values() for c in lockfile.components):
        key = _VERSION_OR_QUALIFIER.split(component.purl, maxsplit=1)[0]
        found[key] = (*found.get(key, ()), component)
    return found


def _change(old: tuple[Component, ...], new: tuple[Component, ...]) -> str:
    if [c.purl for c in old] == [c.purl for c in new]:
        return f"{_purls(new)} (other hashes)"
    return f"{_purls(old)} -> {_purls(new)}"


def _purls(components: tuple[Component, ...]) -> str:
    return ", ".join(display(c.purl) for c in components)


def _gaps(side: str, lockfiles: Mapping[bytes, Lockfile]) -> tuple[str, ...]:
    return tuple(
        f"{side}: {display_path(path)}: {display(gap)}"
        for path, lockfile in lockfiles.items()
        for gap in lockfile.gaps
    )
