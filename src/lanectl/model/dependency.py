"""Where packages come from, as lockfiles and manifests say: hosts, origins, hashes, scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

Pin = tuple[str, str, str]
"""Name, version and the one file of it; `*` for the file where any of several may be meant."""


class Sources(Struct, frozen=True):
    """What one lockfile or manifest says of where packages come from. All untrusted.

    `hosts` are `scheme://host` of registries and archives. `git` holds repositories without a
    commit, `urls` what is fetched from an address of its own (`name host`), `paths` what lies
    outside the repository. `pins` maps to (algorithm, digest) pairs. `scripts` are (event,
    command) pairs that an installation runs, `builders` the packages that run code of their own.
    """

    hosts: frozenset[str] = frozenset()
    git: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()
    pins: Mapping[Pin, frozenset[tuple[str, str]]] = {}
    scripts: frozenset[tuple[str, str]] = frozenset()
    builders: frozenset[str] = frozenset()
