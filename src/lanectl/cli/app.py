"""The root command and the one error boundary: every error becomes a message and an exit code."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from lanectl import __version__
from lanectl.cli import render
from lanectl.cli.lanes import COMMANDS, LaneCommand
from lanectl.errors import ExitCode, LaneError, Remedy, UnreadableError
from lanectl.model.display import display

if TYPE_CHECKING:
    from collections.abc import Iterable

_EPILOG = "Exit codes: " + "; ".join(f"{code.value} {code.meaning}" for code in ExitCode) + "."


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"lanectl {__version__}")
        raise typer.Exit


def root(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
    _profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="FILE",
            help="Declare the lane by a file (.env.codex, .env.claude) and load its variables.",
        ),
    ] = None,
) -> None:
    """Safe, provable handoff of a coding agent's change into a repository that matters."""


def build(commands: Iterable[str]) -> typer.Typer:
    """Return the command line with these commands: each is the module of its name."""
    app = typer.Typer(
        name="lanectl",
        help="Safe, provable handoff of a coding agent's change into a repository that matters.",
        epilog=_EPILOG,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(root)
    for name in commands:
        module = importlib.import_module(f"lanectl.cli.{name}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            app.command(name, cls=LaneCommand)(module.command)
    return app


def _commands_for(arguments: list[str]) -> Iterable[str]:
    """Return the one command that these words call, or all: making each costs milliseconds."""
    words = iter(arguments)
    for word in words:
        if word == "--profile":
            next(words, None)
        elif not word.startswith("--profile="):
            return [word] if word in COMMANDS else COMMANDS
    return COMMANDS


def main() -> NoReturn:
    """Run lanectl on the process's arguments and end the process."""
    render.prepare_streams()
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()  # here, where what the disk or the reader says can still be heard
    except OSError as error:
        code = _unexpected(error, as_json=False)
        render.silence_stdout()
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(code)  # taking the interpreter apart costs a tenth of a small `pack`


def run(arguments: list[str]) -> int:
    """Run one command line; return its exit code. Lets no exception out but an interrupt's exit."""
    as_json = "--json" in [*itertools.takewhile(lambda word: word != "--", arguments)]
    try:
        result = build(_commands_for(arguments))(
            arguments, prog_name="lanectl", standalone_mode=False
        )
        return int(result or ExitCode.OK)
    except LaneError as error:
        render.error(error, as_json=as_json)
        return error.exit_code
    except typer.Exit as error:
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except Exception as error:  # noqa: BLE001 - the boundary: nothing may reach the user as a traceback
        return _unexpected(error, as_json=as_json)


def _unexpected(error: Exception, *, as_json: bool) -> int:
    """Return the exit code of what is no LaneError: wrong usage, a damaged ledger, or a bug of ours."""
    if isinstance(error, BrokenPipeError):  # the reader of our output went away
        render.silence_stdout()
        return ExitCode.OK
    if isinstance(error, OSError):  # the machine's word, not a bug: no space, no permission
        where = f"{display(os.fsdecode(error.filename))}: " if error.filename else ""
        problem = UnreadableError(f"{where}{error.strerror or 'input or output failed'}")
        render.error(problem, as_json=False)
        return problem.exit_code
    from lanectl.model.report import MalformedError

    if isinstance(error, MalformedError) and error.fault.rule == "ledger/malformed":
        problem = UnreadableError(
            "the ledger holds an event that is none",
            why=display(f"{error.fault.where} {error.fault.got}".strip()),
            remedies=(Remedy("Find out where.", ("lanectl", "ledger", "verify")),),
        )
        render.error(problem, as_json=as_json)
        return problem.exit_code
    show = getattr(error, "show", None)
    if callable(show) and hasattr(error, "exit_code"):
        show()
        return int(error.exit_code)
    render.bug(error, as_json=as_json)
    return ExitCode.BUG
