"""Paths that are two in git and one on a disk that ignores case or normal form. Pure, linear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.model.disguise import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_Place = tuple[int, int]
"""A node of the added paths' tree of folded names, and the number of one spelling of it."""

_TOP: _Place = (0, 0)


def find(added: Iterable[bytes], removed: Iterable[bytes], tree: bytes) -> Mapping[bytes, bytes]:
    """Return the added paths that collide, each with a path of the tree that it collides with.

    `tree` lists the result tree as `Content.tree` does, the added paths among them. A folder
    collides as a file does. What the base already had twice is no news: a file added to a folder
    that was there, `removed` paths counted, brings no collision of that folder.
    """
    seen = _Seen()
    adding = _Walk(seen.add)
    new = {path: adding.to(path) for path in added}
    if not new:
        return {}
    noting, last = _Walk(seen.note), b""
    way: _Place | None = _TOP
    for record in tree.split(b"\0"):
        path = record.partition(b"\t")[2]
        folder, _, name = path.rpartition(b"/")
        if path in new or not name:
            continue
        if folder != last:  # a listing is sorted: most files lie where the one before did
            last, way = folder, noting.to(folder)
        if way is not None:
            seen.note(way, name, path)
    leaving = _Walk(lambda above, part, _: seen.note(above, part, None))
    for path in removed:
        leaving.to(path)
    clashes = seen.clashes({place for place in new.values() if place})
    return {path: clashes[place] for path, place in new.items() if place and place in clashes}


class _Walk:
    """Goes from path to path, and over what two of them have in common only once."""

    def __init__(self, step: Callable[[_Place, bytes, bytes], _Place | None]) -> None:
        self._step = step
        self._parts: list[bytes] = []
        self._places: list[_Place] = [_TOP]
        self._end: bytes | None = None  # below it nothing is found

    def to(self, path: bytes) -> _Place | None:
        """Return the place of a path; None where the steps end before."""
        if self._end is not None and (path + b"/").startswith(self._end):
            return None
        parts = path.split(b"/") if path else []
        same = self._in_common(parts)
        del self._places[same + 1 :]
        self._parts = parts
        for number, part in enumerate(parts[same:], start=same + 1):
            place = self._step(self._places[-1], part, path)
            if place is None:
                self._end = b"/".join(parts[:number]) + b"/"
                return None
            self._places.append(place)
        return self._places[-1]

    def _in_common(self, parts: list[bytes]) -> int:
        """Return how many names at the start are those of the path before, as far as it went."""
        most = min(len(parts), len(self._places) - 1)
        pairs = zip(range(most), parts, self._parts, strict=False)
        return next((number for number, one, two in pairs if one != two), most)


class _Seen:
    """The added paths as a tree of folded names, and how each of its nodes is spelled.

    A spelling is a number: that of the spelling of the folder above, and a raw name, make it one.
    """

    def __init__(self) -> None:
        self.nodes: dict[tuple[int, str], int] = {}
        self.spellings: dict[tuple[int, bytes], int] = {}
        self.places: dict[_Place, _Place] = {}  # each with the one above
        self.there: dict[int, dict[int, bytes]] = {}  # node → spelling → a path that has it
        self.old: set[int] = set()  # spellings that the base had

    def add(self, above: _Place, part: bytes, path: bytes) -> _Place:
        """Take in one name of an added path."""
        node = self.nodes.setdefault((above[0], fold(part)), len(self.nodes) + 1)
        place = node, self._spell(above, part)
        self.places.setdefault(place, above)
        self.there.setdefault(node, {}).setdefault(place[1], path)
        return place

    def note(self, above: _Place, part: bytes, path: bytes | None) -> _Place | None:
        """Take note of one name of the base, and of a path that has it if it is still there.

        None where no added path goes the same way.
        """
        node = self.nodes.get((above[0], fold(part)))
        if node is None:
            return None
        spelling = self._spell(above, part)
        self.old.add(spelling)
        if path is not None:
            self.there[node].setdefault(spelling, path)
        return node, spelling

    def clashes(self, leaves: set[_Place]) -> Mapping[_Place, bytes]:
        """Return the places that are spelled in two ways, or lie below one, with the other path."""
        found: dict[_Place, bytes] = {}
        for place, above in self.places.items():  # what is above comes first
            node, spelling = place
            there = self.there[node]
            if above in found:
                found[place] = found[above]
            elif len(there) > 1 and (place in leaves or spelling not in self.old):
                found[place] = next(p for other, p in there.items() if other != spelling)
        return found

    def _spell(self, above: _Place, part: bytes) -> int:
        return self.spellings.setdefault((above[1], part), len(self.spellings) + 1)
