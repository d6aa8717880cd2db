"""A verification report as SARIF 2.1.0, as code scanning shows it. Decides nothing, names no URL.

A finding about a changed path stands there; every other one stands at the bundle. A secret in a
path is masked before the path becomes a URI.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from lanectl import __version__
from lanectl.formats import masked, secrets
from lanectl.formats.report import sentence
from lanectl.model.decision import Decision, Kind
from lanectl.model.display import display_command, display_path
from lanectl.model.report import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lanectl.model.report import Finding, Rule, VerificationReport

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {
    Decision.BLOCK: "error", Decision.HOLD: "error", Decision.WARN: "warning", Decision.ALLOW: "note",
}  # fmt: skip
_MOST: Final = 5_000
"""Results that GitHub's code scanning shows of one run; the strictest come first."""

_ROOT: Final = "%SRCROOT%"


def to_sarif(report: VerificationReport, artifact: str) -> dict[str, Any]:
    """Return the findings as a log; `artifact` is the bundle's path, as the caller named it."""
    ordered = sorted(report.findings, key=lambda f: -f.decision.strictness)
    findings, left_out = ordered[:_MOST], len(ordered) - _MOST
    rules = {f.rule.id: f.rule for f in findings}
    driver = {
        "name": "lanectl",
        "version": __version__,
        "rules": [_rule(rule) for rule in rules.values()],
    }
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": "lanectl/"},
        "invocations": [_invocation(report, left_out)],
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The repository's top folder."}}},
        "columnKind": "unicodeCodePoints",
        "results": [*_results(findings, list(rules), report, artifact)],
        "properties": {"outcome": report.outcome.value, "bundle": f"sha256:{report.digest}"},
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    family = rule.id.partition("/")[0]
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.remedy.text, "markdown": _help(rule)},
        "defaultConfiguration": {"level": _LEVELS[rule.decision]},
        "properties": {"tags": ["security", family], "decision": rule.decision.value},
    }


def _help(rule: Rule) -> str:
    parts = [f"**{rule.title}.** {rule.why}"]
    if rule.example:
        parts.append(f"Example: {rule.example}.")
    parts.append(f"What to do: {rule.remedy.text}")
    if rule.remedy.command:
        parts.append(f"```sh\n{display_command(rule.remedy.command)}\n```")
    return "\n\n".join(parts)


def _invocation(report: VerificationReport, left_out: int) -> dict[str, Any]:
    notes = []
    if report.untrusted_because:
        notes.append(("error", f"Unverified: {masked.shown(report.untrusted_because)}"))
    if left_out > 0:
        notes.append(("warning", f"{left_out} more findings are left out: the least strict ones"))
    return {
        "executionSuccessful": report.outcome is not Outcome.UNVERIFIED,
        "toolExecutionNotifications": [
            {"level": level, "message": {"text": text}} for level, text in notes
        ],
    }


def _results(
    findings: Iterable[Finding], rules: list[str], report: VerificationReport, artifact: str
) -> Iterator[dict[str, Any]]:
    changed = {display_path(f.path): f.path for f in report.files}
    places = {rule: number for number, rule in enumerate(rules)}
    seen: Counter[str] = Counter()
    for finding in findings:
        path = _path(finding, changed)
        mark = _fingerprint(finding, path)
        seen[mark] += 1
        found = {
            "ruleId": finding.rule.id,
            "ruleIndex": places[finding.rule.id],
            "level": _LEVELS[finding.decision],
            "message": {"text": sentence(finding)},
            "locations": [_location(path, finding.line, artifact)],
            "partialFingerprints": {"primaryLocationLineHash": f"{mark}:{seen[mark]}"},
            "suppressions": [],
            "properties": {"decision": finding.decision.value},
        }
        if finding.decision is Decision.ALLOW:
            reason = masked.shown(finding.allowed_by) or "allowed"
            found["suppressions"] = [
                {"kind": "external", "status": "accepted", "justification": reason}
            ]
        yield found


def _path(finding: Finding, changed: Mapping[str, bytes]) -> bytes | None:
    """Return the changed path that a finding is about, or None."""
    subject = finding.subject
    if subject is not None and subject.kind is Kind.PATH:
        return subject.name
    return changed.get(finding.where)


def _fingerprint(finding: Finding, path: bytes | None) -> str:
    """Return what stays the same for one problem when lines move."""
    where = path if path is not None else finding.where.encode("utf-8", "surrogatepass")
    parts = [finding.rule.id.encode(), secrets.mask(where), finding.fingerprint.encode()]
    text = b"\0".join(parts)
    return hashlib.sha256(text).hexdigest()[:32]


def _location(path: bytes | None, line: int, artifact: str) -> dict[str, Any]:
    from urllib.parse import quote

    if path is None:
        raw = secrets.mask(artifact.encode("utf-8", "surrogateescape"))
        place = {"uri": f"file://{quote(raw)}"} if raw.startswith(b"/") else {"uri": quote(raw)}
    else:
        shown = quote(secrets.mask(path))
        place = {"uri": shown.replace("/", "%2F", 1) if shown.startswith("/") else shown}
        place["uriBaseId"] = _ROOT
    return {"physicalLocation": {"artifactLocation": place, "region": {"startLine": max(line, 1)}}}
