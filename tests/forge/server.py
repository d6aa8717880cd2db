"""The loopback HTTP server: reads a request, logs it, meets its fault, sends the answer."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.forge.faults import Fault, Faults
from tests.forge.wire import Answer, CutError, Request, parse, read_body

HOP = {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}


@dataclass(frozen=True)
class Seen:
    """One request as the log keeps it: `token` is a token's name, "unknown" or "" for none."""

    method: str
    path: str
    authorization: bool
    token: str
    when: float


class Server(socketserver.ThreadingTCPServer):
    """Serves 127.0.0.1 on a free port; close() ends every connection and every thread."""

    allow_reuse_address = True
    daemon_threads = False
    block_on_close = True
    request_queue_size = 64

    def __init__(
        self,
        app: Callable[[Request], Answer],
        faults: Faults | None = None,
        name: Callable[[str], str] = lambda _: "unknown",
    ) -> None:
        self.app, self.faults, self.name = app, faults or Faults(), name
        self.log: list[Seen] = []
        self.errors: list[str] = []  # what the forge itself could not do, with where
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="forge")

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self.closing.set()
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet: the log is Server.log."""

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def _serve(self) -> None:
        request = parse(self.command, self.path, self.headers)
        said = self.headers.get("Authorization", "")
        self.server.log.append(
            Seen(self.command, self.path, bool(said), self.server.name(said), time.monotonic())
        )
        fault = self.server.faults.meet(request)
        if fault is not None and fault.kind == "cut-request":
            self.rfile.read1(fault.size)
            raise CutError("on purpose")
        body = read_body(self.headers, self.rfile)
        request = parse(self.command, self.path, self.headers, body)
        if fault is None:
            self._send(self._work(request))
        else:
            self._broken(fault, request)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

    def _work(self, request: Request) -> Answer:
        try:
            return self.server.app(request)
        except Exception:  # noqa: BLE001  # kept, and raised when the forge ends
            self.server.errors.append(f"{request.method} {request.path}\n{traceback.format_exc()}")
            return Answer(500, b"the test forge failed\n", {"Content-Type": "text/plain"})

    def _broken(self, fault: Fault, request: Request) -> None:
        real = self._work(request) if fault.after else Answer(200, b" " * 512)
        if fault.kind == "answer":
            self._send(fault.answer)
        elif fault.kind == "hang":
            self.server.closing.wait()
            raise CutError("on purpose")
        elif fault.kind == "slow":
            self.server.closing.wait(fault.seconds)
            self._send(real)
        else:
            self._send(real, upto=len(real.body) // 2)
            raise CutError("on purpose")

    def _send(self, answer: Answer, upto: int | None = None) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in HOP:
                self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body) + (upto == 0)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[:upto])
