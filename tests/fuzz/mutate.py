"""One random change of a JSON value: bytes changed at random are seldom JSON at all."""

from __future__ import annotations

import json
from random import Random
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, float("inf"), float("nan"), 10**40, "", " ", "\0", "\ud800", "é", "x" * 300,
    "../x", "-x", "0" * 40, "f" * 64, "https://u:p@example.test/x?y#z", "9999-12-31T23:59:59Z",
    "0000-00-00T00:00:00Z", "1e999", [], {}, [[]], {"": {}},
)  # fmt: skip


def mutated(data: bytes, random: Random) -> bytes | None:
    """Return other JSON, or None if there is none in these bytes."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    holder: list[Any] = [value]
    places = list(_places(holder))
    container, key = random.choice(places)
    old = container[key]
    deed = random.randrange(6)
    if deed == 0 and container is not holder:
        del container[key]
    elif deed == 1 and isinstance(container, list):
        container.append(old)
    elif deed == 2 and isinstance(container, dict):
        container[random.choice(("", "x", "Σ", *container))] = old
    elif deed == 3:
        other, name = random.choice(places)
        container[key] = json.loads(json.dumps(other[name]))
    elif deed == 4 and isinstance(old, str) and old:
        at = random.randrange(len(old))
        container[key] = (
            old[:at] + random.choice(("", "/", "\n", "0", "\u202e", old)) + old[at + 1 :]
        )
    else:
        container[key] = random.choice(ODD)
    canonical = random.randrange(2) > 0
    separators = (",", ":") if canonical else None
    text = json.dumps(
        holder[0], sort_keys=canonical, separators=separators, ensure_ascii=random.randrange(4) == 0
    )
    return text.encode("utf-8", "surrogatepass")


def _places(top: list[Any]) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting: list[Any] = [top]
    while waiting:
        one = waiting.pop()
        pairs = list(one.items() if isinstance(one, dict) else enumerate(one))
        found += [(one, key) for key, _ in pairs]
        waiting += [item for _, item in pairs if isinstance(item, dict | list)]
    return found
