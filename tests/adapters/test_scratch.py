"""Temporary folders: private, never another's, and gone after a kill -9 by the next run."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lanectl.adapters.scratch import PREFIX, scratch_folder, scratch_parents, sweep
from lanectl.errors import UnreadableError
from tests.moment import at
from tests.world import World, lanectl_process, snapshot, write

NOW = time.time()


def test_the_users_cache_comes_first() -> None:
    system = Path("/tmp")  # noqa: S108 - the system's default
    assert scratch_parents({"HOME": "/h", "TMPDIR": "/t"}) == (
        Path("/h/.cache/lanectl"),
        Path("/t"),
    )
    assert scratch_parents({"HOME": "/h", "XDG_CACHE_HOME": "/c"}) == (Path("/c/lanectl"), system)
    assert scratch_parents({"XDG_CACHE_HOME": "relative"}) == (system,)


def test_the_first_parent_that_can_be_written_is_taken(tmp_path: Path) -> None:
    write(tmp_path / "file")
    with scratch_folder([tmp_path / "file/x", tmp_path / "good"], now=NOW) as folder:
        assert folder.parent == tmp_path / "good"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "home").stat().st_mode) == 0o700
    assert list((tmp_path / "good").iterdir()) == []
    with (
        pytest.raises(UnreadableError, match="no folder for temporary files"),
        scratch_folder([tmp_path / "file/x", Path("/proc")], now=NOW),
    ):
        pass


def test_it_is_gone_after_an_error_too(tmp_path: Path) -> None:
    def fail() -> None:
        with scratch_folder([tmp_path / "parent"], now=NOW) as folder:
            write(folder / "deep/file")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert list((tmp_path / "parent").iterdir()) == []


def killed(parent: Path) -> Path:
    """Return the folder of a process that was killed inside of it."""
    code = (
        "import os, pathlib, signal, sys; from lanectl.adapters.scratch import scratch_folder\n"
        "with scratch_folder([pathlib.Path(sys.argv[1])], now=0) as folder:\n"
        "    (folder / 'git').mkdir(); (folder / 'git/file').touch(); print(folder, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, parent], capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    folder = Path(done.stdout.strip())
    assert (folder / "git/file").exists()
    return folder


def test_what_a_killed_process_left_is_swept_and_what_lives_is_not(tmp_path: Path) -> None:
    dead = killed(tmp_path)
    with scratch_folder([tmp_path], now=NOW) as alive:
        assert not dead.exists()
        with scratch_folder([tmp_path], now=NOW + 9999) as second:
            assert alive.exists()
            assert second.exists()
        assert sweep(tmp_path, now=NOW + 9999) == 0
        assert alive.exists()


def test_one_that_is_just_being_made_has_no_lock_yet(tmp_path: Path) -> None:
    young = tmp_path / f"{PREFIX}young"
    young.mkdir()
    made = young.stat().st_mtime
    assert sweep(tmp_path, now=made + 30) == 0
    assert sweep(tmp_path, now=made + 90) == 1
    assert not young.exists()


def test_nothing_is_swept_through_a_link_nor_anothers(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    write(precious / "file")
    write(precious / "lock")
    (tmp_path / "parent").mkdir()
    (tmp_path / f"parent/{PREFIX}link").symlink_to(precious)
    write(tmp_path / f"parent/{PREFIX}with-a-linked-lock/file")
    (tmp_path / f"parent/{PREFIX}with-a-linked-lock/lock").symlink_to(precious / "lock")
    other = tmp_path / f"parent/{PREFIX}other"
    write(other / "lock")
    if os.geteuid() == 0:
        os.chown(other, 65534, 65534)
    before = snapshot(precious)
    assert sweep(tmp_path / "parent", now=NOW + 9999) == (0 if os.geteuid() == 0 else 1)
    assert snapshot(precious) == before


def test_another_process_may_sweep_at_the_worst_moment(tmp_path: Path) -> None:
    """A lock has its name only while it is held, so no moment shows a living folder as abandoned."""
    sweeps = 0

    def sweep_before(_fd: int, operation: int) -> None:
        nonlocal sweeps
        if operation == fcntl.LOCK_EX:  # that of the owner
            sweeps += 1
            assert sweep(tmp_path, now=NOW) == 0

    with at("fcntl.flock", sweep_before), scratch_folder([tmp_path], now=NOW) as folder:
        assert folder.exists()
    assert sweeps == 1


def test_a_killed_pack_leaves_nothing_that_the_next_one_does_not_sweep(world: World) -> None:
    """Killed with its git children, wherever they are; `make e2e` has a longer one beside it."""
    world.change()
    before = {k: v for k, v in snapshot(world.builder).items() if b".lanectl" not in k}
    command = [sys.executable, "-m", "lanectl", "pack", "--repo", world.builder, "--slug", "x", "--unsigned"]  # fmt: skip
    kills = 0
    for number in range(5):
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(0.05 + number * 0.05)
        os.killpg(process.pid, signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        after = {k: v for k, v in snapshot(world.builder).items() if b".lanectl" not in k}
        assert after == before
    assert kills > 0
    cache = Path(os.environ["HOME"]) / ".cache/lanectl"
    for folder in cache.glob(f"{PREFIX}*"):  # killed before it had a lock: not swept while young
        if not (folder / "lock").exists():
            os.utime(folder, (1, 1))
    done = lanectl_process("pack", "--repo", world.builder, "--slug", "x", "--unsigned")
    assert done.code == 0, done.err
    assert list(cache.iterdir()) == []
