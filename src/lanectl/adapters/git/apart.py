"""One clone that many bundles are judged by: what it holds is asked once, what they write is apart.

Every bundle has a GIT_DIR of its own, made for it and thrown away: index and objects. So nothing
that one bundle's patch brought in is there for the next. The GIT_DIR that questions about the
clone go to is never written to.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lanectl.adapters.git.process import Git
from lanectl.adapters.git.target import GitTargetRepository

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.adapters.git.objects import Objects
    from lanectl.model.evidence import Line
    from lanectl.model.names import ObjectId

_KEPT: Final = 16
"""Indexes of bases that are kept; one of a large repository has some megabytes."""

_ANSWERS: Final = 10_000
"""Answers about the history that are kept: what it asks about, a bundle's signer chose."""


class SharedTarget:
    """Lends a clone to one bundle after another. Not for two threads at once."""

    def __init__(self, clone: GitTargetRepository) -> None:
        self.clone = clone
        self.lines: dict[tuple[ObjectId, ObjectId], Line] = {}
        self.ancestors: dict[tuple[ObjectId, ObjectId], bool] = {}
        self.most_kept = _KEPT
        self._indexes: dict[ObjectId, Path] = {}

    @contextlib.contextmanager
    def apart(self) -> Iterator[GitTargetRepository]:
        """Yield the clone for one bundle. What the bundle writes is gone afterwards."""
        own = _Apart(self, self.clone.scratch / "apart")
        try:
            yield own
        finally:
            own.remove()

    def index_of(self, tree: ObjectId) -> Path:
        """Return an index that holds a tree of the clone's; it is there to be copied."""
        path = self._indexes.get(tree)
        if path is None:
            path = self.clone.scratch / f"index-{tree}"
            self.clone.git.run(
                "read-tree", tree, git_dir=self.clone.objects.git_dir,
                extra={"GIT_INDEX_FILE": str(path)},
            )  # fmt: skip
            while len(self._indexes) >= self.most_kept:
                self._indexes.pop(next(iter(self._indexes))).unlink()
            self._indexes[tree] = path
        return path


def share(repository: GitTargetRepository) -> SharedTarget:
    """Return a repository for one worker process: no child, index or object is another worker's."""
    folder = Path(tempfile.mkdtemp(prefix="worker-", dir=repository.scratch))
    (folder / "home").mkdir(mode=0o700)
    git = Git(str(folder / "home"), repository.git.limits, repository.git.program)
    return SharedTarget(
        GitTargetRepository(git, repository.repository, folder, repository.environment)
    )


class _Apart(GitTargetRepository):
    """The clone as one bundle sees it: objects of its own over the clone's, and what is known."""

    def __init__(self, shared: SharedTarget, folder: Path) -> None:
        clone = shared.clone
        super().__init__(clone.git, clone.repository, folder, clone.environment)
        self._shared = shared

    @cached_property
    def objects(self) -> Objects:
        """What is read through this bundle's own GIT_DIR: most bundles that are refused need none."""
        self.scratch.mkdir(mode=0o700)
        return super().objects

    def remove(self) -> None:
        """Remove what the bundle wrote."""
        if "objects" in vars(self):
            shutil.rmtree(self.scratch)

    def commit_tree(self, commit: ObjectId) -> ObjectId | None:
        """Return a commit's tree, or None if the clone itself has no such commit."""
        return self._shared.clone.commit_tree(commit)

    def line_of(self, base: ObjectId, tip: ObjectId) -> Line:
        """Return how a commit stands to the target's tip."""
        known = self._shared.lines
        if (base, tip) not in known:
            _make_room(known)
            known[base, tip] = self._shared.clone.line_of(base, tip)
        return known[base, tip]

    def is_ancestor(self, old: ObjectId, new: ObjectId) -> bool:
        """Whether `old` can be reached from `new`."""
        known = self._shared.ancestors
        if (old, new) not in known:
            _make_room(known)
            known[old, new] = self._shared.clone.is_ancestor(old, new)
        return known[old, new]

    def _fill_index(self, tree: ObjectId) -> str:
        target = os.path.join(self.objects.git_dir, b"index")
        shutil.copyfile(self._shared.index_of(tree), os.fsdecode(target))
        return f"git {self.git.version()}"


def _make_room(known: dict[Any, Any]) -> None:
    if len(known) >= _ANSWERS:
        known.clear()
