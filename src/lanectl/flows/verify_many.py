"""Verify one bundle of many: whatever it is, it costs the others nothing. Changes nothing.

All are judged by one trust, each by a target of its own (`ports.many.SharedTarget`).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.errors import ExitCode, LaneError, UnreadableError
from lanectl.flows.verify import verify
from lanectl.formats import admission, envelope
from lanectl.model.bundle import ADMISSION_SUFFIX
from lanectl.model.report import Outcome
from lanectl.model.submission import SUFFIXES, Submission

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lanectl.model.evidence import Trust
    from lanectl.model.report import VerificationReport
    from lanectl.model.settings import Limits
    from lanectl.ports import System
    from lanectl.ports.many import Inbox, SharedTarget
    from lanectl.ports.signing import GpgReader


class Court(Struct, frozen=True):
    """What all bundles are judged by. Without `replay` the steps that need the base are left out."""

    trust: Trust | None
    untrusted: LaneError | None
    target: SharedTarget | None
    system: System
    limits: Limits
    replay: bool = True
    gpg: GpgReader | None = None


class Judged(Struct, frozen=True):
    """What became of one bundle: its report, or why there is none. `place` is a path."""

    place: bytes
    report: VerificationReport | None = None
    problem: LaneError | None = None

    @property
    def outcome(self) -> Outcome:
        """The report's outcome; what could not be judged is unverified."""
        return self.report.outcome if self.report else Outcome.UNVERIFIED

    @property
    def code(self) -> ExitCode:
        """What this one alone would mean to the shell."""
        return self.problem.exit_code if self.problem else CODES[self.outcome]


CODES = {
    Outcome.ACCEPTED: ExitCode.OK,
    Outcome.REJECTED: ExitCode.FINDINGS,
    Outcome.HELD: ExitCode.HELD,
    Outcome.UNVERIFIED: ExitCode.UNJUDGED,
}
"""What the outcome of a report means to the shell."""

_GRAVEST = (ExitCode.BUG, ExitCode.FINDINGS)


def judge(place: bytes, inbox: Inbox, court: Court) -> Judged:
    """Return the judgement over the bundle at a place; what cannot be read or judged is one, too."""
    try:
        files = inbox.read(place, _most(court.limits))
        with contextlib.ExitStack() as stack:
            target = stack.enter_context(court.target.apart()) if court.target else None
            report = verify(
                Submission.of(files[""], files),
                trust=court.trust, untrusted=court.untrusted, repository=target,
                system=court.system, admission=files.get(ADMISSION_SUFFIX), replay=court.replay, gpg=court.gpg,
            )  # fmt: skip
    except LaneError as error:
        return Judged(place, problem=error)
    except OSError as error:  # the machine's word: no space, no permission
        return Judged(place, problem=UnreadableError(error.strerror or "input or output failed"))
    return Judged(place, report)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the one exit code for many: a bug's, then a rejected one's, then why one is not judged."""
    found = set(codes)
    return next((code for code in _GRAVEST if code in found), max(found))


def _most(limits: Limits) -> dict[str, int]:
    """Return the bytes that each file of a bundle may have."""
    return {
        "": limits.inflated + (1 << 20),  # compressed bytes can be a little more than the inflated
        **dict.fromkeys(SUFFIXES, envelope.FILE_LIMIT),
        ADMISSION_SUFFIX: admission.FILE_LIMIT,
    }
