"""What a person sets up: keys, the registered trust, the operator's pins."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.adapters.system import environment
from lanectl.wiring.codex import builder_side
from lanectl.wiring.common import OPERATOR_LIMIT, store_of
from lanectl.wiring.neutral import enforcer_side

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lanectl.flows.init import PlannedFile
    from lanectl.flows.rotate import Rotation
    from lanectl.model.trust import Algorithm, PublicKey, Role


def create_key(path: str, algorithm: Algorithm, *, encrypt: bool) -> PublicKey:
    """Make a key pair at a path, encrypted with a passphrase if that is asked for."""
    from lanectl.adapters import keys

    pem, public = keys.generate(path, algorithm, encrypt=encrypt)
    keys.store(path, pem, public)
    return public


def public_key(named: str, start: str) -> PublicKey:
    """Return the public part of a key: of an SSH agent, of the keyring at the tip, or of a file.

    What could be an id is one; a file of such a name is `./NAME`. A private key file is opened for
    it, by its passphrase if it is encrypted.
    """
    from lanectl.adapters import files, keys
    from lanectl.errors import UsageError
    from lanectl.flows.revoke import find_key
    from lanectl.flows.trust import load_trust
    from lanectl.formats.keys import read_public_key
    from lanectl.model.display import display
    from lanectl.model.trust import is_with_agent

    if is_with_agent(named):
        return keys.load(named).public
    if re.fullmatch(r"(sha256:)?[0-9a-fA-F]{8,64}", named):
        with enforcer_side(start) as side:
            ring = load_trust(side.operator_file, side.require_repository(), side.store).keyring
        key = ring.by_id(find_key(named, ring))
        if key is None:
            raise UsageError(f"key {display(named)} is not in the keyring at the target's tip")
        return key.public
    data = files.read(named, limit=OPERATOR_LIMIT)
    if b"PRIVATE KEY" in data:
        return keys.load(named).public
    try:
        return read_public_key(data.decode("ascii", "replace"))
    except ValueError as error:
        raise UsageError(f"{display(named)}: {error}") from error


class Successor(Struct, frozen=True):
    """What a key is rotated to: a key there is (`named`), or one to be made at `out`.

    `out` empty: beside the role's present key, with the date. `algorithm` None: the old key's.
    """

    named: str | None = None
    out: str | None = None
    algorithm: Algorithm | None = None
    encrypt: bool = False


def rotate_key(
    start: str,
    text: str | None,
    role: Role | None,
    to: Successor,
    *,
    days: int,
    overlap: int,
    write: bool,
) -> tuple[Rotation, str]:
    """Plan, and make and write, a key's successor; return the plan and the new key's file, if any."""
    from lanectl.adapters import files, keys
    from lanectl.flows import rotate
    from lanectl.formats import keyring

    with builder_side(start) as side:
        data = files.read_optional(f"{side.top}/{keyring.PATH}", limit=OPERATOR_LIMIT)
        now = side.system.now()
        old = rotate.find_old(data, text, role, now)
        path, pem = "" if to.named else to.out or _dated_path(old.role, now), None
        public = public_key(to.named, start) if to.named else None
        if write and not to.named:
            algorithm = to.algorithm or old.public.algorithm
            pem, public = keys.generate(path, algorithm, encrypt=to.encrypt)
        done = rotate.rotate(data, old, public, days=days, overlap=overlap, now=now)
        if pem is not None and public is not None:
            keys.store(path, pem, public)
        if write:
            files.replace(f"{side.top}/{done.file.path}", done.file.after)
    return done, path


def _dated_path(role: Role, now: datetime) -> str:
    """Return the place beside the role's present key: `builder-20260131.pem`."""
    from pathlib import Path

    from lanectl.adapters.places import key_places

    return str(Path(key_places(role, environment())[0]).parent / f"{role}-{now:%Y%m%d}.pem")


def has_root(start: str) -> bool:
    """Whether a root must sign the trust files of the work tree at or above `start`."""
    from lanectl.model.root import ROOT_PATH

    with builder_side(start) as side:
        return os.path.lexists(f"{side.top}/{ROOT_PATH}")


def plan_trust(
    start: str,
    keys: Sequence[tuple[str | None, str, str]],
    repository: str | None,
    days: int,
    *,
    sigstore: bool = False,
    sigstore_root: str | None = None,
    write: bool,
) -> tuple[PlannedFile, ...]:
    """Plan, and write, the files that register keys; `keys` are (file, role, identity).

    `sigstore` pins the public root of Sigstore as well, `sigstore_root` the one in a file.
    """
    from lanectl.adapters import files
    from lanectl.flows import init
    from lanectl.formats import keyring
    from lanectl.model.names import RepositoryId
    from lanectl.model.settings import RULES_PATH
    from lanectl.model.trust import Role
    from lanectl.model.trust_policy import TRUSTED_ROOT

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
        if sigstore or sigstore_root is not None:
            present = files.read_optional(f"{side.top}/{TRUSTED_ROOT}", limit=OPERATOR_LIMIT)
            plan = (*plan, init.plan_sigstore(present, _sigstore(sigstore_root)))
        for planned in plan if write else ():
            if planned.changes:
                files.replace(f"{side.top}/{planned.path}", planned.after)
    return plan


def _sigstore(named: str | None) -> bytes:
    """Return the named trusted root, or the public one that the sigstore library ships."""
    from lanectl.adapters import files
    from lanectl.adapters.sigstore import public_good_root

    return files.read(named, limit=OPERATOR_LIMIT) if named is not None else public_good_root()


def plan_operator(
    *, url: str, branch: str, ref: str | None, api: str | None, repin: bool, write: bool
) -> PlannedFile:
    """Plan, and write, the operator file that pins a branch of the clone in the current folder."""
    from lanectl.adapters import files
    from lanectl.flows import init

    with enforcer_side(".") as side:
        repository = side.require_repository()
        found = ref or init.find_ref(repository.repository.remotes, url, branch)
        planned, operator = init.plan_operator(
            side.operator_file, repository, url=url, branch=branch, ref=found, api=api, repin=repin
        )
        if write and planned.changes:
            files.replace(planned.path, planned.after)
            store_of(operator).forget_tip()
    return planned
