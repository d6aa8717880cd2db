"""One ledger for each back end whose module `on_<name>.py` is there."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lanectl.ports.ledger import Ledger
from tests.ledger.story import BackEnd

E2E = {"supabase", "encrypted"}
NAMES = [
    pytest.param(name, marks=pytest.mark.e2e if name in E2E else ())
    for name in ("sqlite", "encrypted", "postgres", "supabase")
    if importlib.util.find_spec(f"tests.ledger.on_{name}")
]


@pytest.fixture(params=NAMES)
def back_end_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def back_end(back_end_name: str) -> BackEnd:
    return importlib.import_module(f"tests.ledger.on_{back_end_name}")  # type: ignore[return-value]


@pytest.fixture
def address(back_end: BackEnd, tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "a ledger"
    folder.mkdir()
    with back_end.fresh(folder) as one:
        yield one


@pytest.fixture
def connect(back_end: BackEnd, address: str) -> Iterator[Callable[[], Ledger]]:
    """Open one more connection; all are closed at the end."""
    opened: list[Ledger] = []

    def connection() -> Ledger:
        opened.append(back_end.connect(address))
        return opened[-1]

    yield connection
    for one in opened:
        one.close()


@pytest.fixture
def ledger(connect: Callable[[], Ledger]) -> Ledger:
    return connect()
