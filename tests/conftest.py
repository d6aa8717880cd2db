"""Every test starts in its own HOME, with nothing of the machine's git, keys or lanectl set-up."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.world import World, scrubbed

if TYPE_CHECKING:
    from tests.forge.forge import Forge
    from tests.forge.listener import Listener
    from tests.private_sigstore.namespace import Namespace
    from tests.private_sigstore.stack import PrivateSigstore
    from tests.sigstore.simulator import Simulator

LOOPBACK = ("127.0.0.1", "::1", "localhost")
_loopback = threading.Event()  # set while a test on a forge runs, or one marked e2e


def _refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    """Prove the suite offline: any look-up or connection of this process fails the test.

    This machine itself is let through in tests that have a server, nothing else is. Children inherit no
    proof; git is started with GIT_ALLOW_PROTOCOL=none, and the tests that trace whole processes
    look for sockets.
    """
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in {"socket.connect", "socket.sendto"}:
        address = arguments[1]
        if not isinstance(address, tuple):  # a path is a local socket: xdist's own, an agent's
            return
        host = address[0]
    else:
        return
    if not (_loopback.is_set() and host in LOOPBACK):
        raise AssertionError(f"network in a test: {event} {host!r}")


sys.addaudithook(_refuse_network)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a family marked thorough the first runs in the default suite, the others with e2e."""
    seen: set[str] = set()
    for item in items:
        if item.get_closest_marker("thorough"):
            family = item.nodeid.partition("[")[0]
            if family in seen:
                item.add_marker(pytest.mark.e2e)
            seen.add(family)


@pytest.fixture(autouse=True)
def _own_network(request: pytest.FixtureRequest) -> Iterator[None]:
    on_loopback = {"forge", "listener", "simulator"}
    if request.node.get_closest_marker("e2e") or on_loopback & set(request.fixturenames):
        _loopback.set()
    yield
    _loopback.clear()


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name in list(scrubbed()):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A bootstrapped world, kept to be copied: making one takes ten times as long.

    It holds its own path in many places, so every copy stands where it stood.
    """
    place, template = tmp_path_factory.mktemp("place"), tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(scrubbed()):
            patch.delenv(name, raising=False)
        (template / "home").mkdir()
        patch.setenv("HOME", str(template / "home"))
        World(place / "world", patch).bootstrap()
    shutil.rmtree(template / "home/.cache", ignore_errors=True)
    (place / "world").rename(template / "world")
    return template, place


@pytest.fixture
def world(_template: tuple[Path, Path], _own_home: None, monkeypatch: pytest.MonkeyPatch) -> World:
    """A hub, a person's, a Builder's and an Enforcer's clone; trust is bootstrapped."""
    template, place = _template
    return World.copied(template, place / "world", monkeypatch)


@pytest.fixture
def bare_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The same without any trust."""
    return World(tmp_path / "world", monkeypatch)


@pytest.fixture
def forge() -> Iterator[Forge]:
    """GitHub's REST and git on one loopback address, no repository yet; for tests marked e2e."""
    from tests.forge.forge import Forge

    with Forge() as one:
        yield one


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Another host, as far as a client can tell; for tests marked e2e."""
    from tests.forge.listener import Listener

    with Listener() as one:
        yield one


@pytest.fixture(scope="session")
def sigstore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSigstore]:
    """A real private Sigstore in a network of its own; for tests marked e2e.

    One for each worker: it is ready in a second and takes 140 MiB. Skips where none can be made.
    """
    from tests.private_sigstore.namespace import NamespaceError
    from tests.private_sigstore.stack import PrivateSigstore

    try:
        made = PrivateSigstore(tmp_path_factory.mktemp("sigstore"))
    except NamespaceError as error:
        pytest.skip(f"no private Sigstore: {error}")
    with made as one:
        yield one


@pytest.fixture(scope="session")
def nowhere() -> Iterator[Namespace]:
    """A network of nobody but the loopback address; for tests marked e2e."""
    from tests.private_sigstore.namespace import Namespace, NamespaceError

    try:
        made = Namespace()
    except NamespaceError as error:
        pytest.skip(f"no empty network: {error}")
    with made as one:
        yield one


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A private Sigstore on this machine: identities, certificates, a log (Rekor v1), timestamps."""
    from lanectl.adapters.bounded import STEP
    from tests.sigstore.simulator import Simulator

    one = Simulator()
    yield one
    one.close()
    for thread in threading.enumerate():
        if thread.name == STEP:  # left alone by its caller; nobody is there to be asked any more
            thread.join(10)
