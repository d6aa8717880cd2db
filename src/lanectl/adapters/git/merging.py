"""Merges that touch no work tree: the trial merge of a handoff, and the revert of one.

`git merge-tree` reads attributes of the folder it runs in; that is the own GIT_DIR, which has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.adapters.git.child import GitError
from lanectl.model.evidence import Conflict, Merge
from lanectl.model.names import ObjectId

if TYPE_CHECKING:
    from lanectl.adapters.git.objects import Objects


def merge(objects: Objects, ours: ObjectId, theirs: ObjectId) -> Merge:
    """Return the tree of a three-way merge of two commits, or its conflicts."""
    out = objects.git.run(
        "merge-tree", "--write-tree", "-z", "--no-messages", ours, theirs,
        git_dir=objects.git_dir, ok=(0, 1),
    )  # fmt: skip
    head, *records = out.split(b"\0")
    try:
        tree = ObjectId(head.decode("ascii"))
    except ValueError as error:
        raise GitError("merge-tree", 0, "unexpected output") from error
    sides: dict[bytes, dict[int, tuple[str, ObjectId]]] = {}
    for record in filter(None, records):
        facts, _, path = record.partition(b"\t")
        mode, blob, stage = facts.decode("ascii").split(" ")
        sides.setdefault(path, {})[int(stage)] = (mode, ObjectId(blob))
    conflicts = [Conflict(p, s.get(1), s.get(2), s.get(3)) for p, s in sorted(sides.items())]
    return Merge(tree, tuple(conflicts))


def revert(objects: Objects, onto: ObjectId, before: ObjectId, after: ObjectId) -> Merge:
    """Return the tree of `onto` without what came between `before` and `after` (all trees).

    A three-way merge whose base is `after`: git 2.39 takes no `--merge-base`, so three commits
    that nobody keeps stand for the trees.
    """
    base = _stand_in(objects, after)
    return merge(objects, _stand_in(objects, onto, base), _stand_in(objects, before, base))


def _stand_in(objects: Objects, tree: ObjectId, parent: ObjectId | None = None) -> ObjectId:
    who = {"NAME": "lanectl", "EMAIL": "lanectl@localhost", "DATE": "@0 +0000"}
    extra = {f"GIT_{part}_{k}": v for part in ("AUTHOR", "COMMITTER") for k, v in who.items()}
    parents = ["-p", parent] if parent else []
    out = objects.git.run(
        "commit-tree", tree, *parents, "-m", "stand-in", git_dir=objects.git_dir, extra=extra
    )
    return ObjectId(out.decode("ascii").strip())
