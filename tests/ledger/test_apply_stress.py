"""Two Enforcers at once, and an Enforcer killed at any moment: applied once, and the chain holds."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lanectl.adapters.ledger.sqlite import open_ledger
from tests.ledger import on_postgres
from tests.ledger.office import bodies, second
from tests.ledger.story import check_chain
from tests.world import World, git

pytestmark = pytest.mark.e2e

RACER = Path(__file__).with_name("racer.py")


def racer(world: World, bundle: Path, clone: Path, home: Path) -> subprocess.Popen[str]:
    """Start an Enforcer with a home, a state and a clone of its own."""
    shutil.copytree(Path(os.environ["HOME"]) / ".config", home / ".config")
    return subprocess.Popen(
        [sys.executable, RACER, bundle, clone],
        env={**os.environ, "HOME": str(home), "PYTHONPATH": os.getcwd()},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_two_enforcers_race_for_one_handoff(world: World, tmp_path: Path) -> None:
    bundle, clones = world.packed(), [world.enforcer, second(world)]
    racers = [racer(world, bundle, c, tmp_path / f"home{n}") for n, c in enumerate(clones)]
    chance, won = random.Random(6), [0, 0]
    try:
        for _ in range(200):
            with on_postgres.fresh(tmp_path) as dsn:
                for one in racers:
                    assert one.stdin is not None
                    one.stdin.write(f"{dsn}\t{chance.uniform(0, 0.05)}\n")
                    one.stdin.flush()
                said = [json.loads(one.stdout.readline()) for one in racers if one.stdout]
                assert [s["code"] for s in said] == [0, 0], said
                assert sorted(s["said"]["state"] for s in said) == ["created", "found"]
                assert len({s["said"]["commit"] for s in said}) == 1
                assert [e["kind"] for e in bodies(dsn)].count("applied") == 1
                won[[s["said"]["state"] for s in said].index("created")] += 1
            for clone in clones:
                git(clone, "update-ref", "-d", "refs/heads/feature/fix-login")
            for state in tmp_path.glob("home*/.local"):
                shutil.rmtree(state)
    finally:
        for one in racers:
            one.kill()
            one.communicate()
    assert min(won) > 0, won  # both were fast at times, or it was no race


def test_killed_at_random_and_run_again(world: World) -> None:
    bundle, chance, whole = world.packed(), random.Random(7), 0
    command = [sys.executable, "-m", "lanectl", "apply", str(bundle), "--repo", str(world.enforcer)]
    begun = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    takes = time.monotonic() - begun
    forget(world)
    for _ in range(100):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(takes * chance.uniform(0.3, 1.3))
        process.kill()
        process.wait()
        chain(world)
        if git(world.enforcer, "branch", "--list", "feature/*"):
            whole += 1
            again = world.apply(bundle)
            assert (again.code, again.json["state"]) == (0, "found"), again.err
            assert [e["kind"] for e in world.events()].count("applied") == 1
            assert git(world.enforcer, "rev-list", "--count", "main..feature/fix-login") == "1"
            forget(world)
    assert 0 < whole < 100
    assert world.apply(bundle).code == 0
    chain(world)


def forget(world: World) -> None:
    """Let the next round begin with nothing."""
    world.forget_ledger()
    git(world.enforcer, "update-ref", "-d", "refs/heads/feature/fix-login")


def chain(world: World) -> None:
    """Check the whole chain, if there is a ledger already."""
    for path in world.state("ledger.sqlite"):
        ledger = open_ledger(str(path))
        check_chain(ledger)
        ledger.close()
