"""The Enforcer's repository: reads history and replays a patch. No work tree is ever touched."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from lanectl.adapters.git.child import GitError
from lanectl.adapters.git.merging import merge, revert
from lanectl.adapters.git.repository import GitRepository
from lanectl.model.evidence import CommitFacts, Line, Replay
from lanectl.model.handoff import APPLIED, TRAILER_BUNDLE
from lanectl.model.names import ObjectId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lanectl.model.bundle import Handoff
    from lanectl.model.evidence import Merge
    from lanectl.model.names import ObjectFormat


_OBJECT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_STORED: Final = ("-c", "core.looseCompression=0")  # what is written is thrown away or packed
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


class GitTargetRepository(GitRepository):
    """Implements `ports.ApplyingRepository` over the Enforcer's clone, bare or not."""

    @property
    def object_format(self) -> ObjectFormat:
        """The hash this repository names its objects by."""
        return self.repository.object_format

    def find_commit(self, revision: str) -> CommitFacts | None:
        """Return the commit that a person's REV names, or None."""
        commit = self.named(revision)
        return self._facts(commit) if commit else None

    def is_ancestor(self, old: ObjectId, new: ObjectId) -> bool:
        """Whether `old` can be reached from `new`."""
        return self.objects.is_ancestor(old, new)

    def line_of(self, base: ObjectId, tip: ObjectId) -> Line:
        """Return how a commit stands to the target's tip."""
        if base == tip:
            return Line.OWN
        out = self.git.run(
            "rev-list", "--first-parent", "--parents", "--end-of-options", tip, f"^{base}", "--",
            git_dir=self.objects.git_dir,
        ).decode("ascii")  # fmt: skip
        oldest = out.splitlines()[-1].split(" ") if out else []
        if oldest[1:2] == [base]:
            return Line.OWN
        return Line.MERGED if self.is_ancestor(base, tip) else Line.ELSEWHERE

    def touching(
        self, paths: Sequence[str], since: ObjectId | None, tip: ObjectId
    ) -> Sequence[ObjectId]:
        """Return the commits of the tip's own line since then that changed one of these, oldest first."""
        out = self.git.run(
            "rev-list", "--first-parent", "--reverse", "--end-of-options", tip, *([f"^{since}"] if since else []),
            "--", *paths, git_dir=self.objects.git_dir,
        )  # fmt: skip
        return [ObjectId(line) for line in out.decode("ascii").split()]

    def commit_tree(self, commit: ObjectId) -> ObjectId | None:
        """Return a commit's tree, or None if there is no such commit."""
        return self.objects.commit_tree(commit)

    def commits_since(self, head: ObjectId, base: ObjectId) -> Sequence[CommitFacts]:
        """Return the commits from `head` back to `base`, first parents only, newest first."""
        out = self.git.run(
            "rev-list", "--first-parent", "--max-count=1000", "--end-of-options", head, f"^{base}",
            "--", git_dir=self.objects.git_dir,
        )  # fmt: skip
        return [self._facts(ObjectId(line)) for line in out.decode("ascii").splitlines()]

    def replay(self, handoff: Handoff, patch: memoryview) -> Replay:
        """Apply a patch to the base tree in the own index; never in a work tree."""
        run, git_dir = self.git.run, self.objects.git_dir
        base_tree = self.commit_tree(handoff.base) or handoff.base_tree
        engine = self._fill_index(base_tree)
        try:
            run(
                *_STORED,
                "apply",
                "--cached",
                "--whitespace=nowarn",
                "-",
                git_dir=git_dir,
                data=patch,
            )
            tree = ObjectId(run(*_STORED, "write-tree", git_dir=git_dir).decode("ascii").strip())
            self.objects.list_ahead(tree)  # the rules of content will ask for it
            try:
                files, canonical = self.objects.compare(base_tree, tree, patch)
            finally:
                self.objects.listing(tree)
            problem = self.objects.refusal(base_tree, tree, files)
        except GitError as error:
            problem = error.why
        if problem:
            return Replay(base_tree, None, engine, canonical=False, files=(), problem=problem)
        return Replay(base_tree, tree, engine, canonical=canonical, files=files)

    def _fill_index(self, tree: ObjectId) -> str:
        """Read a tree into the own index; return the name of the git that does it."""
        reading = self.git.start("read-tree", tree, git_dir=self.objects.git_dir)
        engine = f"git {self.git.version()}"
        reading.result()
        return engine

    def trial_merge(self, target: ObjectId, commit: ObjectId) -> Merge:
        """Return what merging a commit into the target would give."""
        return merge(self.objects, target, commit)

    def revert(self, onto: ObjectId, before: ObjectId, after: ObjectId) -> Merge:
        """Return the tree of `onto` without what came between two trees."""
        return revert(self.objects, onto, before, after)

    def marker_commit(self, name: str, tip: ObjectId) -> ObjectId | None:
        """Return the newest applied commit below `tip` that a slug, digest or commit id names."""
        if _OBJECT.fullmatch(name) and self.objects.peel(name):
            return ObjectId(name) if self.is_ancestor(ObjectId(name), tip) else None
        if not _NAME.fullmatch(name):
            return None
        grep = (
            rf"^\[{APPLIED}:{name}\] " if len(name) < 64 else f"^{TRAILER_BUNDLE}: sha256:{name}$"
        )
        out = self.git.run(
            "log", "--format=%H", "-n", "1", "--extended-regexp", f"--grep={grep}", tip, "--",
            git_dir=self.objects.git_dir,
        )  # fmt: skip
        return ObjectId(out.decode("ascii").strip()) if out else None

    def introduced(self, commit: ObjectId, tip: ObjectId) -> CommitFacts | None:
        """Return the commit of the tip's first-parent line that brought a commit in.

        Being an ancestor is monotone along that line, so a bisection finds it.
        """
        line = self.git.run(
            "rev-list", "--first-parent", "--end-of-options", tip, "--", git_dir=self.objects.git_dir
        ).decode("ascii").split()  # fmt: skip
        found = bisect_left(line, 1, key=lambda c: int(not self.is_ancestor(commit, ObjectId(c))))
        return self._facts(ObjectId(line[found - 1])) if found else None

    def bundle_tree(self, files: Mapping[str, bytes]) -> ObjectId:
        """Write these files as a flat tree into the own GIT_DIR."""
        rows = []
        for name, data in sorted(files.items()):
            blob = self.git.run(
                "hash-object",
                "-w",
                "--no-filters",
                "--stdin",
                git_dir=self.objects.git_dir,
                data=data,
            )
            rows.append(f"100644 blob {blob.decode('ascii').strip()}\t{name}\0")
        made = self.git.run(
            "mktree", "-z", git_dir=self.objects.git_dir, data="".join(rows).encode()
        )
        return ObjectId(made.decode("ascii").strip())

    def _facts(self, commit: ObjectId) -> CommitFacts:
        text = self.git.run("cat-file", "commit", commit, git_dir=self.objects.git_dir)
        head, _, message = text.decode("utf-8", "surrogateescape").partition("\n\n")
        lines = [line.partition(" ") for line in head.split("\n")]
        return CommitFacts(
            commit,
            next(ObjectId(v) for k, _, v in lines if k == "tree"),
            tuple(ObjectId(v) for k, _, v in lines if k == "parent"),
            message,
        )
