"""A process of a stress test. Usage: python -m tests.ledger.worker append|claim|queue|spool|replay …"""

from __future__ import annotations

import importlib
import itertools
import sys
from pathlib import Path

from lanectl.adapters.spool import FileSpool
from lanectl.model.ledger import Claim, EventKind, NewEvent
from lanectl.ports.ledger import Ledger
from tests.ledger.story import ACTOR, LEASE, REPOSITORY, START, key


def opened(back_end: str, address: str) -> Ledger:
    """Open a ledger and wait until the parent lets everybody go."""
    ledger: Ledger = importlib.import_module(f"tests.ledger.on_{back_end}").connect(address)
    print("ready", flush=True)
    sys.stdin.readline()
    return ledger


def one(name: str) -> NewEvent:
    return NewEvent(name, EventKind.STEP_DONE, START, ACTOR, REPOSITORY, None, {"note": "é" * 100})


def append(back_end: str, address: str, name: str, count: str) -> None:
    """Append so many events, or without an end (0)."""
    ledger = opened(back_end, address)
    for n in range(int(count)) if int(count) else itertools.count():
        ledger.record(one(f"{name}:{n}"))
        if not int(count):
            print(n, flush=True)
    ledger.close()


def claim(back_end: str, address: str, name: str) -> None:
    """Claim the handoff that each line names; print whether it was taken."""
    ledger = opened(back_end, address)
    for line in sys.stdin:
        claim = ledger.claim(key(line.strip()), name, seconds=LEASE)
        print("taken" if isinstance(claim, Claim) else "busy", flush=True)
    ledger.close()


def queue(back_end: str, address: str, name: str) -> None:
    """Claim what is queued until nothing is left; print what was taken."""
    ledger = opened(back_end, address)
    while taken := ledger.claim_next(name, seconds=LEASE):
        print(taken[1].slug)
    ledger.close()


def spool(folder: str, name: str, count: str) -> None:
    """Put so many events."""
    for n in range(int(count)):
        FileSpool(Path(folder)).put(one(f"{name}:{n}"))


def replay(folder: str, back_end: str, address: str, times: str) -> None:
    """Replay what waits so many times."""
    ledger: Ledger = importlib.import_module(f"tests.ledger.on_{back_end}").connect(address)
    for _ in range(int(times)):
        waiting = FileSpool(Path(folder))
        with waiting.held():
            for event in waiting.waiting():
                ledger.record(event)
            waiting.drop()
    ledger.close()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
