"""A program for tests: `apply` that kills itself with -9 around the n-th git child.

Usage: crashing.py N before|after BUNDLE REPO. Prints nothing; ends normally with code 0 when there
were fewer children. No hook in lanectl: the wrapper stands around its one way to run git.
"""

from __future__ import annotations

import os
import signal
import sys

from lanectl.adapters.git.process import Git
from lanectl.cli.app import run

number, moment, bundle, repository = int(sys.argv[1]), *sys.argv[2:]
original = Git.run
calls = 0


def crashing(self: Git, *arguments: str | bytes, **options: object) -> bytes:
    global calls  # noqa: PLW0603 - a program of thirty lines
    calls += 1
    if calls == number and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    out = original(self, *arguments, **options)  # type: ignore[arg-type]
    if calls == number and moment == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return out


Git.run = crashing  # type: ignore[method-assign,assignment]
sys.exit(run(["apply", bundle, "--repo", repository]))
