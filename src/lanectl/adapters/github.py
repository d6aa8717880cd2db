"""GitHub and GitHub Enterprise over REST, as a dozen verbs. Trusts no answer: sizes, types, hosts.

REST API version 2022-11-28. Find before create; only what is idempotent is tried again; no
redirect is followed, so that the token goes to the configured host and nowhere else.
"""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from lanectl.adapters.http import JsonClient, Status
from lanectl.errors import RefusedError
from lanectl.model.names import ObjectId
from lanectl.ports.publishing import PullRequest, PullRequestState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lanectl.ports.publishing import CheckRun, NewPullRequest

_ANNOTATIONS: Final = 50
"""What GitHub takes in one request."""


class GitHubForge:
    """Implements `ports.publishing.Forge` for one repository, `owner/name`."""

    def __init__(self, client: JsonClient, repository: str) -> None:
        self._client = client
        self._owner = repository.split("/", maxsplit=1)[0]
        self._root = f"/repos/{quote(repository)}"

    def pull_request(self, number: int) -> PullRequest:
        """Return one pull request."""
        return _pull_request(self._client.get(f"{self._root}/pulls/{number}"))

    def find_pull_request(self, head_branch: str, base_branch: str) -> PullRequest | None:
        """Return the newest pull request of a branch, an open one first, or None."""
        query = {
            "head": f"{self._owner}:{head_branch}",
            "base": base_branch,
            "state": "all",
            "sort": "created",
            "direction": "desc",
            "per_page": "100",
        }
        answers = _items(self._client.get(f"{self._root}/pulls", query))
        found = [_pull_request(item) for item in answers]
        own = [p for p in found if p.head_branch == head_branch and p.same_repository]
        opened = [p for p in own if p.state is PullRequestState.OPEN]
        return next(iter([*opened, *own]), None)

    def open_pull_request(self, new: NewPullRequest) -> PullRequest:
        """Open a pull request, or return the one that somebody else opened meanwhile."""
        body = {
            "title": new.title,
            "head": new.head_branch,
            "base": new.base_branch,
            "body": new.body,
            "draft": new.draft,
        }
        try:
            return _pull_request(self._client.post(f"{self._root}/pulls", body))
        except Status as error:
            if error.status != 422:
                raise
            found = self.find_pull_request(new.head_branch, new.base_branch)
            if found is None or found.state is not PullRequestState.OPEN:
                raise
            return found

    def update_pull_request(self, number: int, title: str, body: str) -> None:
        """Give a pull request another title and body."""
        self._client.patch(f"{self._root}/pulls/{number}", {"title": title, "body": body})

    def ensure_label(self, name: str, colour: str, description: str) -> None:
        """Create a label unless the repository has it."""
        try:
            self._client.get(f"{self._root}/labels/{quote(name, safe='')}")
        except Status as error:
            if error.status != 404:
                raise
            label = {"name": name, "color": colour, "description": description}
            self._client.post(f"{self._root}/labels", label, fine=(422,))  # made meanwhile

    def add_labels(self, number: int, names: Sequence[str]) -> None:
        """Add labels to a pull request; those it has stay."""
        self._client.post(
            f"{self._root}/issues/{number}/labels", {"labels": list(names)}, again=True
        )

    def request_reviewers(self, number: int, names: Sequence[str]) -> None:
        """Ask people for a review; `org/team` asks a team."""
        people = [name for name in names if "/" not in name]
        teams = [name.rpartition("/")[2] for name in names if "/" in name]
        self._client.post(
            f"{self._root}/pulls/{number}/requested_reviewers",
            {"reviewers": people, "team_reviewers": teams}, again=True,
        )  # fmt: skip

    def record_check(self, commit: ObjectId, check: CheckRun) -> str:
        """Record a check on a commit, once; return its address."""
        query = {"check_name": check.name, "filter": "all", "per_page": "100"}
        answer = self._client.get(f"{self._root}/commits/{commit}/check-runs", query)
        for run in _items(answer.get("check_runs")):
            if run.get("external_id") == check.key:
                return _text(run, "html_url")
        try:
            return _text(
                self._client.post(f"{self._root}/check-runs", _check(commit, check)), "html_url"
            )
        except Status as error:
            if error.status != 403:
                raise
            return self._record_status(commit, check)

    def _record_status(self, commit: ObjectId, check: CheckRun) -> str:
        status = {
            "state": "success" if check.success else "failure",
            "context": check.name,
            "description": check.output.title[:140],
        }
        answer = self._client.post(f"{self._root}/statuses/{commit}", status, again=True)
        return _text(answer, "url")


def _check(commit: ObjectId, check: CheckRun) -> dict[str, Any]:
    annotations = [
        {
            "path": a.path,
            "start_line": 1,
            "end_line": 1,
            "annotation_level": "notice",
            "title": a.title,
            "message": a.message,
        }
        for a in check.output.annotations[:_ANNOTATIONS]
    ]
    return {
        "name": check.name,
        "head_sha": commit,
        "external_id": check.key,
        "status": "completed",
        "conclusion": "success" if check.success else "failure",
        "output": {
            "title": check.output.title,
            "summary": check.output.summary,
            "text": check.output.text,
            "annotations": annotations,
        },
    }


def _pull_request(answer: Any) -> PullRequest:
    """Return what a forge says of a pull request. Raises RefusedError for anything odd."""
    try:
        head, base = answer["head"], answer["base"]
        merged = bool(answer.get("merged_at"))
        state = PullRequestState.MERGED if merged else PullRequestState(answer["state"])
        heads = (head.get("repo") or {}).get("full_name")  # a deleted fork has none
        return PullRequest(
            number=index(answer["number"]), url=str(answer["html_url"]), state=state,
            head_branch=str(head["ref"]), head=ObjectId(head["sha"]), base_branch=str(base["ref"]),
            same_repository=heads is not None and heads == base["repo"]["full_name"],
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _odd("a pull request") from error


def _items(answer: Any) -> list[dict[str, Any]]:
    if not isinstance(answer, list) or not all(isinstance(item, dict) for item in answer):
        raise _odd("a list")
    return answer


def _text(answer: Any, key: str) -> str:
    return str(answer.get(key) or "") if isinstance(answer, dict) else ""


def _odd(what: str) -> RefusedError:
    return RefusedError(
        f"the forge answered something that is not {what}", why="is this a GitHub API?"
    )
