"""The one way to run gpg: absolute program, list arguments, an environment made from nothing.

No network, no options file, no terminal of its own; time and output are bounded. Exit codes are
handed on and believed by nobody.
"""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lanectl.adapters.git.child import spool
from lanectl.adapters.git.process import PROGRAM_FOLDERS, child_limits, find_program
from lanectl.errors import Remedy, UnavailableError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_OUTPUT: Final = 4 << 20
"""The most bytes that are read of what gpg says."""

_MEMORY: Final = 512 << 20

_OPTIONS: Final = (
    "--batch", "--no-tty", "--no-options", "--no-permission-warning", "--no-auto-key-retrieve",
    "--no-auto-key-locate", "--no-auto-check-trustdb",
    "--disable-dirmngr", "--display-charset", "utf-8", "--weak-digest", "SHA1", "--weak-digest", "RIPEMD160",
)  # fmt: skip


class Said(Struct, frozen=True):
    """What gpg said: its data, its status lines, its last words for people, its exit code."""

    data: bytes
    status: bytes
    message: str
    code: int


class Gpg:
    """Runs gpg with one home folder.

    `extra` adds to the environment. `is_private`: the home is lanectl's own, where nothing may be
    started that stays, and every child's memory and written bytes are limited; a user's home has
    an agent, which must not inherit that. `folder` is for what a child writes.
    """

    def __init__(
        self,
        home: str,
        *,
        folder: str,
        extra: Mapping[str, str] | None = None,
        is_private: bool = False,
        seconds: float = 20,
        program: str | None = None,
    ) -> None:
        self._program = program or find_program("gpg")
        self._home = home
        self._folder = folder
        self._environment = {
            "PATH": ":".join(PROGRAM_FOLDERS),
            "HOME": home,
            "LC_ALL": "C",
            "TZ": "UTC",
            **(extra or {}),
            "GNUPGHOME": home,
        }
        self._is_private = is_private
        self._seconds = seconds

    def run(self, *arguments: str, data: bytes = b"") -> Said:
        """Return what one command said. Raises UnavailableError: too slow; UnreadableError: too much."""
        own = ("--no-autostart", "--lock-never") if self._is_private else ()
        with contextlib.ExitStack() as stack:
            stdin, stdout, status, stderr = (
                stack.enter_context(spool(self._folder)) for _ in "0123"
            )
            stdin.write(data)
            stdin.seek(0)
            line = [self._program, *_OPTIONS, *own, "--homedir", self._home]
            with self._limits():
                child = subprocess.Popen(
                    [*line, "--status-fd", str(status.fileno()), *arguments],
                    env=self._environment,
                    cwd=self._folder,
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    pass_fds=(status.fileno(),),
                )
            code = self._wait(child)
            parts = []
            for file in (stdout, status, stderr):
                file.seek(0)
                parts.append(file.read(_OUTPUT + 1))
        if max(map(len, parts)) > _OUTPUT:
            raise UnreadableError("gpg said too much", why=f"more than {_OUTPUT} bytes")
        return Said(parts[0], parts[1], _last_words(parts[2]), code)

    def _wait(self, child: subprocess.Popen[bytes]) -> int:
        with child:
            try:
                return child.wait(timeout=self._seconds)
            except subprocess.TimeoutExpired as error:
                child.kill()
                raise UnavailableError(
                    f"gpg took longer than {self._seconds} seconds",
                    remedies=(
                        Remedy("End an agent that hangs.", ("gpgconf", "--kill", "gpg-agent")),
                    ),
                ) from error
            except BaseException:
                child.kill()
                raise

    @contextlib.contextmanager
    def _limits(self) -> Iterator[None]:
        if not self._is_private:
            yield
            return
        with child_limits(_MEMORY, _OUTPUT):
            yield


def _last_words(data: bytes) -> str:
    """Return the last line of what gpg tells people that says what failed, without its own name."""
    lines = [line for line in data.decode("utf-8", "replace").splitlines() if line.strip()]
    told = [line for line in lines if " failed: " in line] or lines
    return told[-1].removeprefix("gpg: ") if told else ""
