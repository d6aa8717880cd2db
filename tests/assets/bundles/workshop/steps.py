"""Small steps that plans are made of: put, drop, replace."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.assets.bundles.workshop.bundle import Step


def put(path: str, value: Any) -> Step:
    """Set the field at a dotted path; a callable gets the old value."""

    def step(document: Any) -> None:
        *above, last = _keys(path)
        place = _at(document, above)
        place[last] = value(place[last]) if callable(value) else value

    return step


def drop(path: str) -> Step:
    """Remove the field at a dotted path."""

    def step(document: Any) -> None:
        *above, last = _keys(path)
        del _at(document, above)[last]

    return step


def each(*steps: Step) -> Step:
    """Do several steps in a row, in place."""

    def step(document: Any) -> None:
        for one in steps:
            one(document)

    return step


def replace(old: bytes, new: bytes, *, count: int = 1) -> Callable[[bytes], bytes]:
    """Replace bytes that must be there."""

    def step(data: bytes) -> bytes:
        if old not in data:
            raise ValueError(f"{old!r} is not there to be replaced")
        return data.replace(old, new, count)

    return step


def paths(document: Any, above: str = "") -> list[str]:
    """Return the dotted path of every field of a document, lists by number."""
    found: list[str] = []
    pairs = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for key, value in pairs:
        path = f"{above}.{key}" if above else str(key)
        found += [path, *paths(value, path)]
    return found


def at(document: Any, path: str) -> Any:
    """Return what stands at a dotted path."""
    return _at(document, _keys(path))


def _keys(path: str) -> list[str | int]:
    return [int(k) if k.isdigit() else k for k in path.split(".")]


def _at(document: Any, keys: list[str | int]) -> Any:
    for key in keys:
        document = document[key]
    return document
