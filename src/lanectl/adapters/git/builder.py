"""The Builder's repository: reads a change from a work tree or a branch, and writes nothing in it.

It holds no way to push, to move a ref or to reach a network.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lanectl.adapters.git.own_dir import refuse_borrowed_objects
from lanectl.adapters.git.repository import GitRepository
from lanectl.adapters.git.work_tree import WorkTree
from lanectl.errors import Remedy, UnreadableError, UsageError
from lanectl.model.change import ChangeSet
from lanectl.model.display import display
from lanectl.model.names import ObjectId, RepositoryId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lanectl.adapters.git.discover import Repository
    from lanectl.adapters.git.process import Git
    from lanectl.model.change import SourceNote
    from lanectl.ports import ChangeRequest

_FALLBACKS = ("refs/remotes/origin/main", "refs/remotes/origin/master")


class GitBuilderRepository(GitRepository):
    """Implements `ports.BuilderRepository` over a real clone."""

    mirror = True

    def __init__(
        self,
        git: Git,
        repository: Repository,
        scratch: Path,
        environment: Mapping[str, str],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """`meanwhile` is called while git looks at the work tree."""
        refuse_borrowed_objects(repository)
        super().__init__(git, repository, scratch, environment)
        self.meanwhile = meanwhile
        self._named: dict[str, ObjectId] = {}  # what HEAD is does not change while we look

    def read_change(self, request: ChangeRequest) -> ChangeSet:
        """Return the change from the base to the work tree, or to a branch.

        Raises UsageError, UnreadableError, and MalformedError for more than a bundle may hold.
        """
        reader = self._work_tree() if request.branch is None else None
        head = self._commit("HEAD" if request.branch is None else request.branch)
        base = self._merge_base(head) if request.base is None else self._commit(request.base)
        base_tree = self._tree(base)
        notes: tuple[SourceNote, ...] = ()
        if reader is None:
            result_tree = self._tree(head)
        else:
            self.meanwhile()
            result_tree = reader.read(request.force_include, request.limit)
            self.objects.list_ahead(result_tree)
            notes = tuple(sorted(set(reader.notes), key=lambda n: (n.rule, n.path)))
        writing = self.objects.patch(base_tree, result_tree, limit=request.limit)
        files = self.objects.files(base_tree, result_tree)
        patch = writing.result()
        if why := self.objects.refusal(base_tree, result_tree, files if reader else None):
            raise UnreadableError(
                "git refuses to take in this change",
                why=why,
                remedies=(Remedy("Correct or leave out what it names."),),
            )
        return ChangeSet(
            base=base,
            base_tree=base_tree,
            result_tree=result_tree,
            object_format=self.repository.object_format,
            diff_engine=f"git {self.git.version()}",
            patch=patch,
            files=files,
            notes=notes,
        )

    def subject(self, base: ObjectId) -> str:
        """Return the subject of the newest commit since `base`, or an empty string."""
        head = self._commit("HEAD")
        if head == base:
            return ""
        out = self.git.run(
            "log", "-1", "--no-show-signature", "--format=%s", "--end-of-options", head, f"^{base}",
            "--", git_dir=self.objects.git_dir,
        )  # fmt: skip
        return out.decode("utf-8", "replace").strip()

    def repository_id(self) -> RepositoryId | None:
        """Return the id that `origin`, or the only remote, stands for."""
        remotes = self.repository.remotes
        url = remotes.get("origin") or (next(iter(remotes.values())) if len(remotes) == 1 else None)
        try:
            return RepositoryId.from_url(url) if url else None
        except ValueError:
            return None

    def current_branch(self) -> str:
        """Return the short name of the branch that is checked out, or an empty string."""
        out = self._in_repository("symbolic-ref", "--quiet", "HEAD", ok=(0, 1))
        return out.removeprefix("refs/heads/")

    def identity(self) -> tuple[str, str]:
        """Return name and email as the user's git is set up, or lanectl's own."""
        config = self.repository.config
        return config.get("user.name", "lanectl"), config.get("user.email", "lanectl@localhost")

    def path_of(self, path: str) -> bytes:
        """Return the repository path of a file that a person named relative to `start`.

        Raises UsageError for one outside the work tree or inside `.git`.
        """
        top = self.repository.top or self.repository.git_dir
        parent, name = os.path.split(os.path.abspath(os.fsencode(path)))
        relative = os.path.relpath(os.path.join(os.path.realpath(parent), name), top)
        if relative.split(b"/")[0] in {b"..", b".git", b"."}:
            raise UsageError(f"{display(path)} is not inside the work tree")
        return relative

    def _work_tree(self) -> WorkTree:
        if self.repository.top is None:
            raise UsageError(
                "a bare repository has no work tree",
                remedies=(Remedy("Name a branch with --from, or run this in a clone."),),
            )
        return WorkTree(
            self.git, self.repository, self.objects.git_dir,
            scratch=self.scratch, environment=self.environment,
        )  # fmt: skip

    def _merge_base(self, head: ObjectId) -> ObjectId:
        target = self._default_branch()
        base = self.objects.merge_base(head, target)
        if base is None:
            raise UnreadableError(
                "HEAD and the remote's default branch have no common commit here",
                why="the history is unrelated, or cut off by a shallow clone",
                remedies=(Remedy("Name the base commit.", ("lanectl", "pack", "--base", "REV")),),
            )
        return base

    def _default_branch(self) -> ObjectId:
        """Return the tip of the remote's default branch as this clone last saw it; no network."""
        out = self._in_repository(
            "for-each-ref", "--format=%(refname) %(objectname)", "refs/remotes/*/HEAD", *_FALLBACKS
        )
        refs = dict(line.split(" ") for line in out.splitlines())
        heads = sorted(r for r in refs if r.endswith("/HEAD"))
        order = ("refs/remotes/origin/HEAD", *heads, *_FALLBACKS)
        name = next((r for r in order if r in refs), None)
        commit = self.objects.peel(refs[name]) if name else None
        if commit is None:
            raise UnreadableError(
                "this clone knows no default branch of a remote",
                remedies=(Remedy("Name the base commit.", ("lanectl", "pack", "--base", "REV")),),
            )
        return commit

    def _commit(self, revision: str) -> ObjectId:
        """Resolve a name among the user's refs; the object is then looked at in our own GIT_DIR."""
        commit = self._named.get(revision) or self.named(revision)
        if commit is None:
            raise UsageError(
                f"{display(revision)!r} is no commit of this repository",
                remedies=(Remedy("Name a commit or branch that exists here.", ("git", "log")),),
            )
        self._named[revision] = commit
        return commit

    def _tree(self, commit: ObjectId) -> ObjectId:
        tree = self.objects.commit_tree(commit)
        if tree is None:
            raise UnreadableError(f"the tree of commit {commit} is missing from this repository")
        return tree
