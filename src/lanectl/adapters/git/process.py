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
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from lanectl.adapters.git.child import How, Running, spool, spooled
from lanectl.errors import Remedy, UnreadableError
from lanectl.model.display import display

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Unpack

    from lanectl.model.settings import Limits

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


class Git:
    """Runs git children; `home` is an empty folder that serves them as HOME and TMPDIR."""

    def __init__(self, home: str, limits: Limits, program: str | None = None) -> None:
        self.program = program or find_program("git")
        self.limits = limits
        self._environment = _environment(home)
        self._home = home
        self._version = ""
        self._started: WeakSet[Running] = WeakSet()

    def run(self, *arguments: str | bytes, **how: Unpack[How]) -> bytes:
        """Return the standard output of one git command. Raises GitError."""
        return self.start(*arguments, **how).result()

    def start(self, *arguments: str | bytes, **how: Unpack[How]) -> Running:
        """Start a git command; its result is asked for later, or `close` ends it."""
        wanted = {
            **self._environment,
            "GIT_DIR": how.get("git_dir"),
            "GIT_WORK_TREE": how.get("work_tree"),
            **how.get("extra", {}),
        }
        with contextlib.ExitStack() as stack:
            stdin = stack.enter_context(spooled(how.get("data", b""), self._home))
            kept = stack.enter_context(contextlib.ExitStack())
            stdout = kept.enter_context(spool(self._home))
            stack.enter_context(child_limits(self.limits.git_memory, how.get("most")))
            process = subprocess.Popen(
                [self.program, *arguments],
                env={key: value for key, value in wanted.items() if value is not None},
                cwd=how.get("work_tree") or how.get("git_dir") or self._home,
                stdin=stdin,
                stdout=stdout,
                stderr=subprocess.PIPE,
                pass_fds=how.get("pass_fds", ()),
            )
            kept.pop_all()
        running = Running(process, stdout, _command_name(arguments), how, self.limits.git_seconds)
        self._started.add(running)
        return running

    def close(self) -> None:
        """End what was started and never asked for."""
        for running in self._started:
            running.end()
        self._started.clear()

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
def child_limits(memory: int, written: int | None) -> Iterator[None]:
    """Lower the soft limits of private memory and of written bytes while a child is started.

    A child inherits them (not of mapped files); ours are restored at once. This keeps the fast
    `vfork` path, which a function run between fork and exec would lose.
    """
    wanted = {resource.RLIMIT_DATA: memory, resource.RLIMIT_FSIZE: written}
    former = {kind: resource.getrlimit(kind) for kind in wanted}
    for kind, value in wanted.items():
        hard = former[kind][1]
        if value is not None:
            least = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (least, hard))
    try:
        yield
    finally:
        for kind, limits in former.items():
            resource.setrlimit(kind, limits)
