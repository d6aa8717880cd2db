"""`lanectl policy`."""

from __future__ import annotations

from typing import Annotated

import typer

from lanectl.cli import options, policies, policy_paths, render
from lanectl.cli.lanes import LaneCommand

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show, write nothing.")]

app = typer.Typer(
    help="Whom the target's tip believes, and who may change that.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def group() -> None:
    """Whom the target's tip believes, and who may change that."""


@app.command("show", cls=LaneCommand)
def show(
    operator: options.OperatorFile = None, repo: options.Repo = ".", as_json: options.Json = False
) -> int:
    """List whom the target's tip believes, by role and method (any lane)."""
    from lanectl.wiring import policy as wiring

    shown = wiring.load(repo, operator)
    policies.show(shown.trust, shown.warned, as_json=as_json)
    return 0


@app.command("explain", cls=LaneCommand)
def explain(
    path: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", help="Say what would become of a change of it."),
    ] = None,
    operator: options.OperatorFile = None,
    repo: options.Repo = ".",
    as_json: options.Json = False,
) -> int:
    """Say in words who may do what; or whether paths may be changed, and why (any lane)."""
    from lanectl.wiring import policy as wiring

    shown = wiring.load(repo, operator)
    if path:
        policy_paths.explain(shown.trust, path, as_json=as_json)
    else:
        policies.explain(shown.trust, shown.now, shown.warned, as_json=as_json)
    return 0


@app.command("root", cls=LaneCommand)
def root(
    key: Annotated[
        list[str],
        typer.Option(metavar="FILE", help="A public key (.pub); its name says whose. Repeat it."),
    ],
    threshold: Annotated[int, typer.Option(min=1, help="How many of them must sign.")],
    repo: options.Repo = ".",
    dry_run: DryRun = False,
    as_json: options.Json = False,
) -> int:
    """Name the keys that must sign lanectl.toml and .lanectl/trust (any lane; needs write access)."""
    from lanectl.wiring import policy as wiring

    planned = wiring.plan_root(repo, key, threshold, write=not dry_run)
    render.planned((planned,), as_json=as_json, dry_run=dry_run, next_step=policies.ENDORSE)
    return 0


@app.command("endorse", cls=LaneCommand)
def endorse(
    key: Annotated[
        str, typer.Option(metavar="FILE|agent:KEY", help="Your private key of the root.")
    ],
    repo: options.Repo = ".",
    dry_run: DryRun = False,
    as_json: options.Json = False,
) -> int:
    """Sign the trust files of the work tree with a key of the root (any lane; needs write access)."""
    from lanectl.wiring import policy as wiring

    done = wiring.endorse(repo, key, write=not dry_run)
    policies.endorsed(done, as_json=as_json, dry_run=dry_run)
    return 0
