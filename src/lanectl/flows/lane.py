"""Declaring a lane, and stopping a command that is in the wrong one. Nothing is undeclared by silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.checks.credential import forbidden
from lanectl.errors import LaneViolation, Remedy
from lanectl.formats import profile as profiles
from lanectl.formats.credential import credentials
from lanectl.model.display import display
from lanectl.model.lane import VARIABLE, Lane, Profile

if TYPE_CHECKING:
    from collections.abc import Mapping

_OTHERS_MAY_WRITE = 0o022
_OTHERS_MAY_READ = 0o077


def read_profile(path: str, data: bytes, mode: int) -> Profile:
    """Return the profile in a file with these permission bits.

    Raises LaneViolation if others may write it, or read a secret in it; UsageError as the format.
    """
    profile = profiles.read(data, path)
    secret = any(c.kind.is_secret for c in credentials(profile.variables))
    if mode & (_OTHERS_MAY_READ if secret else _OTHERS_MAY_WRITE):
        raise LaneViolation(
            f"the profile {display(path)} is not yours alone (mode {mode:04o})",
            why="others can read a secret in it" if secret else "others can write it",
            remedies=(Remedy("Make it yours alone.", ("chmod", "600", path)),),
        )
    return profile


def declared(profile: Profile | None, variables: Mapping[str, str]) -> Lane | None:
    """Return the lane that the profile or the variable declares, or None where neither does.

    Raises UsageError for an unknown lane, LaneViolation where the two disagree.
    """
    name = variables.get(VARIABLE, "")
    lane = profiles.lane_named(name, "the environment") if name else None
    if profile is None or lane in {None, profile.lane}:
        return profile.lane if profile else lane
    raise LaneViolation(
        f"{VARIABLE} says {lane}, the profile {display(profile.path)} says {profile.lane}",
        remedies=(
            Remedy(f"Take {VARIABLE} out of the environment, or name the other lane's profile."),
        ),
    )


def require(needed: Lane | None, lane: Lane, command: str) -> None:
    """Refuse a command that needs the other lane. Raises LaneViolation."""
    if needed not in {None, lane}:
        raise LaneViolation(
            f"`lanectl {command}` belongs to the {needed} lane; this is the {lane} lane",
            remedies=(
                Remedy(
                    f"Run it where the {needed} lane is declared.",
                    ("lanectl", "--profile", f".env.{needed}", *command.split()),
                ),
            ),
        )


def refuse_credentials(lane: Lane, variables: Mapping[str, str]) -> None:
    """Refuse to go on with a credential that `lane` may not hold. Raises LaneViolation."""
    found = forbidden(lane, variables)
    if not found:
        return
    names = list(dict.fromkeys(display(c.variable) for c in found))
    remedies = [
        Remedy(
            "Take out of this environment, and of the profile, what belongs to the other lane.",
            ("unset", *names),
        )
    ]
    if lane is Lane.CODEX:
        exec_ = ("lanectl", "--profile", ".env.codex", "lane", "exec", "codex", "--", "CMD")
        remedies.append(Remedy("Or start what needs this lane from the profile alone.", exec_))
    raise LaneViolation(
        f"the {lane} lane must not hold {', '.join(names)}",
        why="; ".join(f"{display(c.variable)} is {c.kind.value}" for c in found),
        remedies=tuple(remedies),
    )
