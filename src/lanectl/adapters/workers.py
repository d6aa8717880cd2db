"""Work shared out to forked processes, its results in order. One that dies costs its own piece alone.

Processes, not threads: the limits of a git child are set in the process that starts it. Call it
from a process without threads.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    Work = Callable[[int], bytes]

_NUMBER: Final = 8
_PART: Final = 1 << 20
_AHEAD: Final = 64
"""Pieces that may be done before the one whose turn it is."""

_PATIENCE: Final = 5.0
"""Seconds that a worker has to end its own children."""


def usable_cpus() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(
    count: int, prepare: Callable[[], Work], *, workers: int, patience: float = _PATIENCE
) -> Generator[bytes | None]:
    """Yield what the work makes of 0, 1, … `count` - 1; None for a piece whose process died.

    Each worker prepares once. With one worker or one piece it is this process that works. In the
    end a worker is interrupted, and killed after `patience` seconds.
    """
    if min(workers, count) <= 1:
        yield from map(prepare(), range(count))
        return
    crew = _Crew(count, prepare, min(workers, count), patience)
    try:
        yield from crew.results()
    finally:
        crew.end()


class _Worker:
    """One forked process and its two pipes."""

    def __init__(self, prepare: Callable[[], Work], siblings: list[_Worker]) -> None:
        theirs, self.orders = os.pipe()
        self.answers, our_answers = os.pipe()
        self.piece: int | None = None
        self.read = bytearray()
        # A sibling's end of a pipe kept open there would hide from it that we all are gone.
        foreign = (self.orders, self.answers, *(fd for s in siblings for fd in s.ends))
        # Until it serves, an interrupt would let the new process go on in the caller's own code.
        former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        self.pid = os.fork()
        if not self.pid:
            _serve(prepare, theirs, our_answers, foreign)
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
        os.close(theirs)
        os.close(our_answers)

    @property
    def ends(self) -> tuple[int, int]:
        """This process's ends of the pipes."""
        return self.orders, self.answers

    def order(self, piece: int) -> None:
        """Hand out a piece; a dead worker is noticed when it does not answer."""
        self.piece = piece
        with contextlib.suppress(BrokenPipeError):
            os.write(self.orders, piece.to_bytes(_NUMBER, "big"))

    def take(self) -> bytes | None:
        """Return the answer if all of it is there. Raises EOFError if there will be none."""
        part = os.read(self.answers, _PART)
        if not part:
            raise EOFError
        self.read += part
        size = int.from_bytes(self.read[:_NUMBER], "big")
        if len(self.read) < _NUMBER or len(self.read) < _NUMBER + size:
            return None
        answer = bytes(self.read[_NUMBER:])
        self.read.clear()
        return answer

    def bury(self, patience: float) -> None:
        """Close the pipes and wait for the end, which may have to be hastened."""
        for fd in self.ends:
            os.close(fd)
        if self.piece is not None:
            _signal(self.pid, signal.SIGINT)  # it ends its git children
        until = time.monotonic() + patience
        while not os.waitpid(self.pid, os.WNOHANG)[0]:
            if time.monotonic() > until:
                _signal(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                return
            time.sleep(0.002)


class _Crew:
    def __init__(
        self, count: int, prepare: Callable[[], Work], workers: int, patience: float
    ) -> None:
        self._count = count
        self._prepare = prepare
        self._patience = patience
        self._next = 0  # to hand out
        self._due = 0  # to yield
        self._done: dict[int, bytes | None] = {}
        self._selector = selectors.DefaultSelector()
        self._workers: list[_Worker] = []
        for _ in range(workers):
            self._hire()

    def results(self) -> Iterator[bytes | None]:
        while self._due < self._count:
            self._hand_out()
            for key, _ in self._selector.select():
                self._hear(key.data)
            self._hand_out()  # before the caller is busy with what is done
            while self._due in self._done:
                yield self._done.pop(self._due)
                self._due += 1

    def end(self) -> None:
        self._selector.close()
        while self._workers:
            self._workers.pop().bury(self._patience)

    def _hire(self) -> None:
        worker = _Worker(self._prepare, self._workers)
        self._workers.append(worker)
        self._selector.register(worker.answers, selectors.EVENT_READ, worker)

    def _hand_out(self) -> None:
        for worker in self._workers:
            if worker.piece is None and self._next < min(self._count, self._due + _AHEAD):
                worker.order(self._next)
                self._next += 1

    def _hear(self, worker: _Worker) -> None:
        try:
            answer = worker.take()
        except EOFError:
            self._replace(worker)
            return
        if answer is not None and worker.piece is not None:
            self._done[worker.piece] = answer
            worker.piece = None

    def _replace(self, worker: _Worker) -> None:
        """Go on without a worker that died; the piece that it was at is lost, and nothing else."""
        if worker.piece is not None:
            self._done[worker.piece] = None
            worker.piece = None
        self._selector.unregister(worker.answers)
        self._workers.remove(worker)
        worker.bury(self._patience)
        if self._next < self._count:
            self._hire()


def _serve(
    prepare: Callable[[], Work], orders: int, answers: int, foreign: Iterable[int]
) -> NoReturn:
    """Do pieces until there are no more orders, and never return into the caller's code.

    Twice, as a second interrupt may come on the way out.
    """
    try:
        try:
            _work(prepare, orders, answers, foreign)
        finally:
            os._exit(1)
    finally:
        os._exit(1)


def _work(
    prepare: Callable[[], Work], orders: int, answers: int, foreign: Iterable[int]
) -> NoReturn:
    for fd in foreign:
        os.close(fd)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    work = prepare()
    while order := os.read(orders, _NUMBER):
        answer = work(int.from_bytes(order, "big"))
        left = memoryview(len(answer).to_bytes(_NUMBER, "big") + answer)
        while left:
            left = left[os.write(answers, left) :]
    os._exit(0)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
