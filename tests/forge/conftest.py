"""The fixture `clone`, for the rig's own tests; `forge` and `listener` are everybody's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.forge.forge import Forge
from tests.forge.story import Clone


@pytest.fixture
def clone(forge: Forge, tmp_path: Path) -> Clone:
    """A clone of the private repository acme/shop, which has one commit."""
    return Clone(forge, forge.add_repository("shop"), tmp_path / "clone")
