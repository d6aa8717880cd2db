"""The forge of the tests: one loopback origin for REST and git, with everything behind it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tests.forge import merges, smart
from tests.forge.bare import Bare
from tests.forge.emulator import Emulator
from tests.forge.faults import Breakable
from tests.forge.mirror import Mirror
from tests.forge.people import OWNER, new_people
from tests.forge.rest import Rest
from tests.forge.server import Seen, Server
from tests.forge.state import Repository, State
from tests.forge.wire import ENTERPRISE, Answer, Request


class Forge(Breakable):
    """A context manager; inside it, `url` serves. A repository is named owner/name.

    `people` holds the tokens, `requests` what came so far, `checks_need_app` whether check-runs
    are refused to tokens like these, as GitHub does. See Breakable for the verbs that break it. If the
    forge itself failed at something, leaving it raises AssertionError.
    """

    def __init__(self) -> None:
        super().__init__()
        self.people = new_people()
        self._server = Server(self._answer, self.faults, lambda said: self.people.named(said)[0])
        self.url = self._server.url
        self.api = self.url + ENTERPRISE
        self._folder = tempfile.TemporaryDirectory(prefix="forge-", ignore_cleanup_errors=True)
        self._root = Path(self._folder.name)

    def __enter__(self) -> Self:
        try:
            self.emulator = Emulator(self._root, self.people, self.url)
        except BaseException:
            self._server.close()
            self._folder.cleanup()
            raise
        self.state = State(self.emulator, Mirror(self.emulator))
        self._rest = Rest(self.state, self.url)
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        self.emulator.close()
        self._folder.cleanup()
        if kind is None and self._server.errors:
            raise AssertionError("\n".join(self._server.errors))

    @property
    def requests(self) -> list[Seen]:
        return list(self._server.log)

    @property
    def checks_need_app(self) -> bool:
        return self.state.checks_need_app

    @checks_need_app.setter
    def checks_need_app(self, value: bool) -> None:
        self.state.checks_need_app = value

    def add_repository(self, name: str = "shop", *, private: bool = True) -> str:
        """Make an empty repository; return its owner/name. Who sees it is decided here, by token:

        in the emulator all are public, for there a private one would be the owner's alone.
        """
        full = f"{OWNER}/{name}"
        made = self.emulator.own("POST", "/user/repos", {"name": name})
        assert made.status == 201, made.body
        for token in (self.people.writer, self.people.second):
            who = f"/repos/{full}/collaborators/{token.login}"
            self.emulator.own("PUT", who, {"permission": "push"})
        bare = Bare.create(self._root / f"git/{full}.git")
        self.state.repositories[full] = Repository(full, bare, private)
        return full

    def git_url(self, repo: str) -> str:
        return f"{self.url}/{repo}.git"

    def bare(self, repo: str) -> Path:
        """Return the folder of the bare repository. After writing to it by hand: `sync`."""
        return self.state.repositories[repo].bare.path

    def sync(self, repo: str) -> None:
        """Make REST show what is in the bare repository now."""
        self.state.sync(self.state.repositories[repo])

    def merge(self, repo: str, number: int, method: Literal["merge", "squash"] = "merge") -> str:
        """Merge as a person would on the web page; return the commit that the target is at."""
        body = {"merge_method": method}
        one = self.state.repositories[repo]
        done = merges.merge(self.state, one, number, body, self.people.second.login)
        assert done.status == 200, done.body
        commit: str = json.loads(done.body)["sha"]
        return commit

    def _answer(self, request: Request) -> Answer:
        given, who = self.people.named(request.headers.get("Authorization", ""))
        match = smart.ROUTE.fullmatch(request.path)
        if not match:
            return self._rest.answer(request, given, who)
        repository = self.state.repositories.get(match[1])
        private = repository is not None and repository.private
        refused = smart.refusal(request, repository is not None, private, given, who)
        if refused is not None or repository is None:
            return refused or Answer(404)
        login = who.login if who else ""
        done = smart.backend(self._root / "git", match[1], match[2], request, login)
        if request.path.endswith("/git-receive-pack"):
            self.state.sync(repository)
        return done
