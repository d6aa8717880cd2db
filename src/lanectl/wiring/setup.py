"""What a person sets up: keys, the registered trust, the operator's pins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.wiring.codex import builder_side
from lanectl.wiring.common import OPERATOR_LIMIT, store_of
from lanectl.wiring.neutral import enforcer_side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lanectl.flows.init import PlannedFile
    from lanectl.model.trust import Algorithm, PublicKey


def create_key(path: str, algorithm: Algorithm) -> PublicKey:
    """Make a key pair at a path."""
    from lanectl.adapters import keys

    return keys.create(path, algorithm)


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
    from lanectl.adapters.sigstore_root import public_good_root

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
