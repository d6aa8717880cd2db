"""The fixtures `forge`, `clone` and `listener`, for tests marked e2e."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forge.forge import Forge
from tests.forge.listener import Listener
from tests.forge.story import Clone


@pytest.fixture
def forge() -> Iterator[Forge]:
    """A forge with no repository yet; see Forge."""
    with Forge() as one:
        yield one


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Another host, as far as a client can tell."""
    with Listener() as one:
        yield one


@pytest.fixture
def clone(forge: Forge, tmp_path: Path) -> Clone:
    """A clone of the private repository acme/shop, which has one commit."""
    return Clone(forge, forge.add_repository("shop"), tmp_path / "clone")
