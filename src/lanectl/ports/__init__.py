"""What flows need of the world, as Protocols. Adapters implement them, tests wrap them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from lanectl.model.settings import INFLATED
from lanectl.ports.ledger import AnchorStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from lanectl.model.bundle import Handoff
    from lanectl.model.change import ChangeSet, TreeEntry
    from lanectl.model.evidence import CommitFacts, Line, Merge, Replay
    from lanectl.model.names import Digest, ObjectFormat, ObjectId, RepositoryId, Slug
    from lanectl.model.submission import Submission
    from lanectl.model.trust import PublicKey


class ChangeRequest(Struct, frozen=True):
    """Which change to read: from a base (None: found) to a branch (None: the work tree).

    `limit` is the bytes that a bundle may hold.
    """

    base: str | None = None
    branch: str | None = None
    force_include: Sequence[bytes] = ()
    limit: int = INFLATED


class ObjectReader(Protocol):
    """Trees and blobs by their ids."""

    def listing(self, tree: ObjectId) -> bytes:
        """Return the leaves of a tree by path: `mode id 0`, a tab, the path and a NUL each."""
        ...

    def find(
        self,
        tree: ObjectId,
        wanted: Callable[[bytes], bool],
        *,
        hints: Sequence[bytes] = ...,
        below: Sequence[str] = ...,
    ) -> Sequence[TreeEntry]:
        """Return the leaves of a tree whose path is wanted; every such path holds one of `hints`.

        `below` names the only files and folders to look at, if not all.
        """
        ...

    def blobs(
        self, ids: Iterable[ObjectId], *, limit: int, total: int | None = None
    ) -> Mapping[ObjectId, bytes]:
        """Return these blobs; missing, over `limit` bytes, or past `total` in all: left out."""
        ...

    def files_at(self, tree: ObjectId, paths: Sequence[str], *, limit: int) -> Mapping[str, bytes]:
        """Return the regular files at these paths of a tree; what is none is left out."""
        ...


class BuilderRepository(Protocol):
    """The Builder's side: reads a change. It cannot push and reaches no network."""

    @property
    def objects(self) -> ObjectReader:
        """The objects that the change is made of."""
        ...

    def read_change(self, request: ChangeRequest) -> ChangeSet:
        """Return the change. Raises LaneError with what is wrong."""
        ...

    def subject(self, base: ObjectId) -> str:
        """Return the subject of the newest commit since `base`, or an empty string."""
        ...

    def repository_id(self) -> RepositoryId | None:
        """Return the id that the clone's remote address stands for."""
        ...

    def current_branch(self) -> str:
        """Return the name of the branch that is checked out, or an empty string."""
        ...

    def identity(self) -> tuple[str, str]:
        """Return the user's name and email."""
        ...

    def resolve(self, ref: str) -> ObjectId | None:
        """Return the commit that a full ref name holds, or None."""
        ...

    def commit(self, commit: NewCommit) -> ObjectId:
        """Make a commit outside the repository."""
        ...

    def publish(self, branch: str, new: ObjectId, old: ObjectId | None, since: ObjectId) -> None:
        """Bring a commit into the repository (`pack --commit` only; `.git` must be writable)."""
        ...


class Outbox(Protocol):
    """Where bundles are put: a folder for each slug, or one named file."""

    def previous(self, slug: Slug) -> OutboxState:
        """Return what this slug's folder holds of the last pack."""
        ...

    def put(
        self, slug: Slug, artifact: memoryview, statement: bytes, seal: Mapping[str, bytes] | None
    ) -> str:
        """Write a bundle, the signature last and by rename; return the artifact's path."""
        ...


class OutboxState(Struct, frozen=True):
    """What a slug's folder holds of the last pack; the bytes are the Builder's, so untrusted."""

    digest: Digest | None = None
    statement: bytes | None = None
    signature: bytes | None = None


class Signer(Protocol):
    """Holds a private key."""

    @property
    def public(self) -> PublicKey:
        """The public part."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return a signature over exactly these bytes."""
        ...


class System(Protocol):
    """Clock, randomness, and which process this is."""

    def now(self) -> datetime:
        """Return the present time in UTC, whole seconds."""
        ...

    def nonce(self) -> str:
        """Return 32 random hex digits."""
        ...

    def holder(self) -> str:
        """Return the name of this process, unlike that of any other on any machine."""
        ...

    def is_dead(self, holder: str) -> bool:
        """Whether a holder was a process of this machine that has ended."""
        ...


