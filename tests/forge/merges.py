"""Merging as the forge does it: a real merge in the bare repository, or a reason why not."""

from __future__ import annotations

from typing import Any

from tests.forge.people import OWNER
from tests.forge.pulls import pull_ref
from tests.forge.state import Repository, State
from tests.forge.wire import Answer, answer, problem


def merge(
    state: State, repository: Repository, number: int, body: dict[str, Any], login: str
) -> Answer:
    """Do PUT /pulls/N/merge: `merge_method` merge or squash, `sha` what the head must be."""
    with state.lock:
        pull = state.pull(repository.name, number)
        if pull is None:
            return problem(404, "Not Found")
        head = repository.bare.commit(pull_ref(number)) or ""
        refused = _refusal(state, repository, pull, head, body)
        if refused is not None:
            return refused
        method = body.get("merge_method", "merge")
        made = _commit(repository, pull, head, method, body)
        if made is None:
            return problem(405, "Pull Request is not mergeable")
        repository.bare.set(f"refs/heads/{pull['base']['ref']}", made)
        _record(state, repository, number, made, login)
        state.sync(repository)
    message = "Pull Request successfully merged"
    return answer(200, {"sha": made, "merged": True, "message": message})


def _refusal(
    state: State, repository: Repository, pull: dict[str, Any], head: str, body: dict[str, Any]
) -> Answer | None:
    if pull["state"] != "open":
        return problem(405, "Pull Request is not mergeable")
    if pull["draft"]:
        return problem(405, "Pull Request is still a draft")
    if body.get("sha", head) != head:
        return problem(409, "Head branch was modified. Review and try the merge again.")
    if body.get("merge_method", "merge") not in {"merge", "squash"}:
        return problem(405, "Rebase merges are not allowed on this repository.")
    missing = _required(state, repository, pull["base"]["ref"]) - _passed(state, repository, head)
    if missing:
        return problem(405, f'Required status check "{min(missing)}" is expected.')
    return None


def _required(state: State, repository: Repository, base: str) -> set[str]:
    target = f"/repos/{repository.name}/branches/{base}/protection"
    found = state.emulator.own("GET", target)
    rules = found.json() if found.status == 200 else {}
    return set((rules.get("required_status_checks") or {}).get("contexts", []))


def _passed(state: State, repository: Repository, head: str) -> set[str]:
    there = state.mirror.there(head.encode()).decode()
    target = f"/repos/{repository.name}/commits/{there}/check-runs?per_page=100"
    runs = state.emulator.own("GET", target).json()["check_runs"]
    passed = {run["name"] for run in runs if run["conclusion"] == "success"}
    latest = {row["context"]: row["state"] for row in state.statuses[repository.name, head]}
    return passed | {context for context, value in latest.items() if value == "success"}


def _commit(
    repository: Repository, pull: dict[str, Any], head: str, method: str, body: dict[str, Any]
) -> str | None:
    """Make the commit on top of the target; None when the two do not merge."""
    base = repository.bare.head(pull["base"]["ref"]) or ""
    tree = repository.bare.merged_tree(base, head)
    if tree is None:
        return None
    title = f"Merge pull request #{pull['number']} from {OWNER}/{pull['head']['ref']}"
    if method == "squash":
        title = f"{pull['title']} (#{pull['number']})"
    message = f"{body.get('commit_title', title)}\n\n{body.get('commit_message', pull['title'])}\n"
    parents = ["-p", base, *(["-p", head] if method == "merge" else [])]
    return repository.bare.run("commit-tree", tree, *parents, data=message.encode())


def _record(state: State, repository: Repository, number: int, made: str, login: str) -> None:
    target = f"/repos/{repository.name}/pulls/{number}"
    closed = state.emulator.own("PATCH", target, {"state": "closed"}).json()
    state.merged[repository.name, number] = {
        "merged": True,
        "merged_at": closed["closed_at"],
        "merged_by": state.emulator.own("GET", f"/users/{login}").json(),
        "merge_commit_sha": made,
        "mergeable": None,
        "mergeable_state": "unknown",
    }
