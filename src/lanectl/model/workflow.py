"""A GitHub Actions workflow, as far as it says what can start it and what its jobs can reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lanectl.model.ref_filters import RefFilter

EVERY_SCOPE = "every scope"
"""The one scope of `permissions: read-all` and `write-all`."""


class Trigger(Struct, frozen=True):
    """One event of `on`. `branches` None: no filter. `tags_only`: pushed branches start nothing.

    `workflows` are the names that a `workflow_run` waits for. Filters by path are left out: who
    writes the change chooses its paths.
    """

    event: str
    branches: RefFilter | None = None
    tags_only: bool = False
    workflows: tuple[str, ...] = ()


class Runner(Struct, frozen=True):
    """Where a job runs: labels with `matrix` resolved, and the name of a group of runners."""

    labels: tuple[str, ...]
    group: str = ""


class Step(Struct, frozen=True):
    """A step: an action with its inputs, or a script. `env` is everything that it can see."""

    uses: str
    run: str
    inputs: Mapping[str, str]
    env: Mapping[str, str]


class Job(Struct, frozen=True):
    """A job with its steps, or the call of another workflow (`uses`).

    `permissions` maps scopes to access (None: the job says nothing). `texts` are all its texts.
    """

    id: str
    uses: str
    runner: Runner
    permissions: Mapping[str, str] | None
    inherits_secrets: bool
    steps: tuple[Step, ...]
    texts: tuple[str, ...]


class Workflow(Struct, frozen=True):
    """A workflow by its path; `name` is the path where it says none. `texts` are those of no job."""

    path: str
    name: str
    triggers: tuple[Trigger, ...]
    permissions: Mapping[str, str] | None
    jobs: tuple[Job, ...]
    texts: tuple[str, ...]
