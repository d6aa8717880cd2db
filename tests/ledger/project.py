"""A loopback address that answers what it is told: every wrong answer that a project can give."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.forge.faults import Breakable
from tests.forge.server import Server
from tests.forge.wire import Answer, Request

KEY = "sb_secret_Planted0Secret1Of2This3Test"
HTML = b"<!DOCTYPE html><title>Welcome</title><p>sign in</p>"


class Project(Breakable):
    """Says `answer` to everybody, unless one of the verbs of Breakable was called before."""

    def __init__(self) -> None:
        super().__init__()
        self.forget()
        self.server = Server(self._serve, self.faults)
        self.url = self.server.url

    def forget(self) -> None:
        """Be as new."""
        self.faults.clear()
        self.requests: list[Request] = []
        self.says(200, [])

    def says(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        """Answer this from now on: bytes as they are, anything else as JSON."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.answer = Answer(status, body, headers or {})

    def _serve(self, request: Request) -> Answer:
        self.requests.append(request)
        return self.answer


@contextmanager
def project() -> Iterator[Project]:
    one = Project()
    one.server.start()
    try:
        yield one
    finally:
        one.server.close()


class Relay(Breakable):
    """Passes everything on to a project, unless one of the verbs of Breakable was called before."""

    def __init__(self, to: str) -> None:
        super().__init__()
        self._to = to
        self.server = Server(self._pass_on, self.faults)
        self.url = self.server.url

    def _pass_on(self, request: Request) -> Answer:
        headers = {
            n: v for n, v in request.headers.items() if n.lower() not in {"host", "connection"}
        }
        answer = httpx.request(
            request.method, self._to + request.target, headers=headers, content=request.body,
            trust_env=False,
        )  # fmt: skip
        return Answer(answer.status_code, answer.content)


@contextmanager
def relay(to: str) -> Iterator[Relay]:
    one = Relay(to)
    one.server.start()
    try:
        yield one
    finally:
        one.server.close()


@contextmanager
def silent() -> Iterator[str]:
    """An address that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield f"http://127.0.0.1:{one.getsockname()[1]}"


@contextmanager
def endless() -> Iterator[str]:
    """An address that answers a byte at a time, for ever."""
    done = threading.Event()

    def drip() -> None:
        connection, _ = one.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while not done.wait(0.02):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as one:
        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{one.getsockname()[1]}"
        finally:
            done.set()
            thread.join()


def nobody() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return f"http://127.0.0.1:{one.getsockname()[1]}"
