"""Whole processes of lanectl against git on one machine: paired runs, medians, printed as a table.

Usage: python -m bench.bench [--files N] [--rounds N]. Makes its repositories in a temporary folder.
The other side of each pair is git's own work, or the same by hand: cosign, tar and git.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

GIT = "/usr/bin/git"
COSIGN = Path.home() / ".cache/lanectl-e2e/cosign-v3.1.3/cosign"
"""Where `make e2e` builds it."""

CANONICAL = ("-r", "-p", "--binary", "--full-index", "--no-renames")
LANECTL = [str(Path(sys.executable).parent / "lanectl")]

UNREAD = '\n[rules."limits/unread"]\nallow = ["big.*"]\n'
"""30 MB in one file are more than is looked into: without this `apply` would wait for an approval."""


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
        with (self.person / "lanectl.toml").open("a") as file:
            file.write(UNREAD)
        self.git(self.person, "add", "-A")
        self.git(self.person, "commit", "-q", "-m", "base")
        self.git(self.person, "push", "-q", "origin", "HEAD:main")
        for clone in ("builder", "enforcer"):
            self.git(root, "clone", "-q", "hub.git", clone)
        self.run(*LANECTL, "init", "--enforcer", "--repo", root / "hub.git", cwd=self.enforcer)
        self._begin_ledger()

    def _begin_ledger(self) -> None:
        """Apply one change, and keep the state: a ledger is made once, not for every handoff."""
        self.add("first.txt", b"first\n")
        self.pack()
        self.run(*LANECTL, "apply", self.bundle, cwd=self.enforcer)
        shutil.copytree(self.root / "home/.local", self.root / "state")

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
        self.reset()
        for number in range(count):
            with (self.builder / f"d{number % 97}/e{number % 13}/f{number}.txt").open("a") as file:
                file.write("changed\n" * 20)

    def add(self, name: str, data: bytes) -> None:
        """Add one file to the Builder's clone, from its base."""
        self.reset()
        (self.builder / name).write_bytes(data)

    def reset(self) -> None:
        """Put the Builder's clone back to its base."""
        self.git(self.builder, "checkout", "-q", "--", ".")
        self.git(self.builder, "clean", "-q", "-fd")

    def help(self) -> float:
        """`lanectl --help`."""
        return self.run(*LANECTL, "--help")

    def typer(self) -> float:
        """An interpreter that imports Typer."""
        return self.run(sys.executable, "-c", "import typer")

    def pack(self) -> float:
        """`lanectl pack`, signed."""
        return self.run(*LANECTL, "pack", "--slug", "x", cwd=self.builder)

    def pack_by_git(self) -> float:
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
        self.forget()
        return self.run(*LANECTL, "apply", self.bundle, cwd=self.enforcer)

    def apply_by_hand(self) -> float:
        """The same by hand: cosign, tar, read-tree, apply, write-tree, commit-tree."""
        self.forget()
        start = time.perf_counter()
        if COSIGN.exists():
            self.run(COSIGN, "verify-blob-attestation", "--bundle", f"{self.bundle}.sigstore.json",
                     "--key", self.root / "home/.config/lanectl/keys/builder.pem.pub",
                     "--type", "slsaprovenance02", "--insecure-ignore-tlog", self.bundle)  # fmt: skip
        self._replay({**self._fresh_objects(self.enforcer)}, regenerate=False)
        return time.perf_counter() - start

    def apply_by_git(self) -> float:
        """What the format demands of git: replay, write the tree, and make the patch again."""
        self.forget()
        start = time.perf_counter()
        self._replay({**self._fresh_objects(self.enforcer)}, regenerate=True)
        return time.perf_counter() - start

    def _replay(self, extra: dict[str, str], *, regenerate: bool) -> None:
        index, out = self.root / "index", self.root / "out"
        index.unlink(missing_ok=True)
        out.mkdir(exist_ok=True)
        extra |= {"GIT_INDEX_FILE": str(index)}
        self.run("tar", "-xzf", self.bundle, "-C", out)
        self.git(self.enforcer, "read-tree", "HEAD", **extra)
        self.git(self.enforcer, "apply", "--cached", out / "changes.patch", **extra)
        tree = subprocess.run([GIT, "write-tree"], cwd=self.enforcer, env={**self.env, **extra},
                              check=True, capture_output=True, text=True).stdout.strip()  # fmt: skip
        if regenerate:
            self.git(self.enforcer, "diff-tree", *CANONICAL, "HEAD^{tree}", tree, **extra)
        self.git(self.enforcer, "commit-tree", tree, "-p", "HEAD", "-m", "x", **extra)

    def _fresh_objects(self, clone: Path) -> dict[str, str]:
        """Let git write new objects each time, as it does for a change that it has never seen."""
        objects = self.root / "objects"
        shutil.rmtree(objects, ignore_errors=True)
        objects.mkdir()
        return {
            "GIT_OBJECT_DIRECTORY": str(objects),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(clone / ".git/objects"),
        }

    def forget(self) -> None:
        """Take everything of the last `apply` out of the Enforcer's clone and state."""
        shutil.rmtree(self.root / "home/.local", ignore_errors=True)
        shutil.copytree(self.root / "state", self.root / "home/.local")
        subprocess.run(
            [GIT, "update-ref", "-d", "refs/heads/feature/x"], cwd=self.enforcer, check=False
        )
        shutil.rmtree(self.enforcer / ".git/objects")
        shutil.copytree(
            self.root / "hub.git/objects", self.enforcer / ".git/objects", copy_function=os.link
        )


