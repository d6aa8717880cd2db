"""Running a command in bubblewrap, or plainly. A sandbox counts only after it was really made once."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from lanectl.adapters.git.process import find_program
from lanectl.errors import UnreadableError, UsageError
from lanectl.model.display import display

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

    from lanectl.ports.running import Enclosure

_SECONDS: Final = 20
_FORWARDED: Final = (
    signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2,
)  # fmt: skip
_ISOLATED: Final = (
    "--die-with-parent",
    "--new-session",  # no typing into the caller's terminal (TIOCSTI)
    "--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
    "--cap-drop", "ALL",  # for a caller who is root
    "--ro-bind", "/", "/",
    "--dev", "/dev",
    "--proc", "/proc",
)  # fmt: skip
_OWN: Final = ("/tmp", "/var/tmp", "/run")  # noqa: S108 - replaced by empty ones; sockets of agents lie there


class CommandRunner:
    """Implements `ports.Runner`."""

    def why_not(self, enclosure: Enclosure) -> str:
        """Make the very sandbox that is wanted, around `true`; return why that failed."""
        try:
            line = [*_arguments(enclosure), "--", find_program("true")]
            done = subprocess.run(
                line, env={}, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
            )  # fmt: skip
        except UnreadableError as error:
            return error.what
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"bubblewrap could not be run: {type(error).__name__}"
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["bubblewrap failed"]
        return "" if done.returncode == 0 else said[-1]

    def run(
        self, command: Sequence[str], variables: Mapping[str, str], enclosure: Enclosure | None
    ) -> int:
        """Run a command. Without an enclosure this process becomes the command.

        Raises UsageError if there is no such command in the PATH of `variables`.
        """
        program = shutil.which(command[0], path=variables.get("PATH", os.defpath))
        if program is None:
            raise UsageError(f"there is no command {display(command[0])}")
        sys.stdout.flush()
        sys.stderr.flush()
        if enclosure is None:
            os.execve(program, list(command), dict(variables))  # noqa: S606 - this is the job
        return _run_enclosed([program, *command[1:]], variables, enclosure)


def _run_enclosed(
    command: Sequence[str], variables: Mapping[str, str], enclosure: Enclosure
) -> int:
    reading, writing = os.pipe()
    line = [*_arguments(enclosure), "--info-fd", str(writing), "--", *command]
    # In a process group of its own: what a terminal sends must reach the command, not bubblewrap.
    with subprocess.Popen(
        line, env=dict(variables), pass_fds=(writing,), process_group=0
    ) as process:
        os.close(writing)
        leader = re.search(rb'"child-pid": (\d+)', os.read(reading, 4096))
        group = int(leader[1]) if leader else process.pid

        def forward(number: int, _: FrameType | None) -> None:
            try:
                os.killpg(group, number)
            except ProcessLookupError:  # its session is not made yet
                process.send_signal(number)

        before = {number: signal.signal(number, forward) for number in _FORWARDED}
        try:
            code = process.wait()
        finally:
            os.close(reading)  # not before: bubblewrap writes more than once
            for number, handler in before.items():
                signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def _arguments(enclosure: Enclosure) -> list[str]:
    """Return bubblewrap's command line up to `--`; later mounts lie over earlier ones."""
    top = enclosure.work_tree
    line = [find_program("bwrap"), *_ISOLATED]
    for folder in _OWN:
        if os.path.isdir(folder) and not os.path.islink(folder):
            line += ["--tmpfs", folder]
    line += ["--bind", top, top]
    for path in enclosure.read_only:
        line += ["--ro-bind", path, path]
    for path in enclosure.hidden:
        if f"{path}/".startswith(tuple(f"{f}/" for f in _OWN)) and not path.startswith(f"{top}/"):
            continue  # gone with the folder it lies in
        if os.path.isdir(path):
            line += ["--perms", "0000", "--tmpfs", path, "--remount-ro", path]
        else:
            line += [
                "--ro-bind",
                os.devnull,
                path,
            ]  # a device on a mount without devices: no reading
    cwd = os.getcwd()
    return [*line, "--chdir", cwd if f"{cwd}/".startswith(f"{top}/") else top]
