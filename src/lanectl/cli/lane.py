"""`lanectl lane`."""

from __future__ import annotations

from typing import Annotated

import typer

from lanectl.cli import options, render
from lanectl.cli.lanes import LaneCommand
from lanectl.model.lane import Lane  # noqa: TC001 - Typer reads it

app = typer.Typer(
    help="Keep the lanes apart: run a command in one, try what is forbidden in it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def group() -> None:
    """Keep the lanes apart: run a command in one, try what is forbidden in it."""


@app.command("exec", cls=LaneCommand)
def exec_(
    context: typer.Context,
    lane: Annotated[Lane, typer.Argument(help="The lane to run in; only codex can be.")],
    command: Annotated[
        list[str], typer.Argument(metavar="-- CMD...", help="The command and its arguments.")
    ],
    require_sandbox: Annotated[
        bool, typer.Option("--require-sandbox", help="Stop if no sandbox can be made.")
    ] = False,
    repo: options.Repo = ".",
) -> int:
    """Run CMD with the profile's variables alone, sandboxed where bubblewrap works (any lane)."""
    from lanectl.flows import lane_exec as flow
    from lanectl.wiring import lane as wiring

    variables = flow.environment_of(context.obj, wiring.environment())
    return flow.execute(
        command, lane=lane, variables=variables, runner=wiring.runner(),
        enclosure=wiring.enclosure(repo, context.obj), required=require_sandbox, say=render.talk,
    )  # fmt: skip
