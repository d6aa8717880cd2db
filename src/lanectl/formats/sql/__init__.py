"""Reads a script of PostgreSQL with its own parser, within bounds. Executes nothing.

The parser is C, takes quadratic time in comments and operators and recurses on left-deep
expressions until the stack ends; so what could do either is refused before it is parsed.
"""

from __future__ import annotations

import bisect
import re
from typing import TYPE_CHECKING, Any, NoReturn

from lanectl.model.report import Fault, MalformedError
from lanectl.model.sql import Script

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STATEMENTS = 10_000
"""Semicolons of a script, wherever they stand."""

_DEPTH = 4_000
"""Levels that an expression may have; at some 30,000 the parser's recursion meets the stack's end."""

_COST = 150_000_000
_OPERATORS = re.compile(r"[-+*/<>=~!@#%^&|`?]{64,}")
_META = re.compile(r"(?m)^[ \t]*\\")
_SET_OPERATIONS = frozenset({"UNION", "INTERSECT", "EXCEPT"})
_OPENING, _CLOSING = frozenset({"ASCII_40", "ASCII_91"}), frozenset({"ASCII_41", "ASCII_93"})
_COMMENTS = frozenset({"C_COMMENT", "SQL_COMMENT"})


def read(data: bytes, *, limit: int) -> Script:
    """Return what a script of at most `limit` bytes does.

    Raises MalformedError: `sql/limit` beyond the bounds, `sql/meta-command` for what only psql
    understands, `sql/unreadable` for everything else that PostgreSQL would not parse.
    """
    if len(data) > limit:
        _refuse("sql/limit", f"{len(data)} bytes", f"at most {limit} bytes")
    if b"\0" in data:
        _refuse("sql/unreadable", "a NUL", "text")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse("sql/unreadable", f"not UTF-8 at byte {error.start}", "UTF-8")
    return _parse(text)


def _refuse(rule: str, got: str, expected: str, *, line: int = 0) -> NoReturn:
    raise MalformedError(Fault(rule, got=got[:300], expected=expected, line=line))


def _parse(text: str) -> Script:
    import pglast

    from lanectl.formats.sql.statements import Reader

    _check_cost(text)
    try:
        tokens = pglast.scan(text)
        _check_depth(tokens)
        parsed = pglast.parse_sql(text)
    except pglast.Error as error:
        _refuse_unparsed(text, error)
    starts = [token.start for token in tokens if token.name not in _COMMENTS]
    reader = Reader()
    line, seen = 1, 0
    for number, raw in enumerate(parsed, start=1):
        at = starts[bisect.bisect_left(starts, raw.stmt_location or 0)]
        line, seen = line + text.count("\n", seen, at), at
        reader.take(raw.stmt, number, line, text[at : at + 60])
    return Script(tuple(reader.statements), reader.dynamic)


def _refuse_unparsed(text: str, error: Any) -> NoReturn:
    reason = str(error).split("\n", 1)[0]
    at = re.search(r"at index (\d+)", reason)
    line = text.count("\n", 0, int(at[1])) + 1 if at else 0
    meta = next((m for m in _META.finditer(text) if at and m.end() - 1 == int(at[1])), None)
    if meta:
        command = text[meta.end() - 1 :].split(maxsplit=1)[0]
        _refuse("sql/meta-command", command[:60], "SQL alone", line=line)
    _refuse("sql/unreadable", re.sub(r", at index \d+", "", reason), "PostgreSQL", line=line)


def _check_cost(text: str) -> None:
    runs = sum((m.end() - m.start()) ** 2 for m in _OPERATORS.finditer(text))
    if runs + text.count("/*") * len(text) > _COST or text.count(";") > STATEMENTS:
        _refuse("sql/limit", "too many comments, operators or statements", "an ordinary script")


def _check_depth(tokens: Sequence[Any]) -> None:
    """Refuse what could be too deep: at every open bracket, the tokens since the last comma."""
    if max(_depths(tokens), default=0) > _DEPTH:
        _refuse("sql/limit", "an expression that is too deep", f"{_DEPTH} levels")


def _depths(tokens: Sequence[Any]) -> Iterator[int]:
    counts, total, queries = [0], 0, 0
    for token in tokens:
        name = token.name
        if name in _OPENING:
            counts.append(0)
        elif name in _CLOSING and len(counts) > 1:
            total -= counts.pop()
        elif name in {"ASCII_44", "ASCII_59"}:  # comma, semicolon
            total -= counts[-1]
            counts[-1] = 0
            queries = 0 if name == "ASCII_59" else queries
        elif name not in _COMMENTS:
            counts[-1] += 1
            total += 1
            queries += name in _SET_OPERATIONS
        yield total + len(counts) + queries
