"""What this process can reach on its machine: network, SSH agent, other processes. Sends nothing."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lanectl.adapters.git.process import find_program
from lanectl.adapters.probes.process import run
from lanectl.errors import UnreadableError
from lanectl.model.display import display
from lanectl.model.lane import Act, Attempt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_SECONDS: Final = 5
_PROC: Final = Path("/proc")
_GENERATIONS: Final = 64


def network(addresses: Iterable[tuple[str, int]]) -> Iterator[Attempt]:
    """Try to open a TCP connection to each address; it is closed at once and nothing is sent."""
    for host, port in dict.fromkeys(addresses):
        where = f"{display(host)}:{port}"
        result: list[str] = []
        thread = threading.Thread(target=_connect, args=(host, port, result), daemon=True)
        thread.start()  # a look-up of a name knows no time limit of its own
        thread.join(2 * _SECONDS)
        said = result[0] if result else "no answer in time"
        connected = said == ""
        yield Attempt(Act.NETWORK, where, connected, said or "connected; nothing was sent")


def _connect(host: str, port: int, result: list[str]) -> None:
    try:
        with socket.create_connection((host, port), timeout=_SECONDS):
            result.append("")
    except OSError as error:
        result.append(display(error.strerror or "no connection"))


def ssh_agent(variables: Mapping[str, str]) -> Iterator[Attempt]:
    """Ask the SSH agent whether it holds an identity."""
    where = "SSH_AUTH_SOCK"
    if not variables.get("SSH_AUTH_SOCK"):
        yield Attempt(Act.SSH_AGENT, where, succeeded=False, got="no agent is named")
        return
    try:
        done = run([find_program("ssh-add"), "-l"], variables, cwd="/")
    except UnreadableError as error:
        yield Attempt(Act.SSH_AGENT, where, None, error.what)
        return
    said = {0: "the agent holds an identity", 1: "the agent holds none", 2: "no agent answers"}
    state = {0: True, 1: False, 2: False}.get(-1 if done.code is None else done.code)
    yield Attempt(Act.SSH_AGENT, where, state, said.get(done.code or 0) or done.last_line)


def parents() -> Iterator[tuple[str, Mapping[str, str] | None]]:
    """Yield the processes that this one comes from, nearest first, with what they were started with.

    None: the environment cannot be read. Yields nothing where there is no /proc.
    """
    pid = os.getppid()
    for _ in range(_GENERATIONS):
        folder = _PROC / str(pid)
        if pid == 0 or not folder.is_dir():
            return
        yield f"process {pid}", _environment_of(folder)
        try:
            stat = (folder / "stat").read_text("utf-8", "replace")
        except OSError:
            return
        pid = int(stat.rpartition(")")[2].split()[1])


def _environment_of(folder: Path) -> Mapping[str, str] | None:
    try:
        data = (folder / "environ").read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return None
    pairs = (item.partition("=") for item in data.split("\0") if "=" in item)
    return {name: value for name, _, value in pairs}
