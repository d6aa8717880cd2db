"""`lanectl lane`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lanectl.cli import options, render
from lanectl.cli.lanes import LaneCommand
from lanectl.errors import ExitCode, UsageError
from lanectl.model.lane import Lane  # noqa: TC001 - Typer reads it

if TYPE_CHECKING:
    from lanectl.flows.lane_check import LaneReport
    from lanectl.model.lane import Attempt

REACH = "1.1.1.1:443"
"""An address that answers wherever there is an Internet."""

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

    variables = flow.environment_of(lane, context.obj, wiring.environment())
    return flow.execute(
        command, variables=variables, runner=wiring.runner(),
        enclosure=wiring.enclosure(repo, context.obj), required=require_sandbox, say=render.talk,
    )  # fmt: skip


@app.command("check", cls=LaneCommand)
def check(
    context: typer.Context,
    lane: Annotated[Lane | None, typer.Option(help="[default: the declared lane]")] = None,
    reach: Annotated[
        str,
        typer.Option(metavar="HOST:PORT", help="An address to try besides the remotes' hosts."),
    ] = REACH,
    repo: options.Repo = ".",
    as_json: options.Json = False,
) -> int:
    """Try what the lane must not be able to do and say what succeeded (any lane). Changes nothing."""
    from lanectl.flows import lane_check as flow
    from lanectl.flows.lane import declared
    from lanectl.wiring import lane as wiring

    variables = wiring.environment()
    wanted = flow.lane_to_check(lane, declared(context.obj, variables))
    named = context.obj.path if context.obj else None
    address = _address(reach)
    with render.progress("trying"):
        report = flow.check(
            wanted, variables=variables, environments=wiring.environments(wanted, repo, named),
            probes=wiring.probes(wanted, repo, named, [address]), workflows=wiring.workflows(repo),
        )  # fmt: skip
    _show(report, as_json=as_json)
    return ExitCode.LANE if report.findings else ExitCode.OK


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UsageError("--reach takes HOST:PORT")
    return host.strip("[]"), int(port)


def _show(report: LaneReport, *, as_json: bool) -> None:
    from lanectl.formats.report import finding_json
    from lanectl.model.display import display

    outcome = "violated" if report.findings else "ok"
    if as_json:
        render.document(
            {
                "schema": "urn:lanectl:lane-check:v1", "lane": report.lane.value, "outcome": outcome,
                "attempts": [_attempt(a) for a in report.attempts],
                "findings": [finding_json(f) for f in report.findings],
            }
        )  # fmt: skip
    else:
        rows = [(_state(a), a.act.rule, display(a.where), display(a.got)) for a in report.attempts]
        render.table(("result", "rule", "where", "what"), rows)
        render.data(f"{report.lane} lane: {outcome}")
    render.findings(report.findings)


def _attempt(attempt: Attempt) -> dict[str, Any]:
    from lanectl.model.display import display

    return {
        "rule": attempt.act.rule, "where": display(attempt.where), "state": _state(attempt),
        "got": display(attempt.got),
    }  # fmt: skip


def _state(attempt: Attempt) -> str:
    if attempt.succeeded is None:
        return "could not try"
    return "violated" if attempt.succeeded else "ok"
