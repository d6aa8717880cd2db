"""Everything that is printed: data on stdout, talk on stderr, untrusted text through `display`.

Whatever it is, no secret in it is shown (`formats/masked.py`).

rich draws tables and progress on a terminal only: importing it costs as much as a whole `apply`.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from lanectl.errors import Remedy, UntrustedError
from lanectl.model.decision import Decision
from lanectl.model.display import display, display_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lanectl.errors import LaneError
    from lanectl.flows.init import PlannedFile
    from lanectl.model.report import Finding


def prepare_streams() -> None:
    """Make standard output and error usable whatever the caller's shell did to them."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the caller closed it
            setattr(sys, name, io.StringIO())
        else:  # for a terminal that knows ASCII only
            getattr(sys, name).reconfigure(errors="backslashreplace")


def data(text: str) -> None:
    """Write one line of data to standard output."""
    sys.stdout.write(_masked(text) + "\n")


def block(text: str) -> None:
    """Write lines of data to standard output as they are."""
    sys.stdout.write(_masked(text))


def talk(text: str) -> None:
    """Write one line for people to standard error."""
    sys.stderr.write(_masked(text) + "\n")


def path(raw: bytes) -> str:
    """Return a path as it is shown."""
    from lanectl.formats import masked

    return masked.path(raw)


def document(value: dict[str, Any]) -> None:
    """Write one JSON document to standard output; ASCII only, so safe on any terminal."""
    from lanectl.formats import masked

    sys.stdout.write(json.dumps(masked.document(value), indent=2, ensure_ascii=True) + "\n")


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table to standard output: drawn on a terminal, plain columns elsewhere."""
    if sys.stdout.isatty():
        _draw(headers, rows)
        return
    widths = [max(len(r[n]) for r in (headers, *rows)) for n in range(len(headers))]
    for row in rows:
        data("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())


@contextlib.contextmanager
def progress(what: str) -> Iterator[None]:
    """Show on a terminal's standard error that something is going on."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


_MARKS = {
    Decision.BLOCK: "✗", Decision.HOLD: "! held:", Decision.WARN: "· warning:", Decision.ALLOW: "✓ allowed:",
}  # fmt: skip


@contextlib.contextmanager
def count(total: int) -> Iterator[Callable[[int], None]]:
    """Show on standard error how many of `total` are done, where only that is a terminal."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda _done: None
        return
    step = max(1, total // 200)

    def show(done: int) -> None:
        if done % step == 0:
            sys.stderr.write(f"\r{done} of {total}")
            sys.stderr.flush()

    try:
        yield show
    finally:
        sys.stderr.write("\r\x1b[K")


def findings(found: Sequence[Finding]) -> None:
    """Write findings to standard error, the strictest first; a rule's title and remedy once."""
    from lanectl.formats.masked import shown

    ordered = sorted(found, key=lambda f: -f.decision.strictness)
    groups = itertools.groupby(ordered, key=lambda f: (f.rule, f.decision))
    for (rule, decision), group in groups:
        ways = [rule.remedy]
        for number, finding in enumerate(group):
            where = f" {shown(finding.where)}" if finding.where else ""
            line = f":{finding.line}" if finding.line else ""
            because = f" ({shown(finding.allowed_by)})" if finding.allowed_by else ""
            talk(f"{_MARKS[decision]} {rule.id}{where}{line}{because}")
            if decision is Decision.ALLOW:
                continue
            if number == 0:
                talk(f"    {rule.title}")
            if finding.got or finding.expected:
                got = shown(finding.got) or "nothing"
                talk(f"    got {got}, expected {shown(finding.expected)}")
            if finding.fingerprint:
                talk(f"    fingerprint {finding.fingerprint}")
            ways += [finding.approval] if finding.approval else []
        for way in ways if decision is not Decision.ALLOW else ():
            remedy(way)


def remedy(what: Remedy) -> None:
    """Write a remedy to standard error, its command ready to paste."""
    talk(f"    → {display(what.text)}")
    if what.command:
        talk(f"      $ {display_command(what.command)}")


ENDORSE = Remedy(
    "The trust files have a root: let enough holders of its keys sign them, in the same commit.",
    ("lanectl", "policy", "endorse", "--key", "ROOTKEY"),
)


def planned(
    plan: Sequence[PlannedFile],
    *,
    as_json: bool,
    dry_run: bool,
    next_step: Remedy | None,
    has_root: bool = False,
) -> None:
    """Write what files are written, as diffs, and what comes next; under a root, that it must sign."""
    from lanectl.model.display import display_lines

    changed = [p for p in plan if p.changes]
    if as_json:
        document(
            {
                "written": [p.path for p in changed if not dry_run],
                "files": [{"path": p.path, "diff": p.diff()} for p in plan],
            }
        )
        return
    for file in changed:
        data(display_lines(file.diff()).rstrip("\n"))
    if not changed:
        talk("nothing to change")
    else:
        for file in changed:
            talk(f"{'would write' if dry_run else 'wrote'} {file.path}")
        if has_root and not dry_run:
            remedy(ENDORSE)
        if next_step and not dry_run:
            remedy(next_step)


def error(problem: LaneError, *, as_json: bool) -> None:
    """Write an error, its findings and remedies; as JSON to standard output too."""
    found: Sequence[Finding] = getattr(problem, "findings", ())
    if as_json:
        from lanectl.formats.report import finding_json, remedy_json

        document(
            {
                "error": {
                    "what": display(problem.what),
                    "why": display(problem.why),
                    "exit_code": int(problem.exit_code),
                    "remedies": [remedy_json(r) for r in problem.remedies],
                },
                "findings": [finding_json(f) for f in found],
            }
        )
    prefix = "UNVERIFIED" if isinstance(problem, UntrustedError) else "error"
    talk(f"lanectl: {prefix}: {display(problem.what)}")
    if problem.why:
        talk(f"    {display(problem.why)}")
    for item in problem.remedies:
        remedy(item)
    findings(found)


def bug_line(problem: Exception) -> str:
    """Return what a bug report needs: the kind of error and the place, never its text or a traceback."""
    trace = problem.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code if trace else None
    place = f"{os.path.basename(code.co_filename)}:{trace.tb_lineno}" if code and trace else "?"
    return f"this is a bug in lanectl: {type(problem).__name__} at {place}"


def bug(problem: Exception, *, as_json: bool) -> None:
    """Write that something is a bug, and where."""
    what = bug_line(problem)
    if as_json:
        document(
            {"error": {"what": what, "why": "", "exit_code": 70, "remedies": []}, "findings": []}
        )
    talk(f"lanectl: {what}")
    talk("    → Report it with this line and the command; nothing was written.")


def silence_stdout() -> None:
    """Let the interpreter end quietly after the reader of standard output went away."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _masked(text: str) -> str:
    from lanectl.formats import masked

    return masked.text(text)


def _draw(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(*headers, box=None, pad_edge=False, show_header=any(headers))
    for row in rows:
        drawn.add_row(*(escape(_masked(cell)) for cell in row))
    # As wide as it must be: the terminal may wrap a digest, but nothing may cut it.
    Console(
        width=sum(max(len(r[n]) + 2 for r in (headers, *rows)) for n in range(len(headers)))
    ).print(drawn)
