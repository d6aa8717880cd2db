"""How a git child gets the forge token: asked for, one host only, never in an argument or a file.

git runs the program in GIT_ASKPASS with a prompt that names the address. The program is a shell
script without a secret; it reads the token from a pipe that only git's children inherit, and
answers nothing but the prompts of the pinned host.
"""

from __future__ import annotations

import contextlib
import os
import shlex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USER: Final = "x-access-token"
"""The user name that GitHub takes with any kind of token."""


@contextlib.contextmanager
def askpass(scratch: Path, origin: str, token: str) -> Iterator[tuple[dict[str, str], int]]:
    """Yield git's environment and the descriptor to inherit, for one git child.

    `origin` is `scheme://host[:port]`, spelt as git's prompt spells it.
    """
    reader, writer = os.pipe()
    try:
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(token.encode("utf-8") + b"\n")
        scheme, _, host = origin.partition("://")
        script = f"""#!/bin/sh
case "$1" in
{shlex.quote(f"Username for '{origin}': ")}) echo {USER} ;;
{shlex.quote(f"Password for '{scheme}://{USER}@{host}': ")}) cat /dev/fd/{reader} ;;
*) exit 1 ;;
esac
"""
        program = scratch / "askpass"
        program.write_text(script, encoding="utf-8")
        program.chmod(0o700)
        yield {"GIT_ASKPASS": str(program)}, reader
    finally:
        os.close(reader)
