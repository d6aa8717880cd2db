"""A program for tests: lanectl that kills itself with -9 around its n-th act on the world.

Usage: crashing.py N before|after ARGUMENTS. An act: a request to the forge, a git child that
talks to the remote or writes the clone, an event of the ledger, a claim, an anchor, a file of the
state folder.
Ends normally, with lanectl's code, when there were fewer.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from lanectl.adapters import files
from lanectl.adapters.git.process import Git
from lanectl.adapters.http import JsonClient
from lanectl.adapters.ledger.sqlite import SqliteLedger
from lanectl.cli.app import run

ACTS = {"push", "fetch", "ls-remote", "update-ref", "unpack-objects", "index-pack"}
number, moment, *arguments = sys.argv[1:]
acts = 0


def crashing(original: Callable[..., Any], counts: Callable[..., bool]) -> Callable[..., Any]:
    def wrapper(*given: Any, **options: Any) -> Any:
        global acts  # noqa: PLW0603 - a program of forty lines
        hit = counts(*given)
        acts += hit
        if hit and acts == int(number) and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        out = original(*given, **options)
        if hit and acts == int(number) and moment == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return out

    return wrapper


always = lambda *_: True
Git.run = crashing(Git.run, lambda _, *a: bool(ACTS & set(a)))  # type: ignore[method-assign]
JsonClient._once = crashing(JsonClient._once, always)  # type: ignore[method-assign]
for name in ("record", "claim", "renew", "release"):
    setattr(SqliteLedger, name, crashing(getattr(SqliteLedger, name), always))
files.replace = crashing(files.replace, always)
files.append_line = crashing(files.append_line, always)
sys.exit(run(arguments))
