"""lanectl's own GIT_DIR: minimal config, own index, the user's objects as alternates.

Why it exists, with every reason seen, is docs/adr/0004-own-git-dir.md. It is written by Python,
without a git process, and thrown away.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from lanectl.adapters.git.discover import MIRRORED, Repository, truth
from lanectl.adapters.nofollow import open_regular, read_regular
from lanectl.errors import UnreadableError
from lanectl.model.display import display_path
from lanectl.model.names import ObjectFormat

if TYPE_CHECKING:
    from pathlib import Path

_CONFIG: Final = {
    "core.repositoryFormatVersion": "1",
    "core.bare": "true",
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.untrackedCache": "false",
    "core.attributesFile": "/dev/null",
    "core.excludesFile": "/dev/null",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "core.safecrlf": "false",
    "core.commitGraph": "false",
    "core.multiPackIndex": "false",
    "core.quotePath": "true",
    "core.compression": "6",  # these two decide the bytes of binary patches
    "core.looseCompression": "6",
    "core.bigFileThreshold": "512m",
    "core.splitIndex": "false",
    "core.preloadIndex": "true",
    "core.fsync": "none",  # nothing here outlives the process
    "core.useReplaceRefs": "false",
    "core.logAllRefUpdates": "false",
    "core.alternateRefsCommand": "true",
    "core.packedGitWindowSize": "32m",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.allow": "never",
    "submodule.recurse": "false",
    "index.version": "2",
    "index.sparse": "false",
    "diff.suppressBlankEmpty": "false",
    "apply.whitespace": "nowarn",
    "apply.ignoreWhitespace": "no",
    "pack.writeReverseIndex": "false",
}
_SHALLOW_LIMIT: Final = 16 << 20
_MAX_ALTERNATES: Final = 100


def make_own_dir(repository: Repository, parent: Path, *, mirror: bool) -> bytes:
    """Make the own GIT_DIR below `parent` and return its path.

    `mirror` takes over the settings that say how the user's work tree was written; a bare
    operation leaves them out.
    """
    path = os.path.join(os.fsencode(parent), b"git")
    for folder in (b"", b"objects", b"objects/info", b"objects/pack", b"refs", b"refs/heads"):
        os.mkdir(os.path.join(path, folder), 0o700)
    _write(path, b"HEAD", b"ref: refs/heads/lanectl-unborn\n")
    _write(path, b"config", _config(repository, mirror=mirror).encode())
    _write(path, b"objects/info/alternates", _quote(repository.objects) + b"\n")
    with contextlib.suppress(FileNotFoundError):  # else merge-base dies on missing parents
        shallow = os.path.join(repository.common_dir, b"shallow")
        _write(path, b"shallow", read_regular(shallow, limit=_SHALLOW_LIMIT))
    return path


def copy_index(repository: Repository, own_dir: bytes) -> None:
    """Copy the user's index and its shared parts into the own GIT_DIR, with their times.

    The times matter: git decides by them which entries to read again ("racy git").
    Raises UnreadableError where nothing is checked out.
    """
    names = [b"index"]
    names += [n for n in os.listdir(repository.git_dir) if n.startswith(b"sharedindex.")]
    for name in names:
        try:
            fd, status = open_regular(os.path.join(repository.git_dir, name))
        except FileNotFoundError as error:
            raise UnreadableError("the repository has no index: nothing is checked out") from error
        target = os.path.join(own_dir, name)
        with os.fdopen(fd, "rb") as source:
            _write(own_dir, name, source.read())
        os.utime(target, ns=(status.st_mtime_ns, status.st_mtime_ns))


def refuse_borrowed_objects(repository: Repository) -> None:
    """Raise UnreadableError if the repository's objects come from inside its own work tree.

    Who writes the work tree could lend foreign objects that way.
    """
    if repository.top is None:
        return
    seen = [os.path.realpath(repository.objects)]
    for objects in seen:
        if _is_below(objects, repository.top) and not _is_below(objects, repository.common_dir):
            raise UnreadableError(
                f"objects are borrowed from inside the work tree ({display_path(objects)})",
                why="whoever writes the work tree could change them",
            )
        for path in _alternates(objects):
            real = os.path.realpath(os.path.join(objects, path))
            if real not in seen:
                seen.append(real)
        if len(seen) > _MAX_ALTERNATES:
            raise UnreadableError(f"objects are borrowed from more than {_MAX_ALTERNATES} places")


def _is_below(path: bytes, folder: bytes) -> bool:
    return os.path.commonpath([path, folder]) == folder


def _alternates(objects: bytes) -> list[bytes]:
    try:
        text = read_regular(os.path.join(objects, b"info/alternates"), limit=1 << 20)
    except (FileNotFoundError, NotADirectoryError):
        return []
    paths = [line for line in text.split(b"\n") if line and not line.startswith(b"#")]
    if any(path.startswith(b'"') for path in paths):  # git would unquote it; git never writes it
        raise UnreadableError("objects/info/alternates holds a path in quotes")
    return paths


def _config(repository: Repository, *, mirror: bool) -> str:
    settings = dict(_CONFIG)
    if repository.object_format is ObjectFormat.SHA256:
        settings["extensions.objectFormat"] = "sha256"
    if mirror:
        for key, believed in MIRRORED.items():
            value = truth(repository.config.get(key, "?"))
            if value in believed:
                settings[key] = value
        # probed as `git init` does, not believed
        probe = os.path.join(repository.top or repository.git_dir, b".GIT")
        settings["core.ignoreCase"] = "true" if os.path.lexists(probe) else "false"
    lines = []
    for key, value in settings.items():
        section, _, name = key.partition(".")
        lines.append(f'[{section}]\n\t{name} = "{value}"\n')
    return "".join(lines)


def _quote(path: bytes) -> bytes:
    """Quote a path for `objects/info/alternates`, which unquotes C style."""
    if path[:1] != b"#" and not any(c < 0x20 or c in b'"\\' for c in path):
        return path
    plain = b"".join(
        bytes([c]) if 0x20 <= c < 0x7F and c not in b'"\\' else b"\\%03o" % c for c in path
    )
    return b'"' + plain + b'"'


def _write(folder: bytes, name: bytes, data: bytes) -> None:
    fd = os.open(
        os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
    )
    with os.fdopen(fd, "wb") as file:
        file.write(data)
