"""Judge the content of real commits with the default policy, and print what is blocked and held.

Each commit's tree is judged against its first parent's, from git objects, by the decision function
of `pack` and `verify`; `--handoffs` of them are also handed over whole. Changes and pushes nothing.
Exit code 1: a commit was blocked, or `pack` or `verify` decided otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from replay_choice import choose
from replay_rig import GitError, Rig

from lanectl import checks
from lanectl.flows.content import gather
from lanectl.model.change import Mode
from lanectl.model.content import Words
from lanectl.model.decision import Decision
from lanectl.model.display import display, display_path
from lanectl.model.handoff import message_problem, title_problem
from lanectl.model.names import ObjectId, RepositoryId
from lanectl.model.ruling import strictest
from lanectl.model.settings import Limits, Rules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from replay_choice import Commit

    from lanectl.adapters.git.target import GitTargetRepository
    from lanectl.model.report import Finding

HEADER = (
    "| repository | commits | free | warned | held | blocked | rules: commits (paths) |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | --- |"
)
_SAID = {Decision.BLOCK: "blocked", Decision.HOLD: "held", Decision.WARN: "warned"}
_FILES = {Mode.FILE, Mode.EXECUTABLE}
_HERE = RepositoryId("example.test/real/history")
_NO_CONTENT = "rollback/"
"""A history that was not made with lanectl brings no rollbacks: `pack` asks for them, rightly."""


@dataclass(slots=True)
class Judged:
    """What is decided about the commits of one repository."""

    name: str
    findings: dict[str, tuple[Finding, ...]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    handed: int = 0
    otherwise: list[str] = field(default_factory=list)

    def verdict(self, commit: str) -> str:
        """Return what becomes of a commit: its strictest decision in a word."""
        found = {f.decision for f in self.findings[commit]}
        return next((word for decision, word in _SAID.items() if decision in found), "free")

    @property
    def verdicts(self) -> Counter[str]:
        """How many commits have which verdict."""
        return Counter(map(self.verdict, self.findings))

    def rules(self, decision: Decision) -> str:
        """Return the rules of a decision, each with its commits and its paths or words."""
        commits, subjects = Counter[str](), Counter[str]()
        for findings in self.findings.values():
            of = [f.rule.id for f in findings if f.decision is decision]
            commits.update(set(of))
            subjects.update(of)
        return ", ".join(f"`{r}` {n} ({subjects[r]})" for r, n in commits.most_common())


def judge(rig: Rig, repository: GitTargetRepository, commit: Commit) -> tuple[Finding, ...]:
    """Return one finding for every subject of a commit that breaks a rule."""
    objects = repository.objects
    trees = [objects.commit_tree(ObjectId(c)) for c in (commit.parent, commit.id)]
    if trees[0] is None or trees[1] is None:
        raise GitError(f"{commit.id[:12]}: its tree is missing")
    files = objects.files(trees[0], trees[1])
    said = rig.git("cat-file", "commit", commit.id).partition(b"\n\n")[2]
    title, _, message = said.decode("utf-8", "replace").partition("\n")
    message = message.strip("\n")
    words = Words(
        "x",
        "x" if title_problem(title) else title,
        "" if message_problem(message) else message,
    )
    content = gather(
        files, trees[1], objects, rules=Rules(), words=words, members={}, repository=_HERE
    )
    unread = {f.new_id for f in files if f.new_mode in _FILES and content.new(f) is None}
    _refuse_missing(rig, commit, unread)
    return strictest(checks.judge_content(content))


def _refuse_missing(rig: Rig, commit: Commit, ids: Iterable[str]) -> None:
    """Raise GitError if the source lacks files: that one was not looked into says nothing then."""
    wanted = "".join(f"{i}\n" for i in ids)
    out = rig.git("cat-file", "--batch-check", data=wanted.encode()) if wanted else b""
    if lacking := out.count(b" missing\n"):
        raise GitError(f"{commit.id[:12]}: {lacking} files are missing")


def run(rig: Rig, source: Path, options: argparse.Namespace) -> Judged:
    """Judge as many commits as are wanted."""
    from lanectl.adapters.git.target import GitTargetRepository
    from lanectl.adapters.system import environment
    from lanectl.wiring.common import open_git

    judged, only = Judged(options.name or source.name), tuple(options.only)
    commits, _ = choose(rig.git, rig.tip, read=False)
    commits = [c for c in commits if c.id.startswith(only)] if only else commits
    with open_git(str(source), Limits()) as (git, found, scratch):
        repository = GitTargetRepository(git, found, scratch, environment())
        for commit in commits:
            if len(judged.findings) >= options.commits:
                break
            try:
                judged.findings[commit.id] = judge(rig, repository, commit)
            except GitError as error:
                judged.missing.append(str(error))
    for commit in [c for c in commits if c.id in judged.findings]:
        if judged.handed >= options.handoffs:
            break
        with contextlib.suppress(GitError):  # a clone of it needs files that the source lacks
            why = _differs(rig, commit, judged.findings[commit.id])
            judged.handed += 1
            judged.otherwise += [f"{commit.id[:12]}: {why}"] if why else []
    return judged


def _differs(rig: Rig, commit: Commit, findings: Iterable[Finding]) -> str:
    """Hand a commit over: return how `pack` and `verify` decide otherwise, if they do."""
    wanted = {(f.rule.id, str(f.decision), f.where) for f in findings if f.subject}
    rig.place(commit)
    words = rig.show("staged", commit)
    code, out, talk = rig.lanectl("pack", "--slug", "x", "--json", *words, at=rig.builder)
    found = _found(out)
    if code:
        if found and all(
            rule.startswith(_NO_CONTENT) for rule, decision, _ in found if decision == "block"
        ):
            return ""
        refused = any(decision == "block" for _, decision, _ in wanted)
        return "" if refused and found >= wanted else f"pack: {talk.strip()[-300:] or out[-300:]}"
    enforcer = rig.root / "enforcer"
    rig.git(
        "clone", "-q", "-n", "--depth=2", "-b", "main", f"file://{rig.hub}", enforcer, at=rig.root
    )
    rig.must("init", "--enforcer", "--repo", rig.hub, "--branch", "main", "--repin", at=enforcer)
    code, again, talk = rig.lanectl("verify", json.loads(out)["path"], "--json", at=enforcer)
    difference = (_found(again) ^ wanted) | (found ^ wanted)
    if difference:
        return "; ".join(" ".join(row) for row in sorted(difference))
    held = any(decision == "hold" for _, decision, _ in wanted)
    outcome = json.loads(again).get("outcome")
    return (
        "" if outcome == ("held" if held else "accepted") else f"verify: {outcome}: {talk[-300:]}"
    )


def _found(out: str) -> set[tuple[str, str, str]]:
    rows = json.loads(out).get("findings", ()) if out else ()
    return {(row["rule"], row["decision"], row["where"]) for row in rows}


def row(judged: Judged) -> str:
    """Return a repository's row of the table."""
    verdicts = judged.verdicts
    numbers = [verdicts[word] for word in ("free", "warned", "held", "blocked")]
    said = [
        f"{word}: {rules}" for decision, word in _SAID.items() if (rules := judged.rules(decision))
    ]
    cells = [judged.name, len(judged.findings), *numbers, "; ".join(said) or "none"]
    return f"| {' | '.join(map(str, cells))} |"


