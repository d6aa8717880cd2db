"""git children: nothing inherited, bounded in time and memory, one fixed program."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from lanectl.adapters.git.child import GitError, Running
from lanectl.adapters.git.process import Git, find_program
from lanectl.errors import UnreadableError
from lanectl.model.report import MalformedError
from lanectl.model.settings import Limits
from tests.world import World, git, needs_ascii_path, write


def child(tmp_path: Path, program: str = "/usr/bin/git", **limits: int) -> Git:
    return Git(str(tmp_path), Limits(**limits), program)


def test_a_child_sees_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "do not leak")
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    seen = child(tmp_path, "/usr/bin/env").run().decode()
    assert "SECRET_TOKEN" not in seen
    assert "/elsewhere" not in seen
    assert "GIT_ALLOW_PROTOCOL=none" in seen


def test_a_child_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(GitError, match="failed") as caught:
        child(tmp_path, "/usr/bin/sleep", git_seconds=1).run("30")
    assert time.monotonic() - start < 10
    assert "longer than 1 seconds" in caught.value.why


@needs_ascii_path
def test_a_child_has_a_memory_limit_and_we_do_not(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    greedy = child(tmp_path, sys.executable, git_memory=256 << 20)
    with pytest.raises(GitError):
        greedy.run("-c", "x = bytearray(1 << 30)")
    assert greedy.run("-c", "print('small is fine')").strip() == b"small is fine"
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_a_binary_literal_bomb_dies_cleanly(world: World) -> None:
    """A patch of a few kB whose literal claims to inflate to gigabytes: git runs into its limit."""
    bomb = zlib.compress(bytes(64 << 20), 9)
    lines = [bomb[n : n + 52] for n in range(0, len(bomb), 52)]
    import base64

    def encode(part: bytes) -> bytes:
        letter = (
            chr(ord("A") + len(part) - 1) if len(part) <= 26 else chr(ord("a") + len(part) - 27)
        )
        return letter.encode() + base64.b85encode(part, pad=True)

    body = b"\n".join(encode(p) for p in lines)
    patch = (
        b"diff --git a/bomb b/bomb\nnew file mode 100644\nindex " + b"0" * 40 + b".." + b"1" * 40
        + b"\nGIT binary patch\nliteral %d\n" % (4 << 30) + body + b"\n\nliteral 0\nHcmV?d00001\n\n"
    )  # fmt: skip
    small = Git(str(world.root), Limits(git_memory=128 << 20))
    index = world.root / "index"
    with pytest.raises(GitError) as caught:
        small.run("apply", "--cached", "-", git_dir=bytes(world.enforcer / ".git"), data=patch,
                  extra={"GIT_INDEX_FILE": str(index)})  # fmt: skip
    assert caught.value.code in {1, 128}


def test_anything_on_standard_error_is_a_failure_unless_expected(tmp_path: Path) -> None:
    noisy = child(tmp_path, "/bin/sh")
    with pytest.raises(GitError, match="failed"):
        noisy.run("-c", "echo warning >&2")
    assert noisy.run("-c", "echo warning >&2; echo out", complain=False) == b"out\n"


def test_a_caller_may_say_what_of_standard_error_is_a_failure(tmp_path: Path) -> None:
    noisy = child(tmp_path, "/bin/sh")
    lines = "echo a warning >&2; echo left out: x >&2; echo out"
    with pytest.raises(GitError) as caught:
        noisy.run("-c", lines, complain=re.compile(rb"^left out"))
    assert (caught.value.code, caught.value.why) == (0, "left out: x")
    assert noisy.run("-c", lines, complain=re.compile(rb"^out")) == b"out\n"


def test_the_grave_line_is_the_reason(tmp_path: Path) -> None:
    with pytest.raises(GitError) as caught:
        child(tmp_path, "/bin/sh").run("-c", "printf 'warning: x\nfatal: y\n' >&2; exit 128")
    assert (caught.value.code, caught.value.why) == (128, "fatal: y")
    with pytest.raises(GitError) as caught:
        child(tmp_path, "/bin/false").run()
    assert (caught.value.code, caught.value.why) == (1, "no message")


def test_a_slow_child_may_be_explained_or_waited_for(tmp_path: Path) -> None:
    asked: list[float] = []

    def explain() -> None:
        asked.append(time.monotonic())
        raise UnreadableError("it waits for a FIFO")

    start = time.monotonic()
    with pytest.raises(UnreadableError, match="FIFO"):
        child(tmp_path, "/bin/sleep").run("30", when_slow=explain)
    assert time.monotonic() - start < 10
    slow = child(tmp_path, "/bin/sh")
    words = ["-c", "cat; sleep 1.2; echo done"]
    assert slow.run(*words, data=b"all of it\n", when_slow=lambda: None) == b"all of it\ndone\n"
    assert child(tmp_path, "/bin/echo").run("quick", when_slow=explain) == b"quick\n"
    assert len(asked) == 1


def test_children_run_at_once_and_what_is_left_is_ended(tmp_path: Path) -> None:
    sleeper = child(tmp_path, "/bin/sh")
    start = time.monotonic()
    both = [sleeper.start("-c", f"sleep 1; echo {n}") for n in (1, 2)]
    assert [running.result() for running in both] == [b"1\n", b"2\n"]
    assert time.monotonic() - start < 1.9
    left = sleeper.start("-c", f"echo $$ > {tmp_path}/pid; exec sleep 60")
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.01)
    sleeper.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    with pytest.raises(ValueError, match="closed"):
        left.result()


def test_the_output_of_one_is_the_input_of_another(tmp_path: Path) -> None:
    shell = child(tmp_path, "/bin/sh")
    written = shell.start("-c", "printf 'PACK and more'")
    assert written.start_of(4) == b"PACK"
    assert shell.run("-c", "cat; cat", data=written) == b"PACK and more"
    failing = shell.start("-c", "exit 3")
    with pytest.raises(GitError) as caught:
        shell.run("-c", "cat", data=failing)
    assert caught.value.code == 3


def test_an_output_is_compared_in_parts(tmp_path: Path) -> None:
    def written(data: bytes) -> Running:
        return child(tmp_path, "/bin/cat").start(data=data)

    large = bytes(range(256)) * 8200  # more than two parts
    assert written(large).equals(memoryview(large))
    assert written(b"").equals(memoryview(b""))
    for other in (large[:-1], large + b"x", large[:-1] + b"x", b""):
        assert not written(large).equals(memoryview(other))


# A filter of four instructions (linux/filter.h): load the call's number; this one fails with EPERM.
FORBIDDEN = """
import ctypes, os, struct, sys
from lanectl.adapters.git.process import Git
from lanectl.model.settings import Limits

