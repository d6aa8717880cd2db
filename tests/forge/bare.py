"""One bare repository as the forge holds it: the few git commands that it needs, none of them clever."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

GIT = "/usr/bin/git"
SETTINGS = {
    "http.receivepack": "true",
    "receive.fsckObjects": "true",
    "receive.hideRefs": "refs/pull",  # as on GitHub: fetched by all, pushed by none
    "receive.autogc": "false",
    "uploadpack.allowFilter": "true",
    "uploadpack.allowAnySHA1InWant": "true",
    "user.name": "forge",
    "user.email": "forge@example.test",
}


def environment(folder: Path) -> dict[str, str]:
    """Return the whole environment of the forge's own git."""
    return {
        "PATH": "/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
    }  # fmt: skip


class Bare:
    """`path` is the repository's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path) -> Bare:
        path.parent.mkdir(parents=True, exist_ok=True)
        one = cls(path)
        one.run("init", "-q", "--bare", "-b", "main", str(path))
        config = "".join(
            f'[{k.split(".")[0]}]\n\t{k.split(".")[1]} = "{v}"\n' for k, v in SETTINGS.items()
        )
        with (path / "config").open("a") as file:
            file.write(config)
        return one

    def run(self, *arguments: str, data: bytes | None = None, check: bool = True) -> str:
        """Run git; with `check`, a failure raises AssertionError with what git said."""
        done = subprocess.run(
            [GIT, f"--git-dir={self.path}", *arguments],
            input=data, capture_output=True, env=environment(self.path), check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"git {arguments}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode(errors="surrogateescape").strip()

    def commit(self, name: str) -> str | None:
        """Return the commit that a ref or an id names, or None."""
        return self.run("rev-parse", "-q", "--verify", f"{name}^{{commit}}", check=False) or None

    def head(self, branch: str) -> str | None:
        return self.commit(f"refs/heads/{branch}")

    def refs(self, *patterns: str) -> dict[str, str]:
        """Return ref -> object; an annotated tag counts as the commit it stands for."""
        text = self.run(
            "for-each-ref", "--format=%(refname) %(objectname) %(*objectname)", *patterns
        )
        rows = (line.split() for line in text.splitlines())
        return {row[0]: row[-1] for row in rows}

    def set(self, ref: str, commit: str | None) -> None:
        """Move a ref, or delete it with None."""
        self.run(*(["update-ref", ref, commit] if commit else ["update-ref", "-d", ref]))

    def merged_tree(self, base: str, head: str) -> str | None:
        """Return the tree of a clean merge, or None when there are conflicts."""
        text = self.run("merge-tree", "--write-tree", base, head, check=False)
        return text if len(text) == 40 else None

    def changes(self, base: str, head: str) -> list[tuple[str, str, int, int]]:
        """Return (status letter, path, lines added, lines removed) since the merge base."""
        span = f"{base}...{head}"
        letters = self.run("diff", "--name-status", "--no-renames", "-z", span).split("\0")
        counts = self.run("diff", "--numstat", "--no-renames", "-z", span).split("\0")
        found: list[tuple[str, str, int, int]] = []
        for letter, path, count in zip(letters[::2], letters[1::2], counts, strict=False):
            plus, minus, _ = count.split("\t", 2)
            found.append((letter, path, _lines(plus), _lines(minus)))
        return found

    def objects(self) -> Objects:
        return Objects(self.path)


def _lines(text: str) -> int:
    return 0 if text == "-" else int(text)  # "-": a binary file


class Objects:
    """Reads objects through one `git cat-file --batch`."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [GIT, f"--git-dir={path}", "cat-file", "--batch"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(path),
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def read(self, name: str) -> bytes:
        """Return the content of an object."""
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        assert pipe_in is not None
        assert pipe_out is not None
        pipe_in.write(name.encode() + b"\n")
        pipe_in.flush()
        size = int(pipe_out.readline().split()[2])
        data = pipe_out.read(size)
        pipe_out.read(1)
        return data
