"""`lanectl apply`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lanectl.cli import options, render
from lanectl.cli import verify as verification

if TYPE_CHECKING:
    from lanectl.flows.apply import Applied
    from lanectl.model.report import VerificationReport

_SAID = {
    "created": "created",
    "superseded": "added to",
    "found": "already applied; nothing to do on",
    "planned": "would be created on",
}


def command(
    bundle: options.BundleFile,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Verify and plan; change nothing.")
    ] = False,
    gpg_sign: Annotated[
        bool, typer.Option("--gpg-sign", help="Sign the commit as your git is set up.")
    ] = False,
    signature: options.SignatureFile = None,
    repo: options.Repo = ".",
    as_json: options.Json = False,
) -> int:
    """Verify a bundle and put it on its feature branch (lane: claude). Prints the commit."""
    from lanectl.flows.apply import apply
    from lanectl.flows.trust import load_trust
    from lanectl.flows.verify import verify
    from lanectl.model.report import Outcome
    from lanectl.wiring import neutral

    submission = neutral.submission(bundle, signature)
    with neutral.enforcer_side(repo) as side, render.progress("applying"):
        repository = side.require_repository()
        trust = load_trust(side.operator_file, repository, side.store)
        report = verify(
            submission, trust=trust, untrusted=None, repository=repository, system=side.system
        )
        if report.outcome is not Outcome.ACCEPTED:
            _refuse(report, as_json=as_json)
            return verification.exit_code(report)
        applied = apply(
            report.accept(), submission, trust=trust, repository=repository, store=side.store,
            system=side.system, sign=gpg_sign, dry_run=dry_run,
        )  # fmt: skip
    _show(applied, as_json=as_json)
    return 0


def _refuse(report: VerificationReport, *, as_json: bool) -> None:
    from lanectl.formats.report import to_json

    if as_json:
        render.document(to_json(report))
    render.talk(f"lanectl: {report.outcome.value}: sha256:{report.digest} is not applied")
    render.findings(report.findings)


def _show(applied: Applied, *, as_json: bool) -> None:
    if as_json:
        render.document(
            {
                "state": applied.state.value,
                "branch": applied.branch,
                "commit": applied.commit,
                "bundle": f"sha256:{applied.bundle}",
            }
        )
        return
    if applied.commit is not None:
        render.data(applied.commit)
    render.talk(f"{_SAID[applied.state.value]} {applied.branch}")
    render.talk(f"  bundle   sha256:{applied.bundle}")
