"""Whom to believe: rules and keyring from the pinned target's tip, never from a bundle or a base."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.config import parse_operator
from lanectl.config.trust_files import LIMIT, named_files, refuse_incomplete
from lanectl.errors import LaneError, Remedy, UnreadableError, UntrustedError
from lanectl.flows.root import read_state, require_root
from lanectl.flows.rules import read_rules
from lanectl.formats import keyring
from lanectl.model.display import display
from lanectl.model.evidence import Trust
from lanectl.model.names import Digest
from lanectl.model.report import MalformedError, TrustSource
from lanectl.model.root import ROOT_PATH, SIGNATURES_PATH
from lanectl.model.settings import RULES_PATH
from lanectl.model.trust import Keyring, Role
from lanectl.model.trust_policy import TrustMaterial

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lanectl.model.names import ObjectId
    from lanectl.model.root import Root
    from lanectl.model.settings import Operator, Rules
    from lanectl.model.trust import Key, PublicKey
    from lanectl.ports import EnforcerStore, TargetRepository

PIN = Remedy(
    "Pin the target on this machine.",
    ("lanectl", "init", "--enforcer", "--repo", "URL", "--branch", "main"),
)
REGISTER = Remedy(
    "Register the keys on the target branch (a person with write access), and merge that commit.",
    ("lanectl", "init", "--builder-key", "FILE", "--enforcer-key", "FILE"),
)


class OperatorFile(Struct, frozen=True):
    """The operator file as it was read: its path and bytes (None: there is none)."""

    path: str
    data: bytes | None


def read_operator(file: OperatorFile) -> Operator:
    """Return the pins. Raises UntrustedError without a file, UnreadableError for a bad one."""
    if file.data is None:
        raise UntrustedError(
            "nothing is pinned on this machine",
            why=f"there is no {file.path}",
            remedies=(PIN, REGISTER),
        )
    return parse_operator(file.data, file.path)


def load_trust(
    file: OperatorFile,
    repository: TargetRepository,
    store: EnforcerStore,
    *,
    tip: ObjectId | None = None,
) -> Trust:
    """Return rules and keyring of the target's tip: a fetched one, or where the clone has it.

    Raises UntrustedError: no pins, no such branch here, a tip that does not descend from the last
    one seen, too few signatures of the root, no rules or keyring at the tip; UnreadableError: any of
    these files is not valid, or says too much. Every one says how to go on.
    """
    operator = read_operator(file)
    tip = tip or repository.resolve(operator.ref)
    if tip is None:
        raise UntrustedError(
            f"the target branch is not here: {display(operator.ref)}",
            remedies=(Remedy("Fetch it.", ("git", "fetch", "origin", operator.branch)), PIN),
        )
    last = store.last_tip() or operator.pinned
    _refuse_rewritten(operator, last, tip, repository)
    files = _read(repository, tip, (RULES_PATH, keyring.PATH, ROOT_PATH, SIGNATURES_PATH))
    root = require_root(repository, operator.repository, last, tip, read_state(files))
    for missing in [p for p in (RULES_PATH, keyring.PATH) if p not in files]:
        raise UntrustedError(
            f"{missing} is not on the target branch", why=f"looked at {tip}", remedies=(REGISTER,)
        )
    source = TrustSource(
        operator_path=file.path,
        operator_digest=Digest.of(file.data or b""),
        repository=operator.repository,
        ref=operator.ref,
        tip=tip,
    )
    rules = read_rules(files[RULES_PATH])
    _refuse_other_repository(rules, operator)
    trusted = read_trust(rules, files | _read(repository, tip, tuple(named_files(rules.trust))))
    refuse_shared_root(root, trusted.keyring)
    return Trust(
        source, operator, rules, trusted.keyring,
        policy=rules.trust, material=trusted.material, root=root,
    )  # fmt: skip


def try_trust(
    file: OperatorFile,
    repository: TargetRepository | None,
    store: EnforcerStore,
    absent: LaneError | None = None,
) -> tuple[Trust | None, LaneError | None]:
    """Return trust, or why there is none: `verify` goes on without it and says so.

    `absent` says why there is no repository.
    """
    if repository is None:
        return None, absent or UntrustedError("there is no repository to judge by", remedies=(PIN,))
    try:
        return load_trust(file, repository, store), None
    except UntrustedError as error:
        return None, error


def acting_key(trust: Trust, public: PublicKey, now: datetime) -> Key:
    """Return the keyring's entry of the key that this Enforcer holds: it names the committer.

    Raises UntrustedError unless it is an Enforcer's, valid now and not revoked.
    """
    key = next((k for k in trust.keyring.in_role(Role.ENFORCER) if k.public.id == public.id), None)
    if key is None or key.revoked or not key.not_before <= now < key.not_after:
        state = "revoked" if key and key.revoked else "not valid now" if key else "not registered"
        raise UntrustedError(
            f"this Enforcer's key is {state}: {public.id}",
            why="the keyring at the target's tip and the ledger's revocations say so",
            remedies=(
                Remedy("Make a key.", ("lanectl", "keys", "new", "--role", "enforcer")), REGISTER,
            ),
        )  # fmt: skip
    return key


class TrustFiles(Struct, frozen=True):
    """The keyring, and the files that the policy names."""

    keyring: Keyring
    material: TrustMaterial


def read_trust(rules: Rules, files: Mapping[str, bytes]) -> TrustFiles:
    """Return what the trust files of a commit or a work tree hold, whole and fitting together.

    Raises UnreadableError for a keyring that is none, and for a policy that cannot be kept.
    """
    try:
        ring = keyring.read(files[keyring.PATH])
    except MalformedError as error:
        fault = error.fault
        raise UnreadableError(
            f"{keyring.PATH} on the target branch is not valid",
            why=display(f"{fault.where} {fault.got}, expected {fault.expected}".strip()),
            remedies=(REGISTER,),
        ) from error
    named = {path: files[path] for path in named_files(rules.trust) if path in files}
    refuse_incomplete(rules.trust, ring, named)
    return TrustFiles(ring, TrustMaterial(named))


def refuse_shared_root(root: Root | None, ring: Keyring) -> None:
    """Raise UnreadableError if a key of the root is also a lane's: agents hold those."""
    for key in root.keys if root else ():
        other = ring.by_id(key.public.id)
        if other and other.role in {Role.BUILDER, Role.ENFORCER}:
            raise UnreadableError(
                f"the root's key of {display(key.name)} is the {other.role}'s in the keyring",
                why="who may change whom to believe must not work in a lane",
                remedies=(Remedy("Make a key for the root alone, and keep it offline.",
                                 ("lanectl", "keys", "new", "--role", "lead", "--out", "FILE")),),
            )  # fmt: skip


