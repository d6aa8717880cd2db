"""Clock, randomness, environment and the process itself: the only place that asks for them."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_profile: dict[str, str] = {}


class RealSystem:
    """Implements `ports.System` over the machine."""

    def now(self) -> datetime:
        """Return the present time in UTC, whole seconds."""
        return datetime.now(UTC).replace(microsecond=0)

    def nonce(self) -> str:
        """Return 32 random hex digits."""
        return os.urandom(16).hex()

    def holder(self) -> str:
        """Return host, boot and process namespace, process id and its start: `host/where/pid/start`."""
        return f"{_machine()}/{os.getpid()}/{_started(os.getpid())}"

    def is_dead(self, holder: str) -> bool:
        """Whether a holder was a process of this machine that has ended.

        Another machine's, another boot's or another namespace's is never called dead.
        """
        machine, _, rest = holder.rpartition("/")[0].rpartition("/")
        if machine != _machine() or not rest.isdecimal():
            return False
        return _started(int(rest)) != holder.rpartition("/")[2]


def _machine() -> str:
    """Return a name of what this process's id is one of: host, boot, namespace of ids."""
    host = re.sub(r"[^A-Za-z0-9.-]", "-", os.uname().nodename)[:100] or "localhost"
    boot = _read("/proc/sys/kernel/random/boot_id").strip()[:8]
    try:
        namespace = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        namespace = ""
    return f"{host}/{boot}-{namespace}"


def _started(pid: int) -> str:
    """Return when a process began, in clock ticks since boot, or an empty string if there is none."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] not in {"Z", "X"} else ""


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def environment() -> dict[str, str]:
    """Return a copy of the process environment, with the profile that was adopted laid over it."""
    return {**os.environ, **_profile}


def adopt(variables: Mapping[str, str]) -> None:
    """Lay a profile's variables over the environment, in place of those adopted before."""
    _profile.clear()
    _profile.update(variables)
