"""A network of its own, with a loopback address and no way out, that lives as long as its holder.

Fulcio and the timestamp authority listen for metrics on every interface and on fixed ports: in here
nobody meets them, and two stacks side by side use the same ports.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Self

from tests.servers import end

ROOT = Path(__file__).resolve().parents[2]


class NamespaceError(Exception):
    """This machine makes no network namespace; the message says why."""


class Namespace:
    """Starts processes in one network namespace; ends its holder, not what was started.

    Where this is not root, it is root of a user namespace, if the machine lets it.
    """

    def __init__(self) -> None:
        missing = [name for name in ("unshare", "nsenter", "ip") if not shutil.which(name)]
        if missing:
            raise NamespaceError(f"no {missing[0]}")
        is_root = os.geteuid() == 0
        self._enter = ["--net"] if is_root else ["--net", "--user", "--preserve-credentials"]
        alone = ["--net"] if is_root else ["--net", "--user", "--map-root-user"]
        self._holder = subprocess.Popen(
            ["unshare", *alone, "sh", "-c", "ip link set lo up && echo up && exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"up\n":
            said = self._holder.communicate()[1].decode().strip()
            raise NamespaceError(f"no network namespace: {said}")

    def inside(self, *command: str | Path) -> list[str]:
        """Return the command line that runs this command in here; the process is the command's own."""
        enter = ["nsenter", "--target", str(self._holder.pid), *self._enter, "--"]
        return [*enter, *map(str, command)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        end(self._holder)
        for pipe in (self._holder.stdout, self._holder.stderr):
            assert pipe is not None
            pipe.close()
