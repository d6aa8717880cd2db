"""Endorse: a root's key vouches for the trust files of a work tree. Signs nothing that is refused later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from lanectl.errors import Remedy, UnreadableError, UsageError
from lanectl.flows.init import PlannedFile
from lanectl.flows.root import RootState, differences, digests, read_state
from lanectl.flows.rules import read_rules
from lanectl.flows.trust import REGISTER, read_trust, refuse_shared_root
from lanectl.formats import keyring
from lanectl.formats import root as formats
from lanectl.formats.keys import read_public_key
from lanectl.model.display import display
from lanectl.model.report import MalformedError
from lanectl.model.root import (
    ROOT_PATH,
    SIGNATURES_PATH,
    Endorsement,
    Root,
    RootKey,
    RootSignature,
)
from lanectl.model.settings import RULES_PATH
from lanectl.model.trust import hint_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lanectl.model.names import Digest, RepositoryId
    from lanectl.ports import Signer

MAKE_ROOT = Remedy(
    "Name the keys, and how many must sign.",
    ("lanectl", "policy", "root", "--key", "FILE.pub", "--key", "FILE.pub", "--threshold", "2"),
)


class Standing(Struct, frozen=True):
    """How far the signatures of one root have come; `is_present`: it is the work tree's own."""

    root: Root
    signers: tuple[RootKey, ...]
    is_present: bool

    @property
    def is_met(self) -> bool:
        """Whether enough have signed."""
        return len(self.signers) >= self.root.threshold


class Endorsed(Struct, frozen=True):
    """The planned file, what it says, how that differs from what was signed before, who signed."""

    file: PlannedFile
    endorsement: Endorsement
    changes: tuple[str, ...]
    signer: RootKey
    standings: tuple[Standing, ...]


def plan_root(
    files: Mapping[str, bytes], keys: Sequence[tuple[str, str]], threshold: int
) -> PlannedFile:
    """Return `root.json` for these keys (name, PEM). Raises UsageError for what could not be read back."""
    try:
        named = tuple(RootKey(name, read_public_key(pem)) for name, pem in keys)
        data = formats.write_root(Root(threshold, named))
        formats.read_root(data)
    except ValueError as error:
        raise UsageError(f"--key: {error}", remedies=(MAKE_ROOT,)) from error
    except MalformedError as error:
        fault = error.fault
        raise UsageError(
            f"this is no root: {display(fault.where)} {display(fault.got)}, expected {display(fault.expected)}",
            remedies=(MAKE_ROOT,),
        ) from error
    return PlannedFile(ROOT_PATH, files.get(ROOT_PATH), data)


def endorse(
    files: Mapping[str, bytes],
    known: Sequence[RootState],
    signer: Signer,
    repository: RepositoryId | None,
) -> Endorsed:
    """Return the work tree's `root.signatures.json` with this key's signature over its trust files.

    `known` is what the checked-out commit, the target's tip and the past hold of the root, newest
    first; `repository` the pinned one. Raises UsageError for a key of no root; UnreadableError for files that no Enforcer
    would take.
    """
    for path in (RULES_PATH, keyring.PATH):
        if path not in files:
            raise UnreadableError(f"there is no {path} here", remedies=(REGISTER,))
    rules = read_rules(files[RULES_PATH])
    present = read_state(files)
    refuse_shared_root(present.root, read_trust(rules, files).keyring)
    named = rules.repository or repository
    if named is None:
        raise UsageError(f"{RULES_PATH} must name repository.id: it is part of what is signed")
    roots = _roots(present, known)
    key = _own_key(roots, signer)
    former = _former(present, known, roots)
    said = _statement(former, named, digests(files))
    signed = said if formats.signed_by(Root(1, (key,)), said) else _sign(said, key, signer)
    return Endorsed(
        PlannedFile(SIGNATURES_PATH, files.get(SIGNATURES_PATH), formats.write_endorsement(signed)),
        signed,
        tuple(differences(former.files if former else {}, signed.files)),
        key,
        tuple(
            Standing(root, formats.signed_by(root, signed), is_present=root == present.root)
            for root in _demanded(present, known, roots)
        ),
    )


def _roots(present: RootState, known: Sequence[RootState]) -> list[Root]:
    """Return every root that may have to sign, each once, the work tree's own first."""
    found: list[Root] = []
    for state in (present, *known):
        if state.root is not None and state.root not in found:
            found.append(state.root)
    if not found:
        raise UsageError("there is no root whose key could sign", remedies=(MAKE_ROOT,))
    return found


def _demanded(present: RootState, known: Sequence[RootState], roots: Sequence[Root]) -> list[Root]:
    """Return the work tree's root and the newest other one, unless that has handed on already."""
    before = next((root for root in roots if root != present.root), None)
    handed_on = before and any(
        state.root == present.root
        and state.endorsement
        and len(formats.signed_by(before, state.endorsement)) >= before.threshold
        for state in known
    )
    wanted = (present.root, None if handed_on else before)
    return [root for root in wanted if root is not None]


def _own_key(roots: Sequence[Root], signer: Signer) -> RootKey:
    public = signer.public
    for key in (key for root in roots for key in root.keys):
        if key.public.id == public.id:
            return key
    names = ", ".join(display(key.name) for root in roots for key in root.keys)
    raise UsageError(
        f"key {public.id} is none of the root's: {names}",
        why=f"{ROOT_PATH} names others: in the work tree, at the target's tip, and in the past of this commit",
        remedies=(MAKE_ROOT,),
    )


def _former(
    present: RootState, known: Sequence[RootState], roots: Sequence[Root]
) -> Endorsement | None:
    """Return the newest endorsement that a key of these roots signed: a planted one says nothing."""
    signed = [
        state.endorsement for state in (present, *known)
        if state.endorsement and any(formats.signed_by(root, state.endorsement) for root in roots)
    ]  # fmt: skip
    return max(signed, key=lambda e: e.version, default=None)


def _sign(said: Endorsement, key: RootKey, signer: Signer) -> Endorsement:
    signature = RootSignature(hint_of(key.public.id), signer.sign(formats.message(said)))
    others = tuple(s for s in said.signatures if s.hint != signature.hint)
    return replace(said, signatures=(*others, signature))


def _statement(
    former: Endorsement | None, repository: RepositoryId, files: Mapping[str, Digest]
) -> Endorsement:
    """Return what is to be signed: the newest endorsement if it is of these files, or the next one."""
    if former and (former.repository, dict(former.files)) == (repository, dict(files)):
        return former
    return Endorsement(former.version + 1 if former else 1, repository, files)