def peak(command: list[str], cwd: Path, env: Mapping[str, str]) -> float:
    """Return the most memory (VmHWM, MiB) that a process itself had, its children apart."""
    process = subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL)
    most = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        except OSError:
            break
        most = max([most, *(int(line.split()[1]) for line in status if line.startswith("VmHWM"))])
        time.sleep(0.002)
    if process.wait():
        raise SystemExit(f"{command} failed")
    return most / 1024


Timed = Callable[[], float]


def processor_time() -> float:
    """Return the processor seconds of all children that have ended, and of theirs."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def paired(rounds: int, one: Timed, other: Timed) -> tuple[float, float, float]:
    """Return the medians of both and of the ratio, pair by pair, after one warm-up."""
    one(), other()
    pairs = [(one(), other()) for _ in range(rounds)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def changes(rig: Rig) -> Iterator[tuple[str, bool]]:
    """Make one change after the other; yield its name and whether it is a large one."""
    rig.edit(1)
    yield "1 file", False
    rig.edit(2000)
    yield "2,000 files", False
    lines = (b"line %d of something\n" % n for n in range(1_200_000))
    rig.add("big.txt", b"".join(lines))
    yield "30 MB of text", True
    rig.add("big.bin", random.Random(1).randbytes(30_000_000))  # noqa: S311 - noise
    yield "30 MB of noise", True


def measure(rig: Rig, rounds: int) -> Iterator[str]:
    """Yield the rows of the table."""
    yield row("`--help` / import of Typer", *paired(rounds, rig.help, rig.typer))
    for name, is_large in changes(rig):
        some = max(3, rounds // 3) if is_large else rounds
        rig.pack()
        hand = ("what the format demands of git", rig.apply_by_git) if is_large else ("by hand", rig.apply_by_hand)  # fmt: skip
        yield row(
            f"pack, {name} / git add, write-tree, diff", *paired(some, rig.pack, rig.pack_by_git)
        )
        yield row(f"verify, {name} / {hand[0]}", *paired(some, rig.verify, hand[1]))
        yield row(f"apply, {name} / {hand[0]}", *paired(some, rig.apply, hand[1]))
        if is_large:
            for command, where in (
                ("pack", rig.builder),
                ("verify", rig.enforcer),
                ("apply", rig.enforcer),
            ):
                rig.forget()
                words = ["--slug", "x"] if command == "pack" else [str(rig.bundle)]
                most = peak([*LANECTL, command, *words], where, rig.env)
                yield f"| {command}, {name}: memory of its own process | {most:.0f} MiB | | |"


def row(name: str, one: float, other: float, ratio: float) -> str:
    """Return a row of a table: two times in seconds, in milliseconds, and their ratio."""
    return f"| {name} | {one * 1000:,.0f} ms | {other * 1000:,.0f} ms | {ratio:.2f} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=18_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lanectl-bench-") as folder:
        print(f"making a repository of {options.files} files", file=sys.stderr)
        rig = Rig(Path(folder), options.files)
        version = subprocess.run([GIT, "version"], capture_output=True, text=True, check=True)
        print(f"\n{options.files} files; {options.rounds} pairs, medians, whole processes")
        print(f"{os.cpu_count()} CPUs, Python {platform.python_version()}, {version.stdout.strip()}, "
              f"{'cosign 3.1.3' if COSIGN.exists() else 'no cosign: `make e2e` builds it'}\n")  # fmt: skip
        print("| lanectl / the other | lanectl | the other | ratio |\n|---|--:|--:|--:|")
        for line in measure(rig, options.rounds):
            print(line, flush=True)


if __name__ == "__main__":
    main()
