"""git over HTTP: `git http-backend` behind the forge's tokens; moves nothing but what git moves."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.forge.bare import GIT, environment
from tests.forge.people import Token
from tests.forge.wire import Answer, Request

ROUTE = re.compile(r"/([\w.-]+/[\w.-]+?)(?:\.git)?(/(?:info/refs|git-(?:upload|receive)-pack))")
TEXT = {"Content-Type": "text/plain"}
ASK = {**TEXT, "WWW-Authenticate": 'Basic realm="forge"'}


def is_push(request: Request) -> bool:
    return "git-receive-pack" in request.target


def refusal(
    request: Request, known: bool, private: bool, given: str, who: Token | None
) -> Answer | None:
    """Say why this request may not pass, or None. A stranger learns nothing of what exists."""
    if who is None and (given or is_push(request) or private or not known):
        return Answer(401, b"Invalid username or token.\n" if given else b"", dict(ASK))
    if not known:
        return Answer(404, b"Repository not found.\n", dict(TEXT))
    if is_push(request) and (who is None or who.scope != "write"):
        return Answer(403, b"Write access to repository not granted.\n", dict(TEXT))
    return None


def backend(root: Path, repo: str, rest: str, request: Request, login: str) -> Answer:
    """Run git's own server program on a request (CGI/1.1)."""
    variables = {
        **environment(root),
        "GIT_PROJECT_ROOT": str(root), "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{repo}.git{rest}", "QUERY_STRING": request.query,
        "REQUEST_METHOD": request.method, "REMOTE_USER": login, "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
    }  # fmt: skip
    done = subprocess.run(
        [GIT, "http-backend"], input=request.body, capture_output=True, env=variables, check=False
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    lines = (line.partition(": ") for line in head.decode().split("\r\n") if line)
    headers = {name: value for name, _, value in lines}
    return Answer(int(headers.pop("Status", "200").split()[0]), body, headers)
