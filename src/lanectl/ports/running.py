"""What `lane exec` needs of the machine: a sandbox, and a way to start a command in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Enclosure(Struct, frozen=True):
    """What a command may see: one writable folder; parts that are read-only; paths that are hidden."""

    work_tree: str
    read_only: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


class Runner(Protocol):
    """Starts the command of `lane exec`, in an enclosure where the machine can make one."""

    def why_not(self, enclosure: Enclosure) -> str:
        """Return why no enclosure can be made here, tried for real, or an empty string."""
        ...

    def run(
        self, command: Sequence[str], variables: Mapping[str, str], enclosure: Enclosure | None
    ) -> int:
        """Run a command with these variables alone; return its exit code (128 + n: signal n)."""
        ...
