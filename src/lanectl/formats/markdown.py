"""Untrusted text in GitHub's Markdown: fences and code spans, which is where nothing is live.

Not a mention, reference, link, image or HTML of the text survives; backslash escapes and entities
would not do, because a forge looks for mentions after it has resolved them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lanectl.model.display import display

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_RUN = re.compile("`+")
_ABSURD_RUN = re.compile("`{100,}")  # the two bars around it would be as long
_LONGEST_LINE = 500


def code(text: str) -> str:
    """Return one line of text as a code span that is whole in a table's cell, too.

    A backtick or a pipe is shown by its code, as `display` shows what cannot be seen.
    """
    shown = display(text, limit=200).replace("`", "\\x60").replace("|", "\\x7c")
    return f"`{shown}`" if shown.strip() else "(empty)"


def fence(text: str) -> str:
    """Return lines that are safe to show as a block that no run of backticks in them can close."""
    shown = _ABSURD_RUN.sub(lambda run: f"({len(run[0])} backticks)", text)
    longest = max((len(run) for run in _RUN.findall(shown)), default=0)
    bar = "`" * max(3, longest + 1)
    return f"{bar}text\n{shown}\n{bar}\n"


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Return a table of two columns; the cells are Markdown without a bare pipe."""
    return "| | |\n| --- | --- |\n" + "".join(f"| {name} | {cell} |\n" for name, cell in rows)


def cut_lines(lines: Sequence[str], *, limit: int) -> str:
    """Return as many lines as `limit` bytes hold, long ones cut, and how many more there are."""
    left, kept = limit, []
    for line in lines:
        short = line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + "…"
        left -= len(short.encode()) + 1
        if left < 0:
            break
        kept.append(short)
    rest = [f"… and {len(lines) - len(kept)} more"] if len(kept) < len(lines) else []
    return "\n".join([*kept, *rest])


def cut(text: str, *, limit: int) -> str:
    """Return text of at most `limit` bytes and, where it was longer, a line that says so."""
    data = text.encode()
    if len(data) <= limit:
        return text
    return f"{data[:limit].decode(errors='ignore')}\n… and {len(data) - limit} bytes more"
