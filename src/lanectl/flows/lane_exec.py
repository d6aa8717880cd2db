"""lane exec: a command of the codex lane, with an environment from the profile alone. Inherits nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lanectl.errors import LaneViolation, Remedy, UsageError
from lanectl.flows.lane import refuse_credentials
from lanectl.model.display import display
from lanectl.model.lane import VARIABLE, Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lanectl.model.lane import Profile
    from lanectl.ports.running import Enclosure, Runner

BASICS: Final = (
    "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "USER", "LOGNAME", "TMPDIR", "TZ",
)  # fmt: skip
"""What every program may need to know of its machine; all else comes from the profile."""

KEPT_BACK: Final = frozenset({"LANECTL_BUILDER_KEY", "LANECTL_PASSPHRASE_FD", "SSH_AUTH_SOCK"})
"""What a codex profile may say, but an agent need not know."""

NOT_ENFORCED: Final = (
    "network: the command can reach any address",
    "files: the command can write outside the work tree, and `.git`",
    "keys: the command can read the signing key, the other lane's files and log-ins of this user",
    "processes: the command can read the environment of other processes of this user",
)
"""What only an enclosure keeps a command from."""


def environment_of(
    lane: Lane, profile: Profile | None, inherited: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of a command that is to run in a lane.

    Raises UsageError for any lane but codex; LaneViolation: the profile is another lane's, or holds
    what the codex lane must not hold.
    """
    if lane is not Lane.CODEX:
        raise UsageError(
            f"nothing is run in the {lane} lane",
            why="its credentials are lanectl's own and are passed to no command",
            remedies=(Remedy("Call lanectl itself.", ("lanectl", "--profile", ".env.claude")),),
        )
    variables = dict(profile.variables) if profile else {}
    if profile is not None and profile.lane is not Lane.CODEX:
        raise LaneViolation(
            f"the profile {display(profile.path)} is the {profile.lane} lane's",
            remedies=(Remedy("Name the codex lane's profile with --profile."),),
        )
    refuse_credentials(Lane.CODEX, variables)
    basics = {name: inherited[name] for name in BASICS if name in inherited}
    wanted = {k: v for k, v in variables.items() if k not in KEPT_BACK}
    return {**basics, **wanted, VARIABLE: Lane.CODEX.value}


def execute(
    command: Sequence[str],
    *,
    variables: Mapping[str, str],
    runner: Runner,
    enclosure: Enclosure,
    required: bool,
    say: Callable[[str], None],
) -> int:
    """Run a command of the codex lane and return its exit code.

    Without an enclosure, `say` hears line by line what is not enforced. Raises LaneViolation if an
    enclosure is required and cannot be made.
    """
    reason = runner.why_not(enclosure)
    if not reason:
        return runner.run(command, {**variables, "TMPDIR": "/tmp"}, enclosure)  # noqa: S108 - its own
    if required:
        raise LaneViolation(
            "no sandbox can be made here",
            why=display(reason),
            remedies=(
                Remedy("Install bubblewrap (`bwrap`), or run outside of another sandbox."),
                Remedy("Or leave --require-sandbox out and read what is not enforced."),
            ),
        )
    say(f"no sandbox: {display(reason)}")
    for line in NOT_ENFORCED:
        say(f"NOT enforced: {line}")
    return runner.run(command, variables, None)
