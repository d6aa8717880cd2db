"""The one way to run git: absolute program, list arguments, an environment made from nothing.

The environment and the pins are docs/adr/0004-own-git-dir.md. Nothing of lanectl's environment
reaches a child, but what a caller adds by name.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import subprocess
from typing import TYPE_CHECKING, Final, cast

from lanectl.errors import LaneError, Remedy, UnreadableError
from lanectl.model.display import display

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lanectl.model.settings import Limits

_SLOW: Final = 1
"""Seconds after which a caller may look for what a child is waiting for."""

PROGRAM_FOLDERS: Final = ("/usr/bin", "/bin", "/usr/local/bin", "/opt/homebrew/bin")
MINIMUM_VERSION: Final = (2, 39)

PINS: Final = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "core.fsync": "loose-object,pack,pack-metadata,reference",
    "core.bigFileThreshold": "512m",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.allow": "never",
    "transfer.fsckObjects": "true",
}
"""What holds for the few commands that run in a repository of the user's."""


class GitError(LaneError):
    """A git child failed, took too long, or used too much memory."""

    def __init__(self, command: str, code: int, message: str) -> None:
        lines = [line for line in message.splitlines() if line.strip()] or ["no message"]
        grave = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[0])
        super().__init__(f"git {command} failed ({code})", why=display(grave))
        self.code = code
        self.message = message


class Git:
    """Runs git children; `home` is an empty folder that serves them as HOME and TMPDIR."""

    def __init__(self, home: str, limits: Limits, program: str | None = None) -> None:
        self.program = program or find_program("git")
        self.limits = limits
        self._environment = _environment(home)
        self._home = home
        self._version = ""

    def run(
        self,
        *arguments: str | bytes,
        git_dir: bytes | None = None,
        work_tree: bytes | None = None,
        data: bytes | memoryview = b"",
        extra: Mapping[str, str | bytes | None] | None = None,
        ok: Sequence[int] = (0,),
        complain: bool | re.Pattern[bytes] = True,
        when_slow: Callable[[], None] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> bytes:
        """Return the standard output of one git command.

        `extra` adds to the environment, None takes away. `complain`: anything on standard error,
        or a line of it that matches, is a failure too. `when_slow` is called once if the child
        takes long, and may raise why. `pass_fds` are descriptors to inherit. Raises GitError.
        """
        wanted = {
            **self._environment,
            "GIT_DIR": git_dir,
            "GIT_WORK_TREE": work_tree,
            **(extra or {}),
        }
        environment = {key: value for key, value in wanted.items() if value is not None}
        name = _command_name(arguments)
        with _child_limits(self.limits.git_memory):
            process = subprocess.Popen(
                [self.program, *arguments],
                env=environment,
                cwd=work_tree or git_dir or self._home,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=pass_fds,
            )
        with process:
            try:
                out, err = self._wait(process, cast("bytes", data), when_slow)
            except subprocess.TimeoutExpired as error:
                process.kill()
                seconds = self.limits.git_seconds
                raise GitError(name, -9, f"took longer than {seconds} seconds") from error
            except BaseException:
                process.kill()
                raise
        complaint = err.strip() if process.returncode not in ok else _complaint(err, complain)
        if complaint or process.returncode not in ok:
            raise GitError(name, process.returncode, complaint.decode("utf-8", "replace"))
        return out

    def _wait(
        self, process: subprocess.Popen[bytes], data: bytes, when_slow: Callable[[], None] | None
    ) -> tuple[bytes, bytes]:
        seconds = self.limits.git_seconds
        if when_slow is None or seconds <= _SLOW:
            return process.communicate(data, timeout=seconds)
        try:
            return process.communicate(data, timeout=_SLOW)
        except subprocess.TimeoutExpired:
            when_slow()
            return process.communicate(timeout=seconds - _SLOW)

    def version(self) -> str:
        """Return git's version as `2.39.5`. Raises UnreadableError below 2.39."""
        self._version = self._version or self._read_version()
        return self._version

    def _read_version(self) -> str:
        text = self.run("version").decode("ascii", "replace").removeprefix("git version ").strip()
        numbers = re.match(r"(\d+)\.(\d+)", text)
        if not numbers or (int(numbers[1]), int(numbers[2])) < MINIMUM_VERSION:
            raise UnreadableError(
                f"git {display(text)} is too old",
                why="its patches differ from those of later versions",
                remedies=(Remedy("Install git 2.39 or newer."),),
            )
        return text.split(" ")[0]


def _command_name(arguments: Sequence[str | bytes]) -> str:
    """Return git's subcommand: the first word that is no option and no value of `-c`."""
    words = [os.fsdecode(a) for a in arguments]
    values = {n + 1 for n, word in enumerate(words) if word == "-c"}
    return next((w for n, w in enumerate(words) if not w.startswith("-") and n not in values), "")


def find_program(name: str) -> str:
    """Return the absolute path of a program from a fixed list of folders; PATH is not believed."""
    for folder in PROGRAM_FOLDERS:
        path = f"{folder}/{name}"
        if os.access(path, os.X_OK):
            return path
    raise UnreadableError(
        f"{name} is not in any of {', '.join(PROGRAM_FOLDERS)}",
        remedies=(Remedy(f"Install {name} there; other folders of PATH are not searched."),),
    )


def pins() -> list[str]:
    """Return PINS as `-c` options."""
    return [part for key, value in PINS.items() for part in ("-c", f"{key}={value}")]


def _complaint(err: bytes, complain: bool | re.Pattern[bytes]) -> bytes:  # noqa: FBT001
    """Return what of a child's standard error counts as a failure."""
    if isinstance(complain, bool):
        return err.strip() if complain else b""
    return b"\n".join(line for line in err.splitlines() if complain.search(line))


def _environment(home: str) -> dict[str, str | bytes]:
    return {
        "PATH": ":".join(PROGRAM_FOLDERS),
        "HOME": home,
        "XDG_CONFIG_HOME": home,
        "TMPDIR": home,
        "LC_ALL": "C",
        "TZ": "UTC",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_DEFAULT_HASH": "sha1",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_PAGER": "cat",
        "GIT_TERMINAL_PROMPT": "0",
    }


@contextlib.contextmanager
def _child_limits(memory: int) -> Iterator[None]:
    """Lower the soft limit of private memory (not of mapped files) while a child is started.

    A child inherits it; ours is restored at once. This keeps the fast `vfork` path, which a
    function run between fork and exec would lose.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
