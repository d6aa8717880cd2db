"""`lanectl verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lanectl.cli import options, pull_requests, render
from lanectl.cli.options import Format
from lanectl.errors import ExitCode, LaneError, Remedy, UsageError

if TYPE_CHECKING:
    from lanectl.model.report import VerificationReport


def command(
    bundle: Annotated[
        str | None,
        typer.Argument(
            metavar="BUNDLE",
            help="The bundle, an artifact.tar.gz; or a folder: every one below it, with --json one report a line.",
        ),
    ] = None,
    pull_request: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Judge a pull request instead: every commit, and its bundles."
        ),
    ] = None,
    expect_head: Annotated[
        str | None,
        typer.Option(metavar="SHA", help="With --pull-request: refuse if its head is another one."),
    ] = None,
    commit: Annotated[
        str | None, typer.Option(metavar="SHA", help="Compare this commit with the bundle, too.")
    ] = None,
    output: Annotated[
        Format, typer.Option("--format", help="How to write the report.")
    ] = Format.TEXT,
    signature: options.SignatureFile = None,
    no_replay: Annotated[
        bool,
        typer.Option(
            "--no-replay",
            help="Signature, statements and archive alone, without the base: at best unverified.",
        ),
    ] = False,
    operator: options.OperatorFile = None,
    repo: options.Repo = ".",
    as_json: options.Json = False,
) -> int:
    """Judge a bundle by the target branch's trust and rules (any lane). Changes nothing."""
    from lanectl.flows.trust import try_trust
    from lanectl.flows.verify import verify
    from lanectl.wiring import neutral

    shown = Format.JSON if as_json else output
    if pull_request is not None:
        if bundle is not None or commit is not None or signature is not None or no_replay:
            raise UsageError("--pull-request takes no bundle, --commit, --signature or --no-replay")
        return pull_requests.judge(pull_request, expect_head, repo, operator, shown)
    if expect_head is not None:
        raise UsageError("--expect-head needs --pull-request")
    if bundle is None:
        raise UsageError(
            "there is nothing to verify",
            remedies=(Remedy("Name a bundle.", ("lanectl", "verify", "artifact.tar.gz")),),
        )
    if neutral.is_folder(bundle):
        if commit is not None or signature is not None:
            raise UsageError("a folder takes no --commit or --signature")
        from lanectl.cli import verify_folder

        return verify_folder.judge(bundle, repo, operator, shown, replay=not no_replay)
    submission = neutral.submission(bundle, signature, operator)
    with (
        neutral.enforcer_side(repo, operator=operator, need_repository=False) as side,
        render.progress("verifying"),
    ):
        trust, why = try_trust(side.operator_file, side.repository, side.store, side.absent)
        report = verify(
            submission, trust=trust, untrusted=why, repository=side.repository,
            system=side.system, gpg=side.gpg, commit=commit, admission=neutral.admission(bundle),
            replay=not no_replay, published=neutral.approvals(bundle),
        )  # fmt: skip
    show(report, why, bundle, shown)
    return exit_code(report)


def exit_code(report: VerificationReport) -> ExitCode:
    """Return what a report's outcome means to the shell."""
    from lanectl.flows.verify_many import CODES

    return CODES[report.outcome]


def show(report: VerificationReport, why: LaneError | None, bundle: str, output: Format) -> None:
    """Write a report in one of its formats."""
    from lanectl.formats.annotations import to_annotations
    from lanectl.formats.report import to_json
    from lanectl.formats.sarif import to_sarif

    if output is Format.JSON:
        render.document(to_json(report))
    elif output is Format.SARIF:
        render.document(to_sarif(report, bundle))
    elif output is Format.GITHUB:
        render.block(to_annotations(report.findings))
    else:
        _show_text(report)
    if why is not None:
        render.error(why, as_json=False)
    render.findings(report.findings)


def _show_text(report: VerificationReport) -> None:
    from lanectl.model.display import display

    signs = {"passed": "✓", "failed": "✗", "held": "!", "not-judged": "–"}
    rows = [
        (
            f"{s.number:>2}",
            signs[s.state.value],
            s.title,
            ", ".join(f.rule.id for f in s.findings) or s.state.value,
        )
        for s in report.steps
    ]
    render.table(("step", "", "what", "result"), rows)
    if report.trust:
        render.data(
            f"trust   {display(report.trust.operator_path)} (sha256:{report.trust.operator_digest[:12]}…)"
        )
        render.data(f"        {display(report.trust.ref)} at {report.trust.tip}")
    if report.signer:
        render.data(f"signer  {display(report.signer.name)}, {display(report.signer.shown)}")
        render.data(f"        {report.level.shown}")
    render.data(f"bundle  sha256:{report.digest}")
    if report.admission:
        at = f"{report.admission.at:%Y-%m-%d %H:%M:%S}Z"
        render.data(f"        admitted {at} as {report.admission.commit}")
    render.data(report.outcome.value.upper())
