"""Rotate: a key's successor in the keyring of the work tree; the two overlap, so that work in flight stays good.

Refuses a key that is revoked (its successor is registered anew) or not valid yet. Writes nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from lanectl.errors import Remedy, UnreadableError, UsageError
from lanectl.flows.init import NewKey, PlannedFile, parse_ring, register
from lanectl.flows.revoke import find_key
from lanectl.formats import keyring
from lanectl.model.display import display
from lanectl.model.expiry import State, state_of
from lanectl.model.trust import Keyring

if TYPE_CHECKING:
    from datetime import datetime

    from lanectl.model.trust import Key, PublicKey, Role


class Rotation(Struct, frozen=True):
    """The old key as it will end, the new one (None: it is not made yet), the planned keyring."""

    old: Key
    new: Key | None
    file: PlannedFile


def find_old(data: bytes | None, text: str | None, role: Role | None, now: datetime) -> Key:
    """Return the key to rotate: by its id or the beginning of it, or the only valid one of a role.

    `data` is the keyring file of the work tree. Raises UnreadableError without one, UsageError: not
    exactly one such key, or one that cannot be rotated.
    """
    ring = _ring(data)
    if (text is None) == (role is None):
        raise UsageError("name the key by its id, or by --role")
    if text is not None:
        old = ring.by_id(find_key(text, ring))
        if old is None:
            raise UsageError(f"key {display(text)} is not in the keyring of this work tree")
    else:
        usable = {State.GOOD, State.EXPIRING}
        found = [k for k in ring.keys if k.role is role and state_of(k, now) in usable]
        if len(found) != 1:
            ids = ", ".join(k.public.id[:16] for k in found)
            raise UsageError(
                f"{len(found)} keys of the role {role} are valid", why=ids,
                remedies=(Remedy("Name the one to rotate by its id.", ("lanectl", "keys", "rotate", "KEYID")),),
            )  # fmt: skip
        [old] = found
    _refuse(old, now)
    return old


def rotate(
    data: bytes | None, old: Key, new: PublicKey | None, *, days: int, overlap: int, now: datetime
) -> Rotation:
    """Return the plan: `new` valid for `days` from now on, `old` for `overlap` days more at most.

    Raises UsageError for a new key that is registered already, or whose identity is another's.
    """
    ring = _ring(data)
    ending = replace(old, not_after=min(old.not_after, now + timedelta(days=overlap)))
    keys = tuple(ending if k.public.id == old.public.id else k for k in ring.keys)
    planned, entry = Keyring(keys), None
    if new is not None:
        if ring.by_id(new.id) is not None:
            raise UsageError(f"key {new.id} is in the keyring already")
        made = NewKey(new.pem, old.role, old.name, old.email, days)
        planned = register(planned, made, now)
        entry = planned.by_id(new.id)
    return Rotation(ending, entry, PlannedFile(keyring.PATH, data, keyring.write(planned)))


def _ring(data: bytes | None) -> Keyring:
    if data is None:
        raise UnreadableError(
            f"there is no {keyring.PATH} in this work tree",
            remedies=(Remedy("Register a first key.", ("lanectl", "init")),),
        )
    return parse_ring(data)


def _refuse(old: Key, now: datetime) -> None:
    state = state_of(old, now)
    if state is State.REVOKED:
        raise UsageError(
            f"key {old.public.id} is revoked, and is not rotated",
            why="its successor would overlap with nothing that counts",
            remedies=(
                Remedy("Make a new key.", ("lanectl", "keys", "new", "--role", old.role)),
                Remedy("Register it.", ("lanectl", "init", f"--{old.role}-key", "FILE")),
            ),
        )
    if state is State.NOT_YET:
        raise UsageError(f"key {old.public.id} is not valid before {old.not_before:%Y-%m-%d}")
