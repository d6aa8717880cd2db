"""A listener that answers every connection with what is no HTTP: `python -m tests.private_sigstore.garbage PORT`."""

from __future__ import annotations

import sys
from socketserver import StreamRequestHandler, ThreadingTCPServer

from tests.private_sigstore.serving import HOST


class Handler(StreamRequestHandler):
    """Reads a line, and answers bytes and a control sequence for whoever prints them."""

    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"\x1b[2J\x00\xff garbage\r\n\r\n" * 10)


class Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    Server((HOST, int(sys.argv[1])), Handler).serve_forever()
