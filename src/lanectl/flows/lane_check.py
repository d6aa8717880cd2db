"""lane check: try what the lane must not be able to do, judge what succeeded. Changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.checks import find, workflow
from lanectl.checks import lane as rules
from lanectl.checks.credential import forbidden, misfits
from lanectl.errors import LaneViolation, Remedy, UsageError
from lanectl.model.display import display
from lanectl.model.lane import Act, Attempt, Lane

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lanectl.model.report import Fault, Finding

    Environments = Iterable[tuple[str, Mapping[str, str] | None]]


class LaneReport(Struct, frozen=True):
    """What was tried in a lane, and a finding for everything that must not have succeeded."""

    lane: Lane
    attempts: tuple[Attempt, ...]
    findings: tuple[Finding, ...]


def lane_to_check(wanted: Lane | None, declared: Lane | None) -> Lane:
    """Return the lane to check. Raises UsageError for none, LaneViolation where two disagree."""
    if wanted and declared and wanted is not declared:
        raise LaneViolation(
            f"--lane says {wanted}, the {declared} lane is declared",
            remedies=(Remedy("Check a lane where it is declared, or where none is."),),
        )
    lane = wanted or declared
    if lane is None:
        raise UsageError(
            "no lane is declared",
            remedies=(
                Remedy("Say which to check.", ("lanectl", "lane", "check", "--lane", "codex")),
            ),
        )
    return lane


def check(
    lane: Lane,
    *,
    variables: Mapping[str, str],
    environments: Environments,
    probes: Sequence[Iterable[Attempt]],
    workflows: Mapping[str, bytes],
) -> LaneReport:
    """Return what came of every attempt, in order.

    `environments` are those of other processes and files by their names (None: cannot be read);
    `probes` are lazy: each makes its attempts while it is read. `workflows` are by path.
    """
    attempts = [
        *_environments(lane, [("this process", variables), *environments]),
        *(attempt for probe in probes for attempt in probe),
        *(_supabase(variables) if lane is Lane.CLAUDE else ()),
    ]
    faults = [*rules.check(lane, attempts), *judge_workflows(workflows)]
    return LaneReport(lane, tuple(attempts), tuple(dict.fromkeys(find(faults))))


def judge_workflows(workflows: Mapping[str, bytes]) -> Iterable[Fault]:
    """Return what a push to `feature/**` or its pull request can start and reach."""
    return workflow.check(workflows)


def _environments(lane: Lane, environments: Environments) -> Iterator[Attempt]:
    for name, variables in environments:
        if variables is None:
            yield Attempt(Act.ENVIRONMENT, name, succeeded=False, got="it cannot be read")
            continue
        held = forbidden(lane, variables)
        for found in held:
            where = f"{name}: {display(found.variable)}"
            yield Attempt(Act.ENVIRONMENT, where, succeeded=True, got=found.kind.value)
        if not held:
            said = f"nothing that the {lane} lane must not hold"
            yield Attempt(Act.ENVIRONMENT, name, succeeded=False, got=said)


def _supabase(variables: Mapping[str, str]) -> Iterator[Attempt]:
    for variable, why in misfits(variables):
        yield Attempt(Act.SUPABASE_ROLE, display(variable), succeeded=True, got=why)
