"""Changes made to use up the machine: whole processes stay within 512 MiB and 12 s of CPU time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.bench import LANECTL
from tests.world import World, lanectl, write

pytestmark = pytest.mark.e2e

MIB = 1 << 20


def lockfiles(top: Path) -> None:
    """Thirty lockfiles that a patch of 600 kB inflates to 450 MiB."""
    for number in range(30):
        write(top / f"d{number}/uv.lock", bytes([0, number]) + b"#" * (15 * MIB))


def requirements(top: Path) -> None:
    write(top / "requirements.txt", b"a==1\n" * (2 * MIB))


def manifest(top: Path) -> None:
    rows = b"".join(b'p%d={git="https://x%d"}\n' % (n, n) for n in range(300_000))
    write(top / "Cargo.toml", b"[dependencies]\n" + rows)


def tokens(top: Path) -> None:
    write(top / "a.txt", b"eyJhbGciOi" * MIB)


# A child begins with the peak of the process it was forked from: a small one starts it.
METER = """\
import resource, subprocess, sys
quiet = subprocess.DEVNULL
code = subprocess.run(sys.argv[1:], stdout=quiet, stderr=quiet).returncode
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(code, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
"""


def spent(*command: str | Path, cwd: Path) -> tuple[int, float, float]:
    """Return exit code, CPU seconds and MiB of the largest process, git's among them."""
    arguments = [sys.executable, "-c", METER, *map(str, command)]
    done = subprocess.run(arguments, cwd=cwd, capture_output=True, text=True, check=True)
    code, seconds, most = done.stdout.split()
    return int(code), float(seconds), float(most)


def test_the_memory_of_who_measures_is_not_counted(tmp_path: Path) -> None:
    held = bytearray(os.urandom(MIB)) * 200
    small = spent(sys.executable, "-c", "", cwd=tmp_path)
    large = spent(sys.executable, "-c", f"bytearray(b'x') * ({MIB} * 200)", cwd=tmp_path)
    assert small[2] < 100
    assert large[2] > 200
    assert len(held) == 200 * MIB


@pytest.mark.parametrize("make", [requirements, manifest, tokens])
def test_what_is_slow_to_read_is_not_read(world: World, make: Callable[[Path], None]) -> None:
    make(world.builder)
    bundle = world.pack()
    for command, codes in (("verify", {0, 4}), ("inspect", {0})):
        code, seconds, most = spent(*LANECTL, command, bundle, cwd=world.enforcer)
        assert code in codes
        assert seconds < 12  # the requirements took 100, the manifest 10
        assert most < 512


def test_a_patch_that_inflates_in_git_is_refused(world: World) -> None:
    lockfiles(world.builder)
    done = lanectl("pack", "--slug", "x", "--repo", world.builder)
    assert (done.code, "archive/limit" in done.err) == (1, True)
    assert "471859260 bytes of binary files" in done.err
