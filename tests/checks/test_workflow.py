"""What a handoff's code could reach through a repository's workflows: each rule broken, and not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.checks import RULES, find
from lanectl.checks.workflow import check
from lanectl.formats.workflow_expressions import outsiders_words, secrets
from lanectl.model.display import display

CI = ".github/workflows/ci.yml"
OTHER = ".github/workflows/other.yml"
ROOT = Path(__file__).parents[2]


def workflow(
    *, on: str = "push", top: str = "permissions: {}", job: str = "", step: str = "run: make"
) -> str:
    runner = "" if "runs-on" in job or "uses:" in job else "    runs-on: ubuntu-latest\n"
    steps = "" if "uses:" in job else f"    steps:\n    - {step}\n"
    return f"name: CI\non: {on}\n{top}\njobs:\n  build:\n{runner}{job}{steps}"


def found(*texts: str, target: str | None = "main") -> list[tuple[str, str]]:
    """Return rule and what was got for each finding over ci.yml, other.yml."""
    files = {path: text.encode() for path, text in zip((CI, OTHER), texts, strict=False)}
    findings = list(find(check(files, target=target)))
    assert all(f.where.startswith(".github/workflows/") for f in findings)
    return [(f.rule.id.removeprefix("workflow/"), f.got) for f in findings]


TARGET = "{pull_request_target: {branches: [main]}}"
HEAD = "uses: actions/checkout@v5\n      with: {ref: '${{ github.event.pull_request.head.sha }}'}"
KEYED = "run: make\n      env: {KEY: '${{ secrets.KEY }}'}"
CALL = "    uses: ./.github/workflows/other.yml\n"

BROKEN: dict[str, tuple[list[str], list[tuple[str, str]]]] = {
    "secret in a step": ([workflow(step=KEYED)], [("secret", "KEY")]),
    "secret in with": ([workflow(step="uses: a/b@v1\n      with: {t: '${{ secrets[''KEY''] }}'}")], [("secret", "KEY")]),
    "secret of the job": ([workflow(job="    env: {A: '${{ secrets.KEY || secrets.B }}'}\n")], [("secret", "B"), ("secret", "KEY")]),
    "secret of the workflow": ([workflow(top="permissions: {}\nenv: {A: '${{ secrets.KEY }}'}")], [("secret", "KEY")]),
    "secret in a condition": ([workflow(job="    if: secrets.KEY != ''\n")], [("secret", "KEY")]),
    "all secrets": ([workflow(step="run: make\n      env: {A: '${{ toJSON(secrets) }}'}")], [("secret", "all secrets")]),
    "dynamic secret": ([workflow(step="run: make\n      env: {A: '${{ secrets[matrix.x] }}'}")], [("secret", "all secrets")]),
    "inherited secrets": ([workflow(job="    uses: org/x/.github/workflows/y.yml@v1\n    secrets: inherit\n")], [("secret", "secrets: inherit")]),
    "write": ([workflow(top="permissions: {contents: write, issues: read}")], [("write-token", "contents: write")]),
    "write at the job": ([workflow(job="    permissions: {packages: write}\n")], [("write-token", "packages: write")]),
    "write-all": ([workflow(top="permissions: write-all")], [("write-token", "every scope: write"), ("id-token", "id-token: write")]),
    "no permissions": ([workflow(top="")], [("default-token", "no permissions")]),
    "empty permissions": ([workflow(top="permissions:")], [("default-token", "no permissions")]),
    "oidc": ([workflow(top="permissions: {id-token: write}")], [("id-token", "id-token: write")]),
    "self-hosted": ([workflow(job="    runs-on: [self-hosted, linux]\n")], [("self-hosted", "self-hosted"), ("self-hosted", "linux")]),
    "own label": ([workflow(job="    runs-on: big-machine\n")], [("self-hosted", "big-machine")]),
    "group": ([workflow(job="    runs-on: {group: ours, labels: ubuntu-latest}\n")], [("self-hosted", "group ours")]),
    "runner by expression": ([workflow(job="    runs-on: ${{ inputs.runner }}\n")], [("self-hosted", "${{ inputs.runner }}")]),
    "runner by matrix": (
        [workflow(job="    runs-on: ${{ matrix.os }}\n    strategy: {matrix: {os: [ubuntu-latest, mine]}}\n")],
        [("self-hosted", "mine")],
    ),
    "runner by an included matrix": (
        [workflow(job="    runs-on: ${{ matrix.os }}\n    strategy: {matrix: {os: [ubuntu-latest], include: [{os: mine}]}}\n")],
        [("self-hosted", "mine")],
    ),
    "runner by a computed matrix": (
        [workflow(job="    runs-on: ${{ matrix.os }}\n    strategy: {matrix: {os: '${{ fromJSON(x) }}'}}\n")],
        [("self-hosted", "${{ matrix.os }}")],
    ),
    "head": ([workflow(on=TARGET, step=HEAD)], [("head", "ref: ${{ github.event.pull_request.head.sha }}")]),
    "head by number": (
        [workflow(on=TARGET, step="uses: actions/checkout@v5\n      with: {ref: 'refs/pull/${{ github.event.number }}/merge'}")],
        [("head", "ref: refs/pull/${{ github.event.number }}/merge")],
    ),
    "head of an earlier step": (
        [workflow(on="issue_comment", step="uses: actions/checkout@v5\n      with: {ref: '${{ steps.pr.outputs.sha }}'}")],
        [("head", "ref: ${{ steps.pr.outputs.sha }}")],
    ),
    "head by gh": ([workflow(on="issue_comment", step="run: gh pr checkout 1")], [("head", "gh pr checkout 1")]),
    "head by git": (
        [workflow(on=TARGET, step="run: git fetch origin $SHA\n      env: {SHA: '${{ github.event.pull_request.head.sha }}'}")],
        [("head", "git fetch origin $SHA")],
    ),
    "head with a secret": (
        [workflow(on=TARGET, top="permissions: {contents: write}", step=HEAD + "\n    - " + KEYED)],
        [("head", "ref: ${{ github.event.pull_request.head.sha }}"), ("secret", "KEY"), ("write-token", "contents: write")],
    ),
    "injection": ([workflow(step="run: echo ${{ github.event.pull_request.title }}")], [("injection", "github.event.pull_request.title")]),
    "injected branch": ([workflow(step="run: echo ${{ github.head_ref }}")], [("injection", "github.head_ref")]),
    "injection by env": (
        [workflow(step="run: echo ${{ env.T }}\n      env: {T: '${{ github.event.issue.body }}'}")],
        [("injection", "env.t")],
    ),
    "injection into github-script": (
        [workflow(on=TARGET, step="uses: actions/github-script@v8\n      with: {script: 'x(`${{ toJSON(github.event) }}`)'}")],
        [("injection", "github.event")],
    ),
    "injection beside a secret": (
        [workflow(on="issue_comment", step="run: echo ${{ github.event.comment.body }}\n    - " + KEYED)],
        [("injection", "github.event.comment.body"), ("secret", "KEY")],
    ),
    "self-verified": ([workflow(on="pull_request", step="run: lanectl verify --pull-request 1")], [("self-verified", "lanectl verify")]),
    "called": ([workflow(job=CALL), workflow(on="workflow_call", step=KEYED)], [("secret", "KEY")]),
    "called twice over": (
        [workflow(job=CALL), workflow(on="workflow_call", job="    uses: ./.github/workflows/other.yml\n    secrets: inherit\n")],
        [("secret", "secrets: inherit")],
    ),
    "called without permissions": ([workflow(top="", job=CALL), workflow(on="workflow_call", top="")], [("default-token", "no permissions")]),
    "chained": (
        [workflow(), workflow(on="{workflow_run: {workflows: [CI]}}", step=HEAD.replace("pull_request.head.sha", "workflow_run.head_sha"))],
        [("head", "ref: ${{ github.event.workflow_run.head_sha }}")],
    ),
    "both events": ([workflow(on="[pull_request, pull_request_target]", step=KEYED)], [("secret", "KEY")]),
    "anchor": ([workflow(top="permissions: {}\nx-env: &e {A: '${{ secrets.KEY }}'}\nenv: *e")], [("secret", "KEY")]),
    "malformed": (["on: ["], [("malformed", "did not find expected node content in line 2")]),
    "no jobs": (["on: push"], [("malformed", "on")]),
    "two readings": ([workflow(top="permissions: {}\npermissions: write-all")], [("malformed", "duplicate key 'permissions'")]),
    "odd access": ([workflow(top="permissions: {contents: admin}")], [("malformed", "admin")]),
    "odd permissions": ([workflow(top="permissions: [x]")], [("malformed", "list")]),
    "too many variables": ([workflow(top="env: {" + ", ".join(f"a{n}: x" for n in range(129)) + "}")], [("malformed", "129 entries")]),
    "odd steps": ([workflow(step="run: [x]")], [("malformed", "list")]),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_within_reach_is_found(name: str) -> None:
    texts, expected = BROKEN[name]
    assert found(*texts) == expected


def test_every_rule_is_broken_once() -> None:
    rules = {f"workflow/{rule}" for _, expected in BROKEN.values() for rule, _ in expected}
    assert rules == {r for r in RULES if r.startswith("workflow/")}


EVERYTHING = {"top": "permissions: write-all", "step": KEYED}
STARTED = [
    "push", "[push]", "{push: null}", "{push: }", "{push: {branches: ['**']}}", "{push: {branches: ['feature/*']}}",
    "{push: {branches: [feature/fix-login]}}", "{push: {branches-ignore: [main]}}", "{push: {tags: ['v*'], branches: ['**']}}",
    "{push: {paths: [docs/**]}}", "{push: {paths-ignore: ['**']}}", "pull_request", "{pull_request: {branches: [main]}}",
    "{pull_request: {types: [closed]}}", "{pull_request: {branches: ['m*']}}", "create", "pull_request_review", "merge_group",
    "[workflow_dispatch, push]", "{schedule: [{cron: '0 0 * * *'}], push: {}}", "deployment",
]  # fmt: skip
NOT_STARTED = [
    "{push: {branches: [main]}}", "{push: {branches: ['*']}}", "{push: {branches: ['**', '!feature/**']}}",
    "{push: {branches-ignore: ['feature/**']}}", "{push: {tags: ['v*']}}", "{push: {tags-ignore: ['v*']}}",
    "{pull_request: {branches: [release/**]}}", "{pull_request: {branches-ignore: [main]}}", "workflow_dispatch", "issues",
    "{schedule: [{cron: '0 0 * * *'}]}", "workflow_call", "{workflow_run: {workflows: [Other]}}", "release", "repository_dispatch",
    "{merge_group: {branches: [release]}}", "{push: {branches: []}}",
]  # fmt: skip


@pytest.mark.parametrize("on", STARTED)
def test_what_starts(on: str) -> None:
    assert ("secret", "KEY") in found(workflow(on=on, **EVERYTHING))


@pytest.mark.parametrize("on", NOT_STARTED)
def test_what_does_not_start(on: str) -> None:
    assert found(workflow(on=on, **EVERYTHING)) == []


def test_without_a_known_target_a_filter_lets_any_through() -> None:
    on = "{pull_request: {branches: [release/**]}}"
    assert found(workflow(on=on, **EVERYTHING), target=None)


CHAIN = "{workflow_run: {workflows: [CI], branches: [%s]}}"


@pytest.mark.parametrize(
    ("on", "starts"), [(CHAIN % "main", True), (CHAIN % "'feature/**'", True), (CHAIN % "dev", False)]
)  # fmt: skip
def test_a_chain_has_a_filter_too(on: str, starts: bool) -> None:
    assert bool(found(workflow(), workflow(on=on, step="run: gh pr checkout 1"))) is starts


def test_a_chain_hangs_on_what_starts() -> None:
    on = "{workflow_run: {workflows: [CI]}}"
    first = workflow(on="{push: {branches: [main]}}")
    assert found(first, workflow(on=on, step=HEAD)) == []


BENIGN = {
    "tests": workflow(on="[push, pull_request]", top="permissions: {contents: read}"),
    "the token by its name": workflow(step="run: gh x\n      env: {T: '${{ secrets.GITHUB_TOKEN }}', U: '${{ github.token }}'}"),
    "a release after the merge": workflow(on="{push: {branches: [main], tags: ['v*']}}", **EVERYTHING),
    "a labeller": workflow(on=TARGET, top="permissions: {pull-requests: write}", step="uses: actions/labeler@v6\n    - " + KEYED),
    "the target's checkout": workflow(on=TARGET, step="uses: actions/checkout@v5\n      with: {ref: '${{ github.event.pull_request.base.sha }}'}"),
    "verified by the target": workflow(on=TARGET, step='run: lanectl verify --pull-request "$N"\n      env: {N: "${{ github.event.number }}"}'),
    "words through env": workflow(step='run: echo "$T"\n      env: {T: "${{ github.event.pull_request.title }}"}'),
    "harmless words": workflow(step="run: echo ${{ github.event.number }} ${{ github.sha }} ${{ github.event.pull_request.head.sha }}"),
    "a matrix": workflow(job="    runs-on: ${{ matrix.os }}\n    strategy: {matrix: {os: [ubuntu-24.04, macos-14-xlarge, windows-11-arm]}}\n"),
    "read-all": workflow(top="permissions: read-all"),
    "permissions at each job": workflow(top="", job="    permissions: {}\n"),
    "a text about secrets": workflow(step="run: echo secrets.KEY ${{ 'secrets.KEY' }} ${{ vars.secrets }}"),
}  # fmt: skip


@pytest.mark.parametrize("name", BENIGN)
def test_what_is_harmless_is_left_alone(name: str) -> None:
    assert found(BENIGN[name]) == []


def test_where_says_file_job_and_events() -> None:
    files = {CI: workflow(on="[push, pull_request]", step=KEYED).encode()}
    assert [f.where for f in check(files)] == [f"{CI}, job build, on pull_request, push"]
    assert [f.where for f in check({CI: b"on: push\njobs: {a: {steps: x}}"})] == [
        f"{CI}: jobs.a.steps"
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("${{ secrets.a }}${{ secrets . B }}", ["A", "B"]), ("secrets.a", []), ("${{ secrets.a", ["A"]),
        ("${{ 'it''s' && secrets.a }}", ["A"]), ("${{ '}}' && secrets.a }}", ["A"]), ("${{ mysecrets.a }}", []),
        ("${{ SECRETS.github_token }}", []), ("${{ secrets.* }}", ["all secrets"]), ("${{ x.secrets.a }}", []),
        ("${{ secrets['a b'] }}", ["A B"]), ("${{ format('{0}', secrets.a) }}", ["A"]), ("${{}} secrets.a", []),
    ],
)  # fmt: skip
def test_secrets_of_an_expression(text: str, names: list[str]) -> None:
    assert list(secrets(text)) == names


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("${{ github.event.issue.title }}", 1), ("${{ github['event']['issue']['title'] }}", 1), ("${{ toJSON(github) }}", 1),
        ("${{ github.event[x].title }}", 1), ("${{ github.event.commits.*.message }}", 1), ("${{ github.ref }}", 0),
        ("${{ github.event.pull_request.base.ref }}", 0), ("${{ github.event.pull_request.head.ref }}", 1),
        ("${{ GITHUB.HEAD_REF }}", 1), ("${{ 'github.head_ref' }}", 0), ("${{ env.A }}", 1), ("${{ env.B }}", 0), ("$T", 0),
    ],
)  # fmt: skip
def test_outsiders_words_of_an_expression(text: str, count: int) -> None:
    env = {"a": "x ${{ github.head_ref }}", "B": "${{ github.sha }}"}
    assert len(list(outsiders_words(text, env))) == count


WORDS = [
    "on", "push", "jobs", "steps", "run", "uses", "with", "env", "permissions", "runs-on", "branches", "a", "*", "[", "",
    "${{ secrets.A }}", "${{", "'", "./a", "inherit", "strategy", "matrix", "${{ matrix.a }}", "include", "if", "workflow_run",
]  # fmt: skip
VALUES = st.recursive(
    st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=15,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=100) | st.text().map(lambda t: t.encode("utf-8", "surrogatepass")))
def test_any_bytes_never_raise(data: bytes) -> None:
    for fault in check({"a": data, "b": b"on: push\n" + data}):
        assert fault.rule in RULES
        display(fault.where + fault.got).encode()


@settings(max_examples=40, deadline=None)
@given(VALUES, VALUES, VALUES)
def test_any_shape_never_raises(on: object, job: object, other: object) -> None:
    import json

    for value in (
        {"on": on, "jobs": {"a": job, "b": other}},
        {"on": "push", "jobs": {"a": job}, "env": other},
    ):
        assert all(f.rule in RULES for f in check({"a": json.dumps(value).encode()}))


@pytest.mark.parametrize(
    "text",
    ["${{", "${{ '", "${{ secrets" + " " * 99, "'", "${{ github.event" + " ." * 40, "}}${{ x"],
)
def test_a_hostile_expression_takes_no_time(text: str) -> None:
    step = "run: |\n        " + text * (400_000 // len(text))
    assert isinstance(found(workflow(step=step)), list)
