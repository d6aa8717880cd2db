"""What judging a folder of bundles needs of the world: where they lie, and a target for each alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from lanectl.ports import TargetRepository


class SharedTarget(Protocol):
    """One target that many bundles are judged by; nothing that one writes is there for another."""

    def apart(self) -> AbstractContextManager[TargetRepository]:
        """Lend the target to one bundle."""
        ...


class Inbox(Protocol):
    """A folder of bundles."""

    def read(self, place: bytes, limits: Mapping[str, int]) -> Mapping[str, bytes]:
        """Return the files of the bundle at a place by what their names add to the archive's.

        `limits` are the bytes that each may have; the archive's own suffix is "". Raises
        UnreadableError.
        """
        ...
