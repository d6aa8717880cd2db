"""Workflow: what a pushed handoff's code could reach through the repository's own CI.

Applied is not trusted: the branch of a handoff starts jobs before anybody has reviewed it. Only
what can be started is judged; action pins and the like are left to linters of workflows.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.formats.workflow_expressions import outsiders_words, secrets
from lanectl.model.report import Fault, MalformedError, Rule
from lanectl.model.workflow import EVERY_SCOPE
from lanectl.model.workflow_reach import reach

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lanectl.model.workflow import Job, Step
    from lanectl.model.workflow_reach import Reached

_NARROW = Remedy(
    "Let this workflow not start on `feature/**` or its pull request, or take the right from the job "
    "and do what needs it in a workflow that starts after the merge."
)

RULES = (
    Rule(
        "workflow/malformed",
        "A workflow cannot be read in one way only",
        "What it would give to the Builder's code is not known.",
        Remedy("Write it in plain YAML, as GitHub documents it; or delete it."),
        example="a workflow with a key twice",
    ),
    Rule(
        "workflow/secret",
        "A secret is within reach of the Builder's code",
        "A job that runs the change before its review hands it the secret.",
        _NARROW,
        example="a workflow on `push` to every branch that uses `secrets.DEPLOY_KEY`",
    ),
    Rule(
        "workflow/write-token",
        "A token that may write is within reach of the Builder's code",
        "The change could push, approve, publish or start other workflows before its review.",
        _NARROW,
        example="`permissions: write-all` in a workflow on `pull_request`",
    ),
    Rule(
        "workflow/default-token",
        "What the token may do stands in the repository's settings, not in the workflow",
        "Without `permissions` the repository's default holds, which may be write access.",
        Remedy("Write `permissions: {}` at the top, and what each job needs at the job."),
        example="a workflow on `push` without `permissions`",
    ),
    Rule(
        "workflow/id-token",
        "An identity token (OIDC) is within reach of the Builder's code",
        "The change could act as this repository wherever that identity is trusted.",
        _NARROW,
        example="`id-token: write` in a job that runs the tests",
    ),
    Rule(
        "workflow/self-hosted",
        "The Builder's code may run on a machine that GitHub does not throw away",
        "It could stay there, read what other jobs leave, and reach the network around it.",
        Remedy("Run it on a GitHub-hosted runner that is named by its plain label."),
        example="`runs-on: [self-hosted, linux]` on `pull_request`",
    ),
    Rule(
        "workflow/head",
        "A workflow with the target's rights fetches the change",
        "`pull_request_target`, `workflow_run` and comments run with secrets and a token of the "
        "target; what they check out and build is then the Builder's.",
        Remedy("Check out the target only, or do the work on `pull_request` without any right."),
        example="`pull_request_target` with a checkout of `github.event.pull_request.head.sha`",
    ),
    Rule(
        "workflow/injection",
        "A script holds words that whoever opens a pull request chooses",
        "GitHub puts them into the script before the shell reads it, so they run.",
        Remedy("Pass them through `env` and quote the variable in the script."),
        example="`run: echo ${{ github.event.pull_request.title }}`",
    ),
    Rule(
        "workflow/self-verified",
        "The workflow that verifies comes from the change",
        "Who is judged could change the judge: on these events GitHub reads the workflow from the "
        "change itself.",
        Remedy("Verify on `pull_request_target`, as examples/ci/verify.yml does."),
        example="a workflow on `pull_request` that runs `lanectl verify`",
    ),
)

_HOSTED = re.compile(
    r"(ubuntu|windows|macos)-(latest|slim|\d{1,4}(\.\d{2})?)(-(arm|intel|large|xlarge))?"
)
_VERIFIES = re.compile(r"""\blanectl["'\s\\]+verify\b""")
_CHECKOUT = re.compile(r"[^@]*\bcheckout(@|$)")
_OF_TARGET = re.compile(
    r"\$\{\{\s*github\.(base_ref|ref|sha|repository|event\.pull_request\.base\.[\w.]+"
    r"|event\.repository\.(default_branch|full_name))\s*\}\}"
)
_HEAD = re.compile(r"head_ref|pull_request\.head|workflow_run\.head_")
_PULL = re.compile(r"\bpull/(\S*+)")  # to the end of the word, so that no part is read twice
_OF_PULL = re.compile(r"(head|merge)\b")
_FETCHES = re.compile(r"\bgit\s|\bgh\s+repo\s+clone\b")
_TAKES = re.compile(r"\bgh\s+pr\s+checkout\b")


