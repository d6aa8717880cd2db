"""Rotating a GPG key: a new signing subkey of 30 days, so that the pinned fingerprint stays.

Pins nothing: a person merges the public key into the target branch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lanectl.errors import Remedy, UnreadableError, UsageError
from lanectl.formats.gpg import read_public_key
from lanectl.model.gpg import ROTATION

if TYPE_CHECKING:
    from datetime import datetime

    from lanectl.model.gpg import GpgKeyFacts, GpgPart
    from lanectl.ports.signing import GpgKeyMaker

PRIMARY_DAYS: Final = 365
"""How long a new primary key lives. It only certifies; what signs lives 30 days."""


class GpgRotation(Struct, frozen=True):
    """The next signing key: `fingerprint` is the one to pin, `signing` the new part's.

    `is_new`: the fingerprint was not there before, and must be pinned. `public` is armoured.
    """

    fingerprint: str
    signing: str
    expires: datetime
    public: bytes
    is_new: bool


def rotate_gpg(
    maker: GpgKeyMaker,
    now: datetime,
    *,
    fingerprint: str | None = None,
    user_id: str | None = None,
    is_protected: bool = True,
) -> GpgRotation:
    """Make the next signing key.

    Of the key that `fingerprint` names; without one, of a new key for `user_id` (`Name <email>`).
    Raises UsageError for neither or both, UnreadableError for a key that cannot carry another
    subkey for 30 days, or a gpg that cannot ask for the passphrase.
    """
    if (fingerprint is None) == (user_id is None):
        command = ("lanectl", "keys", "rotate", "--gpg")
        raise UsageError(
            "name either the key's fingerprint, or a user id for a new one",
            remedies=(
                Remedy("The next signing key of a key that you have.", (*command, "FINGERPRINT")),
                Remedy("A new key.", (*command, "--user-id", "NAME <EMAIL>")),
            ),
        )
    if fingerprint is None:
        primary = maker.new_key(user_id or "", PRIMARY_DAYS, is_protected=is_protected)
    else:
        primary = _rotatable(maker, fingerprint, now).fingerprint
    former = {part.fingerprint for part in _parts(maker, primary)}
    maker.add_signing_subkey(primary, ROTATION.days, is_protected=is_protected)
    made = next((p for p in _parts(maker, primary) if p.fingerprint not in former), None)
    public = maker.public_key(primary)
    if made is None or made.expires is None or read_public_key(public)[0] != primary:
        raise UnreadableError("gpg made no subkey with an expiry")
    return GpgRotation(primary, made.fingerprint, made.expires, public, is_new=fingerprint is None)


def _parts(maker: GpgKeyMaker, fingerprint: str) -> tuple[GpgPart, ...]:
    return next((k.subkeys for k in maker.secret_keys() if k.fingerprint == fingerprint), ())


def _rotatable(maker: GpgKeyMaker, fingerprint: str, now: datetime) -> GpgKeyFacts:
    wanted = fingerprint.replace(" ", "").upper()
    key = next((k for k in maker.secret_keys() if k.fingerprint == wanted), None)
    new = Remedy(
        "Make a new key, and let it be pinned.",
        ("lanectl", "keys", "rotate", "--gpg", "--user-id", "NAME <EMAIL>"),
    )
    if key is None:
        raise UnreadableError(
            "gpg has no secret primary key of this fingerprint",
            why="a new subkey is certified by the primary key",
            remedies=(new,),
        )
    if key.primary.expires is not None and key.primary.expires < now + ROTATION:
        raise UnreadableError(
            f"the primary key ends on {key.primary.expires:%Y-%m-%d}",
            why=f"no subkey of it can sign for {ROTATION.days} days",
            remedies=(
                Remedy("Let it live longer.", ("gpg", "--quick-set-expire", wanted, "1y")),
                new,
            ),
        )
    return key
