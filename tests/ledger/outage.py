"""A program for tests: lanectl whose ledger's server is killed right before its n-th record (keys do not count).

Usage: outage.py N PID ARGUMENTS.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from lanectl.adapters.ledger.postgres import PostgresLedger
from lanectl.cli.app import run
from lanectl.model.ledger import EventKind

number, pid, *arguments = sys.argv[1:]
records = 0
original = PostgresLedger.record


def record(self: PostgresLedger, event: Any) -> Any:
    global records  # noqa: PLW0603 - a program of thirty lines
    records += event.kind is not EventKind.KEY
    if records == int(number) and event.kind is not EventKind.KEY:
        os.kill(int(pid), signal.SIGQUIT)  # immediate shutdown: every connection breaks
        while _runs(int(pid)):
            time.sleep(0.01)
    return original(self, event)


def _runs(one: int) -> bool:
    try:
        return Path(f"/proc/{one}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


PostgresLedger.record = record  # type: ignore[method-assign]
sys.exit(run(arguments))
