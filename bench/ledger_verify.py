"""`ledger verify` over a SQLite ledger: events a second, best of three, and memory.

Usage: python -m bench.ledger_verify [--events N]. Makes the ledger in a temporary folder.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lanectl.adapters.ledger import sqlite
from lanectl.adapters.ledger.sqlite_file import Database
from lanectl.flows.ledger_verify import verify_ledger
from lanectl.formats import event as bodies
from lanectl.model.ledger import GENESIS, EventKind, HandoffKey, LedgerId, NewEvent
from lanectl.model.names import RepositoryId

LEDGER = LedgerId("a" * 32)
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def event(number: int) -> NewEvent:
    """Return an event of an apply: every tenth one queues a handoff, the others are its steps."""
    kind = EventKind.STEP_DONE if number % 10 else EventKind.QUEUED
    data = {"step": "push", "commit": "c" * 40, "branch": "feature/change"}
    if kind is EventKind.QUEUED:
        data = {"slug": "change", "bundle": "b" * 64, "base": "1" * 40, "result_tree": "2" * 40}
    return NewEvent(
        f"{kind}:{number}", kind, NOON + timedelta(seconds=number), "enforcer",
        RepositoryId("example.test/a/b"), HandoffKey(f"{number - number % 10:064x}"), data,
    )  # fmt: skip


def make(path: Path, events: int) -> None:
    """Write a ledger in one transaction: the handoffs' rows are not made, so they are not compared."""
    first = NewEvent("created", EventKind.CREATED, NOON, "person", RepositoryId("example.test/a/b"))
    body = bodies.write(first, LEDGER)
    sqlite.create(str(path), body)
    prev = bodies.link(GENESIS, 1, body)
    db = Database(str(path), None)
    with db.writing():
        db.rows("drop trigger events_chain")
        for seq in range(2, events + 1):
            body = bodies.write(event(seq), LEDGER)
            after = bodies.link(prev, seq, body)
            db.rows(
                "insert into events (seq, prev, hash, body) values (?, ?, ?, ?)",
                (seq, prev, after, body.decode()),
            )
            prev = after
    db.close()


def main() -> None:
    """Print the rate."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=100_000)
    events = parser.parse_args().events
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite"
        make(path, events)
        best = 0.0
        for _ in range(3):
            ledger = sqlite.open_ledger(str(path))
            start = time.perf_counter()
            report = verify_ledger(ledger, [], None, now=NOON)
            best = max(best, report.events / (time.perf_counter() - start))
            ledger.close()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(f"ledger verify: {best:,.0f} events a second over {events:,}; {memory} MiB")


if __name__ == "__main__":
    main()
