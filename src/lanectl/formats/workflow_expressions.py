"""What the `${{ … }}` expressions of a text name: secrets, and words that an outsider chose.

A scanner in one pass, no evaluator: what it cannot tell counts as the worse.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ALL_SECRETS = "all secrets"

_END = re.compile(r"'[^']*'|\}\}")
_PATH = r"((?:\s*\.\s*[\w*-]+|\s*\[\s*'[^']*'\s*\])*)"
_CONTEXT = re.compile(rf"'[^']*'|(?<![\w.-])(secrets|github|env)(?![\w-]){_PATH}", re.IGNORECASE)
_PART = re.compile(r"[\w*-]+|'[^']*'")

# Numbers, hashes, fixed words, and names that GitHub keeps to letters, digits and hyphens.
_HARMLESS = {
    "action", "after", "before", "conclusion", "draft", "event", "head_sha", "id", "login", "merge_commit_sha",
    "merged", "node_id", "number", "run_attempt", "run_id", "run_number", "sha", "state", "status", "type",
}  # fmt: skip


def secrets(text: str) -> Iterator[str]:
    """Yield the name of each secret, or ALL_SECRETS; the token's own secret is not one of them."""
    for context, path in _references(text):
        if context == "secrets":
            name = path[0].upper() if path and path[0] != "*" else ALL_SECRETS
            if name != "GITHUB_TOKEN":
                yield name


def outsiders_words(text: str, env: Mapping[str, str]) -> Iterator[str]:
    """Yield each reference to words that whoever opens or comments a pull request chooses.

    `env` is what the text can see: `${{ env.X }}` is as good as what X holds.
    """
    for context, path in _references(text):
        name = ".".join((context, *path))
        if context == "github" and _is_outsiders(path):
            yield name
        elif context == "env" and path:
            held = env.get(next((k for k in env if k.lower() == path[0]), ""), "")
            if _holds_outsiders(held):
                yield name


@lru_cache(maxsize=1024)  # one variable may be named a thousand times
def _holds_outsiders(text: str) -> bool:
    return any(c == "github" and _is_outsiders(p) for c, p in _references(text))


def _is_outsiders(path: tuple[str, ...]) -> bool:
    if not path or path == ("event",) or "*" in path[:1]:
        return True  # the whole context, as `toJSON` prints it
    if path[0] == "event":
        return path[-1] not in _HARMLESS and path[-2:] != ("base", "ref")
    return path[0] == "head_ref"


def _references(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield context and path, in lower case, of every reference in every expression."""
    for expression in _expressions(text):
        for match in _CONTEXT.finditer(expression):
            if match[1]:
                parts = _PART.findall(match[2])
                yield match[1].lower(), tuple(p.strip("'").lower() for p in parts)


def _expressions(text: str) -> Iterator[str]:
    """Yield what stands between the braces; one that is never closed goes to the text's end."""
    begin = text.find("${{")
    while begin >= 0:
        begin += 3
        ends = (m for m in _END.finditer(text, begin) if m[0] == "}}")
        match = next(ends, None)
        end = match.start() if match else len(text)
        yield text[begin:end]
        begin = text.find("${{", end)
