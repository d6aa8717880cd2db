"""The only place that builds adapters, lazily, for one side of the handoff. Holds no logic."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lanectl.adapters.system import RealSystem, environment
from lanectl.model.settings import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lanectl.adapters.git.builder import GitBuilderRepository
    from lanectl.adapters.git.discover import Repository
    from lanectl.adapters.git.history import PlaceInHistory
    from lanectl.adapters.git.process import Git
    from lanectl.adapters.git.target import GitTargetRepository
    from lanectl.adapters.store import FolderStore
    from lanectl.errors import LaneError
    from lanectl.flows.init import PlannedFile
    from lanectl.flows.trust import OperatorFile
    from lanectl.flows.verify import Submission
    from lanectl.model.names import ObjectId
    from lanectl.model.settings import Operator
    from lanectl.model.trust import Algorithm, PublicKey, Role
    from lanectl.ports import Outbox, Signer

OPERATOR_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class BuilderSide:
    """What the Builder's commands work with."""

    repository: GitBuilderRepository
    outbox: Outbox
    system: RealSystem
    top: str


@dataclass(frozen=True, slots=True)
class EnforcerSide:
    """What the Enforcer's commands work with; `repository` is None outside of any."""

    repository: GitTargetRepository | None
    store: FolderStore
    operator_file: OperatorFile
    system: RealSystem
    absent: LaneError | None = None
    """Why there is no repository."""

    def require_repository(self) -> GitTargetRepository:
        """Return the repository of a side that was made with one."""
        if self.repository is None:
            raise ValueError("this side was made without a repository")
        return self.repository


@contextlib.contextmanager
def builder_side(start: str, *, output: str | None = None) -> Iterator[BuilderSide]:
    """Yield the Builder's side of the repository at or above `start`."""
    import os

    from lanectl.adapters.git.builder import GitBuilderRepository
    from lanectl.adapters.outbox import FileOutbox, WorkTreeOutbox

    with _git(start, Limits()) as (git, repository, scratch):
        top = repository.top or repository.git_dir
        outbox = FileOutbox(output, repository.top) if output else WorkTreeOutbox(top)
        side = GitBuilderRepository(git, repository, scratch, environment())
        yield BuilderSide(side, outbox, RealSystem(), os.fsdecode(top))


@contextlib.contextmanager
def enforcer_side(
    start: str, *, operator: str | None = None, need_repository: bool = True
) -> Iterator[EnforcerSide]:
    """Yield the Enforcer's side; `operator` names another operator file (verify and inspect only)."""
    from lanectl.adapters.git.target import GitTargetRepository
    from lanectl.errors import UnreadableError

    file = operator_file(operator)
    pinned = _pinned(file)
    limits = pinned.limits if pinned else Limits()
    store = store_of(pinned)
    with contextlib.ExitStack() as stack:
        repository = absent = None
        try:
            git, found, scratch = stack.enter_context(_git(start, limits))
            repository = GitTargetRepository(git, found, scratch, environment())
        except UnreadableError as error:
            if need_repository:
                raise
            absent = error
        yield EnforcerSide(repository, store, file, RealSystem(), absent)


def operator_file(named: str | None = None) -> OperatorFile:
    """Return the operator file that holds here."""
    from lanectl.adapters import files
    from lanectl.adapters.store import operator_path
    from lanectl.flows.trust import OperatorFile

    path = named or operator_path(environment())
    return OperatorFile(path, files.read_optional(path, limit=OPERATOR_LIMIT))


def submission(path: str, signature: str | None, operator: str | None = None) -> Submission:
    """Return a bundle's files, read once."""
    from lanectl.adapters import files
    from lanectl.flows.verify import Submission
    from lanectl.formats.envelope import FILE_LIMIT
    from lanectl.model.bundle import SIGNATURE_SUFFIX

    # Compressed bytes can be a little more than what they inflate to.
    artifact = files.read(path, limit=limits(operator).inflated + (1 << 20))
    if signature is not None:
        return Submission(artifact, files.read(signature, limit=FILE_LIMIT))
    return Submission(artifact, files.read_optional(path + SIGNATURE_SUFFIX, limit=FILE_LIMIT))


def unsigned_bundle(path: str) -> tuple[bytes, bytes | None]:
    """Return a packed bundle and the statement that `pack --unsigned` left beside it."""
    from lanectl.adapters import files
    from lanectl.formats.envelope import FILE_LIMIT
    from lanectl.model.bundle import STATEMENT_SUFFIX

    artifact = files.read(path, limit=limits().inflated + (1 << 20))
    return artifact, files.read_optional(path + STATEMENT_SUFFIX, limit=FILE_LIMIT)


def limits(operator: str | None = None) -> Limits:
    """Return the operator's limits, or the defaults."""
    pinned = _pinned(operator_file(operator))
    return pinned.limits if pinned else Limits()


