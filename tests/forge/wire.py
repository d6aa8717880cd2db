"""One request and one answer, as every part of the forge passes them; opens no connection."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from email.message import Message
from io import BufferedIOBase
from typing import Any
from urllib.parse import parse_qs, urlsplit

ENTERPRISE = "/api/v3"
JSON = {"Content-Type": "application/json; charset=utf-8"}


class CutError(ConnectionError):
    """The client went away in the middle of its request."""


@dataclass(frozen=True)
class Request:
    """`path` has no query and no /api/v3 before it; `enterprise` says whether it had."""

    method: str
    path: str
    query: str = ""
    headers: Message = field(default_factory=Message)
    body: bytes = b""
    enterprise: bool = False

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    def json(self) -> dict[str, Any]:
        """Return the body; anything that is no object counts as an empty one."""
        try:
            value = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def asked(self, name: str, default: int) -> int:
        """Return a whole number from the query."""
        text = parse_qs(self.query).get(name, [""])[0]
        return int(text) if text.isdigit() and int(text) else default


@dataclass(frozen=True)
class Answer:
    """What goes back; Content-Length is counted when it is sent."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def header(self, name: str) -> str:
        return next((v for k, v in self.headers.items() if k.lower() == name.lower()), "")

    @property
    def is_json(self) -> bool:
        return "json" in self.header("Content-Type")

    def json(self) -> Any:
        return json.loads(self.body)


def answer(status: int, value: Any) -> Answer:
    """Return a JSON answer."""
    return Answer(status, json.dumps(value).encode(), dict(JSON))


def problem(status: int, message: str, *errors: dict[str, str]) -> Answer:
    """Return an error with the fields that GitHub's have."""
    about = {"message": message, "documentation_url": "about:blank", "status": str(status)}
    return answer(status, {**about, **({"errors": list(errors)} if errors else {})})


def parse(method: str, target: str, headers: Message, body: bytes = b"") -> Request:
    """Split a request's target and take the prefix of GitHub Enterprise off its path."""
    parts = urlsplit(target)
    enterprise = re.match(rf"{ENTERPRISE}(/|$)", parts.path) is not None
    path = (parts.path[len(ENTERPRISE) :] if enterprise else parts.path) or "/"
    return Request(method, path, parts.query, headers, body, enterprise)


def read_body(headers: Message, stream: BufferedIOBase) -> bytes:
    """Read a body of known length or in chunks; CutError if it ends early."""
    if headers.get("Transfer-Encoding", "").lower() == "chunked":
        return b"".join(_chunks(stream))
    return _exactly(stream, int(headers.get("Content-Length") or 0))


def _chunks(stream: BufferedIOBase) -> list[bytes]:
    found = []
    while True:
        line = stream.readline()
        if not line.endswith(b"\n"):
            raise CutError("a chunk's length")
        size = int(line.split(b";")[0], 16)
        found.append(_exactly(stream, size))
        stream.readline()
        if not size:
            return found


def _exactly(stream: BufferedIOBase, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise CutError(f"{len(data)} of {size} bytes")
    return data
