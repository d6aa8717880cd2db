"""The simulator that tests tell their stories with: real git, real keys, the real command line.

A bare hub, and a clone each for the person, the Builder and the Enforcer. Nothing is patched; the
command line runs in this process so that coverage sees it, or as a process of its own.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import lanectl as lanectl_package
from lanectl.cli.app import run

if TYPE_CHECKING:
    from collections.abc import Iterable

GIT = "/usr/bin/git"
START = 1_700_000_000

needs_ascii_path = pytest.mark.skipif(
    not sys.executable.isascii(),
    reason="Python itself does not start in an ASCII locale where its own path is not ASCII",
)


def scrubbed() -> Iterable[str]:
    """Names of the environment that must not reach a test."""
    prefixes = ("GIT_", "XDG_", "LANECTL_", "GNUPG")
    return [name for name in os.environ if name.startswith(prefixes)]


@dataclass(frozen=True)
class Ran:
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def rules(self) -> list[str]:
        """The ids of the findings in a JSON report or error."""
        return [f["rule"] for f in self.json["findings"]]


def lanectl(*arguments: str | int | Path) -> Ran:
    """Run a command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(a) for a in arguments])
    return Ran(code, out.getvalue(), err.getvalue())


def lanectl_process(*arguments: str | Path, cwd: Path | None = None, **extra: str) -> Ran:
    """Run a command line as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "lanectl", *map(str, arguments)],
        cwd=cwd, env={**os.environ, **extra}, capture_output=True, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def installed(folder: Path) -> Path:
    """Put a copy of the package into a folder and return its place: what happens to it harms nobody."""
    shutil.copytree(Path(lanectl_package.__file__).parent, folder / "lanectl")
    return folder / "lanectl"


def of_copy(folder: Path, *arguments: str | Path) -> Ran:
    """Run a command line by the copy in a folder; its lines are not the ones to be covered."""
    return lanectl_process(*arguments, PYTHONPATH=str(folder), COVERAGE_PROCESS_CONFIG="")


def git(
    folder: Path, *arguments: str, data: bytes | None = None, check: bool = True, **extra: str
) -> str:
    """Run git as a person would, with an identity and a fixed time."""
    environment = {
        "PATH": "/usr/bin:/bin", "HOME": os.environ["HOME"], "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Person", "GIT_AUTHOR_EMAIL": "person@example.test",
        "GIT_COMMITTER_NAME": "Person", "GIT_COMMITTER_EMAIL": "person@example.test",
        "GIT_AUTHOR_DATE": f"{START} +0000", "GIT_COMMITTER_DATE": f"{START} +0000",
        **extra,
    }  # fmt: skip
    done = subprocess.run(
        [GIT, *arguments], cwd=folder, input=data, capture_output=True, env=environment, check=False
    )
    if check and done.returncode:
        raise AssertionError(f"git {arguments}: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode(errors="surrogateescape").strip()


def write(path: Path | bytes, data: bytes = b"x\n", mode: int | None = None) -> None:
    """Write a file and its folders."""
    target = Path(os.fsdecode(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    if mode is not None:
        target.chmod(mode)


def snapshot(folder: Path) -> dict[bytes, tuple[Any, ...]]:
    """Everything below a folder: modes, times and bytes (of git objects, only the bytes).

    git "freshens" the time of an object that it would otherwise write again.
    """
    found: dict[bytes, tuple[Any, ...]] = {}
    for root, folders, names in os.walk(os.fsencode(folder)):
        for name in (*folders, *names):
            path = os.path.join(root, name)
            status = os.lstat(path)
            content = b""
            if stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(status.st_mode):
                content = Path(os.fsdecode(path)).read_bytes()
            times = () if b"/objects/" in path else (status.st_mtime_ns,)
            found[path] = (status.st_mode, status.st_size, content, *times)
    return found


def fill(folder: Path) -> None:
    """Put the files of the usual first commit into a work tree."""
    for number in range(5):
        write(
            folder / f"src/f{number}.py", b"".join(b"line %d %d\n" % (number, n) for n in range(30))
        )
    write(folder / "run.sh", b"#!/bin/sh\n", 0o755)
    write(folder / "bin.dat", bytes(range(256)) * 40)
    write(folder / ".gitignore", b"*.log\nbuild/\n")
    (folder / "lnk").symlink_to("src/f0.py")
    write(folder / "docs/a b/x b/y.txt")
    write(folder / "empty", b"")


class World:
    """One hub with three clones. `url` is the hub's address, as the Enforcer pins it."""

    def __init__(
        self,
        root: Path,
        monkeypatch: pytest.MonkeyPatch,
        object_format: str = "sha1",
        hub: Path | None = None,
    ) -> None:
        self._place(root, monkeypatch, hub)
        root.mkdir()
        made = f"--object-format={object_format}"
        if hub is None:
            git(root, "init", "-q", "--bare", "-b", "main", made, "hub.git")
        # a clone of an empty repository would not learn its hash
        git(root, "init", "-q", "-b", "main", f"--object-format={object_format}", "person")
        git(self.person, "remote", "add", "origin", str(self.hub))
        fill(self.person)
        self.commit("base")
        git(root, "clone", "-q", str(self.hub), "builder")
        git(root, "clone", "-q", str(self.hub), "enforcer")

    def _place(self, root: Path, monkeypatch: pytest.MonkeyPatch, hub: Path | None = None) -> None:
        self.root = root
        self.monkeypatch = monkeypatch
        self.hub, self.person = hub or root / "hub.git", root / "person"
        self.builder, self.enforcer = root / "builder", root / "enforcer"
        self.keys = root / "keys"
        monkeypatch.setenv("LANECTL_BUILDER_KEY", str(self.keys / "builder.pem"))

    @classmethod
    def copied(cls, template: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> World:
        """Return a world made from the copy of one that stood at this very place."""
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(template / "world", root, symlinks=True)
        shutil.copytree(template / "home", os.environ["HOME"], dirs_exist_ok=True, symlinks=True)
        world = cls.__new__(cls)
        world._place(root, monkeypatch)
        for clone in (world.person, world.builder, world.enforcer):
            git(clone, "update-index", "-q", "--refresh")
        return world

    @property
    def url(self) -> str:
        return str(self.hub)

    def key(self, name: str) -> Path:
        """Return the private key of this name, made when first asked for."""
        path = self.keys / f"{name}.pem"
        if not path.exists():
            made = lanectl("keys", "new", "--role", "builder", "--out", path)
            assert made.code == 0, made.err
        default = Path(os.environ["HOME"]) / ".config/lanectl/keys/enforcer.pem"
        if name == "enforcer" and not default.exists():  # its own place: no variable names it
            write(default, path.read_bytes(), 0o600)
        return path

    def commit(self, message: str) -> str:
        """Commit all of the person's work tree to main and push it; return the commit."""
        git(self.person, "add", "-A")
        git(self.person, "commit", "-q", "-m", message)
        git(self.person, "push", "-q", "origin", "HEAD:main")
        return git(self.person, "rev-parse", "HEAD")

    def fetch(self) -> None:
        """Bring the Builder's and the Enforcer's clone up to the hub's main."""
        for clone in (self.builder, self.enforcer):
            git(clone, "fetch", "-q", "origin")
            git(clone, "reset", "-q", "--hard", "origin/main")

    def bootstrap(self) -> World:
        """Register a Builder and an Enforcer key on main and pin it on the Enforcer's side."""
        done = lanectl(
            "init", "--repo", self.person,
            "--builder-key", f"{self.key('builder')}.pub", "--enforcer-key", f"{self.key('enforcer')}.pub",
        )  # fmt: skip
        assert done.code == 0, done.err
        self.commit("trust")
        self.fetch()
        self.pin()
        return self

    def pin(self, *extra: str) -> Ran:
        """Pin the hub's main for the Enforcer."""
        with contextlib.chdir(self.enforcer):
            done = lanectl("init", "--enforcer", "--repo", self.url, "--branch", "main", *extra)
        assert done.code == 0, done.err
        return done

    def pack(self, slug: str = "fix-login", *extra: str | Path) -> Path:
        """Pack the Builder's work tree, signed; return the bundle's path."""
        self.key("builder")
        done = lanectl("pack", "--repo", self.builder, "--slug", slug, *extra)
        assert done.code == 0, done.err
        return Path(done.out.strip())

    def change(self) -> None:
        """Make a change of every kind in the Builder's work tree."""
        write(self.builder / "new.txt", b"new\n")
        write(self.builder / "src/f0.py", b"edited\n")
        write(self.builder / "bin.dat", bytes(range(255, -1, -1)) * 40)
        (self.builder / "run.sh").chmod(0o644)
        (self.builder / "src/f1.py").rename(self.builder / "src/g1.py")
        (self.builder / "src/f2.py").unlink()

    def packed(self, slug: str = "fix-login") -> Path:
        """Make the usual change and pack it."""
        self.change()
        return self.pack(slug)

    def verify(self, bundle: Path, *extra: str | Path) -> Ran:
        """Verify a bundle on the Enforcer's side, as JSON."""
        return lanectl("verify", bundle, "--repo", self.enforcer, "--json", *extra)

    def state(self, pattern: str) -> list[Path]:
        """Return the files of the Enforcer's state that match."""
        folder = Path(os.environ["HOME"]) / ".local/state/lanectl"
        return [p for p in folder.glob(f"*/{pattern}") if p.is_file()]

    def events(self) -> list[dict[str, Any]]:
        """Return the bodies of the embedded ledger's events, without the keys that it knows."""
        from lanectl.adapters.ledger.sqlite import open_ledger

        [path] = self.state("ledger.sqlite")
        with contextlib.closing(open_ledger(str(path))) as ledger:
            bodies = [json.loads(event.body) for event in ledger.events()]
        return [body for body in bodies if body["kind"] != "key"]

    def forget_ledger(self) -> None:
        """Lose the ledger and all that this machine signed of it."""
        for file in (*self.state("ledger.sqlite*"), *self.state("anchors.jsonl")):
            file.unlink()

    def apply(self, bundle: Path, *extra: str | Path) -> Ran:
        """Apply a bundle on the Enforcer's side, as JSON."""
        return lanectl("apply", bundle, "--repo", self.enforcer, "--json", *extra)
