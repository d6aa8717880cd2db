"""From a work tree that an attacker may have written to a result tree, byte for byte as git would.

No command here descends into a nested repository or runs a filter, hook or program of the tree:
files are read by us without following links, written through one pack, and only real conversions
(line ends, encodings, ident) go through git, in a private copy.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import stat
from typing import TYPE_CHECKING, Final

from lanectl.adapters.git import attributes
from lanectl.adapters.git.blob_pack import BlobFacts, BlobPack, hash_blob
from lanectl.adapters.git.child import GitError
from lanectl.adapters.git.index_edits import IndexEdits
from lanectl.adapters.git.listing import Kept, Listing, PendingListing, Staged
from lanectl.adapters.git.own_dir import copy_index
from lanectl.adapters.git.placeholders import is_placeholder, mount_points
from lanectl.adapters.nofollow import FolderTree, ancestors
from lanectl.errors import Remedy, UsageError
from lanectl.model.change import Mode, SourceNote
from lanectl.model.display import display_path
from lanectl.model.report import Fault, MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lanectl.adapters.git.discover import Repository
    from lanectl.adapters.git.process import Git
    from lanectl.model.names import ObjectFormat, ObjectId

OWN_FOLDERS: Final = (b".lanectl/outbox", b".lanectl/inbox", b".lanectl/tmp")
"""lanectl's own folders in a work tree, never part of a change."""


