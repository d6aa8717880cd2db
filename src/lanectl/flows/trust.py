"""Whom to believe: rules and keyring from the pinned target's tip, never from a bundle or a base."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.config import parse_operator, parse_rules
from lanectl.errors import LaneError, Remedy, UnreadableError, UntrustedError
from lanectl.formats import keyring
from lanectl.model.display import display
from lanectl.model.evidence import Trust
from lanectl.model.names import Digest
from lanectl.model.report import MalformedError, TrustSource
from lanectl.model.settings import RULES_PATH
from lanectl.model.trust import Role

if TYPE_CHECKING:
    from datetime import datetime

    from lanectl.model.names import ObjectId
    from lanectl.model.settings import Operator
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
    one seen, no rules or keyring at the tip. Every one says how to go on.
    """
    operator = read_operator(file)
    tip = tip or repository.resolve(operator.ref)
    if tip is None:
        raise UntrustedError(
            f"the target branch is not here: {display(operator.ref)}",
            remedies=(Remedy("Fetch it.", ("git", "fetch", "origin", operator.branch)), PIN),
        )
    _refuse_rewritten(operator, tip, repository, store)
    tree = repository.commit_tree(tip) or tip
    paths = (RULES_PATH, keyring.PATH)
    found = repository.objects.files_at(tree, paths, limit=keyring.LIMIT)
    for missing in [p for p in paths if p not in found]:
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
    return _build(source, operator, found[RULES_PATH], found[keyring.PATH])


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


def _build(source: TrustSource, operator: Operator, rules: bytes, ring: bytes) -> Trust:
    try:
        parsed = keyring.read(ring)
    except MalformedError as error:
        fault = error.fault
        raise UnreadableError(
            f"{keyring.PATH} on the target branch is not valid",
            why=display(f"{fault.where} {fault.got}, expected {fault.expected}".strip()),
            remedies=(REGISTER,),
        ) from error
    settings = parse_rules(rules)
    if settings.repository not in {None, operator.repository}:
        raise UnreadableError(
            f"{RULES_PATH} on the target branch names {settings.repository}, the operator pins {operator.repository}",
            remedies=(
                Remedy("Pin the repository that lanectl.toml names, or correct lanectl.toml."),
                PIN,
            ),
        )
    return Trust(source, operator, settings, parsed)


def _refuse_rewritten(
    operator: Operator, tip: ObjectId, repository: TargetRepository, store: EnforcerStore
) -> None:
    last = store.last_tip() or operator.pinned
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
