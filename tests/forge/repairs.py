"""The answers that the emulator cannot give: files, statuses, a pull request as an issue, refs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from tests.forge import merges, pulls
from tests.forge.people import Token
from tests.forge.state import Repository, State
from tests.forge.wire import Answer, Request, answer, problem

STATES = {"error", "failure", "pending", "success"}
WORDS = {"A": "added", "D": "removed", "M": "modified", "T": "changed"}
APP_ONLY = "Resource not accessible by personal access token"


@dataclass(frozen=True)
class Call:
    """One request below /repos/OWNER/NAME/; `ask` hands a request on to the emulator."""

    state: State
    repository: Repository
    request: Request
    who: Token | None
    found: re.Match[str]
    ask: Callable[[Request], Answer]

    @property
    def root(self) -> str:
        return f"/repos/{self.repository.name}"


def open_pull(call: Call) -> Answer | None:
    with call.state.lock:
        refused = pulls.refusal(call.state, call.repository, call.request.json())
        if refused is not None:
            return refused
        opened = call.ask(call.request)
        if opened.status == 201:
            pulls.follow(call.state, call.repository)
        return opened


def merge_pull(call: Call) -> Answer | None:
    login = call.who.login if call.who else ""
    number = int(call.found[1])
    return merges.merge(call.state, call.repository, number, call.request.json(), login)


def files_of_pull(call: Call) -> Answer | None:
    span = _span(call)
    if span is None:
        return None
    rows = call.repository.bare.changes(*span)
    return _page(call.request, [_file(call.repository, span[1], row) for row in rows])


def commits_of_pull(call: Call) -> Answer | None:
    span = _span(call)
    if span is None:
        return None
    names = call.repository.bare.run("rev-list", "--reverse", f"{span[0]}..{span[1]}").split()
    asked = [replace(call.request, path=f"{call.root}/commits/{n}", query="") for n in names]
    return _page(call.request, [call.ask(request).json() for request in asked])


def _span(call: Call) -> tuple[str, str] | None:
    """Return base and head of the pull request in the path."""
    pull = call.state.pull(call.repository.name, int(call.found[1]))
    head = call.repository.bare.commit(pulls.pull_ref(int(call.found[1])))
    return (pull["base"]["sha"], head) if pull and head else None


def _file(repository: Repository, head: str, row: tuple[str, str, int, int]) -> dict[str, Any]:
    letter, path, plus, minus = row
    blob = repository.bare.run("rev-parse", "-q", "--verify", f"{head}:{path}", check=False)
    return {
        "sha": blob or None, "filename": path, "status": WORDS[letter],
        "additions": plus, "deletions": minus, "changes": plus + minus,
    }  # fmt: skip


def _page(request: Request, rows: list[Any]) -> Answer:
    """Return one page, with a Link to the next."""
    size, number = min(request.asked("per_page", 30), 100), request.asked("page", 1)
    page = answer(200, rows[(number - 1) * size : number * size])
    if number * size >= len(rows):
        return page
    host = request.headers.get("Host", "")
    following = f"http://{host}{request.path}?per_page={size}&page={number + 1}"
    return replace(page, headers={**page.headers, "Link": f'<{following}>; rel="next"'})


def pull_as_issue(call: Call) -> Answer | None:
    found = call.ask(replace(call.request, path=f"{call.root}/pulls/{call.found[1]}"))
    if found.status != 200:
        return None
    pull = found.json()
    link = {"url": pull["url"], "html_url": pull["html_url"]}
    kept = {k: v for k, v in pull.items() if k not in {"head", "base", "merged", "_links"}}
    return answer(200, {**kept, "url": pull["issue_url"], "pull_request": link})


def set_status(call: Call) -> Answer | None:
    commit, body = call.repository.bare.commit(call.found[1]), call.request.json()
    if commit is None:
        return problem(422, f"No commit found for SHA: {call.found[1]}")
    if body.get("state") not in STATES:
        return problem(422, "Validation Failed", {"resource": "Status", "field": "state"})
    rows = call.state.statuses[call.repository.name, commit]
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    row = {key: body.get(key) for key in ("state", "description", "target_url")}
    row |= {"id": len(rows) + 1, "context": body.get("context", "default")}
    row |= (
        {"created_at": now, "updated_at": now, "creator": {"login": call.who.login}}
        if call.who
        else {}
    )
    rows.append(row)
    return answer(201, row)


def statuses(call: Call) -> Answer | None:
    commit = call.repository.bare.commit(unquote(call.found[1]))
    if commit is None:
        return problem(404, "Not Found")
    rows = call.state.statuses[call.repository.name, commit]
    if not call.request.path.endswith("/status"):
        return _page(call.request, rows[::-1])
    latest = list({row["context"]: row for row in rows}.values())
    combined = {"sha": commit, "state": _worst(latest), "statuses": latest}
    return answer(200, {**combined, "total_count": len(latest)})


def _worst(rows: list[dict[str, Any]]) -> str:
    states = {row["state"] for row in rows}
    if states & {"error", "failure"}:
        return "failure"
    return "pending" if "pending" in states or not states else "success"


def check_run(call: Call) -> Answer | None:
    if call.state.checks_need_app:
        return problem(403, APP_ONLY)
    commit = call.request.json().get("head_sha")
    if commit is not None and call.repository.bare.commit(str(commit)) is None:
        return problem(422, f"No commit found for SHA: {commit}")
    return None


def move_ref(call: Call) -> Answer | None:
    """Create, move or delete a ref in the emulator, then the same in git."""
    ref = call.request.json().get("ref") or f"refs/{unquote(call.found[1] or '')}"
    with call.state.lock:
        path = call.request.path.replace("/git/ref/", "/git/refs/", 1)
        done = call.ask(replace(call.request, path=path))
        if done.status < 300:
            commit = call.request.json().get("sha")
            call.repository.bare.set(ref, commit if call.request.method != "DELETE" else None)
            call.state.sync(call.repository)
    return done


ROUTES: tuple[tuple[str, str, Callable[[Call], Answer | None]], ...] = (
    ("POST", r"pulls", open_pull),
    ("PUT", r"pulls/(\d+)/merge", merge_pull),
    ("GET", r"pulls/(\d+)/files", files_of_pull),
    ("GET", r"pulls/(\d+)/commits", commits_of_pull),
    ("GET", r"issues/(\d+)", pull_as_issue),
    ("POST", r"statuses/([0-9a-f]{40})", set_status),
    ("GET", r"statuses/([0-9a-f]{40})", statuses),
    ("GET", r"commits/(.+)/(?:status|statuses)", statuses),
    ("POST", r"check-runs", check_run),
    ("PATCH", r"check-runs/\d+", check_run),
    ("POST", r"git/refs()", move_ref),
    ("PATCH", r"git/refs?/(.+)", move_ref),
    ("DELETE", r"git/refs?/(.+)", move_ref),
)
