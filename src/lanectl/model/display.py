"""How untrusted text is shown: one place, used by every renderer. It judges nothing."""

from __future__ import annotations

import shlex
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Control, format (bidi, zero width, tags), surrogate, private, unassigned and line separators.
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def display(text: str, *, limit: int = 2000) -> str:
    """Return text that cannot move the cursor, hide or reorder anything, cut at `limit` characters."""
    cut = text if len(text) <= limit else text[:limit] + "…"
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join(_escape(c) if unicodedata.category(c) in _HIDDEN else c for c in cut)


def display_lines(text: str) -> str:
    """Return multi-line text, each line escaped by `display`; tabs become spaces."""
    return "\n".join(display(line.replace("\t", "    "), limit=10_000) for line in text.split("\n"))


def display_path(path: bytes) -> str:
    """Return a path of a repository; anything unusual is C-quoted in double quotes, as git does."""
    text = path.decode("utf-8", "surrogateescape")
    plain = display(text, limit=len(text))
    if plain == text and '"' not in text and "\\" not in text:
        return text
    return '"' + "".join(_c_quote(c) for c in text) + '"'


def display_command(arguments: Sequence[str]) -> str:
    """Return an argument list as one line that is safe to paste into a POSIX shell."""
    return " ".join(shlex.quote(display(a)) for a in arguments)


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8 (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )


def _c_quote(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if unicodedata.category(char) in _HIDDEN:
        return "".join(f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogateescape"))
    return char
