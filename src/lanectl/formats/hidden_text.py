"""Finds characters in one line that deceive a reader, and identifiers of look-alike letters.

What a script, an emoji or a flag needs is none of it: joiners after letters of scripts that join,
direction marks beside letters written from right to left, one variation selector after its base
(Unicode UTS #39, UTS #51, UTS #55).
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONTROLS: Final = "\u202a-\u202e\u2066-\u2069"
_MARKS: Final = "\u200e\u200f\u061c"
_RTL: Final = re.compile(
    "[\u0590-\u061b\u061d-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_BETWEEN_PARTS: Final = "0123456789/.:,%+-"
_JOINERS: Final = "\u200c\u200d"
_BLANK: Final = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2028\u2029\u2060-\u2065\u206a-\u206f"
    "\u3164\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a"
)
_SELECTORS: Final = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_TAGS: Final = "\U000e0000-\U000e007f"

_SUPPLEMENTARY: Final = re.compile(f"[\U000e0100-\U000e01ef{_TAGS}]")
_INVISIBLE: Final = re.compile(f"[{_MARKS}{_JOINERS}{_BLANK}{_SELECTORS}]")
_BIDI: Final = re.compile(f"[{_CONTROLS}]")
_RUN: Final = re.compile(
    f"[{_JOINERS}{_BLANK}{_SELECTORS}{_TAGS}{_MARKS}]{{4,}}|[{_SELECTORS}]{{3,}}"
)
_FLAG: Final = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
_OPENERS: Final = {
    "\u202a": "\u202c",
    "\u202b": "\u202c",
    "\u2066": "\u2069",
    "\u2067": "\u2069",
    "\u2068": "\u2069",
}
_STEERING: Final = "\x1b\x08\x80-\x9f"
_ESCAPE: Final = re.compile(f"[{_STEERING}]")
_ODD: Final = re.compile(f"[{_STEERING}{_CONTROLS}{_MARKS}{_JOINERS}{_BLANK}{_SELECTORS}{_TAGS}]")
_MIXED: Final = re.compile(
    "[\u0370-\u058f\u13a0-\u13fd\u1c80-\u1c8f\u1d26-\u1d2b\u1f00-\u1fff\uab70-\uabbf]"
)
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_NAME: Final = re.compile(r"\w*")
_TAKING: Final = ("%", "\\")
"""What takes the letter after it out of a word: `%d`, `\\n`."""
_NEAR: Final = 64
"""Characters before and after a word that are looked at for the rest of its name."""
_GREEK: Final = re.compile("[\u0370-\u03ff\u1f00-\u1fff]")
_SAME_GREEK: Final = re.compile("[ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο]")  # noqa: RUF001 — what looks the same is meant
_BETWEEN: Final = re.compile("[A-Za-z][\u0370-\u03ff\u1f00-\u1fff]+[A-Za-z]")


class Hidden(Struct, frozen=True):
    """One thing in a line: `sort` is `bidi`, `invisible`, `smuggled`, `homoglyph` or `escape`."""

    sort: str
    got: str


def name_of(char: str) -> str:
    """Return a character by its code point and name, in ASCII."""
    return f"U+{ord(char):04X} {unicodedata.name(char, 'control character')}"


def is_odd(line: str) -> bool:
    """Whether a line holds a character that anything here but `homoglyphs` looks for."""
    return _ODD.search(line) is not None


def escapes(line: str) -> Iterator[Hidden]:
    """Yield the first character that steers a terminal."""
    if found := _ESCAPE.search(line):
        yield Hidden("escape", name_of(found[0]))


def smuggled(line: str) -> Iterator[Hidden]:
    """Yield what no text of any language holds: tags outside flags, runs of invisible characters."""
    rest = _FLAG.sub("", line)
    if run := _RUN.search(rest):
        yield Hidden("smuggled", f"{len(run[0])} invisible characters, {name_of(run[0][0])} first")
        return
    for found in _SUPPLEMENTARY.finditer(rest):
        code, before = ord(found[0]), rest[found.start() - 1 : found.start()]
        is_tag = 0xE0000 <= code <= 0xE007F
        if is_tag or (0xE0100 <= code <= 0xE01EF and not _is_ideograph(before)):
            yield Hidden("smuggled", name_of(found[0]))
            return


def bidi(line: str, *, is_code: bool) -> Iterator[Hidden]:
    """Yield a control that reorders text: any in code; in prose overrides, and what is left open."""
    waiting: list[str] = []
    for found in _BIDI.finditer(line):
        char = found[0]
        if is_code or char in "\u202d\u202e":
            yield Hidden("bidi", name_of(char))
            return
        if char in _OPENERS:
            waiting.append(_OPENERS[char])
        elif not waiting or waiting.pop() != char:
            yield Hidden("bidi", f"{name_of(char)} closes nothing")
            return
    if waiting:
        yield Hidden("bidi", "a control that is not closed in its line")


def invisible(line: str, *, is_rtl: bool = False) -> Iterator[Hidden]:
    """Yield the first invisible character that nothing beside it needs.

    `is_rtl`: whether the file has letters written from right to left, on whatever line; then marks
    of direction may stand between the parts of a number or a date.
    """
    is_line_rtl: bool | None = None
    for found in _INVISIBLE.finditer(line):
        char, at = found[0], found.start()
        before, after = line[at - 1 : at], line[at + 1 : at + 2]
        if char in _MARKS:
            is_line_rtl = has_rtl(line) if is_line_rtl is None else is_line_rtl
            is_free = is_line_rtl or (is_rtl and before != "" and before in _BETWEEN_PARTS)
        else:
            is_free = _is_needed(char, before, after)
        if not is_free:
            yield Hidden("invisible", name_of(char))
            return


def has_rtl(text: str) -> bool:
    """Whether there is a letter that is written from right to left."""
    return any(unicodedata.bidirectional(m[0]) in {"R", "AL"} for m in _RTL.finditer(text))


def _is_needed(char: str, before: str, after: str) -> bool:
    """Whether the characters around make an invisible one part of honest text."""
    if _is_selector(char):
        return not (before.isascii() and (before.isalpha() or before == "_"))
    if char == "\u200d" and _is_symbol(before) and _is_symbol(after):
        return True
    if char in _JOINERS or char in "\u200b\u2060\u034f\u17b4\u17b5" or "\u180b" <= char <= "\u180f":
        return _joins(before) or (char == "\u200b" and _joins(after))
    if char in "\u115f\u1160\u3164\uffa0":
        return "\u1100" <= before <= "\u11ff" or "\u1100" <= after <= "\u11ff"
    return False


def _is_selector(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def _joins(char: str) -> bool:
    """Whether a letter's script uses joiners or breaks words invisibly: Arabic to Mongolian, Indic."""
    return (
        "\u0590" <= char <= "\u109f" or "\u1700" <= char <= "\u1cff" or "\ua800" <= char <= "\uabff"
        or "\U00010a00" <= char <= "\U00011fff" or "\U0001e800" <= char <= "\U0001efff"
    ) and unicodedata.category(char)[0] in "LMP"  # fmt: skip


