"""A loopback server that writes down all it receives: the proof that a token never got there."""

from __future__ import annotations

import base64
import re
from types import TracebackType
from typing import Self

from tests.forge.server import Server
from tests.forge.wire import Answer, Request

ASKS = {"WWW-Authenticate": 'Basic realm="listener"', "Content-Type": "text/plain"}


class Listener:
    """Asks everybody for a credential (git only sends one when asked) and keeps what comes.

    `requests` holds it; `saw(secret)` searches all of it. After three requests with a credential
    or thirty in all it says 404, so that no client tries for ever.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._server = Server(self._note)
        self.url = self._server.url

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()

    def _note(self, request: Request) -> Answer:
        self.requests.append(request)
        given = sum("Authorization" in r.headers for r in self.requests)
        if given < 3 and len(self.requests) < 30:
            return Answer(401, b"who are you?\n", dict(ASKS))
        return Answer(404, b"nobody here\n", {"Content-Type": "text/plain"})

    def saw(self, secret: str) -> bool:
        """Say whether this text came: in a target, a header (Basic ones are decoded) or a body."""
        return any(secret.encode() in _everything(request) for request in self.requests)


def _everything(request: Request) -> bytes:
    basic = [
        base64.b64decode(word + "==")
        for value in request.headers.values()
        for word in re.findall(r"[Bb]asic\s+([A-Za-z0-9+/]+)", value)
    ]
    plain = [request.target.encode(), str(request.headers).encode(), request.body]
    return b"\n".join([*plain, *basic])
