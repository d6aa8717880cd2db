"""The embedded ledger: an append, and reading a long chain with every link recomputed.

Usage: python -m bench.ledger [--events N] [--appends N] [--encrypted]. In a temporary folder of TMPDIR, since an
append costs what the disk's cache flush costs.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lanectl.adapters.ledger import sqlite
from lanectl.formats import event as bodies
from lanectl.model.ledger import GENESIS, EventKind, HandoffKey, LedgerId, NewEvent
from lanectl.model.names import Digest, RepositoryId

LEDGER = LedgerId("be7c" * 8)
START = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = (EventKind.STEP_INTENDED, EventKind.STEP_DONE, EventKind.GATE_RESULT, EventKind.REFUSED)


def event(n: int) -> NewEvent:
    """Return an event of the usual size: 650 bytes of text."""
    digest = hashlib.sha256(str(n // 12).encode()).hexdigest()
    data = {"bundle": digest, "step": "push the branch", "commit": digest[:40], "note": "é" * 40}
    return NewEvent(
        f"{digest}:{n}", KINDS[n % len(KINDS)], START + timedelta(seconds=n),
        "enforcer/lanectl-apply@machine", RepositoryId("github.com/acme/shop"), HandoffKey(digest),
        data,
    )  # fmt: skip


def appends(ledger: sqlite.SqliteLedger, count: int) -> list[float]:
    """Return the seconds of each append."""
    times = []
    for n in range(count):
        one, start = event(n), time.perf_counter()
        ledger.record(one)
        times.append(time.perf_counter() - start)
    return times


def fill(ledger: sqlite.SqliteLedger, first: int, last: int) -> None:
    """Append in one transaction, which `record` never does: only to have many soon."""
    prev = ledger.head().hash
    with ledger._db.writing():  # noqa: SLF001 - see above
        for seq in range(first, last + 1):
            body = bodies.write(event(seq), LEDGER)
            hash_ = bodies.link(prev, seq, body)
            ledger._db.rows(  # noqa: SLF001 - see above
                "insert into events (seq, prev, hash, body) values (?, ?, ?, ?)",
                (seq, prev, hash_, body.decode()),
            )
            prev = hash_


def verified(ledger: sqlite.SqliteLedger) -> tuple[int, float]:
    """Return how many events have the right link, and the seconds that it took to see."""
    start, prev, count = time.perf_counter(), GENESIS, 0
    for count, one in enumerate(ledger.events(), 1):
        if (one.seq, one.prev, one.hash) != (count, prev, bodies.link(prev, count, one.body)):
            raise SystemExit(f"event {count} is not the next")
        prev = Digest(one.hash)
    return count, time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--appends", type=int, default=500)
    parser.add_argument("--encrypted", action="store_true")
    options = parser.parse_args()
    key = "be7c" * 16 if options.encrypted else None
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "ledger.db")
        first = NewEvent("created", EventKind.CREATED, START, "bench", event(0).repository)
        sqlite.create(path, bodies.write(first, LEDGER), key)
        with contextlib.closing(sqlite.open_ledger(path, key)) as ledger:
            times = sorted(appends(ledger, options.appends))
            print(f"append: median {statistics.median(times) * 1e3:.2f} ms", end=", ")
            print(f"99 of 100 within {times[len(times) * 99 // 100] * 1e3:.2f} ms")
            fill(ledger, ledger.head().seq + 1, options.events)
            count, seconds = min((verified(ledger) for _ in range(5)), key=lambda one: one[1])
            print(f"read and link: {count / seconds:,.0f} events a second", end=", ")
            print(f"{seconds / count * 1e6:.1f} µs each, {count:,} events")


if __name__ == "__main__":
    main()
