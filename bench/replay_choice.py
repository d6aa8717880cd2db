"""Which commits of a history to look at first: those with the rarest features. Changes nothing."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Git: TypeAlias = "Callable[..., bytes]"

PLAIN = "plain"
_EMPTY = (
    b"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    b"473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
)
_CONTENT = {  # features that only the changed lines show
    "CRLF": b"-G\r$",
    "not UTF-8": b"-G[\xc0-\xff]([^\x80-\xbf]|$)",
}
_LARGE = 300
"""Files of a large change."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit, its first parent, and what its change has of the unusual."""

    id: str
    parent: str
    features: frozenset[str]


def choose(git: Git, tip: str, *, read: bool = True) -> tuple[list[Commit], dict[str, int]]:
    """Return all commits below `tip` that change something, rarest first, and how many have what.

    One commit of every feature in turn, the rarest feature first; within one, by commit id, which
    is as good as drawn by lot and the same in every run. Without `read` no file is looked into: that
    is fast, works where large files are missing, and does not tell the features of content.
    """
    shelves: defaultdict[str, list[Commit]] = defaultdict(list)
    for commit in sorted(_scan(git, tip, read=read), key=lambda c: c.id):
        for feature in commit.features or {PLAIN}:
            shelves[feature].append(commit)
    order = sorted(shelves, key=lambda f: (len(shelves[f]), f))
    rounds = itertools.zip_longest(*(shelves[f] for f in order))
    turns = (c for one in rounds for c in one if c is not None)
    return list(dict.fromkeys(turns)), {f: len(shelves[f]) for f in order}


def _scan(git: Git, tip: str, *, read: bool) -> Iterator[Commit]:
    content: defaultdict[str, set[str]] = defaultdict(set)
    walk = ("log", "--diff-merges=first-parent", "--min-parents=1")
    for feature, pattern in _CONTENT.items() if read else ():
        for line in git(*walk, "--no-patch", "--format=%H", pattern, tip, "--").split():
            content[line.decode()].add(feature)
    how = ("--numstat", "-M") if read else ("-M100%",)
    out = git(*walk, "--format=commit %H %P", "--raw", "--no-abbrev", *how, tip, "--")
    for block in (b"\n" + out).split(b"\ncommit ")[1:]:
        head, *rest = block.splitlines()
        lines = [line for line in rest if line]
        if lines:
            one, parent = head.decode().split()[:2]
            yield Commit(one, parent, frozenset(_features(lines, 2 if read else 1) | content[one]))


def _features(lines: list[bytes], per_file: int) -> set[str]:
    found = set()
    for line in lines:
        if line.startswith(b":"):
            found |= _of_raw(*line[1:].split(b"\t"))
        elif line.startswith(b"-\t-\t"):
            found.add("binary")
    return found | ({"large"} if len(lines) > per_file * _LARGE else set())


def _of_raw(facts: bytes, *paths: bytes) -> set[str]:
    old, new, _, blob, status = facts.split(b" ")
    names = {path.rpartition(b"/")[2] for path in paths}
    tests: Mapping[str, bool] = {
        "link": b"120000" in {old, new},
        "submodule": b"160000" in {old, new},
        "type": status == b"T",
        "mode": old[:3] == new[:3] == b"100" and old != new,
        "rename": status.startswith(b"R"),
        "deletion": status == b"D",
        "empty file": blob in _EMPTY,
        "odd name": any(path.startswith(b'"') or b" " in path for path in paths),
        "attributes": b".gitattributes" in names,
        "ignore file": b".gitignore" in names,
    }
    return {feature for feature, true in tests.items() if true}