class Identity(Struct, frozen=True):
    """Who a commit names: author or committer, and when (UTC)."""

    name: str
    email: str
    when: datetime


class NewCommit(Struct, frozen=True):
    """A commit to be made; `sign` asks for a signature as the user's git is set up."""

    tree: ObjectId
    parents: tuple[ObjectId, ...]
    message: str
    author: Identity
    committer: Identity
    sign: bool = False


class TargetRepository(Protocol):
    """The Enforcer's side, read-only: the target's tip, its files, and replaying a patch."""

    @property
    def object_format(self) -> ObjectFormat:
        """The hash this repository names its objects by."""
        ...

    @property
    def objects(self) -> ObjectReader:
        """The objects of the repository and of what was replayed."""
        ...

    def resolve(self, ref: str) -> ObjectId | None:
        """Return the commit that a full ref name holds, or None."""
        ...

    def find_commit(self, revision: str) -> CommitFacts | None:
        """Return the commit that a person's REV names, or None."""
        ...

    def is_ancestor(self, old: ObjectId, new: ObjectId) -> bool:
        """Whether `old` can be reached from `new`."""
        ...

    def line_of(self, base: ObjectId, tip: ObjectId) -> Line:
        """Return how a commit stands to the target's tip."""
        ...

    def commit_tree(self, commit: ObjectId) -> ObjectId | None:
        """Return a commit's tree, or None if there is no such commit."""
        ...

    def touching(
        self, paths: Sequence[str], since: ObjectId | None, tip: ObjectId
    ) -> Sequence[ObjectId]:
        """Return the commits of the tip's own line since then that changed one of these, oldest first."""
        ...

    def trial_merge(self, target: ObjectId, commit: ObjectId) -> Merge:
        """Return what merging a commit into the target would give."""
        ...

    def revert(self, onto: ObjectId, before: ObjectId, after: ObjectId) -> Merge:
        """Return the tree of `onto` without what came between two trees."""
        ...

    def marker_commit(self, name: str, tip: ObjectId) -> ObjectId | None:
        """Return the newest applied commit below `tip` that a slug, digest or commit id names."""
        ...

    def introduced(self, commit: ObjectId, tip: ObjectId) -> CommitFacts | None:
        """Return the commit of the tip's first-parent line that brought a commit in."""
        ...

    def replay(self, handoff: Handoff, patch: memoryview) -> Replay:
        """Apply a patch to the base tree in a temporary index and look at what comes out."""
        ...


class ApplyingRepository(TargetRepository, Protocol):
    """The Enforcer's side with write access to refs of its own clone."""

    def commit(self, commit: NewCommit) -> ObjectId:
        """Make a commit in lanectl's own GIT_DIR; the repository is not touched."""
        ...

    def publish(self, branch: str, new: ObjectId, old: ObjectId | None, since: ObjectId) -> None:
        """Bring a commit into the repository and move the branch from `old` (None: create).

        Raises ConflictError if the branch is not at `old`, is checked out, or cannot be made.
        """
        ...

    def bundle_tree(self, files: Mapping[str, bytes]) -> ObjectId:
        """Write these files as a flat tree into the own GIT_DIR."""
        ...

    def advance(self, ref: str, new: ObjectId, old: ObjectId | None) -> bool:
        """Move a remote-tracking ref whose objects are here; return whether it moved."""
        ...

    def commits_since(self, head: ObjectId, base: ObjectId) -> Sequence[CommitFacts]:
        """Return the commits from `head` back to `base`, first parents only, newest first."""
        ...


class EnforcerStore(AnchorStore, Protocol):
    """The Enforcer's own state folder, one per repository."""

    def last_tip(self) -> ObjectId | None:
        """Return the target's tip that was seen last."""
        ...

    def record_tip(self, tip: ObjectId) -> None:
        """Remember the target's tip."""
        ...

    def keep(self, digest: Digest, submission: Submission) -> None:
        """Keep a copy of an accepted bundle by its digest."""
        ...

    def keep_summary(self, digest: Digest, summary: bytes) -> None:
        """Keep this Enforcer's summary of an applied bundle beside it."""
        ...

    def kept_summary(self, digest: Digest) -> bytes | None:
        """Return the summary that is kept of an applied bundle."""
        ...

    def put_packet(self, digest: Digest, packet: bytes) -> str:
        """Write what the Builder needs after a conflict; return its path."""
        ...
