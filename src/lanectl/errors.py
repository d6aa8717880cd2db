"""The one family of errors and the table of exit codes. Imports nothing of ours.

An error says what is wrong, why, and what to do. A *finding* (a broken rule) is data and lives in
`model/report.py`; an error means that nothing could be judged or done.
"""

from __future__ import annotations

import enum

from msgspec import Struct


class ExitCode(enum.IntEnum):
    """What the process tells the shell. These numbers are API."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    UNJUDGED = 3
    HELD = 4
    CONFLICT = 5
    LANE = 6
    GATE = 7
    UNAVAILABLE = 8
    BUG = 70

    @property
    def meaning(self) -> str:
        """The line that the documentation prints for this code."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.OK: "done, or judged good",
    ExitCode.FINDINGS: "judged, and bad (findings)",
    ExitCode.USAGE: "wrong usage",
    ExitCode.UNJUDGED: "could not judge or act (no trust, unreadable, access refused)",
    ExitCode.HELD: "held: waits for an approval",
    ExitCode.CONFLICT: "conflict (the change no longer merges, branch taken)",
    ExitCode.LANE: "lane violation",
    ExitCode.GATE: "gate closed",
    ExitCode.UNAVAILABLE: "an outside system is unavailable",
    ExitCode.BUG: "a bug in lanectl",
}


class Remedy(Struct, frozen=True):
    """What to do: a sentence, and where there is one, a command as an argument list.

    The argument list comes from a closed template; untrusted text in it is quoted when shown.
    """

    text: str
    command: tuple[str, ...] = ()


class LaneError(Exception):
    """Base of every error that a user can meet."""

    exit_code: ExitCode = ExitCode.UNJUDGED

    def __init__(self, what: str, *, why: str = "", remedies: tuple[Remedy, ...] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.remedies = remedies


class UsageError(LaneError):
    """The command line asks for something that cannot be."""

    exit_code = ExitCode.USAGE


class UnreadableError(LaneError):
    """Something that must be read is missing, malformed or out of reach."""


class UntrustedError(LaneError):
    """There is no trust to judge by: no operator file, no keyring at the target's tip."""


class HeldError(LaneError):
    """Nothing is wrong with the handoff, but somebody must allow it to go on."""

    exit_code = ExitCode.HELD


class ConflictError(LaneError):
    """The repository holds something that this handoff must not replace."""

    exit_code = ExitCode.CONFLICT


class RefusedError(LaneError):
    """An outside system answered, and refuses: a bad token, a missing scope, nothing there."""


class UnavailableError(LaneError):
    """An outside system does not answer, or not now; the same command may succeed later."""

    exit_code = ExitCode.UNAVAILABLE


class LaneViolation(LaneError):  # noqa: N818 - the exit code's own words
    """A command, a credential or a file is in the wrong lane. Names variables, never their values."""

    exit_code = ExitCode.LANE
