"""What the lanes' own commands, and the check before every command, work with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.adapters import system
from lanectl.adapters.passphrase import VARIABLE as PASSPHRASE_FD
from lanectl.model.lane import Lane

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lanectl.model.lane import Attempt, Profile
    from lanectl.ports.running import Enclosure, Runner


__all__ = ["PASSPHRASE_FD"]


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


def top_of(start: str) -> str:
    """Return the top of the work tree at or above `start`, or the folder of a bare repository."""
    import os

    from lanectl.model.settings import Limits
    from lanectl.wiring.common import open_git

    with open_git(start, Limits()) as (_, repository, _scratch):
        return os.fsdecode(repository.top or repository.git_dir)


def enclosure(start: str, profile: Profile | None) -> Enclosure:
    """Return what a command of the codex lane may see, in the repository at or above `start`."""
    from lanectl.adapters.places import enclosure_of

    named = profile.path if profile else None
    return enclosure_of(top_of(start), system.environment(), named, _pinned_ledger())


def runner() -> Runner:
    """Return what starts commands."""
    from lanectl.adapters.sandbox import CommandRunner

    return CommandRunner()


def environments(
    lane: Lane, start: str, named: str | None
) -> Iterator[tuple[str, Mapping[str, str] | None]]:
    """Yield what a lane's profiles and the processes that this one comes from were given."""
    from lanectl.adapters.probes import files, machine

    yield from files.profiles(lane, top_of(start), named)
    yield from machine.parents()


def probes(
    lane: Lane, start: str, named: str | None, reach: Sequence[tuple[str, int]]
) -> list[Iterable[Attempt]]:
    """Return the attempts of a lane, each made when it is read; `reach` are addresses to try."""
    from lanectl.adapters.probes import files, machine, remote

    variables, top = system.environment(), top_of(start)
    git = remote.UserGit(top, variables)
    own: list[Iterable[Attempt]] = [
        files.reading(lane, variables, top, named, _pinned_ledger()),
        files.modes(variables, top, named),
        files.seen_by_git(git),
        files.same_key(git, variables),
    ]
    if lane is Lane.CLAUDE:
        return own
    remotes = git.remotes()
    hosts = [(end[1], end[2]) for r in remotes if (end := r.endpoint)]
    return [
        remote.push(git, remotes, system.RealSystem().nonce()),
        machine.network([*hosts, *reach]),
        remote.settings(git),
        remote.helpers(git, remotes),
        machine.ssh_agent(variables),
        *own,
    ]


def _pinned_ledger() -> tuple[str, ...]:
    """Return where the operator put an embedded ledger, if not into the state folder."""
    from lanectl.errors import LaneError
    from lanectl.wiring.common import operator_file, pinned_by

    try:
        operator = pinned_by(operator_file())
    except LaneError:  # who cannot read it is told so by the probes
        return ()
    path = operator.ledger.path if operator else ""
    return tuple(path + end for end in ("", "-wal", "-shm")) if path else ()


def workflows(start: str) -> Mapping[str, bytes]:
    """Return the workflow files of the commit that is checked out, by path."""
    from lanectl.adapters.probes.remote import UserGit, workflows

    return workflows(UserGit(top_of(start), system.environment()))
