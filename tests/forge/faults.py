"""What can go wrong on the way, on purpose: each fault says which requests it hits and how often."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Literal

from tests.forge.wire import Answer, Request

Kind = Literal["answer", "hang", "cut", "cut-request", "slow"]


@dataclass
class Fault:
    """`seen` counts the requests that it hit; `after`: the forge does its work all the same."""

    kind: Kind
    method: str
    path: re.Pattern[str]
    times: int
    answer: Answer = field(default_factory=lambda: Answer(500))
    after: bool = False
    seconds: float = 0.0
    size: int = 0
    seen: int = 0

    def hits(self, request: Request) -> bool:
        return (
            self.seen < self.times
            and self.method in {request.method, "*"}
            and self.path.search(request.target) is not None
        )


class Faults:
    """The faults that are waiting, oldest first; a request meets one at most."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._waiting.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def meet(self, request: Request) -> Fault | None:
        """Return the fault that this request meets, and count it."""
        with self._lock:
            for fault in self._waiting:
                if fault.hits(request):
                    fault.seen += 1
                    return fault
        return None


class Breakable:
    """The verbs with which a test breaks things.

    `method` is "GET", "POST" … or "*"; `path` is a regular expression searched in path and query,
    without /api/v3. A push is POST on `git-receive-pack$`, what goes before it GET on
    `service=git-receive-pack`. Each verb returns its Fault, so that a test sees that it was met.
    """

    def __init__(self) -> None:
        self.faults = Faults()

    def _add(self, kind: Kind, method: str, path: str, times: int, **more: object) -> Fault:
        return self.faults.add(Fault(kind, method, re.compile(path), times, **more))  # type: ignore[arg-type]

    def fail(
        self, method: str, path: str, *, status: int, headers: dict[str, str] | None = None,
        body: bytes = b'{"message": "injected"}', times: int = 1, after: bool = False,
    ) -> Fault:  # fmt: skip
        """Answer with this status; the work is not done, unless `after`."""
        typed = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
        wrong = Answer(status, body, typed)
        return self._add("answer", method, path, times, answer=wrong, after=after)

    def redirect(
        self, method: str, path: str, to: str, *, status: int = 307, times: int = 1
    ) -> Fault:
        """Send the client somewhere else."""
        return self.fail(method, path, status=status, headers={"Location": to}, times=times)

    def hang(self, method: str, path: str, *, times: int = 1, after: bool = False) -> Fault:
        """Take the request and never answer; the connection stays open until the forge ends."""
        return self._add("hang", method, path, times, after=after)

    def cut(self, method: str, path: str, *, times: int = 1, after: bool = True) -> Fault:
        """Do the work, then close in the middle of the answer; without `after`, not even the work."""
        return self._add("cut", method, path, times, after=after)

    def cut_request(self, method: str, path: str, *, size: int = 64, times: int = 1) -> Fault:
        """Read this many bytes of the request's body, then close; nothing is done.

        When a kept connection dies like this, git's HTTP library may send a small push (below
        http.postBuffer) again by itself: give `times` 9, then `faults.clear()`.
        """
        return self._add("cut-request", method, path, times, size=size)

    def slow(self, method: str, path: str, seconds: float, *, times: int = 1) -> Fault:
        """Do the work, wait, then answer."""
        return self._add("slow", method, path, times, seconds=seconds, after=True)
