"""The settings of a `.gitmodules`, read as git reads a configuration file. Judges nothing.

What git would not read at all (a broken file) has no settings.
"""

from __future__ import annotations

import re

from msgspec import Struct

_SECTION = re.compile(r'\s*\[([A-Za-z0-9.-]+)(?:[ \t]+"((?:[^"\\\n]|\\[^\n])*)")?\]')
_KEY = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*)[ \t]*(=?)[ \t]*")
_BLANK = re.compile(r"(?:\s|[#;][^\n]*)+")
_PIECE = re.compile(r'"(?:[^"\\\n]|\\[\s\S])*"|\\[\s\S]|[^"\\\n#;]+')
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b", "\n": ""}


class Setting(Struct, frozen=True):
    """One setting of one submodule: its name, a key in lower case, the value. All untrusted."""

    module: str
    key: str
    value: str


def read(data: bytes) -> tuple[Setting, ...]:
    """Return the settings of all submodules; of a file that git would refuse, those before that."""
    text = data.decode("utf-8", "surrogateescape").replace("\r\n", "\n").removeprefix("\ufeff")
    found: list[Setting] = []
    at, module = 0, None
    while at < len(text):
        if blank := _BLANK.match(text, at):
            at = blank.end()
        elif section := _SECTION.match(text, at):
            at, module = section.end(), _module(section[1], section[2])
        elif key := _KEY.match(text, at):
            value, at = _value(text, key.end()) if key[2] else ("true", key.end())
            if module is not None:
                found.append(Setting(module, key[1].lower(), value))
        else:
            break
    return tuple(found)


def _module(section: str, quoted: str | None) -> str | None:
    kind, dot, dotted = section.partition(".")
    if kind.lower() != "submodule" or (quoted is None and not dot):
        return None
    return dotted if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)


def _value(text: str, at: int) -> tuple[str, int]:
    """Return the value that begins here, and where reading goes on."""
    pieces: list[str] = []
    while piece := _PIECE.match(text, at):
        at = piece.end()
        raw = piece[0]
        if raw.startswith('"'):
            raw = raw[1:-1]
        elif not raw.startswith("\\"):
            pieces.append(raw)
            continue
        pieces.append(re.sub(r"\\([\s\S])", lambda m: _ESCAPES.get(m[1], m[1]), raw))
    return "".join(pieces).strip(" \t"), at
