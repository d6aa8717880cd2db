"""`lanectl verify --pull-request`: wire it, call its flow, show its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lanectl.cli import render
from lanectl.cli.options import Format
from lanectl.errors import ExitCode, UsageError
from lanectl.model.names import ObjectId

if TYPE_CHECKING:
    from lanectl.model.pull_request_evidence import PullRequestReport


def judge(
    number: int, expect_head: str | None, repo: str, operator: str | None, output: Format
) -> int:
    """Judge a pull request of the pinned repository; return the exit code."""
    from lanectl.flows.trust import read_operator
    from lanectl.flows.verify_pull_request import verify_pull_request
    from lanectl.wiring import claude, neutral

    try:
        head = ObjectId(expect_head) if expect_head is not None else None
    except ValueError as error:
        raise UsageError(f"--expect-head: {error}") from error
    if output is Format.SARIF:
        raise UsageError("a pull request's report has no SARIF form; use --json or --format github")
    with (
        neutral.enforcer_side(repo, operator=operator) as side,
        render.progress("verifying the pull request"),
    ):
        repository, pinned = side.require_repository(), read_operator(side.operator_file)
        remote = claude.remote(pinned, repository)
        with claude.forge(pinned) as forge:
            report = verify_pull_request(
                number, expected_head=head, file=side.operator_file, forge=forge, remote=remote,
                repository=repository, store=side.store, system=side.system, gpg=side.gpg,
            )  # fmt: skip
    _show(report, output)
    return _exit_code(report)


def _exit_code(report: PullRequestReport) -> ExitCode:
    from lanectl.model.report import Outcome

    codes = {
        Outcome.ACCEPTED: ExitCode.OK,
        Outcome.REJECTED: ExitCode.FINDINGS,
        Outcome.HELD: ExitCode.HELD,
    }
    return codes.get(report.outcome, ExitCode.UNJUDGED)


def _show(report: PullRequestReport, output: Format) -> None:
    from lanectl.formats.annotations import to_annotations

    if output is Format.JSON:
        render.document(_document(report))
    elif output is Format.GITHUB:
        render.block(to_annotations(report.findings))
    else:
        _show_text(report)
    render.findings(report.findings)


def _show_text(report: PullRequestReport) -> None:
    evidence = report.evidence
    rows = [
        (
            judged.commit.id[:12],
            f"sha256:{judged.report.digest[:12]}…" if judged.report else "no bundle",
            judged.report.outcome.value if judged.report else "rejected",
        )
        for judged in evidence.chain
    ]
    if rows:
        render.table(("commit", "bundle", "result"), rows)
    render.data(f"trust   {report.trust.ref} at {report.trust.tip}")
    render.data(f"head    {evidence.head.id}")
    render.data(f"{evidence.kind.value}: {report.outcome.value.upper()}")


def _document(report: PullRequestReport) -> dict[str, Any]:
    from lanectl.formats.report import finding_json, to_json
    from lanectl.model.display import display

    evidence = report.evidence
    return {
        "pull_request": evidence.number,
        "kind": evidence.kind.value,
        "outcome": report.outcome.value,
        "head": evidence.head.id,
        "branch": display(evidence.head_branch),
        "target": {"ref": report.trust.ref, "tip": report.trust.tip},
        "commits": [
            {"commit": j.commit.id, "report": to_json(j.report) if j.report else None}
            for j in evidence.chain
        ],
        "findings": [finding_json(f) for f in report.findings],
    }
