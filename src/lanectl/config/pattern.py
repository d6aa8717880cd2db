"""The few regular expressions that may name identities: each says only what it seems to say.

Refused is whatever could match more than a reader sees: no anchors, a bare `.`, what crosses a `/`
unseen, alternatives at the top, repeated groups (which can also take minutes to match).
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

LONGEST: Final = 500
"""Characters of a pattern."""
REPEATS: Final = 6
"""How often a pattern may repeat something: each multiplies the time that a match can take."""

# Compiled where a policy has a pattern: it takes 3 ms, and most have none.
_PARTS: Final = (
    r"(?P<escaped>\\[^A-Za-z0-9])"
    r"|(?P<shorthand>\\.?)"
    r"|(?P<class>\[\^?(?:\\[^A-Za-z0-9]|[^\]\\\[])+\])"
    r"|(?P<open>\((?:\?:)?)(?!\?)"
    r"|(?P<close>\))"
    r"|(?P<repeat>[*+?]|\{[0-9]{1,3}(?:,[0-9]{0,3})?\})"
    r"|(?P<bar>\|)"
    r"|(?P<dot>\.)"
    r"|(?P<anchor>[\^$])"
    r"|(?P<plain>[^\[\](){}\\])"
)
_PROBLEMS: Final = {
    "dot": "has a bare '.', which stands for any character: write \\. for a dot, [^/]+ for a name",
    "shorthand": "has a shorthand such as \\w or \\d: write out the characters, as in [0-9]",
    "anchor": "has an anchor inside: it needs one ^ at its beginning and one $ at its end",
}


class Literals(Struct, frozen=True):
    """What every match of a pattern holds: how it begins, how it ends, and all fixed pieces."""

    prefix: str
    suffix: str
    pieces: tuple[str, ...]


class PatternError(ValueError):
    """A pattern that may not name identities; says why."""


def read_pattern(pattern: str, separator: str) -> Literals:
    """Return the fixed parts of a pattern for identities whose parts `separator` divides.

    Raises PatternError for what is not exact enough to be trusted.
    """
    if len(pattern) > LONGEST:
        raise PatternError(f"is longer than {LONGEST} characters")
    if not (pattern.startswith("^") and pattern.endswith("$")) or pattern.endswith("\\$"):
        raise PatternError("is not anchored: it must begin with ^ and end with $")
    pieces = _pieces(pattern[1:-1], separator)
    try:
        re.compile(pattern, re.ASCII)
    except re.error as error:
        raise PatternError(f"is no regular expression: {error}") from error
    return Literals(pieces[0], pieces[-1], tuple(pieces))


def _pieces(body: str, separator: str) -> list[str]:
    """Return the fixed texts between what varies, outside of groups."""
    pieces, depth, before, repeats, at = [""], 0, "", 0, 0
    token = re.compile(_PARTS)
    while at < len(body):
        match = token.match(body, at)
        if match is None:
            raise PatternError(f"has something that is not allowed here: {body[at : at + 20]!r}")
        kind, text, at = str(match.lastgroup), match[0], match.end()
        if kind in _PROBLEMS:
            raise PatternError(_PROBLEMS[kind])
        if kind == "repeat":
            repeats += text != "?"
            _check_repeat(text, before, repeats)
            if before in {"escaped", "plain"} and depth == 0:
                pieces[-1] = pieces[-1][:-1]  # the character before it is repeated, or left out
                pieces.append("")
        elif kind == "bar" and depth == 0:
            raise PatternError("has alternatives at the top: put them into a group, (?:a|b)")
        elif kind in {"escaped", "plain"}:
            if depth == 0:
                pieces[-1] += text[-1]
        else:
            _check_class(kind, text, separator)
            depth += {"open": 1, "close": -1}.get(kind, 0)
            pieces.append("")
        before = kind
    return pieces


def _check_repeat(text: str, before: str, repeats: int) -> None:
    if before in {"", "repeat", "open", "bar"}:
        raise PatternError(f"repeats nothing, or something twice: {text!r}")
    if before == "close" and text != "?":
        raise PatternError("repeats a group: it may only be left out, with ?")
    if repeats > REPEATS:
        raise PatternError(f"repeats more than {REPEATS} times")


def _check_class(kind: str, text: str, separator: str) -> None:
    if kind != "class":
        return
    inside, crosses = text[1:-1], f"has {text}, which crosses a {separator!r}"
    if any(twice in inside for twice in ("--", "&&", "||", "~~")):
        raise PatternError(f"has {text}, which readers can take for different sets")
    try:
        holds = re.match(text, separator)
    except re.error as error:
        raise PatternError(f"is no regular expression: {error}") from error
    if holds:
        way = f"write [^{separator}]" if inside.startswith("^") else "spell the parts out"
        raise PatternError(f"{crosses}: {way}")
