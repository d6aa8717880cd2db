"""What publishing a handoff needs of the world: the remote, the forge, and a journal of its steps."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lanectl.model.names import ObjectId
    from lanectl.model.pull_request import CheckOutput


class Remote(Protocol):
    """The pinned repository's refs, over the network."""

    def heads(self, *refs: str) -> Mapping[str, ObjectId]:
        """Return which of these full ref names the remote has, and where they stand."""
        ...

    def below(self, prefix: str) -> Mapping[str, ObjectId]:
        """Return every ref of the remote whose full name begins so, and where it stands."""
        ...

    def fetch(
        self, refs: Sequence[str], *, have: Sequence[ObjectId] = (), keep: bool = False
    ) -> Mapping[str, ObjectId]:
        """Fetch these refs and return where they stand; `keep` brings the objects into the clone.

        Raises RefusedError if one is missing, UnavailableError if the remote does not answer.
        """
        ...

    def push(self, ref: str, new: ObjectId, old: ObjectId | None) -> None:
        """Move a ref from `old` (None: create) to `new`. Raises ConflictError if it is elsewhere."""
        ...


class PullRequestState(enum.StrEnum):
    """How a forge speaks of a pull request."""

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


class PullRequest(Struct, frozen=True):
    """A pull request as the forge tells it: all of it untrusted. `same_repository`: no fork's."""

    number: int
    url: str
    state: PullRequestState
    head_branch: str
    head: ObjectId
    base_branch: str
    same_repository: bool

    @property
    def head_ref(self) -> str:
        """The ref of the target's repository where the forge keeps the head."""
        return f"refs/pull/{self.number}/head"


class NewPullRequest(Struct, frozen=True):
    """A pull request to open."""

    head_branch: str
    base_branch: str
    title: str
    body: str
    draft: bool = False


class CheckRun(Struct, frozen=True):
    """A check on a commit, told as concluded; `key` finds it again."""

    name: str
    key: str
    success: bool
    output: CheckOutput


class Forge(Protocol):
    """A dozen verbs of a forge. Each raises RefusedError or UnavailableError, and finds before it creates."""

    def pull_request(self, number: int) -> PullRequest:
        """Return one pull request."""
        ...

    def find_pull_request(self, head_branch: str, base_branch: str) -> PullRequest | None:
        """Return the newest pull request of a branch, an open one first, or None."""
        ...

    def open_pull_request(self, new: NewPullRequest) -> PullRequest:
        """Open a pull request, or return the one that somebody else opened meanwhile."""
        ...

    def update_pull_request(self, number: int, title: str, body: str) -> None:
        """Give a pull request another title and body."""
        ...

    def ensure_label(self, name: str, colour: str, description: str) -> None:
        """Create a label unless the repository has it."""
        ...

    def add_labels(self, number: int, names: Sequence[str]) -> None:
        """Add labels to a pull request; those it has stay."""
        ...

    def request_reviewers(self, number: int, names: Sequence[str]) -> None:
        """Ask people for a review; `org/team` or `team:NAME` asks a team."""
        ...

    def record_check(self, commit: ObjectId, check: CheckRun) -> str:
        """Record a check on a commit, once; return its address.

        Where the token may not write check-runs (GitHub: only an App may), a commit status.
        """
        ...


class Journal(Protocol):
    """What was intended and what is done for one bundle, held by one process at a time."""

    def done(self, step: str) -> Mapping[str, str] | None:
        """Return the facts that a step was completed with, or None."""
        ...

    def intend(self, step: str, facts: Mapping[str, str]) -> None:
        """Record what is about to be done."""
        ...

    def complete(self, step: str, facts: Mapping[str, str]) -> None:
        """Record what was done."""
        ...