def system() -> RealSystem:
    """Return clock and randomness."""
    return RealSystem()


def builder_signer(named: str | None) -> Signer:
    """Return the Builder's signer: the named key, LANECTL_BUILDER_KEY, or the default place.

    Raises UsageError if there is none: an unsigned bundle is made only when asked for.
    """
    from lanectl.adapters import keys
    from lanectl.errors import Remedy, UsageError
    from lanectl.model.trust import Role

    default = default_key_path(Role.BUILDER)
    path = (
        named
        or environment().get("LANECTL_BUILDER_KEY")
        or (default if Path(default).exists() else "")
    )
    if not path:
        raise UsageError(
            "there is no key to sign with",
            why=f"neither --key nor LANECTL_BUILDER_KEY names one, and {default} does not exist",
            remedies=(
                Remedy(
                    "Inside a sandbox, leave signing to a trusted process.",
                    ("lanectl", "pack", "--unsigned"),
                ),
                Remedy("Outside, make a key.", ("lanectl", "keys", "new", "--role", "builder")),
            ),
        )
    return keys.load(path)


def default_key_path(role: Role) -> str:
    """Return where a role's private key lies unless something else is said."""
    from lanectl.adapters.store import keys_folder

    return str(keys_folder(environment()) / f"{role}.pem")


def create_key(path: str, algorithm: Algorithm) -> PublicKey:
    """Make a key pair at a path."""
    from lanectl.adapters import keys

    return keys.create(path, algorithm)


def read_file(path: str, *, limit: int) -> bytes:
    """Return a file that a person named."""
    from lanectl.adapters import files

    return files.read(path, limit=limit)


def plan_trust(
    start: str,
    keys: Sequence[tuple[str | None, str, str]],
    repository: str | None,
    days: int,
    *,
    write: bool,
) -> tuple[PlannedFile, ...]:
    """Plan, and write, the files that register keys; `keys` are (file, role, identity)."""
    from lanectl.adapters import files
    from lanectl.flows import init
    from lanectl.formats import keyring
    from lanectl.model.names import RepositoryId
    from lanectl.model.settings import RULES_PATH
    from lanectl.model.trust import Role

    with builder_side(start) as side:
        new = tuple(
            init.NewKey(
                files.read(file, limit=OPERATOR_LIMIT).decode("utf-8", "replace"),
                Role(role), *init.parse_identity(identity), days,
            )
            for file, role, identity in keys if file is not None
        )  # fmt: skip
        plan = init.plan_trust(
            rules=files.read_optional(f"{side.top}/{RULES_PATH}", limit=OPERATOR_LIMIT),
            ring=files.read_optional(f"{side.top}/{keyring.PATH}", limit=OPERATOR_LIMIT),
            repository=RepositoryId(repository) if repository else side.repository.repository_id(),
            keys=new, now=side.system.now(),
        )  # fmt: skip
        for planned in plan if write else ():
            if planned.changes:
                files.replace(f"{side.top}/{planned.path}", planned.after)
    return plan


def plan_operator(
    *, url: str, branch: str, ref: str | None, repin: bool, write: bool
) -> PlannedFile:
    """Plan, and write, the operator file that pins a branch of the clone in the current folder."""
    from lanectl.adapters import files
    from lanectl.flows import init

    with enforcer_side(".") as side:
        repository = side.require_repository()
        found = ref or init.find_ref(repository.repository.remotes, url, branch)
        planned, operator = init.plan_operator(
            side.operator_file, repository, url=url, branch=branch, ref=found, repin=repin
        )
        if write and planned.changes:
            files.replace(planned.path, planned.after)
            store_of(operator).forget_tip()
    return planned


def write_signature(path: str, data: bytes, named: str | None) -> str:
    """Write a signature beside its bundle or at a named file; return its path."""
    from lanectl.adapters.outbox import put_signature

    return put_signature(path, data, named)


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


@contextlib.contextmanager
def _git(start: str, limits: Limits) -> Iterator[tuple[Git, Repository, Path]]:
    from lanectl.adapters.git.discover import discover
    from lanectl.adapters.git.process import Git
    from lanectl.adapters.scratch import scratch_folder, scratch_parents

    variables = environment()
    now = RealSystem().now().timestamp()
    with scratch_folder(scratch_parents(variables), now=now) as scratch:
        git = Git(str(scratch / "home"), limits)
        yield git, discover(git, start, variables), scratch


def _pinned(file: OperatorFile) -> Operator | None:
    from lanectl.config import parse_operator

    return parse_operator(file.data, file.path) if file.data is not None else None


def store_of(operator: Operator | None) -> FolderStore:
    """Return the Enforcer's state folder for the pinned repository."""
    from lanectl.adapters.store import FolderStore, state_folder
    from lanectl.model.names import RepositoryId

    pinned = operator.repository if operator else RepositoryId("localhost/unpinned")
    return FolderStore(state_folder(environment()), pinned)
