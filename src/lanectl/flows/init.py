"""Init: what a person registers on the target branch, and what an operator pins. Writes nothing.

Both plans are idempotent: what is there and right stays, what would silently change is refused.
"""

from __future__ import annotations

import difflib
import re
from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from lanectl.config import parse_operator, parse_rules, render_operator, render_rules
from lanectl.errors import LaneError, Remedy, UnreadableError, UsageError
from lanectl.formats import json, keyring
from lanectl.formats.keys import read_public_key
from lanectl.model.display import display
from lanectl.model.names import RepositoryId
from lanectl.model.report import MalformedError
from lanectl.model.settings import RULES_PATH, Limits, Operator
from lanectl.model.trust import Key, Keyring, Role
from lanectl.model.trust_policy import TRUSTED_ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lanectl.flows.trust import OperatorFile
    from lanectl.ports import TargetRepository


ROOT_MEDIA_TYPE = "application/vnd.dev.sigstore.trustedroot"


class NewKey(Struct, frozen=True):
    """A key to register: PEM text, role, the identity it stands for, days of validity."""

    pem: str
    role: Role
    name: str
    email: str
    days: int


class PlannedFile(Struct, frozen=True):
    """A file as it is (None: missing) and as it must be."""

    path: str
    before: bytes | None
    after: bytes

    @property
    def changes(self) -> bool:
        """Whether there is anything to write."""
        return self.before != self.after

    def diff(self) -> str:
        """Return a unified diff of the two."""
        old = (self.before or b"").decode("utf-8", "replace").splitlines(keepends=True)
        new = self.after.decode("utf-8").splitlines(keepends=True)
        name = self.path.lstrip("/")
        source = f"a/{name}" if self.before is not None else "/dev/null"
        return "".join(difflib.unified_diff(old, new, source, f"b/{name}"))


def parse_identity(text: str) -> tuple[str, str]:
    """Return name and email of `NAME <EMAIL>`. Raises UsageError for anything else."""
    match = re.fullmatch(r"([^<>]+?)\s*<([^<>\s]+)>", text.strip())
    if match is None:
        raise UsageError(
            f"{display(text)!r} is no identity", remedies=(Remedy("Write it as 'Name <email>'."),)
        )
    return match[1], match[2]


def find_ref(remotes: Mapping[str, str], url: str, branch: str) -> str:
    """Return where a clone keeps a branch of the repository at `url`.

    Raises UsageError if no remote of the clone stands for that repository.
    """
    wanted = _identify(url)
    for name, address in sorted(remotes.items(), key=lambda item: item[0] != "origin"):
        try:
            if RepositoryId.from_url(address) == wanted:
                return f"refs/remotes/{name}/{branch}"
        except ValueError:
            continue
    raise UsageError(
        f"no remote of this clone is {wanted}",
        remedies=(
            Remedy("Run this in a clone of it.", ("git", "clone", url)),
            Remedy(
                "Or say where this clone keeps the branch.",
                ("lanectl", "init", "--enforcer", "--ref", f"refs/heads/{branch}"),
            ),
        ),
    )


def _identify(url: str) -> RepositoryId:
    try:
        return RepositoryId.from_url(url)
    except ValueError as error:
        raise UsageError(
            str(error), remedies=(Remedy("Give an https, ssh or file address."),)
        ) from error


def plan_trust(
    *,
    rules: bytes | None,
    ring: bytes | None,
    repository: RepositoryId | None,
    keys: tuple[NewKey, ...],
    now: datetime,
) -> tuple[PlannedFile, ...]:
    """Return the files of a reviewed commit that registers these keys.

    Raises UsageError for a key that is none or has another role already, UnreadableError for a
    present file that is not valid.
    """
    if rules is None and repository is None:
        raise UsageError(
            "nothing says which repository this is",
            remedies=(
                Remedy("Name it.", ("lanectl", "init", "--repository", "github.com/owner/name")),
            ),
        )
    known = parse_rules(rules).repository if rules is not None else None
    if known is not None and repository not in {None, known}:
        raise UsageError(f"{RULES_PATH} already names {known}, not {repository}")
    present = parse_ring(ring) if ring is not None else Keyring(())
    for key in keys:
        present = register(present, key, now)
    after = rules if rules is not None else render_rules(RepositoryId(str(repository))).encode()
    return (
        PlannedFile(RULES_PATH, rules, after),
        PlannedFile(keyring.PATH, ring, keyring.write(present) if keys or ring is None else ring),
    )


