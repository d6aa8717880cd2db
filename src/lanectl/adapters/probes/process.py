"""A program of the user's, with the user's own settings, that can ask nobody and ends in time."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lanectl.formats.credential import holds_secret
from lanectl.model.display import display

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECONDS: Final = 20
_USERINFO: Final = re.compile(r"://[^/@\s]+@")
_INTERACTIVE: Final = ("DISPLAY", "WAYLAND_DISPLAY", "SSH_ASKPASS")
_ELSEWHERE: Final = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_NAMESPACE", "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_TRACE", "GIT_TRACE_CURL", "GIT_CURL_VERBOSE",
)  # fmt: skip


class Ended(Struct, frozen=True):
    """How a program ended; `code` is None if it was stopped because it took too long."""

    code: int | None
    out: bytes
    err: bytes

    @property
    def last_line(self) -> str:
        """The last line of its complaints, made safe to show and without anything secret."""
        lines = self.err.decode("utf-8", "replace").strip().splitlines() or ["no message"]
        grave = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))]
        return shown((grave or lines)[-1])


def run(
    line: Sequence[str], variables: Mapping[str, str], *, cwd: str, data: bytes = b"",
    seconds: int = SECONDS,
) -> Ended:  # fmt: skip
    """Run a program in a session of its own, without a terminal; what it started ends with it."""
    environment = {
        **{k: v for k, v in variables.items() if k not in {*_INTERACTIVE, *_ELSEWHERE}},
        "GIT_TERMINAL_PROMPT": "0", "GCM_INTERACTIVE": "never", "SSH_ASKPASS_REQUIRE": "never",
        "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C",
    }  # fmt: skip
    with subprocess.Popen(
        line, env=environment, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            out, err = process.communicate(data, timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return Ended(None, b"", b"it took too long and was stopped")
    return Ended(process.returncode, out, err)


def shown(text: str) -> str:
    """Return a text of unknown origin without user names, passwords and tokens."""
    plain = _USERINFO.sub("://…@", text)
    return "(not shown: it holds a secret)" if holds_secret(plain) else display(plain, limit=200)
