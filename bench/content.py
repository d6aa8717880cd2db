"""What the rules of content cost: `verify` as a whole process, with them and without, in pairs.

Usage: python -m bench.content [--files N] [--rounds N].
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.bench import Rig, paired, processor_time, row

WITH = "from lanectl.cli.app import main; main()"
WITHOUT = """
from lanectl import checks
from lanectl.flows import verify
from lanectl.model.content import Content
checks._content_faults = lambda _: ()
verify.gather = lambda *_, **__: Content()
"""
"""A lanectl that gathers and judges no content."""


def compared(rig: Rig, rounds: int, change: str) -> str:
    """Return a row: the packed bundle of a change verified with the rules and without."""

    def verify(code: str) -> float:
        before = processor_time()
        rig.run(sys.executable, "-c", code, "verify", rig.bundle, cwd=rig.enforcer)
        return processor_time() - before

    pairs = paired(rounds, lambda: verify(WITH), lambda: verify(WITHOUT + WITH))
    return row(f"content rules, {change}", *pairs)


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
        print(compared(rig, options.rounds, "5 kB change"), flush=True)
        rig.edit(min(2000, options.files))
        rig.pack()
        print(compared(rig, options.rounds, "2,000 files"), flush=True)


if __name__ == "__main__":
    main()
