"""A verification report as JSON (docs/schemas/report.schema.json), and a finding as a sentence.

Every text is made safe to show, and no secret is in one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from lanectl.formats import masked
from lanectl.formats.statement import format_time

if TYPE_CHECKING:
    from lanectl.errors import Remedy
    from lanectl.model.change import FileChange
    from lanectl.model.report import Finding, Step, VerificationReport

SCHEMA = "urn:lanectl:report:v1"


def to_json(report: VerificationReport, place: bytes | None = None) -> dict[str, Any]:
    """Return the report as plain data, every text made safe to show.

    `place` is where below a folder the bundle is, if it is one of many.
    """
    trust, signer = report.trust, report.signer
    return {
        "schema": SCHEMA,
        "outcome": report.outcome.value,
        "bundle": f"sha256:{report.digest}",
        "path": None if place is None else masked.path(place),
        "trust": None
        if trust is None
        else {
            "operator": {
                "path": masked.shown(trust.operator_path),
                "sha256": trust.operator_digest,
            },
            "repository": trust.repository,
            "ref": masked.shown(trust.ref),
            "tip": trust.tip,
        },
        "unverified_because": masked.shown(report.untrusted_because),
        "signer": None
        if signer is None
        else {
            "method": signer.method.value,
            "id": masked.shown(signer.id),
            "name": masked.shown(signer.name),
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
        "allowed_by": masked.shown(finding.allowed_by),
        "line": finding.line or None,
        "fingerprint": finding.fingerprint,
        "title": finding.rule.title,
        "where": masked.shown(finding.where),
        "got": masked.shown(finding.got),
        "expected": masked.shown(finding.expected),
        "why": finding.rule.why,
        "remedy": remedy_json(finding.rule.remedy),
        "approval": remedy_json(finding.approval) if finding.approval else None,
    }


def sentence(finding: Finding) -> str:
    """Return a finding in one line: where, what, what was found and expected, what to do."""
    where = f"{masked.shown(finding.where)}: " if finding.where else ""
    got = f" (got {masked.shown(finding.got)}" if finding.got else ""
    expected = (
        f"{', ' if got else ' ('}expected {masked.shown(finding.expected)}"
        if finding.expected
        else ""
    )
    closing = ")" if got or expected else ""
    return f"{where}{finding.rule.title}{got}{expected}{closing}. {finding.rule.remedy.text}"


def remedy_json(remedy: Remedy) -> dict[str, Any]:
    """Return a remedy as plain data."""
    return {"text": masked.shown(remedy.text), "command": [masked.shown(a) for a in remedy.command]}


def file_json(file: FileChange) -> dict[str, Any]:
    """Return one changed path as plain data."""
    return {
        "path": masked.path(file.path),
        "change": file.kind,
        "old_mode": file.old_mode,
        "new_mode": file.new_mode,
        "old_id": file.old_id,
        "new_id": file.new_id,
    }


def _handoff(report: VerificationReport) -> dict[str, Any] | None:
    if report.statement is None:
        return None
    handoff, at = report.statement.handoff, report.statement.circumstances
    return {
        "slug": masked.text(handoff.slug),
        "title": masked.shown(handoff.title),
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
