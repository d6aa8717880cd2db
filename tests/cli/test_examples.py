"""The examples are run as they stand: two scripts for the two sides, and the demo."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.world import World, git

ROOT = Path(__file__).resolve().parents[2]


def script(name: str, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run an example with the `lanectl` of this environment first in PATH."""
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    return subprocess.run(
        ["/bin/sh", ROOT / "examples" / name, *map(str, arguments)],
        cwd=cwd, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_both_sides_as_scripts(world: World) -> None:
    world.key("builder")
    world.change()
    packed = script("builder.sh", world.builder, "fix-login", "Fix the login", cwd=world.root)
    assert packed.returncode == 0, packed.stderr
    applied = script("enforcer.sh", world.enforcer, packed.stdout.strip(), cwd=world.root)
    assert applied.returncode == 0, applied.stderr
    assert applied.stdout.strip() == git(world.enforcer, "rev-parse", "feature/fix-login")


def test_the_enforcers_script_stops_at_a_refusal(world: World) -> None:
    bundle = world.packed()
    data = bytearray(bundle.read_bytes())
    data[-20] ^= 1
    bundle.write_bytes(data)
    refused = script("enforcer.sh", world.enforcer, bundle, cwd=world.root)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "archive/digest" in refused.stderr


@pytest.mark.e2e
def test_the_demo_ends_with_a_refusal(tmp_path: Path) -> None:
    done = script("demo.sh", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "ACCEPTED" in done.stdout
    assert "refused, exit code 1" in done.stdout
    assert done.stdout.endswith("GOOD\n")
    assert not list((tmp_path / "tmp").glob("lanectl-demo*"))
