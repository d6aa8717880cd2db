"""Where bundles are put: a slug's folder in the work tree, or a file that a person names.

The work tree is hostile: folders are opened without following links, files are made new and
renamed over what stood there, the signature last.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING, Final

from lanectl.adapters import files
from lanectl.adapters.nofollow import FolderTree, ancestors, open_regular, read_regular
from lanectl.errors import UnreadableError, UsageError
from lanectl.formats.envelope import FILE_LIMIT
from lanectl.model.bundle import (
    ARTIFACT,
    COUNTERSIGNATURE_SUFFIX,
    GPG_SUFFIX,
    SIGNATURE_SUFFIX,
    STATEMENT_SUFFIX,
)
from lanectl.model.display import display
from lanectl.model.names import Digest
from lanectl.model.submission import SUFFIXES
from lanectl.ports import OutboxState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lanectl.model.names import Slug

FOLDER: Final = b".lanectl/outbox"


class WorkTreeOutbox:
    """Implements `ports.Outbox` in `.lanectl/outbox/<slug>/` of a work tree."""

    def __init__(self, top: bytes) -> None:
        self.top = top

    def previous(self, slug: Slug) -> OutboxState:
        """Return what this slug's folder holds of the last pack; a link there counts as nothing."""
        with FolderTree(self.top) as tree:
            folder = tree.folder(_folder(slug))
            if folder is None:
                return OutboxState()
            return OutboxState(
                digest=_digest(folder, ARTIFACT),
                statement=_read(folder, ARTIFACT + STATEMENT_SUFFIX, FILE_LIMIT),
                signature=_read(folder, ARTIFACT + SIGNATURE_SUFFIX, FILE_LIMIT),
            )

    def put(
        self, slug: Slug, artifact: memoryview, statement: bytes, seal: Mapping[str, bytes] | None
    ) -> str:
        """Replace the slug's bundle; return the artifact's path."""
        with FolderTree(self.top) as tree:
            ignore = tree.make_folder(FOLDER)
            if (
                _read(ignore, ".gitignore", 64) is None
            ):  # the outbox never shows up in a `git status`
                _put(ignore, ".gitignore", b"*\n")
            folder = tree.make_folder(_folder(slug))
            place(folder, ARTIFACT, artifact, statement, seal)
        return os.fsdecode(os.path.join(self.top, _folder(slug), ARTIFACT.encode()))


class FileOutbox:
    """Implements `ports.Outbox` at a file that a person names; nothing is overwritten."""

    def __init__(self, path: str, top: bytes | None) -> None:
        self.path = os.path.abspath(path)
        self.top = top

    def previous(self, slug: Slug) -> OutboxState:  # noqa: ARG002 - a named file has no past
        """Return nothing: a named file starts anew."""
        return OutboxState()

    def put(
        self,
        slug: Slug,  # noqa: ARG002 - a named file is for one slug
        artifact: memoryview,
        statement: bytes,
        seal: Mapping[str, bytes] | None,
    ) -> str:
        """Write the bundle at the named file. Raises UsageError if any of its files exists."""
        parent, name = os.path.split(os.fsencode(self.path))
        for suffix in ("", *SUFFIXES):
            if os.path.lexists(self.path + suffix):
                raise UsageError(f"{display(self.path + suffix)} exists and is not overwritten")
        top, below = self._split(parent)
        with FolderTree(top) as tree:
            folder = tree.folder(below)
            if folder is None:
                raise UnreadableError(
                    f"{display(os.fsdecode(parent))} is no folder, or a link inside the work tree"
                )
            place(folder, os.fsdecode(name), artifact, statement, seal)
        return self.path

    def _split(self, parent: bytes) -> tuple[bytes, bytes]:
        """Return the folder to trust and the path below it that must hold no link.

        The work tree may be named through a link of the person's above it.
        """
        for folder in reversed([parent, *ancestors(parent)]):
            if self.top is not None and os.path.realpath(folder or b"/") == self.top:
                return self.top, parent[len(folder) :].strip(b"/")
        return os.path.realpath(parent), b""


def place(
    folder: int,
    name: str,
    artifact: memoryview,
    statement: bytes,
    seal: Mapping[str, bytes] | None,
) -> None:
    """Write a bundle's files into an open folder, each whole or not at all, the signature last.

    What signed a former bundle is removed first, so that no moment shows it beside other bytes.
    An unsigned bundle keeps its statement beside it.
    """
    for suffix in SUFFIXES:
        if suffix != STATEMENT_SUFFIX:
            _remove(folder, name + suffix)
    _put(folder, name, artifact)
    _seal(folder, name, {STATEMENT_SUFFIX: statement} if seal is None else seal)


def put_seal(path: str, seal: Mapping[str, bytes], named: str | None) -> str:
    """Write a signature's files beside a bundle, or its one file at a named place; return its path.

    A countersignature leaves the bundle's own signature; any other takes the place of both.
    """
    *_, last = seal
    if named is not None:
        if len(seal) > 1:
            raise UsageError("--signature names one file, and this signature is two")
        files.write_exclusive(named, seal[last], mode=0o644)
        return named
    parent, name = os.path.split(os.fsencode(os.path.abspath(path)))
    with FolderTree(parent) as tree:
        folder = tree.make_folder(b"")
        if last != COUNTERSIGNATURE_SUFFIX:
            _remove(folder, os.fsdecode(name) + COUNTERSIGNATURE_SUFFIX)
        _seal(folder, os.fsdecode(name), seal)
    return path + last


def _seal(folder: int, name: str, seal: Mapping[str, bytes]) -> None:
    """Write a signature's files in their order, and remove those of another way to sign."""
    for suffix, data in seal.items():
        _put(folder, name + suffix, data)
    if COUNTERSIGNATURE_SUFFIX not in seal:
        for suffix in (SIGNATURE_SUFFIX, GPG_SUFFIX, STATEMENT_SUFFIX):
            if suffix not in seal:
                _remove(folder, name + suffix)


def _folder(slug: Slug) -> bytes:
    return FOLDER + b"/" + slug.encode("ascii")


def _read(folder: int, name: str, limit: int) -> bytes | None:
    try:
        return read_regular(name.encode(), limit=limit, dir_fd=folder)
    except (FileNotFoundError, UnreadableError):
        return None


def _digest(folder: int, name: str) -> Digest | None:
    try:
        fd, _ = open_regular(name.encode(), dir_fd=folder)
    except (FileNotFoundError, UnreadableError):
        return None
    with os.fdopen(fd, "rb") as file:
        return Digest(hashlib.file_digest(file, "sha256").hexdigest())


def _put(folder: int, name: str, data: bytes | memoryview) -> None:
    temporary = f".{name}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    _remove(folder, temporary)
    try:
        fd = os.open(temporary, flags, 0o644, dir_fd=folder)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError as error:
        _remove(folder, temporary)
        raise UnreadableError(f"{display(name)} cannot be written: {error.strerror}") from error


def _remove(folder: int, name: str) -> None:
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)
    except OSError as error:
        raise UnreadableError(f"{display(name)} cannot be removed: {error.strerror}") from error
