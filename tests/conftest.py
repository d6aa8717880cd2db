"""Every test starts in its own HOME, with nothing of the machine's git, keys or lanectl set-up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.world import World, scrubbed


def _refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    """Prove the suite offline: any look-up or connection of this process fails the test.

    Children inherit no proof; git is started with GIT_ALLOW_PROTOCOL=none, and the tests that
    trace whole processes look for sockets.
    """
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto"}:
        address = arguments[1] if event == "socket.connect" else arguments[0]
        if not isinstance(
            address, str | bytes
        ):  # a path is a local socket: xdist's own, an agent's
            raise AssertionError(f"network in a test: {event} {address!r}")


sys.addaudithook(_refuse_network)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name in list(scrubbed()):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A hub, a person's, a Builder's and an Enforcer's clone; trust is bootstrapped."""
    return World(tmp_path / "world", monkeypatch).bootstrap()


@pytest.fixture
def bare_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The same without any trust."""
    return World(tmp_path / "world", monkeypatch)
