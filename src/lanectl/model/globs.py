"""Globs over repository paths: `*` and `?` stay inside one folder, `**/` is any number of folders."""

from __future__ import annotations

import functools
import re


def matches(pattern: str, path: bytes) -> bool:
    """Whether a raw repository path matches the whole pattern."""
    return _compiled(pattern).fullmatch(path.decode("utf-8", "surrogateescape")) is not None


@functools.lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    meaning = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meaning.get(p) or re.escape(p) for p in parts), re.DOTALL)
