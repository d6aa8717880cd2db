"""Temporary folders: private, locked while in use, and swept when their owner was killed.

The user's cache folder comes first, because a sandboxed agent cannot write it but can write
`/tmp` (docs/adr/0005-scratch-folder.md); inside the sandbox the temporary folder is what is left.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lanectl.errors import Remedy, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PREFIX: Final = "lanectl-scratch-"
_LOCK: Final = "lock"
_ABANDONED: Final = 60
"""Seconds after which a folder without a lock file was not just being made."""


def scratch_parents(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the folders to try, in order: the user's cache, then the temporary folder."""
    home = environment.get("HOME", "")
    cache = environment.get("XDG_CACHE_HOME") or (f"{home}/.cache" if home else "")
    parents = [Path(cache) / "lanectl"] if cache.startswith("/") else []
    parents.append(Path(environment.get("TMPDIR") or "/tmp"))  # noqa: S108 - the system's, made private below
    return tuple(parents)


@contextlib.contextmanager
def scratch_folder(parents: Sequence[Path], *, now: float) -> Iterator[Path]:
    """Yield a new private folder (mode 0700) in the first of `parents` that can be written.

    It is removed at the end; what a killed process left there is swept first. `now` is seconds
    since the epoch. Raises UnreadableError if no parent can be written.
    """
    folder = _make(parents)
    try:
        lock = _held_lock(folder)
        sweep(folder.parent, now=now)
        (folder / "home").mkdir(mode=0o700)
        try:
            yield folder
        finally:
            os.close(lock)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(parent: Path, *, now: float) -> int:
    """Remove the folders in `parent` that are ours and that no living process holds."""
    swept = 0
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            status = folder.lstat()
            if status.st_uid == os.geteuid() and _is_abandoned(folder, now - status.st_mtime):
                shutil.rmtree(folder)
                swept += 1
    return swept


def _held_lock(folder: Path) -> int:
    """Make the lock file. It gets its name when it is held: a free one means that its owner died."""
    new = folder / f"{_LOCK}.new"
    lock = os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    new.rename(folder / _LOCK)
    return lock


def _is_abandoned(folder: Path, age: float) -> bool:
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return age > _ABANDONED
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def _make(parents: Sequence[Path]) -> Path:
    for parent in parents:
        with contextlib.suppress(OSError):
            parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)).resolve()
    names = ", ".join(str(p) for p in parents)
    raise UnreadableError(
        f"no folder for temporary files can be written (tried {names})",
        remedies=(
            Remedy(
                "Set TMPDIR to a folder that this process may write; in a sandbox,"
                " .lanectl/tmp of the work tree: it is never part of a change."
            ),
        ),
    )
