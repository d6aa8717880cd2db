"""Many processes on one ledger, some of them killed: no gap, no fork, nothing given out twice."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lanectl.ports.ledger import Ledger
from tests.ledger import worker as work
from tests.ledger.story import check_chain, queued

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300


@contextlib.contextmanager
def worker(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has its ledger open and waits for a line."""
    command = [sys.executable, "-m", "tests.ledger.worker", *words]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert answer(process) == "ready"
            yield process
        finally:
            process.kill()


def tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def together(*commands: list[str]) -> list[list[str]]:
    """Let processes go at once, and return what each printed."""
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(worker(*words)) for words in commands]
        for process in running:
            tell(process, "go")
        said = [process.communicate(timeout=PATIENCE)[0].split() for process in running]
        assert [process.returncode for process in running] == [0] * len(running)
    return said


def test_eight_processes_append_five_hundred_each(
    back_end_name: str, address: str, connect: Callable[[], Ledger]
) -> None:
    together(*(["append", back_end_name, address, f"p{n}", "500"] for n in range(8)))
    ledger = connect()
    assert check_chain(ledger) == 4001
    ids = {event.event.id for event in ledger.events(after=1)}
    assert ids == {f"p{n}:{m}" for n in range(8) for m in range(500)}


def test_a_hundred_processes_are_killed_while_they_append(
    back_end_name: str, address: str, connect: Callable[[], Ledger]
) -> None:
    chance, ledger, acknowledged = random.Random(6), connect(), set[str]()
    for n in range(100):
        with worker("append", back_end_name, address, f"p{n}", "0") as process:
            tell(process, "go")
            time.sleep(chance.uniform(0, 0.3 if back_end_name == "supabase" else 0.06))
            process.kill()
            assert process.stdout
            said = process.stdout.read().splitlines(keepends=True)
        acknowledged |= {f"p{n}:{m.strip()}" for m in said if m.endswith("\n")}
        ledger.record(work.one(f"after:{n}"))
    assert len(acknowledged) > 100
    check_chain(ledger)
    assert acknowledged <= {event.event.id for event in ledger.events()}


def test_two_race_for_each_of_two_hundred_handoffs(
    back_end_name: str, address: str, ledger: Ledger
) -> None:
    for n in range(200):
        ledger.record(queued(f"h{n}", n))
    wins = {"a": 0, "b": 0}
    with (
        worker("claim", back_end_name, address, "a") as a,
        worker("claim", back_end_name, address, "b") as b,
    ):
        for one in (a, b):
            tell(one, "go")
        for n in range(200):
            for one in (a, b) if n % 2 else (b, a):
                tell(one, f"h{n}")
            said = {"a": answer(a), "b": answer(b)}
            assert sorted(said.values()) == ["busy", "taken"]
            wins = {name: count + (said[name] == "taken") for name, count in wins.items()}
        for one in (a, b):
            one.communicate(timeout=PATIENCE)
    assert all(wins.values()), wins


def test_four_empty_the_queue_and_each_handoff_is_taken_once(
    back_end_name: str, address: str, ledger: Ledger
) -> None:
    for n in range(200):
        ledger.record(queued(f"h{n}", n))
    taken = together(*(["queue", back_end_name, address, f"p{n}"] for n in range(4)))
    assert sorted(slug for said in taken for slug in said) == sorted(f"h{n}" for n in range(200))
