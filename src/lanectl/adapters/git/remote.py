"""The pinned repository over the network: fetch, push with a lease, look. Decides nothing.

Everything runs in lanectl's own GIT_DIR, so that no setting of the user's rewrites the address,
answers for it, or runs a program (docs/adr/0011-one-pull-request.md).
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Final

from lanectl.adapters.git.askpass import askpass
from lanectl.adapters.git.child import GitError
from lanectl.adapters.git.process import find_program
from lanectl.errors import ConflictError, LaneError, RefusedError, Remedy, UnavailableError
from lanectl.model.display import display
from lanectl.model.names import ObjectId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from lanectl.adapters.git.process import Git
    from lanectl.model.address import Address

_PINS: Final = {
    "credential.helper": "",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1",  # bytes a second, for so many seconds: a frozen server ends
    "http.lowSpeedTime": "30",
    "core.fsync": "pack,pack-metadata,reference",
    "push.recurseSubmodules": "no",
    "fetch.recurseSubmodules": "no",
}
_PASSED: Final = {
    "https": ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "GIT_SSL_CAINFO"),
    "http": (),
    "ssh": ("HOME", "SSH_AUTH_SOCK"),
    "file": (),
}
"""What of the environment a transport needs."""

TOKEN: Final = Remedy(
    "Give lanectl a token that may write to the repository, in LANECTL_FORGE_TOKEN or GH_TOKEN."
)


class GitRemote:
    """Implements `ports.Remote` over the address that the operator pinned, and no other."""

    def __init__(
        self,
        git: Git,
        git_dir: bytes,
        address: Address,
        *,
        objects: bytes,
        token: str | None,
        scratch: Path,
        environment: Mapping[str, str],
    ) -> None:
        self.git = git
        self.git_dir = git_dir
        self.address = address
        self._token = token if address.may_carry_token else None
        self._objects = objects
        self._scratch = scratch
        self._environment = environment

    def heads(self, *refs: str) -> Mapping[str, ObjectId]:
        """Return which of these full ref names the remote has, and where they stand."""
        return {ref: commit for ref, commit in self._list(*refs).items() if ref in refs}

    def below(self, prefix: str) -> Mapping[str, ObjectId]:
        """Return every ref of the remote whose full name begins so, and where it stands."""
        return {r: commit for r, commit in self._list(f"{prefix}*").items() if r.startswith(prefix)}

    def fetch(
        self, refs: Sequence[str], *, have: Sequence[ObjectId] = (), keep: bool = False
    ) -> Mapping[str, ObjectId]:
        """Fetch these refs and return where they stand; raises RefusedError if one is missing.

        `have` are commits that are here already. The objects go into the own GIT_DIR; with `keep`
        into the clone, so that they are there for the next command.
        """
        known = "".join(f"update refs/have/{n} {commit}\n" for n, commit in enumerate(have))
        if known:
            self.git.run("update-ref", "--stdin", git_dir=self.git_dir, data=known.encode())
        wanted = [f"+{ref}:refs/fetched/{n}" for n, ref in enumerate(refs)]
        self._run(
            "fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-auto-gc", "--refmap=",
            self.address.url, *wanted, objects=self._objects if keep else None,
        )  # fmt: skip
        out = self.git.run(
            "for-each-ref",
            "--format=%(refname) %(objectname)",
            "refs/fetched",
            git_dir=self.git_dir,
        ).decode("ascii")
        found = {
            name.rpartition("/")[2]: ObjectId(i) for name, i in map(str.split, out.splitlines())
        }
        return {ref: found[str(n)] for n, ref in enumerate(refs)}

    def _list(self, *patterns: str) -> Mapping[str, ObjectId]:
        out = self._run("ls-remote", "-q", "--refs", self.address.url, *patterns).decode("ascii")
        rows = [line.split("\t", 1) for line in out.splitlines()]
        return {ref: ObjectId(commit) for commit, ref in rows}

    def push(self, ref: str, new: ObjectId, old: ObjectId | None) -> None:
        """Move a ref of the remote from `old` (None: create) to `new`, or leave it alone.

        Raises ConflictError if it stands elsewhere, RefusedError if the remote will not.
        """
        out = self._run(
            "push", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags",
            f"--force-with-lease={ref}:{old or ''}", self.address.url, f"{new}:{ref}", ok=(0, 1),
        ).decode("utf-8", "replace")  # fmt: skip
        told = [line.split("\t") for line in out.splitlines() if line.count("\t") >= 2]
        mine = next((row for row in told if row[1].rpartition(":")[2] == ref), None)
        if mine is None:  # git says "Done" also when the connection was cut
            where = display(self.address.host or self.address.url)
            raise UnavailableError(
                f"{where} did not say that it took the push",
                remedies=(Remedy("Run the command again: it looks first what is there."),),
            )
        if mine[0] == "!":
            raise _refused(ref, mine[2])

    def _run(
        self, *arguments: str, ok: tuple[int, ...] = (0,), objects: bytes | None = None
    ) -> bytes:
        pins = [part for key, value in _PINS.items() for part in ("-c", f"{key}={value}")]
        extra: dict[str, str | bytes | None] = {
            "GIT_ALLOW_PROTOCOL": self.address.scheme,
            "GIT_OBJECT_DIRECTORY": objects,
            **{name: self._environment.get(name) for name in _PASSED[self.address.scheme]},
        }
        if self.address.scheme == "ssh":
            program = find_program("ssh")
            extra["GIT_SSH_COMMAND"] = f"{program} -oBatchMode=yes -oConnectTimeout=20"
        with self._credentials() as (answering, inherited):
            try:
                return self.git.run(
                    *pins, *arguments, git_dir=self.git_dir, ok=ok, complain=False,
                    extra={**extra, **answering}, pass_fds=inherited,
                )  # fmt: skip
            except GitError as error:
                raise self._explained(error) from error

    @contextlib.contextmanager
    def _credentials(self) -> Iterator[tuple[dict[str, str], tuple[int, ...]]]:
        if self._token is None:
            yield {}, ()
            return
        with askpass(self._scratch, self.address.origin, self._token) as (variables, reader):
            yield variables, (reader,)

    def _explained(self, error: GitError) -> LaneError:
        """Return what a failure means: refused for good, or only not available now."""
        where = display(self.address.host or self.address.url)
        said = error.message
        code = re.search(r"returned error: (\d{3})", said)
        status = int(code[1]) if code else 0
        if status == 401 or re.search(r"Authentication failed|could not read (User|Pass)", said):
            what = "does not accept the token" if self._token else "wants a token"
            return RefusedError(f"{where} {what}", why=error.why, remedies=(TOKEN,))
        if status == 403 or "Permission denied" in said:
            return RefusedError(f"{where} refuses access", why=error.why, remedies=(TOKEN,))
        if status == 404 or re.search(r"repository .* not found", said):
            return RefusedError(
                f"there is no such repository at {where}, or the token may not see it",
                why=error.why, remedies=(TOKEN,),
            )  # fmt: skip
        if "couldn't find remote ref" in said:
            return RefusedError(f"{where} has no such branch", why=error.why)
        return UnavailableError(
            f"{where} cannot be reached", why=error.why, remedies=(Remedy("Run it again later."),)
        )


def _refused(ref: str, why: str) -> LaneError:
    """Return why a ref was not moved; `why` is git's own `[rejected] (reason)`."""
    if "[remote rejected]" in why and not re.search(
        r"already exists|cannot lock|stale|failed to update ref", why
    ):
        return RefusedError(f"the remote does not take {display(ref)}", why=display(why))
    return ConflictError(
        f"{display(ref)} of the remote is not where it was",
        why=display(why),
        remedies=(Remedy("Run the command again: it looks first what is there."),),
    )
