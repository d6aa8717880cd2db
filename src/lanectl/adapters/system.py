"""Clock, randomness and environment: the only place that asks for them."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_profile: dict[str, str] = {}


class RealSystem:
    """Implements `ports.System` over the machine."""

    def now(self) -> datetime:
        """Return the present time in UTC, whole seconds."""
        return datetime.now(UTC).replace(microsecond=0)

    def nonce(self) -> str:
        """Return 32 random hex digits."""
        return os.urandom(16).hex()


def environment() -> dict[str, str]:
    """Return a copy of the process environment, with the profile that was adopted laid over it."""
    return {**os.environ, **_profile}


def adopt(variables: Mapping[str, str]) -> None:
    """Lay a profile's variables over the environment, in place of those adopted before."""
    _profile.clear()
    _profile.update(variables)
