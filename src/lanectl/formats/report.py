"""A verification report as JSON (docs/schemas/report.schema.json), SARIF 2.1.0 or annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from lanectl import __version__
from lanectl.formats.statement import format_time
from lanectl.model.decision import Decision
from lanectl.model.display import display, display_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lanectl.errors import Remedy
    from lanectl.model.change import FileChange
    from lanectl.model.report import Finding, Step, VerificationReport

SCHEMA = "urn:lanectl:report:v1"
_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


_LEVELS = {
    Decision.BLOCK: "error", Decision.HOLD: "error", Decision.WARN: "warning", Decision.ALLOW: "note",
}  # fmt: skip
_COMMANDS = {**_LEVELS, Decision.ALLOW: "notice"}


def to_json(report: VerificationReport, place: bytes | None = None) -> dict[str, Any]:
    """Return the report as plain data, every text made safe to show.

    `place` is where below a folder the bundle is, if it is one of many.
    """
    trust, signer = report.trust, report.signer
    return {
        "schema": SCHEMA,
        "outcome": report.outcome.value,
        "bundle": f"sha256:{report.digest}",
        "path": None if place is None else display_path(place),
        "trust": None
        if trust is None
        else {
            "operator": {"path": display(trust.operator_path), "sha256": trust.operator_digest},
            "repository": trust.repository,
            "ref": display(trust.ref),
            "tip": trust.tip,
        },
        "unverified_because": display(report.untrusted_because),
        "signer": None
        if signer is None
        else {
            "method": signer.method.value,
            "id": display(signer.id),
            "name": display(signer.name),
            "role": signer.role.value,
        },
        "slsa": {
            **to_builtins(report.level),
            "reasons": [*report.level.reasons],
            "missing": [*report.level.missing],
        },
        "handoff": _handoff(report),
        "admission": _admission(report),
        "steps": [_step(step) for step in report.steps],
        "findings": [finding_json(f) for f in report.findings],
        "files": [file_json(f) for f in report.files],
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    """Return a finding as plain data with its remedy as an argument list."""
    return {
        "rule": finding.rule.id,
        "decision": finding.decision.value,
        "allowed_by": display(finding.allowed_by),
        "line": finding.line or None,
        "fingerprint": finding.fingerprint,
        "title": finding.rule.title,
        "where": display(finding.where),
        "got": display(finding.got),
        "expected": display(finding.expected),
        "why": finding.rule.why,
        "remedy": remedy_json(finding.rule.remedy),
    }


def remedy_json(remedy: Remedy) -> dict[str, Any]:
    """Return a remedy as plain data."""
    return {"text": display(remedy.text), "command": [display(a) for a in remedy.command]}


def file_json(file: FileChange) -> dict[str, Any]:
    """Return one changed path as plain data."""
    return {
        "path": display_path(file.path),
        "change": file.kind,
        "old_mode": file.old_mode,
        "new_mode": file.new_mode,
        "old_id": file.old_id,
        "new_id": file.new_id,
    }


def to_sarif(report: VerificationReport, artifact: str) -> dict[str, Any]:
    """Return the findings as a SARIF 2.1.0 log; `artifact` is where a finding without a path is shown."""
    rules = {f.rule.id: f.rule for f in report.findings}
    changed = {display_path(f.path): f.path for f in report.files}
    return {
        "$schema": _SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "lanectl",
                        "version": __version__,
                        "rules": [
                            {
                                "id": rule.id,
                                "shortDescription": {"text": rule.title},
                                "fullDescription": {"text": rule.why},
                                "help": {"text": rule.remedy.text},
                            }
                            for rule in rules.values()
                        ],
                    }
                },
                "results": [
                    {
                        "ruleId": f.rule.id,
                        "level": _LEVELS[f.decision],
                        "message": {"text": _sentence(f)},
                        "locations": [_location(display(f.where), artifact, changed)],
                    }
                    for f in report.findings
                ],
                "properties": {"outcome": report.outcome.value},
            }
        ],
    }


def to_annotations(findings: Iterable[Finding], bundle: str = "") -> str:
    """Return GitHub workflow commands, one line a finding; `bundle` says in which of many."""
    within = f"{bundle}: " if bundle else ""
    return "".join(
        f"::{_COMMANDS[f.decision]} title={_escape_property(f.rule.id)}::{_escape_data(within + _sentence(f))}\n"
        for f in findings
    )


def to_warning(text: str) -> str:
    """Return a GitHub workflow command for what no rule is broken by."""
    return f"::warning::{_escape_data(display(text))}\n"


def _handoff(report: VerificationReport) -> dict[str, Any] | None:
    if report.statement is None:
        return None
    handoff, at = report.statement.handoff, report.statement.circumstances
    return {
        "slug": handoff.slug,
        "title": display(handoff.title),
        "repository": handoff.repository,
        "base": handoff.base,
        "base_tree": handoff.base_tree,
        "result_tree": handoff.result_tree,
        "attempt": at.attempt if at else None,
        "supersedes": at.supersedes if at else None,
    }


def _admission(report: VerificationReport) -> dict[str, Any] | None:
    said = report.admission
    if said is None:
        return None
    return {
        "admitted": format_time(said.at),
        "commit": said.commit,
        "policy": said.policy,
        "ledger": {"id": said.ledger, "seq": said.seq, "head": said.head},
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "number": step.number,
        "title": step.title,
        "state": step.state.value,
        "rules": [f.rule.id for f in step.findings],
    }


def _sentence(finding: Finding) -> str:
    where = f"{display(finding.where)}: " if finding.where else ""
    got = f" (got {display(finding.got)}" if finding.got else ""
    expected = (
        f"{', ' if got else ' ('}expected {display(finding.expected)}" if finding.expected else ""
    )
    closing = ")" if got or expected else ""
    return f"{where}{finding.rule.title}{got}{expected}{closing}. {finding.rule.remedy.text}"


def _location(where: str, artifact: str, changed: Mapping[str, bytes]) -> dict[str, Any]:
    from urllib.parse import quote

    path = changed.get(where, artifact.encode("utf-8", "surrogateescape"))
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(path)},
            "region": {"startLine": 1},
        }
    }


def _escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")
