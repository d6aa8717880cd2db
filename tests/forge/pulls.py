"""Pull requests as GitHub has them: refused when empty or double, following their branch."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tests.forge.people import OWNER
from tests.forge.state import Repository, State
from tests.forge.wire import Answer, problem


def pull_ref(number: int) -> str:
    return f"refs/pull/{number}/head"


def _invalid(**error: str) -> Answer:
    return problem(422, "Validation Failed", {"resource": "PullRequest", **error})


def refusal(state: State, repository: Repository, body: dict[str, Any]) -> Answer | None:
    """Say why GitHub would not open this pull request, or None."""
    branch, base = str(body.get("head", "")).split(":")[-1], str(body.get("base", ""))
    for field, name in (("head", branch), ("base", base)):
        if repository.bare.head(name) is None:
            return _invalid(field=field, code="invalid")
    span = f"refs/heads/{base}..refs/heads/{branch}"
    if repository.bare.run("rev-list", "--count", span) == "0":
        return _invalid(code="custom", message=f"No commits between {base} and {branch}")
    query = f"state=open&head={quote(f'{OWNER}:{branch}', safe='')}&base={quote(base, safe='')}"
    if state.pulls(repository.name, query):
        there = f"A pull request already exists for {OWNER}:{branch}."
        return _invalid(code="custom", message=there)
    return None


def follow(state: State, repository: Repository) -> None:
    """Move refs/pull/N/head of what is open to its branch; close what has lost its branch."""
    for pull in state.pulls(repository.name):
        at = repository.bare.head(pull["head"]["ref"])
        if at is None:
            target = f"/repos/{repository.name}/pulls/{pull['number']}"
            state.emulator.own("PATCH", target, {"state": "closed"})
        else:
            repository.bare.set(pull_ref(pull["number"]), at)


def dress(state: State, value: Any, may_write: bool, detail: bool = True) -> Any:
    """Return a decoded answer with what the emulator gets wrong put right, however deep."""
    if isinstance(value, list):
        return [dress(state, one, may_write, detail=False) for one in value]
    if not isinstance(value, dict):
        return value
    dressed = {key: dress(state, one, may_write, detail=False) for key, one in value.items()}
    if (repository := state.repositories.get(str(value.get("full_name")))) is not None:
        dressed |= _about(repository, may_write)
    if {"number", "head", "base", "merged"} <= value.keys():
        _dress_pull(state, dressed, detail)
    return dressed


def _about(repository: Repository, may_write: bool) -> dict[str, Any]:
    rights = {"admin": False, "maintain": False, "push": may_write, "triage": may_write}
    return {
        "private": repository.private,
        "visibility": "private" if repository.private else "public",
        "permissions": {**rights, "pull": True},
    }


def _dress_pull(state: State, pull: dict[str, Any], detail: bool) -> None:
    number, repository = pull["number"], state.repositories[pull["base"]["repo"]["full_name"]]
    head = repository.bare.commit(pull_ref(number))
    if head is None:
        return
    statuses = f"{pull['statuses_url'].rpartition('/')[0]}/{head}"
    pull["head"] = {**pull["head"], "sha": head}
    pull["statuses_url"] = statuses
    pull["_links"] = {**pull["_links"], "statuses": {"href": statuses}}
    pull.update(state.merged.get((repository.name, number), {}))
    if detail:
        pull.update(_counts(repository, pull["base"]["sha"], head))
        if pull["state"] == "open":
            pull.update(_mergeable(repository, pull["base"]["ref"], head))


def _counts(repository: Repository, base: str, head: str) -> dict[str, int]:
    rows = repository.bare.changes(base, head)
    return {
        "commits": int(repository.bare.run("rev-list", "--count", f"{base}..{head}")),
        "changed_files": len(rows),
        "additions": sum(row[2] for row in rows),
        "deletions": sum(row[3] for row in rows),
    }


def _mergeable(repository: Repository, base: str, head: str) -> dict[str, Any]:
    tip = repository.bare.head(base)
    clean = tip is not None and repository.bare.merged_tree(tip, head) is not None
    return {"mergeable": clean, "mergeable_state": "clean" if clean else "dirty"}