def filtered(number):
    code = struct.pack("HBBI" * 4, 0x20, 0, 0, 0, 0x15, 0, 1, number, 6, 0, 0, 0x50001, 6, 0, 0, 0x7FFF0000)
    held = ctypes.create_string_buffer(code)
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(held)))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0, "PR_SET_NO_NEW_PRIVS"
    assert libc.prctl(22, 2, program, 0, 0) == 0, "PR_SET_SECCOMP"

os.close(os.memfd_create("x"))
filtered({"x86_64": 319, "aarch64": 279}[os.uname().machine])
try:
    os.memfd_create("x")
except PermissionError:
    print("forbidden", flush=True)
print(Git(sys.argv[1], Limits(), "/bin/cat").run(data=b"all of it").decode())
"""


@pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine not in {"x86_64", "aarch64"},
    reason="another kernel numbers its calls in another way",
)
def test_where_a_sandbox_forbids_memory_files_a_temporary_one_does(tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-c", FORBIDDEN, tmp_path], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("forbidden\nall of it\n", 0), done.stderr
    assert set(tmp_path.rglob("*")) == before


def test_a_child_that_writes_too_much_is_ended(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    shell = child(tmp_path, "/bin/sh")
    words = ["-c", "exec head -c 1000 /dev/zero"]
    assert shell.run(*words, most=1000) == bytes(1000)
    with pytest.raises(MalformedError) as caught:
        shell.run(*words, most=999)
    assert caught.value.fault.rule == "archive/limit"
    assert not shell.start(*words, most=999).equals(memoryview(bytes(1000)))
    assert resource.getrlimit(resource.RLIMIT_FSIZE) == before


def test_an_old_git_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "git", b"#!/bin/sh\necho git version 2.30.1\n", 0o755)
    with pytest.raises(UnreadableError, match="too old"):
        child(tmp_path, str(tmp_path / "git")).version()
    assert child(tmp_path).version() == git(tmp_path, "version").split()[2]


def test_programs_are_not_looked_up_in_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "git", b"#!/bin/sh\n", 0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_program("git") != str(tmp_path / "git")
    with pytest.raises(UnreadableError, match="not in any of"):
        find_program("no-such-program")
