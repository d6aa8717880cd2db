"""A real ssh-agent on a socket of its own, and one that misbehaves. Both end with the test."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MISSING = [p for p in ("ssh-agent", "ssh-add", "ssh-keygen") if shutil.which(p) is None]
needs_ssh = pytest.mark.skipif(bool(MISSING), reason=f"not on this machine: {', '.join(MISSING)}")


def tool(*command: str | Path, socket: str = "") -> str:
    """Run one of OpenSSH's programs; no program may pop up to ask."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "SSH_AUTH_SOCK": socket},
    )  # fmt: skip
    return done.stdout


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """Yield a folder with a short name: a socket's path has 107 bytes at most."""
    folder = Path(tempfile.mkdtemp(prefix="ssh", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


class Agent:
    """A running ssh-agent."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = str(folder / "s")

    def add(self, *kind: str, confirm: bool = False) -> tuple[str, str]:
        """Make a key and add it; return its public line and its fingerprint."""
        path = self.folder / f"{kind[1]}-{time.monotonic_ns()}"
        tool("ssh-keygen", "-q", *kind, "-N", "", "-C", "", "-f", path)
        tool("ssh-add", "-q", *(["-c"] if confirm else []), path, socket=self.socket)
        line = path.with_suffix(".pub").read_text().strip()
        return line, tool("ssh-keygen", "-l", "-f", f"{path}.pub").split()[1]


@contextlib.contextmanager
def running() -> Iterator[Agent]:
    """Yield a real agent without keys."""
    with short_folder() as folder:
        agent = Agent(folder)
        environment = {k: v for k, v in os.environ.items() if k not in {"DISPLAY", "SSH_ASKPASS"}}
        process = subprocess.Popen(
            ["ssh-agent", "-D", "-a", agent.socket], env=environment, stdout=subprocess.DEVNULL
        )
        try:
            until = time.monotonic() + 10
            while not Path(agent.socket).exists() and time.monotonic() < until:
                time.sleep(0.01)
            yield agent
        finally:
            process.terminate()
            process.wait(10)


def string(data: bytes) -> bytes:
    """Return SSH's framing of a string."""
    return struct.pack(">I", len(data)) + data


@contextlib.contextmanager
def misbehaving(answer: Callable[[bytes], bytes | None]) -> Iterator[str]:
    """Yield the socket of an agent that answers each request so; None: it says nothing, and waits."""
    with short_folder() as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
        server.listen()
        ended = threading.Event()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        talk(connection)

        def talk(connection: socket.socket) -> None:
            while head := connection.recv(4):
                said = answer(connection.recv(struct.unpack(">I", head)[0], socket.MSG_WAITALL))
                if said is None:
                    ended.wait(30)
                    return
                connection.sendall(string(said))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield str(folder / "s")
        finally:
            ended.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)