class WorkTree:
    """One reading of one work tree into the index of an own GIT_DIR; git begins to look at once."""

    def __init__(
        self,
        git: Git,
        repository: Repository,
        own_dir: bytes,
        *,
        scratch: Path,
        environment: Mapping[str, str],
    ) -> None:
        if repository.top is None:
            raise ValueError("a bare repository has no work tree")
        copy_index(repository, own_dir)
        self._top = repository.top
        self._listing = PendingListing(
            git, repository, repository.top, own_dir, scratch=scratch, environment=environment
        )
        self.git = git
        self.repository = repository
        self.own_dir = own_dir
        self.scratch = scratch
        self.notes: list[SourceNote] = []
        self.edits = IndexEdits(git, own_dir, repository.object_format)
        self.private = os.path.join(os.fsencode(scratch), b"private")
        self.pack_path = os.path.join(
            own_dir, b"objects/pack/pack-%s.pack" % (b"0" * repository.object_format.hex_length)
        )

    def read(self, force_include: Sequence[bytes], limit: int) -> ObjectId:
        """Return the id of the tree that `git add -A` would have made of the work tree.

        `notes` afterwards holds what a rule or a person must know. Raises UnreadableError, GitError,
        and MalformedError for what no bundle of `limit` bytes can hold.
        """
        self._limit, self._added = limit, 0
        with FolderTree(self._top) as tree:
            listing = self._listing.result()
            self.notes += listing.notes
            _refuse_forced(tree, force_include)
            self._mark_hidden_deletions(tree, listing, force_include)
            wanted = self._wanted(tree, listing, force_include)
            conversions = self._attributes(tree, listing, wanted)
            with BlobPack(self.pack_path, self.repository.object_format) as pack:
                for path in wanted:
                    self._take(tree, listing, pack, path, conversions)
                pack.complete()
        self._note_assumed(listing)
        return self.edits.write_tree(self._private_dir())

    # What to look at -------------------------------------------------------------------------

    def _mark_hidden_deletions(
        self, tree: FolderTree, listing: Listing, forced: Sequence[bytes]
    ) -> None:
        """Delete what lies below a folder that is no folder any more, and note nested `.git`.

        `ls-files` follows such a link and calls the files unchanged.
        """
        self.edits.remove.update(path for path in listing.gone if not _is_own(path))
        others = (path.rstrip(b"/") for path in (*listing.untracked, *forced))
        folders = listing.folders | {path.rpartition(b"/")[0] for path in others}
        folders.update(*[ancestors(folder) for folder in folders])
        lost = set()
        for folder in sorted(folders):
            if tree.folder(folder) is None:
                lost.add(folder)
            elif folder and tree.status(folder + b"/.git") is not None:
                self.notes.append(SourceNote("source/nested-repository", folder))
        if lost:
            visible = listing.entries.keys() - listing.kept.keys()
            self.edits.remove.update(p for p in visible if p.rpartition(b"/")[0] in lost)

    def _wanted(
        self, tree: FolderTree, listing: Listing, force_include: Sequence[bytes]
    ) -> list[bytes]:
        """Return the paths to read: changed, untracked and forced ones, without what is not ours."""
        mounts = mount_points()
        wanted: set[bytes] = set()
        for path in [*listing.changed, *listing.untracked, *force_include]:
            if path.endswith(b"/"):  # how ls-files names an untracked nested repository
                self.notes.append(SourceNote("source/nested-repository", path[:-1]))
            elif path not in self.edits.remove and not _is_own(path):
                wanted.add(path)
        for path in sorted(wanted - listing.entries.keys()):
            status = tree.status(path)
            if status and is_placeholder(self._top, path, status, mounts):
                wanted.discard(path)
                self.notes.append(SourceNote("placeholder", path))
        for path in sorted(wanted):
            entry = listing.staged(path)
            if entry and entry[0] == Mode.SUBMODULE and tree.folder(path) is not None:
                wanted.discard(path)  # the pointer stays as staged
                self.notes.append(SourceNote("submodule-not-read", path))
        return sorted(wanted)

    def _attributes(
        self, tree: FolderTree, listing: Listing, wanted: Sequence[bytes]
    ) -> attributes.Conversions:
        """Ask git which conversions apply, from a private copy of the attribute files alone."""
        names = {(d + b"/" if d else b"") + b".gitattributes" for p in wanted for d in ancestors(p)}
        present = [name for name in sorted(names) if self._copy_private(tree, name)]
        staged = {p for p in listing.entries if p.endswith(b".gitattributes")}
        if staged & self.edits.remove:
            self.edits.flush()
        if not wanted or not (present or staged - self.edits.remove):
            conversions = attributes.Conversions()
        else:
            conversions = attributes.ask(self.git, self.own_dir, self._private_dir(), wanted)
        if self.repository.config.get("core.autocrlf", "false").lower() not in {
            "false",
            "no",
            "off",
            "0",
        }:
            conversions.soft.update(wanted)
        return conversions

    # Reading one path ------------------------------------------------------------------------

    def _take(
        self,
        tree: FolderTree,
        listing: Listing,
        pack: BlobPack,
        path: bytes,
        conv: attributes.Conversions,
    ) -> None:
        status = tree.status(path)
        staged = listing.staged(path)
        if status is None or stat.S_ISDIR(status.st_mode):
            if staged:
                self.edits.remove.add(path)
            if tree.status(path + b"/.git") is not None:
                self.notes.append(SourceNote("source/nested-repository", path))
            return
        if stat.S_ISLNK(status.st_mode):
            target = tree.read_link(path)
            self._enter(path, Mode.LINK, pack.add(io.BytesIO(target), len(target)), staged)
            return
        if not stat.S_ISREG(status.st_mode):
            self.notes.append(SourceNote("source/special-file", path))
            return
        mode, facts = self._read_file(tree, pack, path, keep=path not in conv.hard)
        mode = self._believed_mode(mode, staged)
        if staged is None:
            self._refuse_too_much(facts)
        if _is_same_content(staged, mode, facts, self.repository.object_format):
            self._enter(path, mode, facts, staged)
        elif path in conv.external:
            self._external(path, facts, staged)
        elif path in conv.hard or (path in conv.soft and facts.has_cr):
            self._copy_private(tree, path)
            self.edits.convert.append(path)
        else:
            self._enter(path, mode, facts, staged)

    def _refuse_too_much(self, facts: BlobFacts) -> None:
        """Raise MalformedError as soon as the new files cannot fit into a bundle: nothing is diffed."""
        self._added += facts.in_patch
        if self._added > self._limit:
            got = f"new files that take at least {self._added} bytes"
            raise MalformedError(Fault("archive/limit", got=got, expected=f"at most {self._limit}"))

    def _read_file(
        self, tree: FolderTree, pack: BlobPack, path: bytes, *, keep: bool
    ) -> tuple[Mode, BlobFacts]:
        fd, status = tree.open(path)
        with os.fdopen(fd, "rb", buffering=0) as file:
            if keep:
                facts = pack.add(file, status.st_size)
            else:
                facts = hash_blob(file, status.st_size, self.repository.object_format)
        return (Mode.EXECUTABLE if status.st_mode & 0o100 else Mode.FILE), facts

    def _believed_mode(self, mode: Mode, staged: Staged | None) -> Mode:
        """Apply core.fileMode=false and core.symlinks=false as git does."""
        believes_modes = self.repository.flag("core.filemode", default=True)
        believes_links = self.repository.flag("core.symlinks", default=True)
        if staged and staged[0] == Mode.LINK and not believes_links:
            return Mode.LINK
        if believes_modes:
            return mode
        return Mode(staged[0]) if staged and staged[0].startswith("100") else Mode.FILE

    def _external(self, path: bytes, facts: BlobFacts, staged: Staged | None) -> None:
        """Never run an external filter: an unchanged LFS file keeps its pointer, else a finding."""
        pointer = b""
        if staged:
            with contextlib.suppress(GitError):
                pointer = self.git.run("cat-file", "blob", staged[1], git_dir=self.own_dir)
        if not attributes.is_lfs_pointer_to(pointer, facts.sha256):
            self.notes.append(SourceNote("source/external-filter", path))

    def _enter(self, path: bytes, mode: Mode, facts: BlobFacts, staged: Staged | None) -> None:
        # An intent-to-add entry names the empty blob without being one: it is written anew.
        if staged != (mode, facts.id) or facts.id == self.repository.object_format.empty_blob:
            self.edits.enter(path, mode, facts.id)

    def _copy_private(self, tree: FolderTree, path: bytes) -> bool:
        """Copy a regular file into the private work tree; return whether there was one."""
        target = os.path.join(self.private, path)
        if os.path.lexists(target):
            return True
        status = tree.status(path)
        if status is None or not stat.S_ISREG(status.st_mode):
            return False
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        fd, status = tree.open(path)
        mode = 0o700 if status.st_mode & 0o100 else 0o600
        out = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(fd, "rb") as source, os.fdopen(out, "wb") as copy:
            os.fchmod(copy.fileno(), mode)
            shutil.copyfileobj(source, copy)
        return True

    def _private_dir(self) -> bytes:
        os.makedirs(self.private, mode=0o700, exist_ok=True)
        return self.private

    def _note_assumed(self, listing: Listing) -> None:
        self.notes += [
            SourceNote("assume-unchanged", p)
            for p, why in listing.kept.items()
            if why is Kept.ASSUME_UNCHANGED
        ]


def _refuse_forced(tree: FolderTree, paths: Sequence[bytes]) -> None:
    for path in paths:
        status = tree.status(path)
        if status is None or stat.S_ISDIR(status.st_mode):
            raise UsageError(
                f"--force-include {display_path(path)}: no file of the work tree",
                remedies=(Remedy("Name a file, relative to the current folder."),),
            )


def _is_same_content(
    staged: Staged | None, mode: Mode, facts: BlobFacts, object_format: ObjectFormat
) -> bool:
    """Whether the staged blob holds these very bytes, so that nothing can need a conversion.

    An intent-to-add entry names the empty blob without holding it.
    """
    if staged is None or facts.id == object_format.empty_blob:
        return False
    return staged[1] == facts.id and staged[0][:3] == mode[:3]


def _is_own(path: bytes) -> bool:
    return any(path == folder or path.startswith(folder + b"/") for folder in OWN_FOLDERS)
