"""Where the symbolic links of a tree lead, by names alone. Pure, linear in links and steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.model.names import ObjectId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_STEPS = 256
"""Names that are looked at for one link: a circle of links ends there."""

_LINK = b"120000 "


def in_listing(tree: bytes) -> Iterator[tuple[bytes, ObjectId]]:
    """Yield path and blob of every link of a tree that is listed as `Content.tree` is."""
    at = tree.find(_LINK)
    while at >= 0:
        end = tree.find(b"\0", at)
        if at == 0 or tree[at - 1] == 0:  # else it is a piece of a path
            head, _, path = tree[at:end].partition(b"\t")
            yield path, ObjectId(head.split(b" ")[1].decode("ascii"))
        at = tree.find(_LINK, end)


def destination(path: bytes, target: bytes, links: Mapping[bytes, bytes]) -> bytes | None:
    """Return the path of the tree that a link ends at; links on the way are followed.

    Empty: the top folder. None: it leads out of the tree, or nowhere within a number of steps.
    """
    here = path.split(b"/")[:-1]
    todo = target.split(b"/")[::-1]
    for _ in range(_STEPS):
        if not todo:
            return b"/".join(here)
        part = todo.pop()
        if part == b"..":
            if not here:
                return None
            here.pop()
        elif part not in {b"", b"."}:
            here.append(part)
            further = links.get(b"/".join(here))
            if further is not None:
                here.pop()
                todo += further.split(b"/")[::-1]
    return None