def shown(judged: Judged, decisions: Iterable[Decision]) -> Iterable[str]:
    """Yield a line for every finding of these decisions: commit, decision, rule, path, what."""
    for commit, findings in judged.findings.items():
        for f in findings:
            if f.decision in decisions:
                at = f"{f.where}:{f.line}" if f.line else f.where
                yield f"{commit[:12]} {f.decision} {f.rule.id} {at}: {display(f.got, limit=160)}"


def main() -> int:
    """Judge the repository that the command line names; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("repository", type=Path, help="any clone, bare or not; it is only read")
    parser.add_argument("--name", help="what the table calls it [default: the folder's name]")
    parser.add_argument("--commits", type=int, default=100, help="[default: %(default)s]")
    parser.add_argument("--handoffs", type=int, default=0, metavar="N",
                        help="pack and verify the first N of them as well [default: %(default)s]")  # fmt: skip
    parser.add_argument(
        "--only",
        metavar="ID",
        action="append",
        default=[],
        help="only this commit; may be repeated",
    )
    parser.add_argument(
        "--show", action="store_true", help="print every block and every hold with its path"
    )
    parser.add_argument("--show-warnings", action="store_true", help="print the warnings as well")
    parser.add_argument("--no-header", action="store_true", help="print the row alone")
    options = parser.parse_args()
    source = options.repository.resolve()
    with tempfile.TemporaryDirectory(prefix="lanectl-judge-") as folder:
        try:
            rig = Rig(Path(folder).resolve(), source, None)
        except (GitError, OSError) as error:
            parser.error(
                f"{display_path(str(options.repository).encode())} cannot be judged: {error}"
            )
        judged = run(rig, source, options)
    print(row(judged) if options.no_header else f"{HEADER}\n{row(judged)}")
    wanted = (
        {Decision.BLOCK, Decision.HOLD}
        if options.show or options.show_warnings
        else set[Decision]()
    )
    wanted |= {Decision.WARN} if options.show_warnings else set()
    for line in shown(judged, wanted):
        print(f"- {line}")
    if options.handoffs:
        print(f"- handed over whole: {judged.handed}, decided otherwise: {len(judged.otherwise)}")
    for line in judged.missing:
        print(f"- not judged: {line}")
    for line in judged.otherwise:
        print(f"- handed over, and decided otherwise: {line}")
    return 1 if judged.otherwise or judged.verdicts["blocked"] or not judged.findings else 0


if __name__ == "__main__":
    sys.exit(main())