def plan_sigstore(present: bytes | None, root: bytes) -> PlannedFile:
    """Return the trusted root of Sigstore that is pinned.

    Raises UnreadableError for what is none, UsageError if another one is pinned already.
    """
    try:
        value = json.load(root, rule="trust/keyring", limit=1 << 20)
    except MalformedError as error:
        raise _no_root(display(error.fault.got)) from error
    if not isinstance(value, dict) or not str(value.get("mediaType")).startswith(ROOT_MEDIA_TYPE):
        raise _no_root(f"its mediaType is not {ROOT_MEDIA_TYPE}")
    if present is not None and present != root:
        raise UsageError(
            f"{TRUSTED_ROOT} is there already, and is another one",
            why="whoever can change it decides whose signatures count",
            remedies=(
                Remedy("If it is to be replaced, take it away first.", ("git", "rm", TRUSTED_ROOT)),
            ),
        )
    return PlannedFile(TRUSTED_ROOT, present, root)


def _no_root(why: str) -> UnreadableError:
    return UnreadableError(
        "this is no trusted root of Sigstore",
        why=why,
        remedies=(Remedy("Pin the public one.", ("lanectl", "init", "--sigstore")),),
    )


def plan_operator(
    file: OperatorFile,
    target: TargetRepository,
    *,
    url: str,
    branch: str,
    ref: str,
    api: str | None,
    repin: bool,
) -> tuple[PlannedFile, Operator]:
    """Return the operator file that pins the branch at its present tip.

    An existing file with the same pins stays as it is, limits and old tip included. Raises
    UsageError if it pins something else and `repin` is not said.
    """
    tip = target.resolve(ref)
    if tip is None:
        raise UnreadableError(
            f"the branch is not in this clone: {display(ref)}",
            remedies=(Remedy("Fetch it.", ("git", "fetch", "origin", branch)),),
        )
    _identify(url)
    wanted = Operator(url, branch, ref, tip, Limits(), api or "")
    before = file.data
    if before is not None:
        present = parse_operator(before, file.path)
        same = (present.url, present.branch, present.ref) == (url, branch, ref)
        same = same and api in {None, present.api}
        if same and not repin:
            return PlannedFile(file.path, before, before), present
        if not same and not repin:
            raise UsageError(
                f"{file.path} already pins {display(present.url)} {display(present.branch)}",
                remedies=(
                    Remedy(
                        "Say --repin to replace the pins, or name another file in LANECTL_OPERATOR_CONFIG."
                    ),
                ),
            )
        wanted = replace(wanted, limits=present.limits, api=present.api if api is None else api)
    after = render_operator(wanted).encode()
    parse_operator(after, file.path)  # what could not be read back is not written
    return PlannedFile(file.path, before, after), wanted


def parse_ring(data: bytes) -> Keyring:
    """Return the keyring of the work tree. Raises UnreadableError with the way back."""
    try:
        return keyring.read(data)
    except MalformedError as error:
        raise UnreadableError(
            f"{keyring.PATH} is not valid: {display(error.fault.where)}, expected {display(error.fault.expected)}",
            remedies=(
                Remedy(
                    "Restore it from the target branch.",
                    ("git", "checkout", "HEAD", "--", keyring.PATH),
                ),
            ),
        ) from error


def register(ring: Keyring, new: NewKey, now: datetime) -> Keyring:
    """Return the keyring with a key more, valid from now on; as it is if it has the key in this role.

    Raises UsageError for a key that is none or has another role, or an identity that has.
    """
    try:
        public = read_public_key(new.pem)
    except ValueError as error:
        raise UsageError(
            f"--{new.role}-key: {error}",
            remedies=(
                Remedy(
                    "Make a key and give its .pub file.",
                    ("lanectl", "keys", "new", "--role", new.role),
                ),
            ),
        ) from error
    if problem := keyring.identity_problem(new.name, new.email):
        raise UsageError(f"the {new.role}'s identity must have {problem}")
    for key in ring.keys:
        if key.public.id == public.id:
            if key.role is new.role:
                return ring
            raise _shared(new.role, key.role)
    span = timedelta(days=new.days)
    keys = (*ring.keys, Key(public, new.role, new.name, new.email, now, now + span))
    if shared := keyring.shared_identity(keys):
        raise UsageError(
            f"{display(new.email)} is the identity of the {shared[0].role} already",
            why="people and lanes in different roles are told apart by their identities",
            remedies=(Remedy(f"Give the {new.role} another identity, as 'Name <email>'."),),
        )
    return Keyring(keys)


def _shared(one: Role, other: Role) -> LaneError:
    return UsageError(
        f"the {one}'s key is registered as the {other}'s",
        why="with one key for two lanes nothing separates them",
        remedies=(Remedy("Make another key.", ("lanectl", "keys", "new", "--role", one)),),
    )
