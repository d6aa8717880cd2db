"""A person's clone of a repository on the forge, for the rig's own tests."""

from __future__ import annotations

from pathlib import Path

from tests.forge.forge import Forge
from tests.forge.people import Token
from tests.world import git, write


class Clone:
    """A work tree with `main` pushed; `push` and `git` act with a token, or without one."""

    def __init__(self, forge: Forge, repo: str, folder: Path) -> None:
        self.forge, self.repo, self.folder = forge, repo, folder
        folder.mkdir()
        git(folder, "init", "-q", "-b", "main")
        self.commit("first", {"a.txt": b"one\n", "d/b.bin": bytes(range(256)), "run.sh": b"#!\n"})
        self.push("main")

    def url(self, token: Token | str | None) -> str:
        secret = token.secret if isinstance(token, Token) else token
        plain = self.forge.git_url(self.repo)
        return plain.replace("://", f"://x-access-token:{secret}@") if secret else plain

    def commit(self, message: str, files: dict[str, bytes], *options: str) -> str:
        for name, data in files.items():
            write(self.folder / name, data)
        git(self.folder, "add", "-A")
        git(self.folder, "commit", "-q", "-m", message, *options)
        return git(self.folder, "rev-parse", "HEAD")

    def git(self, *arguments: str) -> str:
        return git(self.folder, *arguments, GIT_TERMINAL_PROMPT="0")

    def push(self, *refs: str, token: Token | str | None = "") -> str:
        """Push as the writer, or as whom it says."""
        who = self.forge.people.writer if token == "" else token
        return self.git("push", "-q", self.url(who), *refs)

    def branch(self, name: str, files: dict[str, bytes]) -> str:
        """Push a branch with one commit on top of main; return the commit."""
        self.git("switch", "-q", "-c", name, "main")
        made = self.commit(f"feat: {name}", files)
        self.push(name)
        return made
