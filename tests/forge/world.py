"""The simulator on a forge: the hub is the forge's repository, and the Enforcer has a token."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.forge.client import View, github
from tests.forge.forge import Forge
from tests.world import Ran, World, git, lanectl


class ForgeWorld(World):
    """A World whose hub is a forge's repository. The clones know it by its address there."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, forge: Forge) -> None:
        self.forge, self.name = forge, forge.add_repository("shop")
        super().__init__(root, monkeypatch, hub=forge.bare(self.name))
        for clone in (self.person, self.builder, self.enforcer):
            git(clone, "remote", "set-url", "origin", self.url)
        self.view = View(forge, self.name)
        self.use(forge.people.writer.secret)

    @property
    def url(self) -> str:
        return self.forge.git_url(self.name)

    def use(self, token: str | None) -> None:
        """Give the Enforcer this token, or none."""
        if token is None:
            self.monkeypatch.delenv("LANECTL_FORGE_TOKEN", raising=False)
        else:
            self.monkeypatch.setenv("LANECTL_FORGE_TOKEN", token)

    def commit(self, message: str) -> str:
        git(self.person, "add", "-A")
        git(self.person, "commit", "-q", "-m", message)
        git(self.person, "push", "-q", str(self.hub), "HEAD:main")
        self.forge.sync(self.name)
        return git(self.person, "rev-parse", "HEAD")

    def fetch(self) -> None:
        for clone in (self.builder, self.enforcer):
            git(clone, "fetch", "-q", str(self.hub), "+refs/heads/*:refs/remotes/origin/*")
            git(clone, "reset", "-q", "--hard", "origin/main")

    def fetch_enforcer(self) -> None:
        """Bring the Enforcer's clone up to the forge's main."""
        git(
            self.enforcer, "fetch", "-q", str(self.hub), "+refs/heads/main:refs/remotes/origin/main"
        )

    def publish(self, bundle: Path, *extra: str) -> int:
        """Apply a bundle with --pr; return the pull request's number."""
        done = self.apply(bundle, "--pr", *extra)
        assert done.code == 0, done.err
        number: int = done.json["pull_request"]["number"]
        return number

    def judge(self, number: int, *extra: str) -> Ran:
        """Verify a pull request as JSON."""
        return lanectl(
            "verify", "--pull-request", number, "--repo", self.enforcer, "--json", *extra
        )

    def open(self, branch: str) -> int:
        """Open a pull request as a person would, by another client."""
        repository = github(self.forge, self.forge.people.writer).get_repo(self.name)
        return repository.create_pull(base="main", head=branch, title=branch, body="").number

    def retarget(self, number: int, branch: str) -> None:
        """Let a pull request go to another branch."""
        repository = github(self.forge, self.forge.people.writer).get_repo(self.name)
        repository.get_pull(number).edit(base=branch)

    def revoke_builder(self) -> None:
        """Revoke the Builder's key on the target."""
        path = self.person / ".lanectl/trust/keyring.json"
        ring = json.loads(path.read_text())
        for key in ring["keys"]:
            if key["role"] == "builder":
                key["revoked"] = {
                    "at": "2026-01-01T00:00:00Z",
                    "compromisedSince": "2020-01-01T00:00:00Z",
                    "reason": "lost",
                }
        path.write_text(json.dumps(ring))
        self.commit("revoke")

    def merge(self, number: int, method: str = "merge") -> None:
        """Merge as the forge's page does; a squash of one commit keeps its message, as GitHub's."""
        pull = github(self.forge, self.forge.people.writer).get_repo(self.name).get_pull(number)
        subject, _, body = git(self.hub, "log", "-1", "--format=%B", pull.head.sha).partition(
            "\n\n"
        )
        words = {
            "commit_title": f"{subject} (#{number})",
            "commit_message": f"{body}\n\nCo-authored-by: A <a@x.test>",
        }
        pull.merge(merge_method=method, **(words if method == "squash" else {}))
