"""What reads and judges in any lane: the target's clone and a bundle's files."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.adapters.system import RealSystem, environment
from lanectl.model.settings import Limits
from lanectl.wiring.common import limits, open_git, operator_file, pinned_by, store_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.adapters.git.history import PlaceInHistory
    from lanectl.adapters.git.target import GitTargetRepository
    from lanectl.adapters.store import FolderStore
    from lanectl.errors import LaneError
    from lanectl.flows.trust import OperatorFile
    from lanectl.model.names import ObjectId
    from lanectl.model.submission import Submission
    from lanectl.ports.signing import GpgReader


class EnforcerSide(Struct, frozen=True):
    """What the Enforcer's commands work with; `repository` is None outside of any."""

    repository: GitTargetRepository | None
    store: FolderStore
    operator_file: OperatorFile
    system: RealSystem
    absent: LaneError | None = None
    """Why there is no repository."""

    gpg: GpgReader | None = None

    def require_repository(self) -> GitTargetRepository:
        """Return the repository of a side that was made with one."""
        if self.repository is None:
            raise ValueError("this side was made without a repository")
        return self.repository


@contextlib.contextmanager
def enforcer_side(
    start: str, *, operator: str | None = None, need_repository: bool = True
) -> Iterator[EnforcerSide]:
    """Yield the Enforcer's side; `operator` names another operator file (verify and inspect only)."""
    from lanectl.adapters.git.target import GitTargetRepository
    from lanectl.adapters.gpg import GpgVerifier
    from lanectl.errors import UnreadableError

    file = operator_file(operator)
    pinned = pinned_by(file)
    limits = pinned.limits if pinned else Limits()
    store = store_of(pinned)
    with contextlib.ExitStack() as stack:
        repository = absent = gpg = None
        try:
            git, found, scratch = stack.enter_context(open_git(start, limits))
            repository = GitTargetRepository(git, found, scratch, environment())
            gpg = GpgVerifier(str(scratch))
        except UnreadableError as error:
            if need_repository:
                raise
            absent = error
        yield EnforcerSide(repository, store, file, RealSystem(), absent, gpg)


def submission(path: str, signature: str | None, operator: str | None = None) -> Submission:
    """Return a bundle's files, read once."""
    from lanectl.adapters import files
    from lanectl.formats.envelope import FILE_LIMIT
    from lanectl.model.submission import SUFFIXES, Submission

    # Compressed bytes can be a little more than what they inflate to.
    artifact = files.read(path, limit=limits(operator).inflated + (1 << 20))
    if signature is not None:
        return Submission(artifact, files.read(signature, limit=FILE_LIMIT))
    beside = {s: files.read_optional(path + s, limit=FILE_LIMIT) for s in SUFFIXES}
    return Submission.of(artifact, {s: data for s, data in beside.items() if data is not None})


def admission(path: str) -> bytes | None:
    """Return the bytes of the admission beside a bundle, if one is there. Not for `apply`."""
    from lanectl.adapters import files
    from lanectl.formats.admission import FILE_LIMIT
    from lanectl.model.bundle import ADMISSION_SUFFIX

    return files.read_optional(path + ADMISSION_SUFFIX, limit=FILE_LIMIT)


def is_folder(path: str) -> bool:
    """Whether a path names a folder itself, not a link to one."""
    import os
    import stat

    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def approvals(path: str) -> tuple[bytes, ...]:
    """Return the file of approvals beside a bundle, if one is there. Not for `apply`."""
    from lanectl.adapters import files
    from lanectl.formats.approvals import LIMIT
    from lanectl.model.bundle import APPROVALS_SUFFIX

    found = files.read_optional(path + APPROVALS_SUFFIX, limit=LIMIT)
    return () if found is None else (found,)


def place_in_history(start: str, base: ObjectId) -> PlaceInHistory | None:
    """Return where a bundle's base stands in the repository at `start`, for people."""
    from lanectl.adapters.git.history import place_in_history as look

    with enforcer_side(start, need_repository=False) as side:
        repository = side.repository
        if repository is None:
            return None
        head = repository.find_commit("HEAD")
        return look(
            repository.objects.git_dir, repository.git.program, base, head.id if head else None
        )
