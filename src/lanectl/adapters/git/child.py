"""One child of git: how it is run, its spooled output, and what counts as its failure.

Standard input and output are unnamed files: a child never waits for a reader, several can run at
once, and what one writes another reads without passing through lanectl's memory.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING, BinaryIO, Final, TypedDict

from lanectl.errors import LaneError
from lanectl.model.display import display
from lanectl.model.report import Fault, MalformedError

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator, Mapping, Sequence

_SLOW: Final = 1
"""Seconds after which a caller may look for what a child is waiting for."""

_PART: Final = 1 << 20


class GitError(LaneError):
    """A git child failed, took too long, or used too much memory."""

    def __init__(self, command: str, code: int, message: str) -> None:
        lines = [line for line in message.splitlines() if line.strip()] or ["no message"]
        grave = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[0])
        super().__init__(f"git {command} failed ({code})", why=display(grave))
        self.code = code
        self.message = message


class How(TypedDict, total=False):
    """How a git command is run.

    `data` is the standard input: bytes, or another command's output. `extra` adds to the
    environment, None takes away. `ok`: exit codes that are no failure. `complain`: anything on
    standard error, or a line of it that matches, is a failure too. `when_slow` is called once if
    the child takes long, and may raise why. `pass_fds` are descriptors to inherit. `most`: bytes
    that it may write; with more its result raises MalformedError.
    """

    git_dir: bytes | None
    work_tree: bytes | None
    data: bytes | memoryview | Running
    extra: Mapping[str, str | bytes | None]
    ok: Sequence[int]
    complain: bool | re.Pattern[bytes]
    when_slow: Callable[[], None] | None
    pass_fds: Sequence[int]
    most: int | None


class Running:
    """A git command that was started. Standard output is spooled: it never waits for a reader."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        stdout: BinaryIO,
        name: str,
        how: How,
        seconds: float,
    ) -> None:
        self._process = process
        self._stdout = stdout
        self._name = name
        self._how = how
        self._seconds = seconds

    def result(self) -> bytes:
        """Return the standard output, once. Raises GitError."""
        with self._stdout:
            self._finish()
            return self._stdout.read()

    def start_of(self, count: int) -> bytes:
        """Return the first bytes of the standard output, which stays to be read. Raises GitError."""
        self._finish()
        return os.pread(self._stdout.fileno(), count, 0)

    def handed_on(self) -> BinaryIO:
        """Return the standard output as a file at its start. Raises GitError."""
        self._finish()
        return self._stdout

    def equals(self, data: memoryview) -> bool:
        """Whether the standard output is these bytes, once. Raises GitError."""
        return self.before(data) == b""

    def before(self, end: memoryview) -> bytes | None:
        """Return what the standard output has before these bytes, or None if it does not end so.

        It can be asked for once; the end is compared in parts. Raises GitError.
        """
        with self._stdout:
            try:
                self._finish()
            except MalformedError:  # more than it may write
                return None
            length = os.fstat(self._stdout.fileno()).st_size - len(end)
            if length < 0:
                return None
            self._stdout.seek(length)
            parts = (end[start : start + _PART] for start in range(0, len(end), _PART))
            # As bytes: a view is compared byte by byte.
            if not all(self._stdout.read(len(part)) == bytes(part) for part in parts):
                return None
            self._stdout.seek(0)
            return self._stdout.read(length)

    def _finish(self) -> None:
        """Wait for the end, judge it, and go to the start of the output: child and we share the place."""
        if self._process.returncode is None:
            with contextlib.ExitStack() as stack:
                stack.enter_context(self._stdout)
                self._judge(self._wait(self._how.get("when_slow")))
                stack.pop_all()
        self._stdout.seek(0)

    def _judge(self, err: bytes) -> None:
        code, ok = self._process.returncode, self._how.get("ok", (0,))
        if code == -signal.SIGXFSZ:
            most = self._how.get("most")
            expected = f"at most {most} bytes"
            raise MalformedError(Fault("archive/limit", got="a larger patch", expected=expected))
        complaint = (
            err.strip() if code not in ok else _complaint(err, self._how.get("complain", True))
        )
        if complaint or code not in ok:
            raise GitError(self._name, code, complaint.decode("utf-8", "replace"))

    def end(self) -> None:
        """End the child if it still runs, and let its output go."""
        self._stdout.close()
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()

    def _wait(self, when_slow: Callable[[], None] | None) -> bytes:
        """Return what the child says on standard error, after its end."""
        left = self._seconds
        with self._process as process:
            try:
                if when_slow is not None and left > _SLOW:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        return process.communicate(timeout=_SLOW)[1]
                    when_slow()
                    left -= _SLOW
                return process.communicate(timeout=left)[1]
            except subprocess.TimeoutExpired as error:
                process.kill()
                why = f"took longer than {self._seconds} seconds"
                raise GitError(self._name, -9, why) from error
            except BaseException:
                process.kill()
                raise


def spool(folder: str) -> BinaryIO:
    """Return an unnamed file, in memory where the system can.

    What a child reads and writes lies there once, and nobody is woken for every part of it.
    """
    if hasattr(os, "memfd_create"):
        with contextlib.suppress(OSError):  # a sandbox may forbid it
            return open(os.memfd_create("lanectl"), "w+b", buffering=0)
    import tempfile

    return tempfile.TemporaryFile(dir=folder, buffering=0)


@contextlib.contextmanager
def spooled(data: bytes | memoryview | Running, folder: str) -> Iterator[BinaryIO | int]:
    """Yield what a child may read this from."""
    if isinstance(data, Running):
        with data.handed_on() as file:
            yield file
        return
    if not data:
        yield subprocess.DEVNULL
        return
    with spool(folder) as file:
        left = memoryview(data)
        while left:
            left = left[file.write(left) :]
        file.seek(0)
        yield file


def _complaint(err: bytes, complain: bool | re.Pattern[bytes]) -> bytes:  # noqa: FBT001
    """Return what of a child's standard error counts as a failure."""
    if isinstance(complain, bool):
        return err.strip() if complain else b""
    return b"\n".join(line for line in err.splitlines() if complain.search(line))
