"""Words: what the Builder calls its change can forge nothing and hide nothing where it is shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.model.decision import Decision, Kind, Subject
from lanectl.model.report import Fault, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.content import Content

RULES = (
    Rule(
        "words/markup",
        "A title with markup",
        "A forge or a terminal may show something else than what stands there.",
        Remedy("Write plain words.", ("lanectl", "pack", "--title", "TITLE")),
        Decision.WARN,
        "the title `[bold red]approved[/]`",
    ),
    Rule(
        "words/lookalike",
        "A title or message with a word of look-alike letters of two scripts",
        "It looks like a name that people know, and is another one.",
        Remedy("Write each word in one script.", ("lanectl", "pack", "--title", "TITLE")),
        Decision.WARN,
        "the title `fix the pаypal client` with a Cyrillic letter",  # noqa: RUF001 — what is meant
    ),
)

# Rich's tags, HTML's, images and links of Markdown.
_MARKUP = re.compile(
    r"\[/[a-z #]{0,40}\]|\[(?:bold|dim|red|green|link|blink|reverse|conceal)[^\]]{0,80}\]|</?(?:a|b|i|img|svg|script|iframe|details|sub|sup|font)[ />]|\]\("
)


def check(content: Content) -> Iterator[Fault]:
    """Yield a fault for a title or message that breaks a rule. None repeats the text.

    That they are plain text without forged markers is checked where the statement is read.
    """
    if content.words is None:
        return
    words = content.words
    if _MARKUP.search(words.title):
        yield _fault("words/markup", "title", "markup", "plain words")
    for name, text in (("title", words.title), ("message", words.message[:65_536])):
        if text.isascii():
            continue
        from lanectl.formats import hidden_text

        for hidden in hidden_text.homoglyphs(text):
            yield _fault("words/lookalike", name, hidden.got, "words of one script")


def _fault(rule: str, name: str, got: str, expected: str) -> Fault:
    return Fault(rule, name, got, expected, Subject(Kind.WORDS, name.encode()))
