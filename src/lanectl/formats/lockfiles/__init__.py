"""Which files of a tree are lockfiles, and the reader of each. The name decides, never the content."""

from __future__ import annotations

import re
from collections.abc import Callable

from lanectl.formats.lockfiles import npm, poetry, pylock, requirements, uv
from lanectl.model.report import MalformedError
from lanectl.model.sbom import Lockfile

Reader = Callable[[bytes], Lockfile]
"""Takes a lockfile's bytes; raises MalformedError `sbom/lockfile`, and nothing else."""

_READERS: tuple[tuple[re.Pattern[bytes], Reader], ...] = tuple(
    (re.compile(rb"(?:[^/]*/)?" + name, re.DOTALL), reader)
    for name, reader in (
        (rb"requirements(?:/[^/]+|[^/]*)\.txt", requirements.read),
        (rb"uv\.lock", uv.read),
        (rb"poetry\.lock", poetry.read),
        (rb"pylock(?:\.[^./]+)?\.toml", pylock.read),  # the names that PEP 751 allows
        (rb"(?:package-lock|npm-shrinkwrap)\.json", npm.read),
    )
)

HINTS = (b"requirements", b"lock", b"npm-shrinkwrap")
"""One of these is in the path of every lockfile."""


def reader_for(path: bytes) -> Reader | None:
    """Return the reader of the lockfile at this path of any depth, or None: it is no lockfile."""
    if not any(hint in path for hint in HINTS):
        return None
    tail = b"/".join(
        path.rsplit(b"/", 2)[-2:]
    )  # a folder `requirements` is the deepest that counts
    return next((reader for name, reader in _READERS if name.fullmatch(tail)), None)


def read_lockfile(path: bytes, data: bytes | None) -> Lockfile:
    """Return what the lockfile at this path names; one that cannot be read is all gap.

    Content None says that it is too large. Raises ValueError for a path that is no lockfile's.
    """
    reader = reader_for(path)
    if reader is None:
        raise ValueError(f"not a lockfile: {path!r}")
    if data is None:
        return Lockfile((), ("too large to be read",))
    try:
        return reader(data)
    except MalformedError:  # its reason differs between Python versions, what is written must not
        return Lockfile((), ("malformed",))
