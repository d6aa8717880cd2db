"""What a work tree holds, by `ls-files`: the only command that looks at the user's files.

It reads names and stat data, never contents, and never enters a nested repository.
"""

from __future__ import annotations

import contextlib
import enum
import os
import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

from lanectl.adapters.git import attributes
from lanectl.adapters.git.child import GitError
from lanectl.adapters.nofollow import read_regular
from lanectl.errors import Remedy, UnreadableError
from lanectl.model.change import SourceNote
from lanectl.model.display import display_path
from lanectl.model.names import ObjectId

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lanectl.adapters.git.discover import Repository
    from lanectl.adapters.git.process import Git

_EXCLUDE_LIMIT = 1 << 20
_UNSEEN = re.compile(rb"could not open directory|unable to access '.*': (?!Too many levels of sym)")
"""What git says when files stay unseen, or unasked for; an ignore file that is a link is neither."""


_CACHED: Final = ord("H")
_NO_NAMES: Final = frozenset({b"", b".", b".."})


class Kept(enum.StrEnum):
    """Why an index entry stands for its file unseen."""

    SKIP_WORKTREE = "skip-worktree"
    ASSUME_UNCHANGED = "assume-unchanged"


Staged = tuple[str, ObjectId]
"""Mode and blob id of an index entry."""


class Listing(Struct):
    """The states of every path, as `ls-files` told them."""

    kept: dict[bytes, Kept] = field(default_factory=dict)
    gone: list[bytes] = field(default_factory=list)
    changed: list[bytes] = field(default_factory=list)
    untracked: list[bytes] = field(default_factory=list)
    notes: list[SourceNote] = field(default_factory=list)
    entries: dict[bytes, bytes] = field(default_factory=dict)
    """Every path of the index with its `TAG mode id stage`, parsed only when asked for."""
    folders: set[bytes] = field(default_factory=set)
    """Every folder directly above an index entry whose file git looked at."""

    def staged(self, path: bytes) -> Staged | None:
        """Return what the index holds for a path."""
        entry = self.entries.get(path)
        if entry is None:
            return None
        _, mode, blob, _ = entry.decode("ascii").split(" ")
        return mode, ObjectId(blob)


class PendingListing:
    """The listing of the user's work tree at `top` against the copied index, on its way.

    Two children at once: one for what the index names, one for what it does not.
    """

    def __init__(
        self,
        git: Git,
        repository: Repository,
        top: bytes,
        own_dir: bytes,
        *,
        scratch: Path,
        environment: Mapping[str, str],
    ) -> None:
        self._listing = Listing()
        excludes = ["--exclude-per-directory=.gitignore"]
        for source in _personal_excludes(repository, top, environment):
            copy = _copy_exclude(source, scratch / f"exclude{len(excludes)}")
            if copy is not None:  # git opens the copy, never a path of the user's
                excludes.append(f"--exclude-from={copy}")
                self._listing.notes.append(SourceNote("personal-ignore", source))
        self._named, self._unnamed = (
            git.start(
                "ls-files", "-z", *options, git_dir=own_dir, work_tree=top, complain=_UNSEEN,
                when_slow=lambda: attributes.refuse_special_files(top),
            )
            for options in (["-v", "-s", "-c", "-d", "-m"], ["-o", *excludes])
        )  # fmt: skip

    def result(self) -> Listing:
        """Return the listing.

        Raises UnreadableError for unmerged paths, and for a special file that git would read.
        """
        try:
            named, unnamed = self._named.result(), self._unnamed.result()
        except GitError as error:
            if error.code:
                raise
            raise UnreadableError(  # git goes on without it and only says so
                "a part of the work tree cannot be read", why=error.why
            ) from error
        _sort(named, self._listing)
        for path in unnamed.split(b"\0")[:-1]:
            _refuse_outside(path)
            self._listing.untracked.append(path)
        return self._listing


def _sort(out: bytes, listing: Listing) -> None:
    """Put every record (`TAG mode id stage<TAB>path`) where it belongs.

    Almost all of a large repository's are unchanged (`H`, merged by definition): few steps each.
    """
    entries, folders = listing.entries, listing.folders
    for record in out.split(b"\0")[:-1]:
        entry, _, path = record.partition(b"\t")
        if record[0] != _CACHED:
            _sort_in(entry, path, listing)
            continue
        entries[path] = entry
        folder, _, name = path.rpartition(b"/")
        folders.add(folder)
        if name in _NO_NAMES:
            _refuse_outside(path)
    for folder in folders - {b""}:
        _refuse_outside(folder)


def _sort_in(entry: bytes, path: bytes, listing: Listing) -> None:
    """Put the record of anything but an unchanged file where it belongs."""
    tag = entry[:1]
    _refuse_outside(path)
    if not entry.endswith(b" 0"):
        raise UnreadableError(
            f"{display_path(path)} is unmerged",
            remedies=(Remedy("Finish or abort the merge first.", ("git", "status")),),
        )
    if tag == b"R":
        listing.gone.append(path)
    elif tag == b"C":
        listing.changed.append(path)
    elif tag not in b"rc":  # a missing file that is assumed to be unchanged has an `h` as well
        listing.entries[path] = entry
        if tag in b"Ss":
            listing.kept[path] = Kept.SKIP_WORKTREE
        elif tag == b"h":
            listing.kept[path] = Kept.ASSUME_UNCHANGED


def _refuse_outside(path: bytes) -> None:
    """Raise UnreadableError for a path that leads out: whoever wrote the index wrote its paths."""
    if _NO_NAMES & set(path.removesuffix(b"/").split(b"/")):
        raise UnreadableError(
            f"the index holds {display_path(path)}, which leads out of the work tree",
            why="git does not write such an entry; somebody made this index by hand",
        )


def _personal_excludes(
    repository: Repository, top: bytes, environment: Mapping[str, str]
) -> list[bytes]:
    """Return the ignore files that belong to the person, lowest precedence first."""
    home = environment.get("HOME", "")
    named = repository.config.get("core.excludesfile")
    if named is None:
        base = environment.get("XDG_CONFIG_HOME") or f"{home}/.config"
        named = f"{base}/git/ignore"
    elif named.startswith("~/"):
        named = home + named[1:]
    files = [] if named in {"", os.devnull} else [os.path.join(top, os.fsencode(named))]
    return [*files, os.path.join(repository.common_dir, b"info/exclude")]


def _copy_exclude(source: bytes, target: Path) -> Path | None:
    data = b""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        data = read_regular(os.path.realpath(source), limit=_EXCLUDE_LIMIT)
    if not any(line.strip() and not line.startswith(b"#") for line in data.splitlines()):
        return None
    target.write_bytes(data)
    return target
