"""`lanectl rollback`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lanectl.cli import options, render
from lanectl.errors import UsageError
from lanectl.model.display import display

if TYPE_CHECKING:
    from lanectl.flows.rollback import RolledBack


def command(
    handoff: Annotated[
        str, typer.Argument(metavar="HANDOFF", help="Its slug, bundle digest, or merged commit.")
    ],
    pr: Annotated[
        bool, typer.Option("--pr", help="Push the revert and open its pull request, too.")
    ] = False,
    draft: Annotated[bool, typer.Option("--draft", help="With --pr: open it as a draft.")] = False,
    reviewer: options.Reviewers = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compute the revert; change nothing.")
    ] = False,
    repo: options.Repo = ".",
    _passphrase_fd: options.PassphraseFd = None,
    as_json: options.Json = False,
) -> int:
    """Revert a merged handoff as a commit on rollback/<slug> (lane: claude). Executes no SQL."""
    from lanectl.flows.publish import Wishes
    from lanectl.flows.rollback import rollback
    from lanectl.wiring import claude

    if (draft or reviewer) and not pr:
        raise UsageError("--draft and --reviewer need --pr")
    wishes = Wishes(draft, tuple(reviewer or ())) if pr else None
    claude.unlock()
    with claude.enforcer_side(repo) as side, render.progress("rolling back"):
        result = rollback(handoff, claude.enforcer(side), wishes=wishes, dry_run=dry_run)
    _show(result, as_json=as_json)
    return 0


def _show(result: RolledBack, *, as_json: bool) -> None:
    published = result.published
    if as_json:
        render.document(
            {
                "branch": result.branch,
                "commit": result.commit,
                "reverts": result.reverts,
                "bundle": f"sha256:{result.bundle}",
                "has_sql": result.has_sql,
                "pull_request": {"number": published.number, "url": published.url}
                if published
                else None,
            }
        )
        return
    if result.commit is not None:
        render.data(result.commit)
    if published:
        render.data(display(published.url))
    render.talk(
        f"{'reverts' if result.commit else 'would revert'} {result.reverts} on {result.branch}"
    )
    if result.has_sql:
        render.talk("  the bundle holds a rollback.sql: a person reviews and runs it")
