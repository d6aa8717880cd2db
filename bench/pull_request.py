"""From a bundle on disk to an open pull request, whole process, on the tests' local forge.

Usage: python -m bench.pull_request [--rounds N]. Needs what `make e2e` installs. A new forge and
repository each round; setting them up is not counted.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.forge.forge import Forge
from tests.forge.world import ForgeWorld


def once() -> float:
    """Return the seconds of one `lanectl apply --pr` that opens a pull request."""
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        Forge() as forge,
    ):
        home = Path(folder) / "home"
        home.mkdir()
        patch.setenv("HOME", str(home))
        story = ForgeWorld(Path(folder) / "world", patch, forge)
        story.bootstrap()
        bundle = story.packed()
        program = [str(Path(sys.executable).parent / "lanectl"), "apply", "--pr", str(bundle)]
        start = time.perf_counter()
        subprocess.run(program, cwd=story.enforcer, env=os.environ, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        if len(story.view.pulls()) != 1:
            raise SystemExit("no pull request was opened")
        return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    times = [once() for _ in range(parser.parse_args().rounds)]
    print(f"bundle to pull request: median {statistics.median(times):.2f} s", end=", ")
    print(f"from {min(times):.2f} to {max(times):.2f} s, {len(times)} rounds")


if __name__ == "__main__":
    main()
