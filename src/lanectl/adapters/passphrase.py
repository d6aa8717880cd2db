"""Passphrases of private keys: from a file descriptor or the terminal. Never from an argument's or a variable's value."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from lanectl.adapters.system import environment
from lanectl.errors import Remedy, UsageError
from lanectl.model.display import display

if TYPE_CHECKING:
    from collections.abc import Callable

VARIABLE: Final = "LANECTL_PASSPHRASE_FD"
"""Numbers the file descriptor; its value is no secret."""

_LIMIT: Final = 1023
"""Bytes that the PEM encryption takes."""


def ask(path: str) -> bytes:
    """Return the passphrase of the key at `path`: the descriptor's next line, else what is typed.

    A line a key, in the order in which a command opens them. Raises UsageError: no descriptor and
    no terminal, an empty or endless line.
    """
    fd = _descriptor()
    if fd is not None:
        return _line(fd)
    return _checked(_typed(_terminal(f"{display(path)} is encrypted"), f"Passphrase of {path}: "))


def choose(path: str) -> bytes:
    """Return the passphrase for a new key; what is typed is typed twice. Raises UsageError as `ask`."""
    fd = _descriptor()
    if fd is not None:
        return _line(fd)
    read = _terminal("a passphrase for the new key is needed")
    first = _checked(_typed(read, f"New passphrase for {path}: "))
    if _typed(read, "The same again: ") != first:
        raise UsageError("the two passphrases differ; nothing was made")
    return first


def _descriptor() -> int | None:
    number = environment().get(VARIABLE, "")
    if not number:
        return None
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise UsageError(
            f"{VARIABLE} holds no number of a file descriptor",
            why="the passphrase itself belongs into no variable",
            remedies=(_BY_DESCRIPTOR,),
        )
    return int(number)


def _line(fd: int) -> bytes:
    """Return the next line, byte by byte: what follows is another key's."""
    data = b""
    try:
        while len(data) <= _LIMIT and (byte := os.read(fd, 1)) not in {b"", b"\n"}:
            data += byte
    except OSError as error:
        raise UsageError(
            f"file descriptor {fd} gives no passphrase: {error.strerror}",
            remedies=(_BY_DESCRIPTOR,),
        ) from error
    return _checked(data)


def _checked(data: bytes) -> bytes:
    if not data:
        raise UsageError("the passphrase is empty", remedies=(_BY_DESCRIPTOR,))
    if len(data) > _LIMIT:
        raise UsageError(f"the passphrase is longer than {_LIMIT} bytes")
    return data


def _terminal(what: str) -> Callable[[str], str]:
    """Return what reads from the terminal without an echo. Raises UsageError where there is none.

    getpass alone would fall back to standard input, and show what is typed.
    """
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError as error:
        raise UsageError(
            f"{what}, and there is no terminal to ask on",
            why=f"neither --passphrase-fd nor {VARIABLE} numbers a file descriptor",
            remedies=(_BY_DESCRIPTOR,),
        ) from error
    from getpass import getpass

    return getpass


def _typed(read: Callable[[str], str], prompt: str) -> bytes:
    try:
        return read(display(prompt)).encode("utf-8", "surrogateescape")
    except EOFError as error:
        raise UsageError("no passphrase was given") from error


_BY_DESCRIPTOR: Final = Remedy(
    f"Give it by a descriptor, as one line: {VARIABLE}=3 lanectl … 3< FILE"
)
