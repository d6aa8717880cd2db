"""The place where commits are replayed: a hub, and a Builder's and an Enforcer's clone per commit.

The hub borrows the objects of the repository under test, which is only read. Pushes nothing.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from replay_choice import Commit

GIT = "/usr/bin/git"
_HELD = 4
"""Exit code of a bundle that waits for an approval."""

STATES = ("unstaged", "staged", "committed")
_MINE = ("GIT_", "LANECTL_", "XDG_", "GNUPG", "PYTHON")

Env: TypeAlias = "Mapping[str, str] | None"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one commit from one state; `why` names rules, paths or what git lacks."""

    commit: str
    state: str
    verdict: str
    why: str = ""


class GitError(Exception):
    """git ended with an error."""


class Rig:
    """A hub that borrows the objects of the repository under test, and the keys of both lanes and a lead."""

    def __init__(self, root: Path, source: Path, command: list[str] | None) -> None:
        self.root, self.command = root, command
        self.hub, self.builder, self.index = root / "hub.git", root / "builder", root / "index"
        for name in [n for n in os.environ if n.startswith(_MINE)]:
            del os.environ[name]
        os.environ["HOME"] = str(root / "home")
        (root / "home").mkdir()
        self.git("init", "-q", "--bare", "-b", "main", self._format(source), str(self.hub), at=root)
        objects = self.git(
            "rev-parse", "--path-format=absolute", "--git-path", "objects", at=source
        )
        (self.hub / "objects/info/alternates").write_bytes(objects)
        self.tip = self.text("rev-parse", "HEAD", at=source)
        self._make_keys()

    def _format(self, source: Path) -> str:
        return f"--object-format={self.text('rev-parse', '--show-object-format', at=source)}"

    def _make_keys(self) -> None:
        person = self.root / "person"
        self.git("init", "-q", "person", at=self.root)
        self.git("remote", "add", "origin", str(self.hub), at=person)
        for role in ("builder", "enforcer", "lead"):
            self.must("keys", "new", "--role", role)
        keys = self.root / "home/.config/lanectl/keys"
        self.must("init", "--repo", person, "--builder-key", keys / "builder.pem.pub",
                  "--enforcer-key", keys / "enforcer.pem.pub", "--lead-key", keys / "lead.pem.pub")  # fmt: skip
        self.trust = {
            path: self.text("hash-object", "-w", "--no-filters", str(person / path))
            for path in self.text("ls-files", "-o", at=person).splitlines()
        }

    # Programs --------------------------------------------------------------------------------

    def git(
        self,
        *words: str | bytes,
        at: Path | None = None,
        data: bytes | None = None,
        env: Env = None,
    ) -> bytes:
        """Run git, in the hub unless said otherwise. Raises GitError."""
        who = {f"GIT_{w}_{k}": v for w in ("AUTHOR", "COMMITTER")
               for k, v in (("NAME", "Replay"), ("EMAIL", "r@example.test"), ("DATE", "1700000000 +0000"))}  # fmt: skip
        settings = {"GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
                    "GIT_CONFIG_KEY_1": "gc.auto", "GIT_CONFIG_VALUE_1": "0", "GIT_CONFIG_NOSYSTEM": "1"}  # fmt: skip
        done = subprocess.run(
            [GIT, *words], cwd=at or self.hub, input=data, capture_output=True, check=False,
            env={"PATH": "/usr/bin:/bin", "HOME": os.environ["HOME"], "LC_ALL": "C", **who, **settings, **(env or {})},
        )  # fmt: skip
        if done.returncode:
            raise GitError(f"git {words[0]!r}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def text(self, *words: str | bytes, at: Path | None = None, env: Env = None) -> str:
        """Run git and return its words without the line end."""
        return self.git(*words, at=at, env=env).decode().strip()

    def lanectl(self, *words: str | Path, at: Path) -> tuple[int, str, str]:
        """Run lanectl in a folder: here, or as a process. Returns code, output, talk."""
        line = [str(word) for word in words]
        if self.command:
            done = subprocess.run([*self.command, *line], cwd=at, capture_output=True, check=False)
            return done.returncode, done.stdout.decode(), done.stderr.decode(errors="replace")
        from lanectl.cli.app import run

        out, err = io.StringIO(), io.StringIO()
        with contextlib.chdir(at), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(line)
        return code, out.getvalue(), err.getvalue()

    def must(self, *words: str | Path, at: Path | None = None) -> None:
        """Run lanectl for what has to work. Raises SystemExit with what it said."""
        code, _, talk = self.lanectl(*words, at=at or self.root)
        if code:
            raise SystemExit(f"lanectl {words[0]}: {talk}")

    # One commit ------------------------------------------------------------------------------

    def place(self, commit: Commit) -> None:
        """Put trust on top of the parent, and make fresh clones of both sides that know no more."""
        for path in ("builder", "enforcer", "home/.local", "home/.cache", "index"):
            target = self.root / path
            target.unlink() if target.is_file() else shutil.rmtree(target, ignore_errors=True)
        index = {"GIT_INDEX_FILE": str(self.index)}
        self.git("read-tree", commit.parent, env=index)
        for path, blob in self.trust.items():
            self.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=index)
        tree = self.text("write-tree", env=index)
        trusted = self.text("commit-tree", "-m", "trust", "-p", commit.parent, tree)
        message = self.git("cat-file", "commit", commit.id).partition(b"\n\n")[2]
        result = self.git(
            "commit-tree", f"{commit.id}^{{tree}}", "-p", commit.parent, "-F", "-", data=message
        )
        self.git("update-ref", "refs/heads/main", trusted)
        self.git("update-ref", "refs/heads/result", result.decode().strip())
        self.git(
            "clone",
            "-q",
            "-n",
            "--depth=2",
            "-b",
            "main",
            f"file://{self.hub}",
            "builder",
            at=self.root,
        )
        self.git("checkout", "-q", "--detach", commit.parent, at=self.builder)

    def show(self, state: str, commit: Commit) -> list[str]:
        """Bring the Builder's clone into a state; return what `pack` needs to be told."""
        here = self.builder
        if state == "unstaged":  # written by a foreign index: this clone holds no object of it
            shutil.copy2(here / ".git/index", self.index)
            both = {"GIT_DIR": str(self.hub), "GIT_WORK_TREE": str(here)}
            self.git(
                "read-tree", "-m", "-u", commit.parent, commit.id,
                at=here, env={**both, "GIT_INDEX_FILE": str(self.index)},
            )  # fmt: skip
            return []
        if state == "staged":
            self.git("fetch", "-q", "origin", "result:staging/codex-x", at=here)
            self.git("clean", "-ffdxq", at=here)
            self.git("reset", "-q", "--hard", "staging/codex-x", at=here)
            self.git("reset", "-q", "--soft", commit.parent, at=here)
            return []
        self.git("reset", "-q", "--hard", commit.parent, at=here)
        self.git("checkout", "-q", "staging/codex-x", at=here)
        return ["--from", "staging/codex-x"]

    def replay(self, commit: Commit) -> Iterator[Outcome]:
        """Yield how the commit came through from every state. Raises GitError if objects are missing."""
        self.place(commit)
        clean = self.root / "clean.git"
        shutil.rmtree(clean, ignore_errors=True)
        shutil.copytree(self.builder / ".git", clean)
        for state in STATES:
            words = self.show(state, commit)
            shutil.rmtree(self.root / "enforcer", ignore_errors=True)
            shutil.rmtree(self.root / "home/.local", ignore_errors=True)
            shutil.copytree(clean, self.root / "enforcer/.git")
            verdict, why = self._handoff(state, commit, words)
            yield Outcome(commit.id, state, verdict, why)

    def _handoff(self, state: str, commit: Commit, words: list[str]) -> tuple[str, str]:
        wanted = self.text("rev-parse", f"{commit.id}^{{tree}}")
        shown = wanted if state == "committed" else self._as_git_would(add=state == "unstaged")
        lent = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self.root / "aside")}
        if not self.git("diff-tree", "-r", commit.parent, shown, env=lent):
            return "not showable", self._explain(shown, wanted)
        code, out, talk = self.lanectl("pack", "--slug", "x", "--json", *words, at=self.builder)
        if code:
            return "refused", _said("pack", code, out, talk)
        bundle = Path(json.loads(out)["path"])
        enforcer = self.root / "enforcer"
        self.must(
            "init", "--enforcer", "--repo", self.hub, "--branch", "main", "--repin", at=enforcer
        )
        code, out, talk = self.lanectl("apply", bundle, "--json", at=enforcer)
        held = self._approve(bundle, out) if code == _HELD else ""
        if held:
            code, out, talk = self.lanectl("apply", bundle, "--json", at=enforcer)
        if code:
            return "refused", _said("apply", code, out, talk)
        made = json.loads(out)["commit"]
        self.git("rev-list", "--objects", "--quiet", "feature/x", "^origin/main", at=enforcer)
        tree, parents, head = self.text(
            "log", "-1", "--format=%T %P %H", "feature/x", at=enforcer
        ).split(" ")
        if (parents, head) != (commit.parent, made):
            return "inexact", f"{head} on {parents}"
        if tree == wanted:
            return "exact", held
        return ("not showable" if tree == shown else "inexact"), self._explain(
            tree, wanted, enforcer
        )

    def _approve(self, bundle: Path, out: str) -> str:
        """Let what holds a bundle pass, as the lead; return which rules that were."""
        rules = {f["rule"] for f in json.loads(out)["findings"] if f["decision"] == "hold"}
        key = self.root / "home/.config/lanectl/keys/lead.pem"
        for rule in sorted(rules):
            self.must("approve", bundle, "--rule", rule, "--reason", "it is history", "--key", key,
                      at=self.root / "enforcer")  # fmt: skip
        return f"held and approved: {', '.join(sorted(rules))}"

    def _as_git_would(self, *, add: bool) -> str:
        """Return the tree that git writes of the index, `add` of the work tree; nothing is changed."""
        aside = self.root / "aside"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        shutil.copy2(self.builder / ".git/index", self.index)
        extra = {"GIT_INDEX_FILE": str(self.index), "GIT_OBJECT_DIRECTORY": str(aside),
                 "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self.builder / ".git/objects")}  # fmt: skip
        if add:
            self.git("add", "-A", at=self.builder, env=extra)
        return self.text("write-tree", at=self.builder, env=extra)

    def _explain(self, tree: str, wanted: str, where: Path | None = None) -> str:
        """Return why the paths that differ do."""
        lent = {"GIT_ALTERNATE_OBJECT_DIRECTORIES":
                str(where / ".git/objects" if where else self.root / "aside")}  # fmt: skip
        kinds: Counter[str] = Counter()
        for line in self.git("diff-tree", "-r", tree, wanted, env=lent).splitlines():
            facts, _, path = line.partition(b"\t")
            kinds["submodule" if b"160000" in facts else self._reason(path)] += 1
        said = ", ".join(f"{kind} {number}" for kind, number in sorted(kinds.items()))
        return said or "a tree that git does not write"

    def _reason(self, path: bytes) -> str:
        with contextlib.suppress(GitError):
            self.git("check-ignore", "-q", "--no-index", "--", path, at=self.builder)
            return "ignored"
        return "line ends or encoding" if (self.builder / os.fsdecode(path)).is_file() else "other"

    def git_is_exact(self, commit: Commit) -> bool:
        """Whether `git diff --binary` and `git apply --index` alone bring the same tree."""
        self.git("checkout", "-q", "-f", "--detach", commit.parent, at=self.builder)
        self.git("clean", "-ffdxq", at=self.builder)
        patch = self.git("diff", "--binary", commit.parent, commit.id)
        with contextlib.suppress(GitError):
            self.git("apply", "--index", "-", at=self.builder, data=patch)
            made = self.text("write-tree", at=self.builder)
            return made == self.text("rev-parse", f"{commit.id}^{{tree}}")
        return False


def _said(verb: str, code: int, out: str, talk: str) -> str:
    """Return the rules that a refusal names, or its words."""
    with contextlib.suppress(ValueError, KeyError):
        document = json.loads(out)
        error = document.get("error", {})
        rules = ", ".join(sorted({f["rule"] for f in document["findings"]}))
        return f"{verb}: {rules or ': '.join((error['what'], error['why']))}"
    return f"{verb}, exit code {code}: {talk.strip()[:300]}"
