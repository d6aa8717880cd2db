"""kill -9 at every step: the repository is as before or as after, and the next run finishes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.world import World, git, lanectl, snapshot

CRASHING = Path(__file__).with_name("crashing.py")


def crash(world: World, bundle: Path, number: int, moment: str) -> int:
    done = subprocess.run(
        [sys.executable, CRASHING, str(number), moment, bundle, world.enforcer],
        capture_output=True,
        check=False,
    )
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode


def refs(world: World) -> str:
    return git(world.enforcer, "for-each-ref")


@pytest.mark.e2e
@pytest.mark.parametrize("moment", ["after", "before"])
def test_apply_killed_around_every_git_child(world: World, moment: str) -> None:
    bundle = world.packed()
    untouched, number, moved = refs(world), 0, 0
    while True:
        number += 1
        code = crash(world, bundle, number, moment)
        assert git(world.enforcer, "fsck", "--strict", "--no-dangling") == ""
        if refs(world) != untouched:
            moved = moved or number
            assert git(world.enforcer, "rev-parse", "feature/fix-login^") == git(
                world.enforcer, "rev-parse", "main"
            )
        if code == 0:
            break
        if moved:  # killed after the branch was made, before it was recorded
            found = world.apply(bundle)
            assert (found.code, found.json["state"]) == (0, "found")
            break
    assert number > 10
    assert bool(moved) is True
    again = world.apply(bundle)
    assert (again.code, again.json["state"]) == (0, "found")
    assert git(world.enforcer, "rev-list", "--count", "main..feature/fix-login") == "1"


def test_apply_killed_before_the_record_is_healed_by_the_branch(world: World) -> None:
    bundle = world.packed()
    first = world.apply(bundle).json["commit"]
    world.forget_ledger()
    again = world.apply(bundle)
    assert (again.json["state"], again.json["commit"]) == ("found", first)
    assert [e["kind"] for e in world.events()] == ["created", "queued", "claimed", "applied"]


def kill_packs(world: World, rounds: int) -> None:
    world.change()
    git(world.builder, "stash", "push", "-q", "--", "src/f0.py")
    world.key("builder")
    lanectl("pack", "--repo", world.builder, "--slug", "x", "--unsigned")
    before = snapshot(world.builder)
    random.seed(rounds)
    command = [
        sys.executable,
        "-m",
        "lanectl",
        "pack",
        "--repo",
        str(world.builder),
        "--slug",
        "x",
        "--unsigned",
    ]
    for _ in range(rounds):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0.05, 0.6))
        process.kill()
        process.wait()
        after = snapshot(world.builder)
        outbox = b"/.lanectl/outbox"
        assert {k: v for k, v in after.items() if outbox not in k} == {
            k: v for k, v in before.items() if outbox not in k
        }
    cache = Path(os.environ["HOME"]) / ".cache/lanectl"
    for folder in cache.glob("lanectl-scratch-*"):
        if not (
            folder / "lock"
        ).exists():  # killed while it was made or removed: swept a minute later
            os.utime(folder, (time.time() - 61, time.time() - 61))
    done = lanectl("pack", "--repo", world.builder, "--slug", "x", "--unsigned")
    assert done.code == 0
    assert list(cache.glob("lanectl-scratch-*")) == []


@pytest.mark.e2e
def test_pack_killed_at_random_leaves_the_user_alone(world: World) -> None:
    kill_packs(world, 8)


@pytest.mark.e2e
def test_pack_killed_at_random_many_times(world: World) -> None:
    kill_packs(world, 80)


@pytest.mark.e2e
def test_two_enforcers_at_once_make_one_commit(world: World) -> None:
    bundle = world.packed()
    command = [sys.executable, "-m", "lanectl", "apply", str(bundle), "--repo", str(world.enforcer)]
    for _ in range(10):
        both = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(2)
        ]
        codes = [p.wait() for p in both]
        for process in both:
            process.communicate()
        assert set(codes) <= {0, 5}
        assert 0 in codes
        assert git(world.enforcer, "rev-list", "--count", "main..feature/fix-login") == "1"
        git(world.enforcer, "update-ref", "-d", "refs/heads/feature/fix-login")
        assert [e["kind"] for e in world.events()].count("applied") == 1
        world.forget_ledger()
