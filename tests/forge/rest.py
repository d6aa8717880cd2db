"""GitHub's REST: who may ask, what the emulator answers, what is put right. No token, no secrets."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from tests.forge.people import Token
from tests.forge.pulls import dress
from tests.forge.repairs import APP_ONLY, ROUTES, Call
from tests.forge.state import Repository, State
from tests.forge.wire import ENTERPRISE, Answer, Request, problem

REPOSITORY = re.compile(r"/repos/([^/]+/[^/]+)(?:/(.*))?")
APPART = {
    "authorization",
    "connection",
    "content-length",
    "transfer-encoding",
    "accept-encoding",
}
ROOTS = "repos|users|user|orgs|search|rate_limit|repositories"


class Rest:
    """`url` is the forge's origin, as the emulator advertises it."""

    def __init__(self, state: State, url: str) -> None:
        self.state = state
        self._links = re.compile(rf"{re.escape(url)}/(?={ROOTS})".encode())
        self._enterprise = f"{url}{ENTERPRISE}/".encode()

    def answer(self, request: Request, given: str, who: Token | None) -> Answer:
        """Answer a request by somebody who gave a credential of this name ("" for none)."""
        match = REPOSITORY.fullmatch(request.path)
        repository = self.state.repositories.get(match[1]) if match else None
        refused = _refusal(request, given, who)
        if refused is None and match and (repository is None or (repository.private and not who)):
            refused = problem(404, "Not Found")
        if refused is None and request.method not in {"GET", "HEAD"}:
            refused = _refused_write(who)
        if refused is not None:
            return refused
        done = None
        if match and repository:
            done = self._repaired(request, repository, match[2] or "", who)
        return self._finish(request, done or self._ask(request, who), who)

    def _repaired(
        self, request: Request, repository: Repository, rest: str, who: Token | None
    ) -> Answer | None:
        for method, pattern, repair in ROUTES:
            found = re.fullmatch(pattern, rest) if method == request.method else None
            if found:
                ask = lambda asked: self._ask(asked, who)
                return repair(Call(self.state, repository, request, who, found, ask))
        return None

    def _ask(self, request: Request, who: Token | None) -> Answer:
        """Hand a request on to the emulator, in its own ids; return the answer in git's."""
        there = self.state.mirror.there
        kept = {k: v for k, v in request.headers.items() if k.lower() not in APPART}
        found = self.state.emulator.call(
            request.method, there(request.target.encode()).decode(), there(request.body) or None,
            token=who.secret if who else None, headers=kept,
        )  # fmt: skip
        return replace(found, body=self.state.mirror.here(found.body)) if found.is_json else found

    def _finish(self, request: Request, found: Answer, who: Token | None) -> Answer:
        if not (found.is_json and found.body):
            return found
        writes = who is not None and who.scope == "write"
        body = json.dumps(dress(self.state, found.json(), writes)).encode()
        if not request.enterprise:
            return replace(found, body=body)
        link = self._links.sub(self._enterprise, found.header("Link").encode()).decode()
        headers = {k: v for k, v in found.headers.items() if k.lower() != "link"}
        headers |= {"Link": link} if link else {}
        return Answer(found.status, self._links.sub(self._enterprise, body), headers)


def _refusal(request: Request, given: str, who: Token | None) -> Answer | None:
    return problem(401, "Bad credentials") if given and who is None else None


def _refused_write(who: Token | None) -> Answer | None:
    if who is None:
        return problem(401, "Requires authentication")
    return problem(403, APP_ONLY) if who.scope != "write" else None