def _is_symbol(char: str) -> bool:
    """Whether a character can be a part of an emoji: a symbol, a selector, a skin tone, a keycap."""
    return char != "" and (
        unicodedata.category(char) in {"So", "Sk", "Sm"}
        or char in "\ufe0f\u20e3\U000e007f"
        or "\U0001f000" <= char <= "\U0001faff"
    )


def _is_ideograph(char: str) -> bool:
    return "\u3400" <= char <= "\u9fff" or "\uf900" <= char <= "\ufaff" or char >= "\U00020000"


def homoglyphs(line: str) -> Iterator[Hidden]:
    """Yield the first word of Latin letters in which every other letter only looks Latin.

    Beside letters that nobody takes for Latin, in the same name, it is a slip of the keyboard.
    """
    if not _MIXED.search(line):
        return
    for found in _WORD.finditer(line):
        word = found[0]
        if line[found.start() - 1 : found.start()] in _TAKING and word[0].isascii():
            word = word[1:]
        others = {c for c in word if not c.isascii() and _MIXED.match(c)}
        if not others or not re.search("[A-Za-z]", word) or _is_range(line, found):
            continue
        if _deceives(word, others) and not _is_foreign(line, found):
            yield Hidden("homoglyph", ", ".join(name_of(c) for c in sorted(others)[:3]))
            return


def _is_range(line: str, found: re.Match[str]) -> bool:
    """Whether two letters are the inner ends of two ranges, as in `a-zа-я`."""  # noqa: RUF002
    around = line[found.start() - 1 : found.start()] + line[found.end() : found.end() + 1]
    return found.end() - found.start() == 2 and around == "--"


def _is_foreign(line: str, found: re.Match[str]) -> bool:
    """Whether the name around a word holds letters of another script that look like no Latin ones."""
    before, after = line[max(0, found.start() - _NEAR) : found.start()], found.end() + _NEAR
    start = found.start() - len(_NAME.findall(before[::-1])[0])
    name = _NAME.findall(line, start, after)[0]
    return not _looks_latin({c for c in name if _MIXED.match(c)})


def _deceives(word: str, others: set[str]) -> bool:
    """Whether a word reads as letters of ASCII.

    Greek at the edge of a name is mathematics: `x_alpha`, `mu m`. What only looks like a letter of
    phonetics stands in alphabets of made-up translations.
    """
    if any(_GREEK.match(c) for c in others) and not (
        _SAME_GREEK.search(word) or _BETWEEN.search(word)
    ):
        return False
    return _looks_latin(others)


def _looks_latin(others: set[str]) -> bool:
    from confusable_homoglyphs import confusables

    found = (confusables.is_confusable(c, preferred_aliases=["latin"]) for c in others)
    return all(r and any(h["c"].isascii() for h in r[0]["homoglyphs"]) for r in found)
