"""What every server of the tests needs: a free port of this machine, and an end."""

from __future__ import annotations

import socket
import subprocess


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens at; somebody may, before it is used."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and wait for it."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()
