"""Finding a repository in Python, without running git in it and without believing its config.

`git rev-parse --show-toplevel` obeys `core.worktree`; this does not.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lanectl.adapters.nofollow import read_regular
from lanectl.errors import Remedy, UnreadableError
from lanectl.model.display import display_path
from lanectl.model.names import ObjectFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lanectl.adapters.git.process import Git

MIRRORED: Final[Mapping[str, frozenset[str]]] = {
    "core.autocrlf": frozenset({"true", "false", "input"}),
    "core.eol": frozenset({"lf", "crlf", "native"}),
    "core.filemode": frozenset({"true", "false"}),
    "core.symlinks": frozenset({"true", "false"}),
    "core.sparsecheckout": frozenset({"true", "false"}),
    "core.trustctime": frozenset({"true", "false"}),
    "core.checkstat": frozenset({"minimal", "default"}),
    "sparse.expectfilesoutsideofpatterns": frozenset({"true", "false"}),
}
"""The settings that say how the user's work tree was written, and the values that are believed."""

_WANTED = (
    *MIRRORED, "core.excludesfile", "extensions.objectformat", "extensions.partialclone",
    "user.name", "user.email",
)  # fmt: skip
_PATTERN = "|".join(re.escape(k) for k in _WANTED)
_USER_CONFIG = (
    "HOME",
    "XDG_CONFIG_HOME",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
)
_POINTER_LIMIT = 8192


class Repository(Struct, frozen=True):
    """A repository on disk; `top` is None for a bare one. Paths are real and absolute."""

    top: bytes | None
    git_dir: bytes
    common_dir: bytes
    config: Mapping[str, str]
    remotes: Mapping[str, str]

    @property
    def objects(self) -> bytes:
        """The object directory that all linked worktrees share."""
        return os.path.join(self.common_dir, b"objects")

    @property
    def object_format(self) -> ObjectFormat:
        """The hash this repository names its objects by."""
        return ObjectFormat(self.config.get("extensions.objectformat", "sha1"))

    def flag(self, key: str, *, default: bool) -> bool:
        """Return a boolean setting of the user's."""
        return truth(self.config.get(key, str(default))) == "true"


def discover(git: Git, start: str, environment: Mapping[str, str]) -> Repository:
    """Return the repository at or above `start`, or a bare one at `start`.

    `environment` says where the user's own git configuration lies. Raises UnreadableError: no
    repository, a `.git` that leads astray, a partial clone, an unknown object format.
    """
    top, git_dir = _locate(os.path.realpath(os.fsencode(start)))
    common = _common_dir(git_dir)
    config, remotes = _read_config(git, git_dir, environment)
    repository = Repository(top, git_dir, common, config, remotes)
    _refuse_unsupported(repository)
    return repository


def truth(value: str) -> str:
    """Return git's spellings of a boolean as `true` or `false`, anything else unchanged."""
    lower = value.lower()
    if lower in {"true", "yes", "on", "1"}:
        return "true"
    return "false" if lower in {"false", "no", "off", "0", ""} else lower


def _locate(start: bytes) -> tuple[bytes | None, bytes]:
    folder = start
    while True:
        found = _git_dir_of(folder)
        if found is not None:
            return folder, found
        if folder == start and _is_git_dir(folder):
            return None, folder
        parent = os.path.dirname(folder)
        if parent == folder:
            raise UnreadableError(
                f"no git repository at {display_path(start)} or above it",
                remedies=(Remedy("Run this inside a clone, or name one with --repo."),),
            )
        folder = parent


def _git_dir_of(folder: bytes) -> bytes | None:
    dot = os.path.join(folder, b".git")
    try:
        mode = os.lstat(dot).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISDIR(mode):
        # A sandbox leaves an empty `.git` behind where it protects the path: no repository.
        return dot if _is_git_dir(dot) else None
    if stat.S_ISREG(mode):
        return _follow_pointer(folder, dot)
    raise UnreadableError(f"{display_path(dot)} is a link or a special file")


def _is_git_dir(path: bytes) -> bool:
    return os.path.isfile(os.path.join(path, b"HEAD")) and (
        os.path.isdir(os.path.join(path, b"objects"))
        or os.path.isfile(os.path.join(path, b"commondir"))
    )


def _follow_pointer(folder: bytes, dot: bytes) -> bytes:
    text = read_regular(dot, limit=_POINTER_LIMIT)
    if not text.startswith(b"gitdir: "):
        raise UnreadableError(f"{display_path(dot)} is no pointer to a git directory")
    git_dir = os.path.realpath(os.path.join(folder, text[8:].rstrip(b"\n")))
    if not _is_git_dir(git_dir):
        raise UnreadableError(f"{display_path(dot)} points to no git directory")
    back = os.path.join(git_dir, b"gitdir")
    if os.path.lexists(back):  # a linked worktree: the way back must lead here
        pointer = read_regular(back, limit=_POINTER_LIMIT).rstrip(b"\n")
        if os.path.realpath(os.path.join(git_dir, pointer)) != os.path.realpath(dot):
            raise UnreadableError(
                f"{display_path(dot)}: the worktree's back pointer leads elsewhere"
            )
    return git_dir


def _common_dir(git_dir: bytes) -> bytes:
    with contextlib.suppress(FileNotFoundError):
        pointer = read_regular(os.path.join(git_dir, b"commondir"), limit=_POINTER_LIMIT)
        return os.path.realpath(os.path.join(git_dir, pointer.rstrip(b"\n")))
    return git_dir


def _read_config(
    git: Git, git_dir: bytes, environment: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    user = {k: environment.get(k) for k in _USER_CONFIG}
    out = git.run(
        b"--git-dir=" + git_dir, "config", "-z", "--get-regexp",
        rf"^({_PATTERN}|remote\..*\.(url|promisor))$",
        extra=user, ok=(0, 1), complain=False,
    )  # fmt: skip
    config: dict[str, str] = {}
    remotes: dict[str, str] = {}
    for record in out.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        key, has_value, value = record.partition("\n")
        if key.startswith("remote.") and key.endswith(".url"):
            remotes.setdefault(key[len("remote.") : -len(".url")], value)
        else:
            config[key] = value if has_value else "true"
    return config, remotes


def _refuse_unsupported(repository: Repository) -> None:
    config = repository.config
    if any(k == "extensions.partialclone" or k.endswith(".promisor") for k in config):
        raise UnreadableError(
            "this is a partial clone: objects are missing and lanectl fetches nothing",
            remedies=(Remedy("Use a full clone (git clone without --filter)."),),
        )
    try:
        _ = repository.object_format
    except ValueError as error:
        raise UnreadableError("this repository has an unknown object format") from error
