"""The trust files of a work tree, read without following a link; refuses what is no regular file."""

from __future__ import annotations

import os
import stat
from typing import Final

from lanectl.adapters.nofollow import FolderTree, read_open
from lanectl.errors import UnreadableError
from lanectl.model.display import display_path
from lanectl.model.settings import RULES_PATH
from lanectl.model.trust_policy import TRUST_FOLDER

MOST: Final = 256
"""Files of the folder."""


def read(top: str, *, limit: int) -> dict[str, bytes]:
    """Return `lanectl.toml` and all below the trust folder, by path; nothing where there is none.

    Raises UnreadableError: a link, something special, a file over `limit` bytes, too many.
    """
    with FolderTree(os.fsencode(top)) as tree:
        paths = [RULES_PATH.encode()] if tree.status(RULES_PATH.encode()) else []
        if tree.status(TRUST_FOLDER.encode()):
            paths += _below(tree, TRUST_FOLDER.encode())
        return {os.fsdecode(path): _content(tree, path, limit) for path in sorted(paths)}


def _below(tree: FolderTree, folder: bytes) -> list[bytes]:
    fd = tree.folder(folder)
    if fd is None:
        raise UnreadableError(f"{display_path(folder)} is no folder of the work tree")
    found: list[bytes] = []
    for name in sorted(os.listdir(fd)):
        path = folder + b"/" + os.fsencode(name)
        status = tree.status(path)
        if status is not None and stat.S_ISDIR(status.st_mode):
            found += _below(tree, path)
        else:
            found.append(path)
        if len(found) > MOST:
            raise UnreadableError(f"{TRUST_FOLDER} holds more than {MOST} files")
    return found


def _content(tree: FolderTree, path: bytes, limit: int) -> bytes:
    fd, _ = tree.open(path)
    return read_open(fd, path, limit=limit)
