"""Replay real commits through `lanectl pack` and `apply`, and compare the trees. Pushes nothing.

Every commit stands on a target branch of its own: its first parent with one commit on top that
registers the keys. A Builder's clone gets the commit's tree in three states: only in the work tree,
staged, committed. An Enforcer's clone that never saw it gets the signed bundle; what is held a lead
approves. Exit code 1: a commit was refused, or came out with another tree although the Builder's
side could show it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from replay_choice import choose
from replay_rig import STATES, GitError, Outcome, Rig

VERDICTS = ("exact", "not showable", "refused", "inexact")
_HEADER = (
    "| repository | commits | state | exact | not showable | refused | inexact |\n"
    "| --- | ---: | --- | ---: | ---: | ---: | ---: |"
)


@dataclass(slots=True)
class Tally:
    """The outcomes of one repository."""

    name: str
    features: dict[str, int]
    outcomes: list[Outcome] = field(default_factory=list)
    unavailable: list[str] = field(default_factory=list)
    git_missed: list[str] = field(default_factory=list)

    def count(self, state: str, verdict: str) -> int:
        """Return how many ended so."""
        return sum(o.state == state and o.verdict == verdict for o in self.outcomes)

    @property
    def commits(self) -> int:
        """How many commits were replayed."""
        return len({o.commit for o in self.outcomes})

    @property
    def good(self) -> bool:
        """Whether nothing was refused and nothing differs that a work tree can show."""
        return self.commits > 0 and {o.verdict for o in self.outcomes} <= {"exact", "not showable"}


def run(rig: Rig, name: str, limit: int, only: list[str], *, compare: bool) -> Tally:
    """Replay up to `limit` commits; those whose objects the source lacks do not count."""
    commits, features = choose(rig.git, rig.tip)
    commits = [c for c in commits if not only or c.id.startswith(tuple(only))]
    tally, quiet = Tally(name, features), not sys.stderr.isatty()
    for commit in commits:
        if tally.commits >= limit:
            break
        try:
            tally.outcomes += rig.replay(commit)
            if compare and not rig.git_is_exact(commit):
                tally.git_missed.append(commit.id)
        except GitError as error:
            tally.outcomes = [o for o in tally.outcomes if o.commit != commit.id]
            tally.unavailable.append(f"{commit.id}: {error}")
        if not quiet:
            print(
                f"\r{name}: {tally.commits} of {min(limit, len(commits))}", end="", file=sys.stderr
            )
    if not quiet:
        print(file=sys.stderr)
    return tally


def table(tally: Tally) -> str:
    """Return the rows of a Markdown table, and below it everything that is not exact."""
    rows = [
        f"| {tally.name} | {tally.commits} | {state} | "
        + " | ".join(str(tally.count(state, verdict)) for verdict in VERDICTS)
        + " |"
        for state in STATES
    ]
    have = ", ".join(f"{feature} {number}" for feature, number in tally.features.items())
    said = [f"\nIn the whole history: {have}.\n"]
    said += [
        f"- {o.verdict}: {o.commit[:12]} {o.state}: {o.why}"
        for o in tally.outcomes
        if o.verdict != "exact"
    ]
    said += [f"- not replayed, objects are missing: {line}" for line in tally.unavailable]
    said += [f"- `git apply --index` alone misses {commit[:12]}" for commit in tally.git_missed]
    return "\n".join([_HEADER, *rows, *said])


def document(tally: Tally, git: str) -> str:
    """Return everything as JSON."""
    counts = {s: {v: tally.count(s, v) for v in VERDICTS} for s in STATES}
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
    about = {"machine": machine, "git": git, "python": platform.python_version()}
    return json.dumps(
        {**about, "commits": tally.commits, "counts": counts, **asdict(tally)}, indent=1
    )


def main() -> int:
    """Replay the repository that the command line names; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("repository", type=Path, help="any clone, bare or not; it is only read")
    parser.add_argument("--name", help="what the table calls it [default: the folder's name]")
    parser.add_argument("--commits", type=int, default=100, help="[default: %(default)s]")
    parser.add_argument(
        "--only",
        metavar="ID",
        action="append",
        default=[],
        help="only this commit; may be repeated",
    )
    parser.add_argument("--processes", action="store_true", help="run lanectl as whole processes")
    parser.add_argument("--lanectl", metavar="FILE", help="the program to run, as a process")
    parser.add_argument(
        "--compare-git", action="store_true", help="count what plain `git apply --index` misses"
    )
    parser.add_argument("--json", action="store_true", help="print every outcome as JSON")
    options = parser.parse_args()
    source = options.repository.resolve()
    command = [sys.executable, "-P", "-m", "lanectl"] if options.processes else None
    command = [options.lanectl] if options.lanectl else command
    with tempfile.TemporaryDirectory(prefix="lanectl-replay-") as folder:
        try:
            rig = Rig(Path(folder).resolve(), source, command)
        except (GitError, OSError) as error:
            parser.error(f"{options.repository} cannot be replayed: {error}")
        tally = run(
            rig,
            options.name or source.name,
            options.commits,
            options.only,
            compare=options.compare_git,
        )
        print(document(tally, rig.text("version")) if options.json else table(tally))
    return 0 if tally.good else 1


if __name__ == "__main__":
    sys.exit(main())
