"""What the lanes' own commands, and the check before every command, work with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.adapters import system

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lanectl.model.lane import Profile


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
