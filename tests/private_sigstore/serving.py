"""JSON over HTTP for the two servers that are ours: the issuer and the certificate log."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct

HOST = "127.0.0.1"


class Request(Struct, frozen=True):
    """A request as the servers judge it; `authorization` is the header's value."""

    path: str
    query: dict[str, str]
    authorization: str
    body: bytes


Answer = Callable[[Request], object | None]
"""A request to the JSON of its answer: None for 404, PermissionError 401, ValueError 400."""


def serve(port: int, answer: Answer) -> None:
    """Serve until the process is ended."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length", 0))
            request = Request(
                url.path, dict(parse_qsl(url.query)), self.headers.get("Authorization", ""), self.rfile.read(length)
            )  # fmt: skip
            try:
                found = {} if url.path == "/healthz" else answer(request)
                code = 404 if found is None else 200
            except (PermissionError, ValueError) as error:
                code, found = (
                    401 if isinstance(error, PermissionError) else 400,
                    {"error": str(error)},
                )
            data = json.dumps(found).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815  # the library's names

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    sys.stderr.close()  # a client that went away is no news
    Server((HOST, port), Handler).serve_forever()
