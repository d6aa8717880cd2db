"""`lanectl verify DIR`: bundles a second, on one processor and on all, without and with replay.

Usage: python -m bench.verify_many [--bundles N] [--files N] [--rounds N]. The bundles of the first
two rows are N different ones on a repository of ten files; those of the last row are copies of one
on a repository of many files (nothing is remembered of a bundle). A rate is that of the bundles
alone: what the same command takes for one bundle is taken off. Best of the rounds.
Processor time is git's as well; it says more than a rate where other work runs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.bench import LANECTL, Rig, processor_time
from tests.assets.bundles.workshop import bundle
from tests.assets.bundles.workshop.bundle import Plan, make
from tests.assets.bundles.workshop.objects import File
from tests.checks.enforcer import Enforcer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ALL = sorted(os.sched_getaffinity(0))


class Inbox:
    """A folder of bundles, a folder with the first of them alone, and how lanectl is run on them."""

    def __init__(self, root: Path, clone: Path, home: Path) -> None:
        self.many, self.one, self.clone = root / "many", root / "one", clone
        self._env = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C"}
        self.size = 0

    def add(self, source: Path) -> None:
        """Copy a bundle's folder into it."""
        shutil.copytree(source, self.many / f"{self.size:05}")
        if not self.size:
            shutil.copytree(source, self.one / "0")
        self.size += 1

    def rate(self, rounds: int, cpus: Sequence[int], *options: str) -> tuple[float, float]:
        """Return bundles a second, and milliseconds of processor time for each, git's included."""
        ones, all_of_them = (
            [self._seconds(folder, cpus, options) for _ in range(rounds)]
            for folder in (self.one, self.many)
        )
        wall, cpu = (min(t[n] for t in all_of_them) - min(t[n] for t in ones) for n in (0, 1))
        return (self.size - 1) / wall, 1000 * cpu / (self.size - 1)

    def _seconds(
        self, folder: Path, cpus: Sequence[int], options: Sequence[str]
    ) -> tuple[float, float]:
        start, used = time.perf_counter(), processor_time()
        os.sched_setaffinity(0, cpus)
        try:
            done = subprocess.run(
                [*LANECTL, "verify", str(folder), "--json", *options],
                cwd=self.clone, env=self._env, stdout=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        finally:
            os.sched_setaffinity(0, ALL)
        if done.returncode != (3 if options else 0):
            raise SystemExit(f"verify ended with {done.returncode}")
        return time.perf_counter() - start, processor_time() - used


def different(root: Path, count: int) -> Inbox:
    """Return an inbox of this many different bundles, half of them signed by either kind of key."""
    home = root / "home"
    os.environ["HOME"] = str(home)  # where `settle` puts the operator file
    inbox = Inbox(root, Enforcer(root / "machine").settle().clone, home)
    issued = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    for number in range(count):

        def named(predicate: dict[str, Any], number: int = number) -> None:
            predicate["invocation"]["parameters"]["slug"] = f"fix-{number}"

        made = make(
            Plan(
                edits=bundle.GOOD | {b"file%d.txt" % number: File(b"text %d\n" % number)},
                predicate=named, issued=issued,
                key=("builder-ed25519", "builder-p256")[number % 2],
            )
        )  # fmt: skip
        folder = root / "made"
        folder.mkdir(exist_ok=True)
        (folder / "artifact.tar.gz").write_bytes(made.artifact)
        (folder / "artifact.tar.gz.sigstore.json").write_bytes(made.signature or b"")
        inbox.add(folder)
    return inbox


def copies(root: Path, count: int, files: int) -> Inbox:
    """Return an inbox of copies of one bundle on a repository of many files."""
    root.mkdir()
    rig = Rig(root, files)
    rig.edit(1)
    rig.pack()
    inbox = Inbox(root, rig.enforcer, root / "home")
    for _ in range(count):
        inbox.add(rig.bundle.parent)
    return inbox


def rows(root: Path, options: argparse.Namespace) -> Iterator[str]:
    """Yield the rows of the table."""
    small = different(root / "small", options.bundles)
    few = options.bundles // 10
    large = copies(root / "large", few, options.files)
    for name, inbox, words in (
        (f"signature and archive, {options.bundles:,} bundles", small, ["--no-replay"]),
        (f"with replay, {options.bundles:,} bundles", small, []),
        (f"with replay, {few:,} bundles, {options.files:,} files", large, []),
    ):
        (one, cpu), (every, _) = (
            inbox.rate(options.rounds, cpus, *words) for cpus in (ALL[:1], ALL)
        )
        yield f"| {name} | {one:,.0f} | {every:,.0f} | {cpu:.1f} ms |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundles", type=int, default=1000)
    parser.add_argument("--files", type=int, default=18_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"| bundles a second | 1 CPU | {len(ALL)} CPUs | CPU time for one |\n|---|--:|--:|--:|")
    with tempfile.TemporaryDirectory(prefix="lanectl-bench-") as folder:
        for row in rows(Path(folder), options):
            print(row, flush=True)


if __name__ == "__main__":
    main()
