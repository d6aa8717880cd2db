"""What an SBOM is made of: components, and what one lockfile names and leaves open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

DIGITS = {
    "MD5": 32,
    "SHA-1": 40,
    "SHA-256": 64,
    "SHA-384": 96,
    "SHA-512": 128,
    "SHA3-256": 64,
    "SHA3-384": 96,
    "SHA3-512": 128,
    "BLAKE2b-512": 128,
}
"""Hex digits of each hash that lanectl writes, by CycloneDX's name of the algorithm."""


class Component(Struct, frozen=True):
    """A package that a lockfile names; `version` is empty where the lockfile fixes none.

    `hashes` are pairs of CycloneDX's name of the algorithm and lower-case hex. One version is often
    several files (wheels, a source archive); any of them may get installed, so all are listed.
    """

    name: str
    version: str
    purl: str
    hashes: tuple[tuple[str, str], ...] = ()


class Lockfile(Struct, frozen=True):
    """What one lockfile names, and short reasons (`gaps`) why that is not all it stands for."""

    components: tuple[Component, ...]
    gaps: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every component is named with its version."""
        return not self.gaps


class ComponentDelta(Struct, frozen=True):
    """What a change does to the components of a tree, as lines that are safe to show.

    `changed` holds another version, origin or set of hashes of something that both sides name.
    `gaps` says which lockfile of which side could not be read whole: the delta may miss something.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()


def merge(components: Iterable[Component]) -> tuple[Component, ...]:
    """Return the components by purl, each once, with the hashes of all its mentions, sorted."""
    first: dict[str, Component] = {}
    hashes: dict[str, set[tuple[str, str]]] = {}
    for component in components:
        first.setdefault(component.purl, component)
        hashes.setdefault(component.purl, set()).update(component.hashes)
    return tuple(
        Component(first[purl].name, first[purl].version, purl, tuple(sorted(hashes[purl])))
        for purl in sorted(first)
    )
