"""Which lane every command needs, and the one place where a command in the wrong lane stops."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from typer.core import TyperCommand

from lanectl.model.lane import VARIABLE, Lane

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import typer

NEEDS: Final[Mapping[str, Lane | None]] = {
    "init": None,
    "keys new": None,
    "keys list": Lane.CLAUDE,
    "keys revoke": Lane.CLAUDE,
    "keys impact": Lane.CLAUDE,
    "keys rotate": None,
    "keys export": None,
    "approve": Lane.CLAUDE,
    "freeze": Lane.CLAUDE,
    "pack": Lane.CODEX,
    "sign": Lane.CODEX,
    "inspect": None,
    "policy show": None,
    "policy explain": None,
    "policy root": None,
    "policy endorse": None,
    "verify": None,
    "apply": Lane.CLAUDE,
    "rollback": Lane.CLAUDE,
    "lane": None,
    "ledger show": None,
    "ledger verify": Lane.CLAUDE,
    "ledger export": Lane.CLAUDE,
    "ledger reconcile": Lane.CLAUDE,
    "ledger migrate": Lane.CLAUDE,
}
"""Every command by its first words; None: any lane. A command that is not here cannot be run."""

COMMANDS: Final = tuple(dict.fromkeys(words.split()[0] for words in NEEDS))
"""The first word of every command, which is the name of its module."""


def lane_of(words: Sequence[str]) -> Lane | None:
    """Return which lane a command needs, by the most of its words that are known.

    Raises KeyError for a command that is not in the table.
    """
    for count in range(len(words), 1, -1):
        if " ".join(words[:count]) in NEEDS:
            return NEEDS[" ".join(words[:count])]
    return NEEDS[words[0]]


class LaneCommand(TyperCommand):
    """A command that runs only in its lane. Its help and its usage errors come first."""

    def invoke(self, ctx: Any) -> Any:
        """Stop with LaneViolation, or run the command; `ctx.obj` is the declared lane's profile."""
        with _entered(ctx):
            return super().invoke(ctx)


@contextlib.contextmanager
def _entered(ctx: typer.Context) -> Iterator[None]:
    from lanectl.wiring import lane as wiring

    path = ctx.find_root().params.get("_profile")
    fd = ctx.params.get("_passphrase_fd")
    options = {} if fd is None else {wiring.PASSPHRASE_FD: str(fd)}
    wiring.adopt(options)
    try:
        if path is not None or wiring.environment().get(VARIABLE):
            ctx.obj = _check(_command(ctx), path, options)
        yield
    finally:
        wiring.adopt({})


def _check(command: list[str], path: str | None, options: Mapping[str, str]) -> Any:
    """Adopt the profile and judge; return it, or None where a variable declares the lane."""
    from lanectl.flows import lane as flow
    from lanectl.wiring import lane as wiring

    profile = wiring.load_profile(path) if path is not None else None
    lane = flow.declared(profile, wiring.environment())
    if profile is not None:
        wiring.adopt({**profile.variables, **options})
    if lane is not None:
        flow.require(lane_of(command), lane, " ".join(command))
        if (
            command[0] != "lane"
        ):  # `lane check` reports what is there, `lane exec` passes none of it on
            flow.refuse_credentials(lane, wiring.environment())
    return profile


def _command(ctx: typer.Context) -> list[str]:
    """Return the words of the command that runs, without the program's name."""
    return (ctx.command_path or "").split()[1:]