def _read(repository: TargetRepository, tip: ObjectId, paths: tuple[str, ...]) -> dict[str, bytes]:
    tree = repository.commit_tree(tip) or tip
    return dict(repository.objects.files_at(tree, paths, limit=LIMIT))


def _refuse_other_repository(rules: Rules, operator: Operator) -> None:
    if rules.repository not in {None, operator.repository}:
        raise UnreadableError(
            f"{RULES_PATH} on the target branch names {rules.repository}, the operator pins {operator.repository}",
            remedies=(
                Remedy("Pin the repository that lanectl.toml names, or correct lanectl.toml."),
                PIN,
            ),
        )


def _refuse_rewritten(
    operator: Operator, last: ObjectId, tip: ObjectId, repository: TargetRepository
) -> None:
    if last == tip:
        return
    if repository.commit_tree(last) is None or not repository.is_ancestor(last, tip):
        raise UntrustedError(
            f"{display(operator.ref)} does not descend from the tip that was seen last",
            why=f"was {last}, is {tip}: the branch was rewritten or the clone is old",
            remedies=(
                Remedy("If the clone is old, fetch.", ("git", "fetch", "origin", operator.branch)),
                Remedy(
                    "If a person rewrote the branch on purpose, pin it anew.",
                    (
                        "lanectl",
                        "init",
                        "--enforcer",
                        "--repo",
                        "URL",
                        "--branch",
                        operator.branch,
                        "--repin",
                    ),
                ),
            ),
        )
