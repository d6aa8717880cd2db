"""What the rules of content cost: `verify` as a whole process, with them and without, in pairs.

Usage: python -m bench.content [--files N] [--rounds N].
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.bench import Rig, Timed, paired

WITH = "from lanectl.cli.app import main; main()"
WITHOUT = """
from lanectl import checks
from lanectl.flows import verify
from lanectl.model.content import Content
checks._content_faults = lambda _: ()
verify.gather = lambda *_, **__: Content()
"""
"""A lanectl that gathers and judges no content."""


def processor(run: Timed) -> float:
    """Return the processor seconds of the children that something starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compared(rig: Rig, rounds: int) -> str:
    """Return the cells of a row: the packed bundle verified with the rules and without."""

    def verify(code: str) -> float:
        command = [sys.executable, "-c", code, "verify", rig.bundle]
        return processor(lambda: rig.run(*command, cwd=rig.enforcer))

    one, other, ratio = paired(rounds, lambda: verify(WITH), lambda: verify(WITHOUT + WITH))
    return f"{one * 1000:,.0f} ms | {other * 1000:,.0f} ms | {ratio:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=18_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lanectl-bench-") as folder:
        rig = Rig(Path(folder), options.files)
        print(
            "\n| verify, processor time, git's included | with rules of content | without | ratio |"
        )
        print("|---|--:|--:|--:|")
        rig.add("five.txt", b"".join(b"line %3d of a change of 5 kB\n" % n for n in range(172)))
        rig.pack()
        print(f"| content rules, 5 kB change | {compared(rig, options.rounds)}", flush=True)
        rig.edit(min(2000, options.files))
        rig.pack()
        print(f"| content rules, 2,000 files | {compared(rig, options.rounds)}", flush=True)


if __name__ == "__main__":
    main()
