"""`lanectl apply`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lanectl.cli import options, render
from lanectl.cli import verify as verification
from lanectl.errors import UsageError
from lanectl.model.display import display

if TYPE_CHECKING:
    from lanectl.flows.apply import Applied
    from lanectl.flows.publish import Published
    from lanectl.model.report import VerificationReport

_SAID = {
    "created": "created",
    "superseded": "added to",
    "found": "already applied; nothing to do on",
    "planned": "would be created on",
}


def command(
    bundle: options.BundleFile,
    pr: Annotated[
        bool, typer.Option("--pr", help="Push the branch and open its pull request, too.")
    ] = False,
    draft: Annotated[bool, typer.Option("--draft", help="With --pr: open it as a draft.")] = False,
    reviewer: options.Reviewers = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Verify and plan; change nothing.")
    ] = False,
    gpg_sign: Annotated[
        bool, typer.Option("--gpg-sign", help="Sign the commit as your git is set up.")
    ] = False,
    signature: options.SignatureFile = None,
    repo: options.Repo = ".",
    _passphrase_fd: options.PassphraseFd = None,
    as_json: options.Json = False,
) -> int:
    """Verify a bundle and put it on its feature branch (lane: claude). Prints the commit."""
    from lanectl.flows.publish import Wishes
    from lanectl.flows.submit import submit
    from lanectl.wiring import claude, neutral

    if (draft or reviewer) and not pr:
        raise UsageError("--draft and --reviewer need --pr")
    submission = neutral.submission(bundle, signature)
    wishes = Wishes(draft, tuple(reviewer or ())) if pr else None
    claude.unlock()
    with claude.enforcer_side(repo) as side, render.progress("applying"):
        result = submit(
            claude.enforcer(side), submission, wishes=wishes, sign=gpg_sign, dry_run=dry_run
        )
    if result.applied is None:
        _refuse(result.report, as_json=as_json)
        return verification.exit_code(result.report)
    _show(result.applied, result.published, as_json=as_json)
    if result.is_spooled:
        render.talk(
            "the ledger went away; what was done is kept here, and the next command tells it"
        )
    return 0


def _refuse(report: VerificationReport, *, as_json: bool) -> None:
    from lanectl.formats.report import to_json

    if as_json:
        render.document(to_json(report))
    render.talk(f"lanectl: {report.outcome.value}: sha256:{report.digest} is not applied")
    render.findings(report.findings)


def _show(applied: Applied, published: Published | None, *, as_json: bool) -> None:
    if as_json:
        pull_request = {"number": published.number, "url": published.url} if published else None
        render.document(
            {
                "state": applied.state.value,
                "branch": applied.branch,
                "commit": applied.commit,
                "bundle": f"sha256:{applied.bundle}",
                "pull_request": pull_request,
            }
        )
        return
    if applied.commit is not None:
        render.data(applied.commit)
    if published:
        render.data(display(published.url))
    render.talk(f"{_SAID[applied.state.value]} {applied.branch}")
    render.talk(f"  bundle   sha256:{applied.bundle}")
    if published:
        render.talk(f"  {published.state} pull request {published.number}")
