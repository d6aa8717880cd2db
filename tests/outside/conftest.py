"""A world that stands where a sandbox cannot write: the temporary folder is the agent's own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gotool import CACHE
from tests.outside.codex import Sandbox, program
from tests.world import World


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world with trust, outside of the temporary folder, with its HOME beside the clones."""
    CACHE.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="world-", dir=CACHE))
    try:
        (place / "home").mkdir()
        monkeypatch.setenv("HOME", str(place / "home"))
        yield World(place / "world", monkeypatch).bootstrap()
    finally:
        shutil.rmtree(place)


@pytest.fixture
def sandbox(far: World) -> Sandbox:
    """The Builder's clone in Codex's sandbox; skips where this machine cannot make one."""
    try:
        program()
    except LookupError as error:
        pytest.skip(str(error))
    home = far.root / "codex"
    home.mkdir()
    made = Sandbox(home, far.builder)
    tried = made.run("true")
    if tried.code:
        pytest.skip(f"Codex cannot make its sandbox here: {tried.err.strip()[-300:]}")
    return made
