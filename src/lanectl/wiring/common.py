"""What every side is built from: git on a repository, the operator file, state, clock."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from lanectl.adapters.system import RealSystem, environment
from lanectl.model.settings import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lanectl.adapters.git.discover import Repository
    from lanectl.adapters.git.process import Git
    from lanectl.adapters.store import FolderStore
    from lanectl.flows.trust import OperatorFile
    from lanectl.model.settings import Operator
    from lanectl.model.trust import Role

OPERATOR_LIMIT = 1 << 20


def operator_file(named: str | None = None) -> OperatorFile:
    """Return the operator file that holds here."""
    from lanectl.adapters import files
    from lanectl.adapters.store import operator_path
    from lanectl.flows.trust import OperatorFile

    path = named or operator_path(environment())
    return OperatorFile(path, files.read_optional(path, limit=OPERATOR_LIMIT))


def limits(operator: str | None = None) -> Limits:
    """Return the operator's limits, or the defaults."""
    pinned = pinned_by(operator_file(operator))
    return pinned.limits if pinned else Limits()


def system() -> RealSystem:
    """Return clock and randomness."""
    return RealSystem()


def default_key_path(role: Role) -> str:
    """Return where a role's private key lies unless something else is said."""
    from lanectl.adapters.store import keys_folder

    return str(keys_folder(environment()) / f"{role}.pem")


def read_file(path: str, *, limit: int) -> bytes:
    """Return a file that a person named."""
    from lanectl.adapters import files

    return files.read(path, limit=limit)


@contextlib.contextmanager
def open_git(start: str, limits: Limits) -> Iterator[tuple[Git, Repository, Path]]:
    """Yield the git wrapper, the repository at or above `start`, and a scratch folder."""
    from lanectl.adapters.git.discover import discover
    from lanectl.adapters.git.process import Git
    from lanectl.adapters.scratch import scratch_folder, scratch_parents

    variables = environment()
    now = RealSystem().now().timestamp()
    with scratch_folder(scratch_parents(variables), now=now) as scratch:
        git = Git(str(scratch / "home"), limits)
        try:
            yield git, discover(git, start, variables), scratch
        finally:
            git.close()


def pinned_by(file: OperatorFile) -> Operator | None:
    """Return what an operator file pins, or None where there is none."""
    from lanectl.config import parse_operator

    return parse_operator(file.data, file.path) if file.data is not None else None


def store_of(operator: Operator | None) -> FolderStore:
    """Return the Enforcer's state folder for the pinned repository."""
    from lanectl.adapters.store import FolderStore, state_folder
    from lanectl.model.names import RepositoryId

    pinned = operator.repository if operator else RepositoryId("localhost/unpinned")
    return FolderStore(state_folder(environment()), pinned)


def embedded_ledger(operator: Operator) -> Path:
    """Return where the embedded ledger lies: where the operator says, or in the state folder."""
    from pathlib import Path

    return Path(operator.ledger.path or store_of(operator).folder / "ledger.sqlite")
