"""Killed at any step, or two at once: one branch, one pull request, one set of labels."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.forge.world import ForgeWorld
from tests.world import git, write

pytestmark = pytest.mark.e2e

CRASHING = Path(__file__).with_name("crashing.py")


def start(story: ForgeWorld, *arguments: object, **extra: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.getcwd(), **extra},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def once(story: ForgeWorld, checks: int = 1) -> int:
    """Return the only pull request's number, all of it being there once.

    Two Enforcers that look for the check at the same moment may each record it.
    """
    [(number, branch, commit)] = story.view.pulls()
    assert branch == "feature/fix-login"
    assert git(story.hub, "rev-parse", branch) == commit
    assert story.view.labels(number) == ["codex-handoff"]
    assert 1 <= len(story.view.checks(commit)) <= checks
    assert sorted(story.view.branches()) == ["feature/fix-login", "main"]
    assert len(git(story.hub, "for-each-ref", "refs/lanectl").splitlines()) == 1
    assert git(story.hub, "rev-list", "--count", f"main..{branch}") == "1"
    return number


def forget(story: ForgeWorld) -> None:
    """Let the next round begin with nothing: no branch, no state, no published bundle."""
    for ref in git(story.hub, "for-each-ref", "--format=%(refname)").splitlines():
        if ref.startswith(("refs/heads/feature/", "refs/lanectl/")):
            git(story.hub, "update-ref", "-d", ref)
    git(story.enforcer, "update-ref", "-d", "refs/heads/feature/fix-login")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_every_act_and_run_again(story: ForgeWorld, tmp_path: Path, moment: str) -> None:
    bundle, number = story.packed(), 0
    while True:
        number += 1
        command = ["apply", bundle, "--repo", story.enforcer, "--pr"]
        process = start(story, CRASHING, number, moment, *command)
        _, err = process.communicate(timeout=60)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, err
        # every third crash is followed by a whole run, so that all states are met mid-way, too
        assert git(story.enforcer, "fsck", "--strict", "--no-dangling") == ""
    assert number > 8
    one = once(story)
    assert story.publish(bundle) == one
    assert story.judge(one).code == 0


@pytest.mark.parametrize("act", range(1, 40, 3))
def test_killed_once_and_run_again(story: ForgeWorld, act: int) -> None:
    bundle = story.packed()
    command = ["apply", bundle, "--repo", story.enforcer, "--pr"]
    process = start(story, CRASHING, act, "after", *command)
    process.communicate(timeout=60)
    assert process.returncode in {0, -signal.SIGKILL}
    assert story.publish(bundle) == once(story)


def test_two_enforcers_at_once(story: ForgeWorld, tmp_path: Path) -> None:
    bundle = story.packed()
    other = tmp_path / "world/other"
    git(other.parent, "clone", "-q", str(story.hub), "other")
    git(other, "remote", "set-url", "origin", story.url)
    both = [
        start(story, "-m", "lanectl", "apply", bundle, "--repo", story.enforcer, "--pr", "--json"),
        start(
            story, "-m", "lanectl", "apply", bundle, "--repo", other, "--pr", "--json",
            XDG_STATE_HOME=str(tmp_path / "other-state"),
        ),
    ]  # fmt: skip
    said = [process.communicate(timeout=120) for process in both]
    failed = [
        err.decode() for process, (_, err) in zip(both, said, strict=True) if process.returncode
    ]
    for message in failed:  # who came a moment late is told, and finishes the second time
        assert "Run the command again" in message
    number = story.publish(bundle)
    assert once(story, checks=2) == number
    assert len(failed) < 2


def test_many_of_one_enforcer_at_once(story: ForgeWorld) -> None:
    bundle = story.packed()
    command = ["-m", "lanectl", "apply", bundle, "--repo", story.enforcer, "--pr"]
    processes = [start(story, *command) for _ in range(5)]
    for process in processes:
        process.communicate(timeout=120)
    assert [p.returncode for p in processes].count(0) >= 1
    assert story.publish(bundle) == once(story)


def test_the_token_is_never_seen(story: ForgeWorld, tmp_path: Path) -> None:
    """In no output, state file, log, process list, argument or environment of a child."""
    token = story.forge.people.writer.secret
    story.forge.slow("GET", "service=git-receive-pack", 0.5, times=5)
    bundle = story.packed()
    story.monkeypatch.delenv("LANECTL_FORGE_TOKEN")
    seen: list[str] = []
    process = start(
        story, "-m", "lanectl", "apply", bundle, "--repo", story.enforcer, "--pr",
        LANECTL_FORGE_TOKEN=token, GIT_TRACE="1", GIT_CURL_VERBOSE="1", GIT_TRACE_CURL="1",
    )  # fmt: skip
    watching = threading.Thread(target=_watch, args=(process.pid, token, seen))
    watching.start()
    out, err = process.communicate(timeout=60)
    watching.join()
    assert process.returncode == 0, err
    assert seen == []
    secret = token.encode()
    assert secret not in out + err
    for root in (Path(os.environ["HOME"]), story.root, story.enforcer):
        for file in root.rglob("*"):
            if file.is_file() and not file.is_symlink():
                assert secret not in file.read_bytes(), file


def _watch(pid: int, token: str, seen: list[str]) -> None:
    """Look at every other process while lanectl lives; it holds the token itself."""
    looked = 0
    while _read(Path(f"/proc/{pid}/stat")).split()[2:3] not in ([], [b"Z"]):
        for folder in Path("/proc").glob("[0-9]*"):
            if folder.name == str(os.getpid()):
                continue
            # between vfork and exec a child still shows what its parent is
            itself = _read(folder / "cmdline") == _read(Path(f"/proc/{pid}/cmdline"))
            names = ("cmdline",) if itself else ("cmdline", "environ")
            for name in names:
                content = _read(folder / name)
                looked += 1
                if token.encode() in content:
                    seen.append(f"{folder}/{name} of {_read(folder / 'cmdline')!r}")
        time.sleep(0.01)
    if looked < 50:
        seen.append(f"the watch looked only {looked} times")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_seen_to_fail_the_watch_finds_a_planted_secret(tmp_path: Path) -> None:
    write(tmp_path / "x")
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(1)", "s3cr3t-planted"]
    )
    seen: list[str] = []
    _watch(process.pid, "s3cr3t-planted", seen)
    process.wait()
    assert any("cmdline" in place for place in seen)


def test_from_bundle_to_pull_request(story: ForgeWorld) -> None:
    """The whole way is a matter of seconds; bench/bench.py measures it."""
    bundle = story.packed()
    process = start(story, "-m", "lanectl", "apply", bundle, "--repo", story.enforcer, "--pr")
    process.communicate(timeout=60)
    assert process.returncode == 0
    once(story)
