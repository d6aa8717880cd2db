"""Manifests in TOML: tables of dependencies and of registries, wherever they stand in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lanectl.formats.sources.collector import Collector

_REGISTRIES = {"index", "source", "registries", "registry"}
_HOSTS = {
    "index-url", "extra-index-url", "default-index", "find-links", "registry-index", "index",
    "registry",
}  # fmt: skip


def take_tables(value: Any, found: Collector) -> None:
    """Take every git, URL, path and registry of a loaded document, at any depth."""
    waiting: list[tuple[str, Any, str]] = [("", value, "")]
    while waiting:
        key, item, above = waiting.pop()
        if isinstance(item, dict):
            _table(key, item, above, found)
            waiting += [(k, v, key) for k, v in item.items()]
        elif isinstance(item, list):
            waiting += [(key, v, above) for v in item]
        elif isinstance(item, str) and key in _HOSTS and "://" in item:
            found.host(item)


def _table(name: str, entry: Mapping[str, Any], above: str, found: Collector) -> None:
    if isinstance(git := entry.get("git"), str):
        found.git(git)
    if isinstance(url := entry.get("url"), str):
        if name in _REGISTRIES or above in _REGISTRIES:
            found.host(url)
        else:
            found.url(name, url)
    for key in ("path", "file", "directory", "local-registry"):
        if isinstance(path := entry.get(key), str):
            found.path(path)
