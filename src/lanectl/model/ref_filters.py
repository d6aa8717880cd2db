"""Branch filters of a GitHub workflow: whether they let a branch through, or some handoff's branch.

The second is answered for all of `feature/<slug>` at once, exactly; filters too large for that are
taken to let one through. A filter's own syntax is never judged here.
"""

from __future__ import annotations

import re
import string
from functools import cached_property

from msgspec import Struct

from lanectl.model.handoff import feature_branch
from lanectl.model.names import Slug

_Chars = tuple[str, bool]
"""Characters, and whether these are meant (False) or all others (True)."""

_ANY: _Chars = ("", True)
_IN_FOLDER: _Chars = ("/", True)
_PIECE = re.compile(r"(?<![^/])\*\*/|\*\*|\*|\[[^\]]+\]|\\.|.", re.DOTALL)
_RANGE = re.compile(r"([a-z])-([a-z])|([A-Z])-([A-Z])|([0-9])-([0-9])")

_PREFIX = feature_branch(Slug("x")).removesuffix("x")
_SLUG_CHARS = string.ascii_lowercase + string.digits + "-"
_LONGEST_SLUG = 63
_MOST_STATES = 200
_LONGEST_PATTERNS = 1000


class _Glob:
    """One pattern as an automaton: `*` in a folder, `**` anywhere, `?` and `+` on what precedes."""

    def __init__(self, pattern: str) -> None:
        self._edges: list[list[tuple[_Chars, int]]] = [[]]
        self._skips: list[list[int]] = [[]]
        for piece in _PIECE.findall(pattern):
            self._append(piece)
        self._last = len(self._edges) - 1
        self.start = self._closed({0})

    def _append(self, piece: str) -> None:
        before = len(self._edges) - 1
        if piece in {"?", "+"} and before:
            self._repeat(piece)
        elif piece == "**/":
            inside, after = self._state(), self._state()
            self._edges[before].append((_ANY, inside))
            self._edges[inside] += [(_ANY, inside), (("/", False), after)]
            self._skips[before].append(after)
        elif piece in {"*", "**"}:
            chars = _ANY if piece == "**" else _IN_FOLDER
            after = self._state()
            self._skips[before].append(after)
            self._edges[after].append((chars, after))
        else:
            self._edges[before].append((_chars(piece), self._state()))

    def _repeat(self, piece: str) -> None:
        """Let the last piece be left out, or repeated."""
        last = len(self._edges) - 1
        if piece == "?":
            self._skips[last - 1].append(last)
        else:
            self._edges[last] += [
                (chars, last) for chars, to in self._edges[last - 1] if to == last
            ]

    def _state(self) -> int:
        self._edges.append([])
        self._skips.append([])
        return len(self._edges) - 1

    def _closed(self, states: set[int]) -> frozenset[int]:
        todo, found = list(states), set(states)
        while todo:
            new = [s for s in self._skips[todo.pop()] if s not in found]
            found.update(new)
            todo += new
        return frozenset(found)

    def step(self, states: frozenset[int], char: str) -> frozenset[int]:
        """Return the states after one more character."""
        return self._closed({
            to for s in states for (chars, others), to in self._edges[s] if (char in chars) != others
        })  # fmt: skip

    def accepts(self, states: frozenset[int]) -> bool:
        """Whether the pattern matches what led to these states."""
        return self._last in states


def _chars(piece: str) -> _Chars:
    if len(piece) == 1 or piece[0] == "\\":
        return piece[-1], False
    inner = piece[1:-1]
    ranges = [tuple(filter(None, found)) for found in _RANGE.findall(inner)]
    spelled = "".join(chr(c) for low, high in ranges for c in range(ord(low), ord(high) + 1))
    return _RANGE.sub("", inner) + spelled, False


_States = tuple[frozenset[int], ...]


class RefFilter(Struct, frozen=True, dict=True):
    """Patterns in their order: the last that matches decides, `!` lets nothing through."""

    patterns: tuple[str, ...]

    @classmethod
    def ignoring(cls, patterns: tuple[str, ...]) -> RefFilter:
        """Return the filter that lets through what none of these patterns matches."""
        return cls(("**", *(f"!{p}" for p in patterns)))

    def admits(self, name: str) -> bool:
        """Whether a branch of this name gets through."""
        return self._size_is_absurd or self._admits(self._walk(self._start, name))

    def admits_a_handoff(self) -> bool:
        """Whether any branch `feature/<slug>` gets through."""
        if self._size_is_absurd:
            return True
        return self._search(self._alphabet())

    def _alphabet(self) -> list[str]:
        """Return the characters of a slug that the patterns tell apart: others are all alike."""
        spelled = "".join(self.patterns)
        if "[" in spelled:
            return list(_SLUG_CHARS)
        others = [c for c in _SLUG_CHARS if c not in spelled and c != "-"]
        return [c for c in _SLUG_CHARS if c in spelled or c == "-"] + others[:1]

    def _search(self, alphabet: list[str]) -> bool:
        level = {self._walk(self._start, _PREFIX)}
        seen: set[_States] = set()
        for length in range(_LONGEST_SLUG):
            allowed = [c for c in alphabet if length or c != "-"]
            level = {self._walk(states, c) for states in level for c in allowed} - seen
            if any(self._admits(states) for states in level) or len(seen) > _MOST_STATES:
                return True
            seen |= level
        return False

    @cached_property
    def _globs(self) -> tuple[tuple[bool, _Glob], ...]:
        return tuple((not p.startswith("!"), _Glob(p.removeprefix("!"))) for p in self.patterns)

    @property
    def _size_is_absurd(self) -> bool:
        return sum(map(len, self.patterns)) > _LONGEST_PATTERNS

    @property
    def _start(self) -> _States:
        return tuple(glob.start for _, glob in self._globs)

    def _walk(self, states: _States, text: str) -> _States:
        for char in text:
            states = tuple(g.step(s, char) for (_, g), s in zip(self._globs, states, strict=True))
        return states

    def _admits(self, states: _States) -> bool:
        verdicts = [
            admit for (admit, g), s in zip(self._globs, states, strict=True) if g.accepts(s)
        ]
        return bool(verdicts) and verdicts[-1]
