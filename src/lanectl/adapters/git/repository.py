"""What both sides share: names looked up, a commit made outside the repository and brought in.

Everything happens in lanectl's own GIT_DIR until `publish`, whose last command creates or moves
one ref: before it the repository is as it was, but for objects that nothing names.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from lanectl.adapters.git.child import GitError
from lanectl.adapters.git.objects import Objects
from lanectl.adapters.git.own_dir import make_own_dir
from lanectl.adapters.git.process import pins
from lanectl.errors import ConflictError, Remedy
from lanectl.model.display import display
from lanectl.model.names import ObjectId

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lanectl.adapters.git.child import Running
    from lanectl.adapters.git.discover import Repository
    from lanectl.adapters.git.process import Git
    from lanectl.ports import Identity, NewCommit

_UNPACK_LIMIT: Final = 100
"""Objects up to which loose files are made; more go in as one pack."""

_KEPT: Final = 6
"""The level at which a pack that stays is compressed."""

_SIGNING: Final = r"^(user\.signingkey|gpg\.(format|program|.*\.program))$"
_SIGNING_ENVIRONMENT: Final = ("HOME", "GNUPGHOME", "GPG_TTY", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR")


class GitRepository:
    """A repository of the user's, seen through an own GIT_DIR; `objects` reads both."""

    def __init__(
        self, git: Git, repository: Repository, scratch: Path, environment: Mapping[str, str]
    ) -> None:
        self.git = git
        self.repository = repository
        self.scratch = scratch
        self.environment = environment

    @cached_property
    def objects(self) -> Objects:
        """What is read through the own GIT_DIR, which is made when it is first needed."""
        return Objects(self.git, make_own_dir(self.repository, self.scratch, mirror=self.mirror))

    mirror = False
    """Whether the settings that say how a work tree was written are taken over."""

    def resolve(self, ref: str) -> ObjectId | None:
        """Return the commit that a full ref name holds, or None."""
        out = self._in_repository("for-each-ref", "--format=%(objectname) %(refname)", ref)
        for line in out.splitlines():
            name, _, found = line.partition(" ")
            if found == ref:
                return self.objects.peel(name)
        return None

    def named(self, revision: str) -> ObjectId | None:
        """Return the commit that a person's REV names, or None."""
        name = self._in_repository(
            "rev-parse", "--verify", "--quiet", "--end-of-options", revision, ok=(0, 1, 128)
        )
        return self.objects.peel(name) if name else None

    def commit(self, commit: NewCommit) -> ObjectId:
        """Make a commit in the own GIT_DIR. Raises GitError, also when it cannot be signed."""
        options, extra = self._signing() if commit.sign else ([], {})
        parents = [part for p in commit.parents for part in ("-p", p)]
        out = self.git.run(
            *options, "commit-tree", *(["-S"] if commit.sign else []), commit.tree, *parents, "-F", "-",
            git_dir=self.objects.git_dir, data=commit.message.encode("utf-8"), complain=False,
            extra={**extra, **_who("AUTHOR", commit.author), **_who("COMMITTER", commit.committer)},
        )  # fmt: skip
        return ObjectId(out.decode("ascii").strip())

    def publish(self, branch: str, new: ObjectId, old: ObjectId | None, since: ObjectId) -> None:
        """Bring a commit in and move the branch from `old` to it (None: create only)."""
        ref = f"refs/heads/{branch}"
        self._refuse_checked_out(ref)
        pack = self.objects.pack(new, old or since, since)
        if int.from_bytes(pack.start_of(12)[8:], "big") <= _UNPACK_LIMIT:
            self._in_repository("unpack-objects", "-q", "--strict", data=pack)
        else:
            pack.end()
            pack = self.objects.pack(new, old or since, since, compression=_KEPT)
            self._in_repository("index-pack", "--stdin", "--strict", data=pack)
        try:
            self._in_repository(
                "update-ref", "--no-deref", "--create-reflog", "-m", "lanectl apply",
                ref, new, old or "0" * len(new),
            )  # fmt: skip
        except GitError as error:
            raise ConflictError(
                f"branch {branch} could not be {'moved' if old else 'created'}",
                why=error.why,
                remedies=(
                    Remedy("Look at what holds the name.", ("git", "branch", "--list", branch)),
                ),
            ) from error

    def advance(self, ref: str, new: ObjectId, old: ObjectId | None) -> bool:
        """Move a remote-tracking ref whose objects are here; any other kind of ref stays.

        Another process may have moved it meanwhile: then it stays, too. Return whether it moved.
        """
        if not ref.startswith("refs/remotes/") or new == old:
            return False
        try:
            self._in_repository(
                "update-ref", "--no-deref", "-m", "lanectl fetch", ref, new, old or "0" * len(new)
            )
        except GitError:
            return False
        return True

    def _refuse_checked_out(self, ref: str) -> None:
        """Raise ConflictError if a work tree stands on `ref`, be it that nothing is committed there."""
        folder = ""
        for line in self._in_repository("worktree", "list", "--porcelain", "-z").split("\0"):
            key, _, value = line.partition(" ")
            if key == "worktree":
                folder = value
            elif key == "branch" and value == ref:
                raise ConflictError(
                    f"{ref} is checked out in {display(folder)}",
                    why="moving it would leave that work tree behind",
                    remedies=(Remedy("Check out another branch there."),),
                )

    def _signing(self) -> tuple[list[str], dict[str, str | None]]:
        """Return the user's own signing set-up: as options, and what gpg or ssh needs to run."""
        user = {
            k: self.environment.get(k) for k in ("HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL")
        }
        out = self.git.run(
            "config", "-z", "--get-regexp", _SIGNING, git_dir=self.repository.git_dir,
            ok=(0, 1), complain=False, extra=user,
        ).decode("utf-8", "surrogateescape")  # fmt: skip
        pairs = [record.partition("\n") for record in out.split("\0")[:-1]]
        options = [part for key, _, value in pairs for part in ("-c", f"{key}={value}")]
        return options, {k: self.environment.get(k) for k in _SIGNING_ENVIRONMENT}

    def _in_repository(
        self, *arguments: str, ok: tuple[int, ...] = (0,), data: bytes | Running = b""
    ) -> str:
        out = self.git.run(
            *pins(), *arguments, git_dir=self.repository.git_dir, ok=ok, data=data, complain=False,
            extra=_who("COMMITTER", None),
        )  # fmt: skip
        return out.decode("utf-8", "surrogateescape").strip()


def _who(part: str, identity: Identity | None) -> dict[str, str]:
    """Return git's environment for one identity; without one, what the reflog shows."""
    if identity is None:
        return {f"GIT_{part}_NAME": "lanectl", f"GIT_{part}_EMAIL": "lanectl@localhost"}
    return {
        f"GIT_{part}_NAME": identity.name,
        f"GIT_{part}_EMAIL": identity.email,
        f"GIT_{part}_DATE": f"{int(identity.when.timestamp())} +0000",
    }
