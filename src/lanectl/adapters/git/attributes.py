"""What `.gitattributes` asks for, told by git from a private copy of the attribute files.

Nothing here runs a filter: an external one is reported, the built-in conversions are named.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

from lanectl.errors import Remedy, UnreadableError
from lanectl.model.display import display_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lanectl.adapters.git.process import Git

_ASKED: Final = ("filter", "text", "crlf", "eol", "ident", "working-tree-encoding")
_READ_BY_GIT: Final = frozenset({b".gitignore", b".gitattributes"})
_LFS_VERSION: Final = b"version https://git-lfs.github.com/spec/"


class Conversions(Struct):
    """Paths by what git would do to them on the way in.

    `soft`: line ends only, so nothing to do without a CR. `hard`: ident or an encoding.
    `external`: a filter program.
    """

    soft: set[bytes] = field(default_factory=set)
    hard: set[bytes] = field(default_factory=set)
    external: set[bytes] = field(default_factory=set)


def ask(git: Git, own_dir: bytes, private: bytes, paths: Sequence[bytes]) -> Conversions:
    """Return the conversions of these paths, by the attribute files in `private` and the index."""
    out = git.run(
        "check-attr", "-z", "--stdin", *_ASKED,
        git_dir=own_dir, work_tree=private, data=b"".join(p + b"\0" for p in paths),
        complain=False,  # it warns of patterns that count for nothing
    ).split(b"\0")  # fmt: skip
    found = Conversions()
    for path, name, value in zip(out[0:-1:3], out[1::3], out[2::3], strict=False):
        if value in {b"unspecified", b"unset"}:
            continue
        if name == b"filter":
            found.external.add(path)
        elif name in {b"ident", b"working-tree-encoding"}:
            found.hard.add(path)
        else:
            found.soft.add(path)
    return found


def is_lfs_pointer_to(pointer: bytes, sha256: str) -> bool:
    """Whether a committed LFS pointer names the file with this digest."""
    if len(pointer) > 1024 or not pointer.startswith(_LFS_VERSION):
        return False
    return f"oid sha256:{sha256}".encode() in pointer.split(b"\n")


def refuse_special_files(top: bytes) -> None:
    """Raise UnreadableError for an ignore or attribute file that git would wait for for ever."""
    for folder, folders, names in os.walk(top):
        if b".git" in folders:
            folders.remove(b".git")
        for name in _READ_BY_GIT.intersection(names):
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
                where = display_path(os.path.relpath(path, top))
                raise UnreadableError(
                    f"{where} is a special file, not a regular one",
                    why="git waits for ever for what it holds",
                    remedies=(Remedy("Delete it."),),
                )
