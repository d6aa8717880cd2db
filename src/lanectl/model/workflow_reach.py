"""Which workflows the push of a handoff's branch, or its pull request, can start, and as whose code.

Facts only. What needs a person's hand or the clock (`workflow_dispatch`, `schedule`) is not started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lanectl.model.workflow import Trigger, Workflow

_OF_THE_CHANGE = {
    "create", "deployment", "deployment_status", "merge_group", "pull_request", "pull_request_review",
    "pull_request_review_comment", "push",
}  # fmt: skip
"""The workflow itself is read from the change, or from its merge with the target."""

_OF_THE_TARGET = {
    "check_run", "check_suite", "issue_comment", "pull_request_comment", "pull_request_target", "status",
}  # fmt: skip
"""The workflow is read from the target or the default branch, with all of the repository's rights."""

_FILTERED_BY_TARGET = {"merge_group", "pull_request", "pull_request_target"}
_CHAINED = "workflow_run"
_LOCAL = "./"


class Reached(Struct, frozen=True):
    """A workflow that can be started: by which events, itself (`started`) or through a caller."""

    workflow: Workflow
    started: frozenset[str]
    called: frozenset[str]

    @property
    def events(self) -> frozenset[str]:
        """Every event at the beginning of a run that this workflow is part of."""
        return self.started | self.called

    @property
    def is_of_the_change(self) -> bool:
        """Whether the workflow runs as the change has it, so that all of it is the Builder's code."""
        return bool(self.events & _OF_THE_CHANGE)


def reach(workflows: Sequence[Workflow], target: str | None) -> tuple[Reached, ...]:
    """Return the workflows that can be started, in the given order.

    `target` is the branch that the pull request is for; None stands for any.
    """
    started = {w.path: {t.event for t in w.triggers if _starts(t, target)} for w in workflows}
    called: dict[str, set[str]] = {w.path: set() for w in workflows}
    before = -1
    while (now := sum(map(len, (*started.values(), *called.values())))) != before:
        before = now
        running = {w.name for w in workflows if started[w.path]}
        for workflow in workflows:
            if any(_follows(t, running, target) for t in workflow.triggers):
                started[workflow.path].add(_CHAINED)
            for path in _calls(workflow, called):
                called[path] |= started[workflow.path] | called[workflow.path]
    return tuple(
        Reached(w, frozenset(started[w.path]), frozenset(called[w.path]))
        for w in workflows
        if started[w.path] or called[w.path]
    )


def _starts(trigger: Trigger, target: str | None) -> bool:
    """Whether the handoff's push or pull request is this event, filters considered."""
    if trigger.event == "push":
        if trigger.branches is None:
            return not trigger.tags_only
        return trigger.branches.admits_a_handoff()
    if trigger.event in _FILTERED_BY_TARGET:
        return _admits(trigger, target)
    return trigger.event in _OF_THE_CHANGE | _OF_THE_TARGET


def _follows(trigger: Trigger, running: set[str], target: str | None) -> bool:
    """Whether this waits for one of the running workflows; on their branch, or on the target."""
    if trigger.event != _CHAINED or running.isdisjoint(trigger.workflows):
        return False
    of_handoff = trigger.branches is None or trigger.branches.admits_a_handoff()
    return of_handoff or _admits(trigger, target)


def _admits(trigger: Trigger, target: str | None) -> bool:
    return trigger.branches is None or target is None or trigger.branches.admits(target)


def _calls(workflow: Workflow, known: Mapping[str, object]) -> Iterator[str]:
    """Yield the paths of the workflows of this repository that a job calls."""
    for job in workflow.jobs:
        path = job.uses.removeprefix(_LOCAL)
        if job.uses.startswith(_LOCAL) and path in known:
            yield path
