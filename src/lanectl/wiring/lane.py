"""What the lanes' own commands, and the check before every command, work with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.adapters import system

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lanectl.model.lane import Profile
    from lanectl.ports import Enclosure, Runner


def load_profile(path: str) -> Profile:
    """Return the profile that a person named; nothing is adopted yet."""
    from lanectl.adapters import files
    from lanectl.flows.lane import read_profile
    from lanectl.formats.profile import LIMIT

    data, mode = files.read_with_mode(path, limit=LIMIT)
    return read_profile(path, data, mode)


def adopt(variables: Mapping[str, str]) -> None:
    """Lay a profile's variables over the environment of this process."""
    system.adopt(variables)


def environment() -> dict[str, str]:
    """Return the environment with the adopted profile."""
    return system.environment()


def enclosure(start: str, profile: Profile | None) -> Enclosure:
    """Return what a command of the codex lane may see, in the repository at or above `start`."""
    import os

    from lanectl.adapters.places import enclosure_of
    from lanectl.model.settings import Limits
    from lanectl.wiring.common import open_git

    with open_git(start, Limits()) as (_, repository, _scratch):
        top = os.fsdecode(repository.top or repository.git_dir)
    return enclosure_of(top, system.environment(), profile.path if profile else None)


def runner() -> Runner:
    """Return what starts commands."""
    from lanectl.adapters.sandbox import CommandRunner

    return CommandRunner()
