"""Reading trees, blobs and differences through an own GIT_DIR. The only home of the diff options."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from lanectl.adapters.git.child import GitError
from lanectl.errors import UnreadableError
from lanectl.model.change import FileChange, Mode, TreeEntry
from lanectl.model.display import display
from lanectl.model.names import ObjectId
from lanectl.model.report import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lanectl.adapters.git.child import Running
    from lanectl.adapters.git.process import Git

CANONICAL_DIFF: Final = (
    "-r", "-p", "--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv",
    "--no-color", "--src-prefix=a/", "--dst-prefix=b/", "-U3", "--inter-hunk-context=0",
    "--diff-algorithm=myers", "--indent-heuristic", "--no-function-context", "--submodule=short",
    "--ignore-submodules=none", "--no-relative", "-O/dev/null", "--ws-error-highlight=none",
)  # fmt: skip
"""The options that make a patch canonical, docs/bundle-format.md."""

_MAX_LINK: Final = 4096
_RECORDS: Final = 1 << 16
"""Bytes of a raw difference that are always allowed beside its patch."""

_AT_ONCE: Final = 4 << 20
"""Bytes of blobs that are read without asking for their sizes first: a child less."""


class Objects:
    """Reads git objects through one own GIT_DIR. Every id given must already be validated."""

    def __init__(self, git: Git, git_dir: bytes) -> None:
        self.git = git
        self.git_dir = git_dir
        self._in_index: tuple[ObjectId, Running] | None = None
        self._listed: tuple[ObjectId, bytes] | None = None
        self._trees: dict[ObjectId, ObjectId] = {}  # a commit's tree never changes

    def commit_tree(self, commit: ObjectId) -> ObjectId | None:
        """Return the tree of a commit, or None if there is no such commit here."""
        return self._trees.get(commit) or (self.peel(commit) and self._trees.get(commit))

    def peel(self, name: str) -> ObjectId | None:
        """Return the commit that an object id (a tag's too) leads to, or None."""
        if name in self._trees:
            return ObjectId(name)
        out = self.git.run(
            "cat-file", "--batch-check=%(objectname)", git_dir=self.git_dir, complain=False,
            data=f"{name}^{{commit}}\n{name}^{{commit}}^{{tree}}\n".encode(),
        )  # fmt: skip
        try:
            commit, tree = map(ObjectId, out.decode("ascii").splitlines())
        except ValueError:  # `… missing`
            return None
        self._trees[commit] = tree
        return commit

    def is_ancestor(self, old: ObjectId, new: ObjectId) -> bool:
        """Whether `old` can be reached from `new`."""
        out = self.git.run(
            "rev-list", "-n", "1", "--end-of-options", old, f"^{new}", "--", git_dir=self.git_dir
        )
        return not out.strip()

    def merge_base(self, one: ObjectId, other: ObjectId) -> ObjectId | None:
        """Return the best common ancestor of two commits, or None."""
        if one == other:
            return one
        out = self.git.run("merge-base", one, other, git_dir=self.git_dir, ok=(0, 1))
        return ObjectId(out.decode("ascii").split("\n")[0]) if out.strip() else None

    def patch(self, base_tree: ObjectId, result_tree: ObjectId, *, limit: int) -> Running:
        """Begin to write the canonical patch between two trees.

        Its result raises MalformedError with `archive/limit` for one over `limit` bytes.
        """
        return self.git.start(
            "diff-tree", *CANONICAL_DIFF, base_tree, result_tree, "--",
            git_dir=self.git_dir, most=limit,
        )  # fmt: skip

    def pack(self, wanted: ObjectId, *without: ObjectId, compression: int = 0) -> Running:
        """Begin to pack what one commit or tree has and the others have not; to be kept: compressed."""
        revisions = "".join(f"{name}\n" for name in (wanted, *(f"^{w}" for w in without)))
        return self.git.start(
            "pack-objects", "--revs", "--stdout", "-q", "--window=0", f"--compression={compression}",
            git_dir=self.git_dir, data=revisions.encode(),
        )  # fmt: skip

    def refusal(
        self, base_tree: ObjectId, result_tree: ObjectId, files: Iterable[FileChange] | None
    ) -> str:
        """Return why git would not take in what a result tree adds to its base, or nothing.

        It is the check of `publish`, made before: a broken tree, a `.gitmodules` that runs programs.
        With `files`, the difference, the tree is one that git itself wrote from an index: then only
        files that git reads for itself can be refused, and only with one of them is it asked.
        """
        if base_tree == result_tree:
            return ""
        if files is not None and not any(_may_be_gits_own(file.path) for file in files):
            return ""
        pack = self.pack(result_tree, base_tree)
        try:
            self.git.run(
                "index-pack", "--stdin", "--strict", git_dir=self.git_dir, data=pack, complain=False
            )
        except GitError as error:
            return error.why
        return ""

    def files(self, base_tree: ObjectId, result_tree: ObjectId) -> tuple[FileChange, ...]:
        """Return the raw difference of two trees, by path; link targets are read as well."""
        out = self.git.run(
            "diff-tree", "-r", "--raw", "-z", "--no-renames", "--full-index", "--no-abbrev",
            base_tree, result_tree, "--", git_dir=self.git_dir,
        )  # fmt: skip
        return self._changes(out.split(b"\0"))

    def compare(
        self, base_tree: ObjectId, result_tree: ObjectId, patch: memoryview
    ) -> tuple[tuple[FileChange, ...], bool]:
        """Return the raw difference of two trees, and whether `patch` is their canonical patch.

        One child writes both: the records, a NUL, the patch. If what it wrote is anything but
        records and this patch, each is asked for alone.
        """
        both = self.git.start(
            "diff-tree", *CANONICAL_DIFF, "--raw", "-z", "--no-abbrev", base_tree, result_tree, "--",
            git_dir=self.git_dir, most=2 * len(patch) + _RECORDS,
        )  # fmt: skip
        records = both.before(patch)
        fields = records.split(b"\0") if records is not None else []
        heads = fields[0:-2:2]
        if fields[-2:] == [b"", b""] and len(fields) % 2 == 0 and all(h[:1] == b":" for h in heads):
            return self._changes(fields[:-1]), True
        again = self.patch(base_tree, result_tree, limit=len(patch))
        return self.files(base_tree, result_tree), again.equals(patch)

    def _changes(self, out: Sequence[bytes]) -> tuple[FileChange, ...]:
        rows = [
            (head.decode("ascii").lstrip(":").split(" "), path)
            for head, path in zip(out[0:-1:2], out[1::2], strict=False)
        ]
        links = [ObjectId(row[3]) for row, _ in rows if row[1] == Mode.LINK]
        targets = self.blobs(links, limit=_MAX_LINK) if links else {}
        return tuple(
            FileChange(
                path, row[0], row[1], ObjectId(row[2]), ObjectId(row[3]),
                targets.get(ObjectId(row[3]), b"\0") if row[1] == Mode.LINK else None,
            )
            for row, path in rows
        )  # fmt: skip

    def list_ahead(self, tree: ObjectId) -> None:
        """Begin to list a tree that the own index holds; `listing` has to be asked for it.

        It is three times as fast as walking the tree, and git does it while we do something else.
        """
        if self._listed and self._listed[0] == tree:
            return
        self._in_index = tree, self.git.start("ls-files", "-s", "-z", git_dir=self.git_dir)

    def listing(self, tree: ObjectId) -> bytes:
        """Return the leaves of a tree by path: `mode id 0`, a tab, the path and a NUL each."""
        if self._listed and self._listed[0] == tree:
            return self._listed[1]
        if self._in_index and self._in_index[0] == tree:
            out = self._in_index[1].result()
            self._in_index = None
        else:
            out = self._list(tree)
        self._listed = tree, bytes(out)
        return self._listed[1]

    def _list(self, tree: ObjectId, *below: str) -> bytes:
        return self.git.run(
            "ls-tree", "-r", "-z", "--full-tree", "--format=%(objectmode) %(objectname) 0%x09%(path)",
            tree, "--", *below, git_dir=self.git_dir,
        )  # fmt: skip

    def find(
        self,
        tree: ObjectId,
        wanted: Callable[[bytes], bool],
        *,
        hints: Sequence[bytes] = (b"",),
        below: Sequence[str] = (),
    ) -> tuple[TreeEntry, ...]:
        """Return the leaves of a tree whose path is wanted, by path; such a path holds a hint.

        `below` names the only files and folders to look at, if not all.
        """
        out = self._list(tree, *below) if below else self.listing(tree)
        entries = []
        for record in _records_with(out, hints):
            head, _, path = record.partition(b"\t")
            if wanted(path):
                mode, blob, _ = head.decode("ascii").split(" ")
                entries.append(TreeEntry(path, mode, ObjectId(blob)))
        return tuple(entries)

    def files_at(self, tree: ObjectId, paths: Sequence[str], *, limit: int) -> Mapping[str, bytes]:
        """Return the regular files at these paths of a tree; what is none is left out.

        Raises UnreadableError for one over `limit` bytes.
        """
        if not paths:
            return {}
        out = self.git.run(
            "ls-tree", "-l", "-z", "--full-tree", tree, "--", *paths, git_dir=self.git_dir
        )
        found: dict[str, ObjectId] = {}
        for record in out.decode("utf-8", "surrogateescape").split("\0")[:-1]:
            head, _, path = record.partition("\t")
            mode, _, blob, size = head.split()
            if mode in {Mode.FILE, Mode.EXECUTABLE}:
                if int(size) > limit:
                    raise UnreadableError(f"{display(path)}: larger than {limit} bytes")
                found[path] = ObjectId(blob)
        blobs = self._read(list(found.values()))
        return {path: blobs[found[path]] for path in paths if path in found}

    def blobs(
        self, ids: Iterable[ObjectId], *, limit: int, total: int | None = None
    ) -> Mapping[ObjectId, bytes]:
        """Return these blobs; one that is missing, no blob, or over `limit` bytes is left out.

        With `total` the smallest are read until they are that many bytes together.
        """
        wanted = tuple(dict.fromkeys(ids))
        try:
            found = self._read(wanted, most=min(_AT_ONCE, total or _AT_ONCE))
        except MalformedError:  # more than that: the sizes have to be known
            return self._read(self._small_blobs(wanted, limit, total))
        return {blob: data for blob, data in found.items() if len(data) <= limit}

    def _read(self, ids: Sequence[ObjectId], *, most: int | None = None) -> dict[ObjectId, bytes]:
        """Return those of these that are blobs. Raises MalformedError for more than `most` bytes."""
        if not ids:
            return {}
        data = "".join(f"{i}\n" for i in ids).encode()
        reading = self.git.start("cat-file", "--batch", git_dir=self.git_dir, data=data, most=most)
        found: dict[ObjectId, bytes] = {}
        with reading.handed_on() as file, open(file.fileno(), "rb", closefd=False) as out:
            for head in out:
                name, kind, *size = head.decode("ascii").split()
                if not size:  # `… missing`
                    continue
                blob = out.read(int(size[0]))
                out.read(1)  # a line's end
                if kind == "blob":
                    found[ObjectId(name)] = blob
        return found

    def _small_blobs(
        self, ids: tuple[ObjectId, ...], limit: int, total: int | None
    ) -> list[ObjectId]:
        out = self.git.run(
            "cat-file", "--batch-check", git_dir=self.git_dir,
            data="".join(f"{i}\n" for i in ids).encode(),
        )  # fmt: skip
        rows = [line.split(" ") for line in out.decode("ascii").splitlines()]
        sizes = {ObjectId(r[0]): int(r[2]) for r in rows if r[1] == "blob"}
        small = sorted((i for i in sizes if sizes[i] <= limit), key=sizes.__getitem__)
        sums = itertools.accumulate(sizes[i] for i in small)
        return small[: sum(1 for s in sums if total is None or s <= total)]


def _records_with(out: bytes, hints: Sequence[bytes]) -> list[bytes]:
    """Return the NUL-ended records that hold a hint, in their order; few of many do."""
    spans = set()
    for hint in hints:
        at = out.find(hint)
        while 0 <= at < len(out):
            end = out.index(b"\0", at)
            spans.add((out.rfind(b"\0", 0, at) + 1, end))
            at = out.find(hint, end + 1)
    return [out[start:end] for start, end in sorted(spans)]


def _may_be_gits_own(path: bytes) -> bool:
    """Whether a file system may take a file or folder of a path for `.gitmodules` and the like."""
    if b"~" in path or b"\\" in path or not path.isascii():
        return True
    return any(
        part.startswith((b".git", b".mailmap")) and part != b".github"
        for part in path.lower().split(b"/")
    )
