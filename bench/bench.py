"""Whole processes of lanectl against git on one machine: paired runs, medians, printed as a table.

Usage: bench.py [--files N] [--rounds N]. Makes its repositories in a temporary folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GIT = "/usr/bin/git"
LANECTL = [str(Path(sys.executable).parent / "lanectl")]


class Rig:
    """A hub, a Builder's and an Enforcer's clone of a repository with many files, trust included."""

    def __init__(self, root: Path, files: int) -> None:
        self.root, self.env = root, {**os.environ, "HOME": str(root / "home"), "LC_ALL": "C"}
        for name in [n for n in self.env if n.startswith(("LANECTL_", "XDG_", "GIT_", "PYTHON"))]:
            del self.env[name]
        self.env |= {
            f"GIT_{w}_{k}": v
            for w in ("AUTHOR", "COMMITTER")
            for k, v in (("NAME", "B"), ("EMAIL", "b@b.test"))
        }
        (root / "home").mkdir()
        self.person, self.builder, self.enforcer = (
            root / "person",
            root / "builder",
            root / "enforcer",
        )
        self.git(root, "init", "-q", "--bare", "-b", "main", "hub.git")
        self.git(root, "clone", "-q", "hub.git", "person")
        for number in range(files):
            path = self.person / f"d{number % 97}/e{number % 13}/f{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"line {number} {n}\n" for n in range(20)))
        for role in ("builder", "enforcer"):
            self.run(*LANECTL, "keys", "new", "--role", role)
        keys = root / "home/.config/lanectl/keys"
        self.run(*LANECTL, "init", "--repo", self.person, "--builder-key", keys / "builder.pem.pub",
                 "--enforcer-key", keys / "enforcer.pem.pub")  # fmt: skip
        self.git(self.person, "add", "-A")
        self.git(self.person, "commit", "-q", "-m", "base")
        self.git(self.person, "push", "-q", "origin", "HEAD:main")
        for clone in ("builder", "enforcer"):
            self.git(root, "clone", "-q", "hub.git", clone)
        self.run(*LANECTL, "init", "--enforcer", "--repo", root / "hub.git", cwd=self.enforcer)

    def run(self, *command: object, cwd: Path | None = None, **extra: str) -> float:
        """Run a whole process and return its seconds."""
        start = time.perf_counter()
        subprocess.run([str(c) for c in command], cwd=cwd, env={**self.env, **extra}, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        return time.perf_counter() - start

    def git(self, folder: Path, *words: object, **extra: str) -> float:
        """Run git as a person would."""
        return self.run(GIT, *words, cwd=folder, **extra)

    def edit(self, count: int) -> None:
        """Change `count` files of the Builder's clone, from its base."""
        self.git(self.builder, "checkout", "-q", "--", ".")
        for number in range(count):
            with (self.builder / f"d{number % 97}/e{number % 13}/f{number}.txt").open("a") as file:
                file.write("changed\n" * 20)

    def pack(self) -> float:
        """`lanectl pack`, signed."""
        return self.run(*LANECTL, "pack", "--slug", "x", cwd=self.builder)

    def pack_floor(self) -> float:
        """git's own work for the same: add, write-tree and diff into a temporary index."""
        index = self.root / "index"
        shutil.copy2(self.builder / ".git/index", index)
        extra = {"GIT_INDEX_FILE": str(index), **self._fresh_objects(self.builder)}
        start = time.perf_counter()
        self.git(self.builder, "add", "-A", **extra)
        self.git(self.builder, "write-tree", **extra)
        self.git(self.builder, "diff", "--cached", "--binary", "--full-index", "HEAD", **extra)
        return time.perf_counter() - start

    @property
    def bundle(self) -> Path:
        """The packed bundle."""
        return self.builder / ".lanectl/outbox/x/artifact.tar.gz"

    def verify(self) -> float:
        """`lanectl verify`."""
        return self.run(*LANECTL, "verify", self.bundle, cwd=self.enforcer)

    def apply(self) -> float:
        """`lanectl apply`, as if for the first time."""
        self._forget()
        return self.run(*LANECTL, "apply", self.bundle, cwd=self.enforcer)

    def apply_floor(self) -> float:
        """The same by hand, without any signature: tar, read-tree, apply, write-tree, commit-tree."""
        index, out = self.root / "index", self.root / "out"
        index.unlink(missing_ok=True)
        out.mkdir(exist_ok=True)
        extra = {"GIT_INDEX_FILE": str(index), **self._fresh_objects(self.enforcer)}
        start = time.perf_counter()
        self.run("tar", "-xzf", self.bundle, "-C", out)
        self.git(self.enforcer, "read-tree", "HEAD", **extra)
        self.git(self.enforcer, "apply", "--cached", out / "changes.patch", **extra)
        self.git(self.enforcer, "write-tree", **extra)
        self.git(self.enforcer, "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "x")
        return time.perf_counter() - start

    def _fresh_objects(self, clone: Path) -> dict[str, str]:
        """Let git write new objects each time, as it does for a change that it has never seen."""
        objects = self.root / "objects"
        shutil.rmtree(objects, ignore_errors=True)
        objects.mkdir()
        return {
            "GIT_OBJECT_DIRECTORY": str(objects),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(clone / ".git/objects"),
        }

    def _forget(self) -> None:
        shutil.rmtree(self.root / "home/.local", ignore_errors=True)
        subprocess.run(
            [GIT, "update-ref", "-d", "refs/heads/feature/x"], cwd=self.enforcer, check=False
        )


def paired(rounds: int, one, other) -> tuple[float, float, float]:
    """Return the medians of both and of the ratio, pair by pair, after one warm-up."""
    one(), other()
    pairs = [(one(), other()) for _ in range(rounds)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=18_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="lanectl-bench-") as folder:
        print(f"making a repository of {options.files} files", file=sys.stderr)
        rig = Rig(Path(folder), options.files)
        start = [sys.executable, "-c", "import typer"]
        rows.append(("lanectl --help / import typer", *paired(
            options.rounds, lambda: rig.run(*LANECTL, "--help"), lambda: rig.run(*start))))  # fmt: skip
        for name, count in (("1 file", 1), ("2,000 files", min(2000, options.files))):
            rig.edit(count)
            rows.append(
                (
                    f"pack {name} / git add, write-tree, diff",
                    *paired(options.rounds, rig.pack, rig.pack_floor),
                )
            )
            rows.append(
                (
                    f"verify {name} / by hand, no signature",
                    *paired(options.rounds, rig.verify, rig.apply_floor),
                )
            )
            rows.append(
                (
                    f"apply {name} / by hand, no signature",
                    *paired(options.rounds, rig.apply, rig.apply_floor),
                )
            )
    print(
        f"\n{options.files} files, {options.rounds} pairs, medians, whole processes, {os.cpu_count()} CPUs\n"
    )
    print(f"{'what':<50} {'lanectl':>9} {'floor':>9} {'ratio':>7}")
    for name, one, other, ratio in rows:
        print(f"{name:<50} {one * 1000:>6.0f} ms {other * 1000:>6.0f} ms {ratio:>6.2f}x")


if __name__ == "__main__":
    main()
