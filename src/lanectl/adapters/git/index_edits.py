"""What is done to the copied index of an own GIT_DIR, collected first and told to git at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lanectl.adapters.git.child import GitError
from lanectl.errors import Remedy, UnreadableError
from lanectl.model.change import Mode
from lanectl.model.names import ObjectId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lanectl.adapters.git.process import Git
    from lanectl.model.names import ObjectFormat

_LEFT_OUT: Final = re.compile(rb"Ignoring path|Invalid path")


class IndexEdits:
    """Removals, new entries, and paths that git itself must convert on the way in."""

    def __init__(self, git: Git, own_dir: bytes, object_format: ObjectFormat) -> None:
        self.git = git
        self.own_dir = own_dir
        self.remove: set[bytes] = set()
        self.convert: list[bytes] = []
        self._entries: list[bytes] = []
        self._null = ObjectId("0" * object_format.hex_length)

    def enter(self, path: bytes, mode: Mode, blob: ObjectId) -> None:
        """Put a blob that is already written at a path."""
        self._entries.append(_line(mode, blob, path))

    def flush(self) -> None:
        """Tell git of removals and entries. Not `--remove`: it fails behind a link.

        Raises UnreadableError for a name that git refuses, such as `.GIT`.
        """
        lines = [_line(Mode.ABSENT, self._null, p) for p in sorted(self.remove)] + self._entries
        self._update("-z", "--index-info", data=lines)

    def write_tree(self, private: bytes) -> ObjectId:
        """Return the tree of the edited index; `private` holds copies of the files to convert."""
        self.flush()
        self._update("--add", "--replace", "-z", "--stdin", data=self.convert, work_tree=private)
        out = self.git.run("-c", "core.looseCompression=0", "write-tree", git_dir=self.own_dir)
        return ObjectId(out.decode("ascii").strip())

    def _update(self, *options: str, data: Sequence[bytes], work_tree: bytes | None = None) -> None:
        if not data:
            return
        try:
            self.git.run(
                "-c", "core.looseCompression=0", "update-index", *options,
                git_dir=self.own_dir, work_tree=work_tree, data=b"".join(d + b"\0" for d in data),
                complain=_LEFT_OUT,  # and not what it thinks of attribute files
            )  # fmt: skip
        except GitError as error:
            if error.code:
                raise
            raise UnreadableError(  # git leaves the path out and only says so
                "the work tree holds a name that git cannot hold",
                why=error.why,
                remedies=(Remedy("Rename it, or ignore it in .gitignore."),),
            ) from error


def _line(mode: str, blob: ObjectId, path: bytes) -> bytes:
    return b"%s %s\t%s" % (mode.encode("ascii"), blob.encode("ascii"), path)