def check(workflows: Mapping[str, bytes], *, target: str | None = None) -> Iterator[Fault]:
    """Yield what a handoff's code could reach through these workflows, by their paths.

    `target` is the branch that pull requests are for; None stands for any. For a change that
    touches workflows this is to be asked about its result tree: on most events that is what runs.
    """
    from lanectl.formats import workflow as workflows_format  # loads PyYAML

    read = []
    for path, data in sorted(workflows.items()):
        try:
            read.append(workflows_format.read(path, data))
        except MalformedError as error:
            yield error.fault
    for found in reach(read, target):
        yield from dict.fromkeys(_judge(found))


def _judge(found: Reached) -> Iterator[Fault]:
    workflow, events = found.workflow, ", ".join(sorted(found.events))
    is_any_builders = False
    for job in workflow.jobs:
        where = f"{workflow.path}, job {job.id}, on {events}"
        words = list(_injections(job))
        head = [] if found.is_of_the_change else list(_heads(job))
        yield from (Fault("workflow/injection", where, w, "a variable of env") for w in words)
        yield from (Fault("workflow/head", where, h, "the target only") for h in head)
        if found.is_of_the_change or words or head:
            is_any_builders = True
            yield from _rights(found, job, where)
    if is_any_builders:
        yield from _secrets(workflow.texts, f"{workflow.path}, on {events}")


def _rights(found: Reached, job: Job, where: str) -> Iterator[Fault]:
    """Yield what a job that runs the Builder's code has."""
    yield from _secrets(job.texts, where)
    if job.inherits_secrets:
        yield Fault("workflow/secret", where, "secrets: inherit", "no secret")
    yield from _token(found, job, where)
    if job.runner.group:
        yield Fault("workflow/self-hosted", where, f"group {job.runner.group}", "a hosted label")
    for label in job.runner.labels:
        if not _HOSTED.fullmatch(label):
            yield Fault("workflow/self-hosted", where, label, "a hosted label")
    if found.is_of_the_change and any(_VERIFIES.search(step.run) for step in job.steps):
        yield Fault("workflow/self-verified", where, "lanectl verify", "pull_request_target")


def _secrets(texts: tuple[str, ...], where: str) -> Iterator[Fault]:
    for name in sorted({name for text in texts for name in secrets(text)}):
        yield Fault("workflow/secret", where, name, "no secret")


def _token(found: Reached, job: Job, where: str) -> Iterator[Fault]:
    """Yield what the token may do. A called workflow that says nothing has its caller's token."""
    said = job.permissions if job.permissions is not None else found.workflow.permissions
    if said is None:
        if found.started:
            yield Fault("workflow/default-token", where, "no permissions", "permissions: {}")
        return
    writes = sorted(scope for scope, access in said.items() if access == "write")
    for scope in writes:
        if scope != "id-token":
            yield Fault("workflow/write-token", where, f"{scope}: write", "read, or none")
    if not {"id-token", EVERY_SCOPE}.isdisjoint(writes):
        yield Fault("workflow/id-token", where, "id-token: write", "none")


def _injections(job: Job) -> Iterator[str]:
    for step in job.steps:
        script = step.inputs.get("script", "") if "github-script" in step.uses else ""
        for text in (step.run, script):
            yield from outsiders_words(text, step.env)


def _heads(job: Job) -> Iterator[str]:
    """Yield how a job fetches the change, as far as its text shows it."""
    for step in job.steps:
        if _CHECKOUT.match(step.uses):
            for name in ("ref", "repository"):
                value = step.inputs.get(name, "")
                if "${{" in _OF_TARGET.sub("", value) or _names_head(value):
                    yield f"{name}: {value}"
        elif _takes_head(step):
            yield step.run.strip().split("\n")[0]


def _takes_head(step: Step) -> bool:
    if _TAKES.search(step.run):
        return True
    seen = (step.run, *step.env.values())
    return bool(_FETCHES.search(step.run)) and any(_names_head(text) for text in seen)


@lru_cache(maxsize=1024)  # every step sees the env of its workflow
def _names_head(text: str) -> bool:
    return _HEAD.search(text) is not None or any(
        _OF_PULL.search(rest) for rest in _PULL.findall(text)
    )
