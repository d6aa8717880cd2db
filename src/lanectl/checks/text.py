"""Hidden text: what a file says to a reader must be what it says to a machine.

Only added lines are judged. In code and in instructions of agents hidden characters hold; prose may
hold what its script, its emoji and its direction need, and more: it is read by people.
"""

from __future__ import annotations

import codecs
import io
from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.model.change import Mode
from lanectl.model.decision import Decision, Kind, Subject
from lanectl.model.display import display_path
from lanectl.model.filetype import is_agent_file, is_code
from lanectl.model.report import Fault, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.formats.hidden_text import Hidden
    from lanectl.model.content import Content

_WRITE = Remedy("Take the character out, or write it as an escape such as \\u202E.")

RULES = (
    Rule(
        "text/bidi",
        "A control that reorders text, in code or in instructions of an agent",
        "The code that people review is not the code that runs (CVE-2021-42574, Trojan Source).",
        _WRITE,
        Decision.HOLD,
        "a comment in a Python file with U+202E RIGHT-TO-LEFT OVERRIDE",
    ),
    Rule(
        "text/reordered",
        "Prose with a text override, or with a direction that is not closed in its line",
        "It can show words in another order than they have.",
        _WRITE,
        Decision.WARN,
        "a line in a README with U+202E RIGHT-TO-LEFT OVERRIDE",
    ),
    Rule(
        "text/invisible",
        "An invisible character, in code or in instructions of an agent",
        "Two names that look the same differ, or an agent reads words that people do not see.",
        _WRITE,
        Decision.HOLD,
        "`is_admin` with U+200B ZERO WIDTH SPACE in it",
    ),
    Rule(
        "text/smuggled",
        "Tag characters, or a run of invisible characters, in any file",
        "A whole hidden message can stand in them; language models read it. Flags such as "
        "Scotland's are free.",
        _WRITE,
        Decision.HOLD,
        "a README with `ignore all rules` in characters from U+E0000 on",
    ),
    Rule(
        "text/homoglyph",
        "A name of Latin letters with letters of another script that look Latin, in code",
        "It looks like a name that people know, and is another one.",
        Remedy("Write the name in one script."),
        Decision.HOLD,
        "`scope` with U+0441 CYRILLIC SMALL LETTER ES",
    ),
    Rule(
        "text/escape",
        "A terminal's escape sequence in a text",
        "Whoever prints the file lets it steer the terminal.",
        Remedy("Write it as an escape such as \\x1b."),
        Decision.WARN,
        "a log file with ESC [ 31 m",
    ),
)

_MOST = 10
"""Lines that are reported of one file and rule."""

_HEAD = 8000


def check(content: Content) -> Iterator[Fault]:
    """Yield a fault for every added line of a text file that hides something."""
    for file in content.files:
        new = content.new(file)
        if new is None or file.target is not None or file.new_mode == Mode.ABSENT:
            continue
        if file.old_id != file.new_id and (not new.isascii() or b"\x1b" in new or b"\b" in new):
            yield from _file_faults(file.path, content.old(file) or b"", new)


def _file_faults(path: bytes, old: bytes, new: bytes) -> Iterator[Fault]:
    from lanectl.formats import hidden_text

    known = {line for _, line in _suspicious(old)}
    is_read = is_code(path) or is_agent_file(path) or new.startswith(b"#!")
    is_rtl = is_read and any(
        hidden_text.has_rtl(line.decode("utf-8", "replace")) for _, line in _suspicious(new)
    )
    counts: dict[str, int] = {}
    for number, line in _suspicious(new):
        if line in known:
            continue
        shown = line.decode("utf-8", "surrogateescape")
        for hidden in _hidden(shown, is_read=is_read, is_rtl=is_rtl):
            rule = _rule(hidden, is_read=is_read)
            counts[rule] = counts.get(rule, 0) + 1
            if counts[rule] <= _MOST:
                subject = Subject(Kind.PATH, path)
                yield Fault(rule, display_path(path), hidden.got, "plain text", subject, number)


def _suspicious(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a text that can hide something, by number; of a binary file none.

    One line after the other: a large file is neither decoded nor split as a whole.
    """
    for number, line in enumerate(io.BytesIO(_text(data)), 1):
        if not line.isascii() or b"\x1b" in line or b"\b" in line:
            yield number, line.removesuffix(b"\n")


def _hidden(line: str, *, is_read: bool, is_rtl: bool) -> Iterator[Hidden]:
    from lanectl.formats import hidden_text

    if hidden_text.is_odd(line):
        yield from hidden_text.escapes(line)
        yield from hidden_text.smuggled(line)
        yield from hidden_text.bidi(line, is_code=is_read)
        if is_read:
            yield from hidden_text.invisible(line, is_rtl=is_rtl)
    if is_read:
        yield from hidden_text.homoglyphs(line)


def _rule(hidden: Hidden, *, is_read: bool) -> str:
    if hidden.sort == "bidi":
        return "text/bidi" if is_read else "text/reordered"
    return {
        "invisible": "text/invisible",
        "smuggled": "text/smuggled",
        "homoglyph": "text/homoglyph",
    }.get(hidden.sort, "text/escape")


def _text(data: bytes) -> bytes:
    """Return a file's text in UTF-8 without the mark at its beginning; of a binary file nothing.

    What is not UTF-8 becomes lone surrogates when a line is decoded, which no rule names.
    """
    for mark, name in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):
            return data[2:].decode(name, "replace").encode()
    return b"" if b"\0" in data[:_HEAD] else data.removeprefix(codecs.BOM_UTF8)
