"""The fixtures `clone`, for the rig's own tests, and `story`; `forge` and `listener` are everybody's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.forge.forge import Forge
from tests.forge.story import Clone
from tests.forge.world import ForgeWorld


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forge: Forge) -> ForgeWorld:
    """A forge with a repository, its three clones, trust bootstrapped and the target pinned."""
    world = ForgeWorld(tmp_path / "world", monkeypatch, forge)
    world.bootstrap()
    return world


@pytest.fixture
def clone(forge: Forge, tmp_path: Path) -> Clone:
    """A clone of the private repository acme/shop, which has one commit."""
    return Clone(forge, forge.add_repository("shop"), tmp_path / "clone")
