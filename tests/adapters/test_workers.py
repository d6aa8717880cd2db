"""Forked workers: results in order, one death costs one piece, an interrupt leaves nobody behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lanectl.adapters.workers import in_order, usable_cpus

Work = Callable[[int], bytes]


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A folder where every process that works leaves its id."""
    folder = tmp_path / "begun"
    folder.mkdir()
    return folder


def living(folder: Path) -> list[int]:
    """The processes that left their id and are still there."""
    return [int(p.name) for p in folder.iterdir() if Path(f"/proc/{p.name}").exists()]


def telling(folder: Path, work: Work) -> Callable[[], Work]:
    """A preparation that leaves its process's id."""

    def prepare() -> Work:
        (folder / str(os.getpid())).touch()
        return work

    return prepare


def test_results_come_in_order_whoever_is_first(begun: Path) -> None:
    def slow_at_first(number: int) -> bytes:
        time.sleep(0.05 if number % 3 == 0 else 0)
        return b"%d" % number

    done = list(in_order(20, telling(begun, slow_at_first), workers=3))
    assert done == [b"%d" % n for n in range(20)]
    assert len(list(begun.iterdir())) == 3
    assert str(os.getpid()) not in {p.name for p in begun.iterdir()}
    assert living(begun) == []


def test_a_result_may_be_larger_than_a_pipe_or_empty() -> None:
    sizes = [0, 5_000_000, 1, 300_000]
    done = in_order(4, lambda: lambda n: b"x" * sizes[n], workers=2)
    assert [len(part or b"?") for part in done] == [1, 5_000_000, 1, 300_000]


@pytest.mark.parametrize("workers", [2, 7])
def test_a_worker_that_is_killed_costs_its_own_piece(begun: Path, workers: int) -> None:
    def dies(number: int) -> bytes:
        if number in {3, 4, 9}:
            os.kill(os.getpid(), signal.SIGKILL)
        return b"%d" % number

    done = list(in_order(10, telling(begun, dies), workers=workers))
    assert done == [None if n in {3, 4, 9} else b"%d" % n for n in range(10)]
    assert living(begun) == []


def test_workers_that_cannot_begin_lose_every_piece_and_end() -> None:
    def prepare() -> Work:
        raise OSError("no space")

    assert list(in_order(5, prepare, workers=2)) == [None] * 5


@pytest.mark.parametrize(("count", "workers"), [(5, 1), (1, 5), (0, 5)])
def test_with_one_worker_or_one_piece_nothing_is_forked(
    count: int, workers: int, begun: Path
) -> None:
    done = list(in_order(count, telling(begun, lambda n: b"%d" % n), workers=workers))
    assert done == [b"%d" % n for n in range(count)]
    assert [p.name for p in begun.iterdir()] == [str(os.getpid())]


def test_who_stops_to_listen_ends_all_workers(begun: Path) -> None:
    def endless(number: int) -> bytes:
        if number > 1:
            time.sleep(60)
        return b""

    results = in_order(10, telling(begun, endless), workers=2)
    assert next(results) == b""
    start = time.monotonic()
    results.close()
    assert time.monotonic() - start < 5
    assert living(begun) == []


# The C function has no frame of Python: what it raises is told to whoever called `fork`.
INTERRUPTED = """
import ctypes, functools, os, signal
from lanectl.adapters.workers import in_order
interrupt = getattr(ctypes.CDLL(None), "raise")
os.register_at_fork(after_in_child=functools.partial(interrupt, signal.SIGINT))
here = os.getpid()
try:
    print([*in_order(3, lambda: lambda number: b"", workers=2)], flush=True)
finally:
    os.write(1, b"the caller" if os.getpid() == here else b"a worker in the caller's code")
"""


def test_one_that_is_interrupted_before_it_begins_goes_on_in_nobodys_code() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "[None, None, None]\nthe caller"), done.stderr
    assert "Traceback" not in done.stderr


def test_one_that_ignores_the_interrupt_is_killed(begun: Path) -> None:
    def stubborn(number: int) -> bytes:
        if number > 1:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            time.sleep(60)
        return b""

    results = in_order(10, telling(begun, stubborn), workers=2, patience=0.1)
    assert next(results) == b""
    results.close()
    assert living(begun) == []


def test_workers_whose_parent_was_killed_end(begun: Path) -> None:
    parent = os.fork()
    if not parent:
        for _ in in_order(100, telling(begun, lambda _n: b""), workers=3):
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(1)
    os.waitpid(parent, 0)
    until = time.monotonic() + 10
    while living(begun) and time.monotonic() < until:
        time.sleep(0.01)
    assert living(begun) == []


def test_the_processors_are_those_that_may_be_used() -> None:
    allowed = os.sched_getaffinity(0)
    assert usable_cpus() == len(allowed)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert usable_cpus() == 1
    finally:
        os.sched_setaffinity(0, allowed)
