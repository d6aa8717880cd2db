"""Findings as GitHub workflow commands: one line each, at the changed line where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lanectl.formats.report import sentence
from lanectl.formats.secrets import mask
from lanectl.model.decision import Decision, Kind
from lanectl.model.display import display

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lanectl.model.report import Finding

_COMMANDS: Final = {
    Decision.BLOCK: "error", Decision.HOLD: "error", Decision.WARN: "warning", Decision.ALLOW: "notice",
}  # fmt: skip
_MOST: Final = 50
"""Annotations of one command. GitHub keeps ten of each level a step, and fifty a job."""


def to_annotations(findings: Sequence[Finding], bundle: str = "") -> str:
    """Return one line a finding, the strictest first; the last says how many more there are.

    `bundle` says in which of many.
    """
    within = f"{bundle}: " if bundle else ""
    ordered = sorted(findings, key=lambda f: -f.decision.strictness)
    lines = [f"{_line(finding, within)}\n" for finding in ordered[:_MOST]]
    if rest := len(ordered) - len(lines):
        lines.append(f"::notice title=lanectl::and {rest} more findings: see the log\n")
    return "".join(lines)


def to_warning(text: str) -> str:
    """Return a command for what no rule is broken by."""
    return f"::warning::{_escape(display(text))}\n"


def _line(finding: Finding, within: str) -> str:
    properties = ",".join(f"{k}={_escape_property(v)}" for k, v in _properties(finding))
    return f"::{_COMMANDS[finding.decision]} {properties}::{_escape(within + sentence(finding))}"


def _properties(finding: Finding) -> Iterator[tuple[str, str]]:
    subject = finding.subject
    if subject is not None and subject.kind is Kind.PATH:
        name = mask(subject.name).decode("utf-8", "surrogateescape")
        if display(name) == name:  # else GitHub could not find the file by what is safe to write
            yield "file", name
            if finding.line:
                yield "line", str(finding.line)
    yield "title", finding.rule.id


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
