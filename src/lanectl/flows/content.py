"""Gather what the rules of content judge: blobs, the result tree, lockfiles. Judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.formats import lockfiles
from lanectl.model import links, protected
from lanectl.model.change import Mode
from lanectl.model.content import BLOB_LIMIT, Content, Words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lanectl.model.change import FileChange
    from lanectl.model.names import ObjectId, RepositoryId
    from lanectl.model.settings import Rules
    from lanectl.ports import ObjectReader

_TOTAL = 20 << 20
"""Bytes of all blobs together that are looked into, the smallest first: memory stays below 128 MiB."""

_LOCKFILES = 16 << 20
"""Bytes of all lockfiles of a tree, and of all its links, that are read: the smallest first."""

_MAX_LINK = 4096

_FILES = frozenset({Mode.FILE, Mode.EXECUTABLE})


def gather(
    files: Sequence[FileChange],
    result_tree: ObjectId,
    objects: ObjectReader,
    *,
    rules: Rules,
    words: Words | None,
    members: Mapping[str, bytes],
    repository: RepositoryId,
) -> Content:
    """Return the content of a change whose result tree the repository has."""
    ids = [
        i for f in files for mode, i in ((f.old_mode, f.old_id), (f.new_mode, f.new_id))
        if mode in _FILES
    ]  # fmt: skip
    found = objects.find(
        result_tree, lambda p: lockfiles.reader_for(p) is not None, hints=lockfiles.HINTS
    )
    after = {e.path: e.id for e in found if e.mode in _FILES}
    before = _before(after, files)
    tree = objects.listing(result_tree)
    linked = _links(tree, files)
    # An SBOM must not depend on what else changed.
    result = objects.blobs(after.values(), limit=BLOB_LIMIT, total=_LOCKFILES)
    former = [blob for blob in before.values() if blob not in result]
    base = {**result, **objects.blobs(former, limit=BLOB_LIMIT, total=_LOCKFILES)}
    targets = objects.blobs(linked.values(), limit=_MAX_LINK, total=_LOCKFILES)
    kept = {*after.values(), *before.values()}
    others = [blob for blob in ids if blob not in kept]
    blobs = {**base, **objects.blobs(others, limit=BLOB_LIMIT, total=_TOTAL)}
    return Content(
        files=tuple(files), blobs=blobs, tree=tree,
        links={p: target for p, i in linked.items() if (target := targets.get(i))},
        lockfiles={path: result.get(blob) for path, blob in after.items()},
        base_lockfiles={path: base.get(blob) for path, blob in before.items()},
        members=members, words=words, rules=rules, repository=repository, result_tree=result_tree,
    )  # fmt: skip


def _links(tree: bytes, files: Sequence[FileChange]) -> dict[bytes, ObjectId]:
    """Return the links of the result tree, where it matters to the change what they lead to."""
    found = dict(links.in_listing(tree))
    if any(f.target is not None for f in files) or any(map(protected.bearing, found)):
        return found
    return {}


def _before(after: Mapping[bytes, ObjectId], files: Sequence[FileChange]) -> dict[bytes, ObjectId]:
    """Return the base tree's lockfiles: the result's, with what the change did to them undone."""
    found = dict(after)
    for file in files:
        if lockfiles.reader_for(file.path) is None:
            continue
        found.pop(file.path, None)
        if file.old_mode in _FILES:
            found[file.path] = file.old_id
    return found
