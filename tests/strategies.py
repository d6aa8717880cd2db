"""What several property tests draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def made(kind: Callable[..., T]) -> Callable[..., T]:
    """Return a maker of a record: hypothesis would look up its annotations, which only mypy sees."""

    def make(*said: object, **named: object) -> T:
        return kind(*said, **named)

    return make
