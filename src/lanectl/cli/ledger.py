"""`lanectl ledger`."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Annotated

import typer

from lanectl.cli import ledger_migrate, options, render
from lanectl.cli.lanes import LaneCommand
from lanectl.errors import Remedy, UnreadableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.ledger_report import LedgerReport
    from lanectl.model.settings import Operator
    from lanectl.model.trust import Keyring

app = typer.Typer(help="Look into the ledger.", no_args_is_help=True, rich_markup_mode=None)

_Anchors = Annotated[
    list[str] | None,
    typer.Option("--anchor", metavar="FILE", help="More signed heads: anchors, or an admission."),
]


@app.callback()
def group() -> None:
    """Look into the ledger."""


@app.command("verify", cls=LaneCommand)
def verify(
    anchor: _Anchors = None,
    export: Annotated[
        str | None, typer.Option(metavar="FILE", help="Verify an export instead of the ledger.")
    ] = None,
    keyring: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="With --export: whom to believe. [default: the target's tip]"
        ),
    ] = None,
    repo: options.Repo = ".",
    as_json: options.Json = False,
) -> int:
    """Recompute the whole chain, and hold it against its signed heads (lane: claude)."""
    from lanectl.cli import ledger_verify

    if keyring is not None and export is None:
        raise UsageError("--keyring needs --export: for the ledger itself the target's tip says it")
    with render.progress("verifying the ledger"):
        if export is None:
            report, ring = _verify_pinned(repo, anchor or [])
        else:
            report, ring = _verify_export(export, keyring, repo, anchor or [])
    if as_json:
        render.document(ledger_verify.to_json(report))
    else:
        ledger_verify.show(report, ring)
    return report.outcome.exit_code


@app.command("export", cls=LaneCommand)
def export(
    output: Annotated[
        str | None, typer.Option(metavar="FILE", help="[default: standard output]")
    ] = None,
    after: Annotated[
        int, typer.Option(metavar="N", min=0, help="Only the events after this number.")
    ] = 0,
) -> int:
    """Write the events as JSON Lines, to be kept and verified elsewhere (lane: claude)."""
    from lanectl.formats.ledger_export import Header
    from lanectl.wiring import ledger_files
    from lanectl.wiring.ledger import Missing, open_ledger

    with _read(), open_ledger(_operator(), Missing.REFUSED) as ledger:
        header = Header(ledger.id, after)
        count = ledger_files.write_export(output, header, ledger.events(after=after))
    render.talk(f"{count} events")
    return 0


@app.command("show", cls=LaneCommand)
def show(
    handoff: Annotated[
        str | None,
        typer.Argument(
            metavar="[HANDOFF]", help="Its slug, or 8 digits or more of its bundle, commit or key."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="Handoffs in the list.")] = 50,
    repo: options.Repo = ".",
    as_json: options.Json = False,
) -> int:
    """Show where the handoffs are, or what happened to one (any lane; in codex: only where it is)."""
    from lanectl.flows.lane import declared
    from lanectl.model.lane import Lane
    from lanectl.wiring import lane

    if declared(None, lane.environment()) is Lane.CODEX:
        _show_status(handoff, limit, as_json=as_json)
    elif handoff is None:
        _show_table(limit, as_json=as_json)
    else:
        _show_story(handoff, repo, as_json=as_json)
    return 0


@app.command("reconcile", cls=LaneCommand)
def reconcile(
    key: Annotated[str, typer.Option(metavar="FILE", help="A lead's private key.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="What happened to the ledger.")],
    enforcer_key: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="[default: $LANECTL_ENFORCER_KEY, then the one that `keys new` made]",
        ),
    ] = None,
    anchor: _Anchors = None,
    repo: options.Repo = ".",
    _passphrase_fd: options.PassphraseFd = None,
    as_json: options.Json = False,
) -> int:
    """Take over what was admitted into a restored ledger, and go on (lane: claude)."""
    from lanectl.cli import ledger_reconcile
    from lanectl.flows.reconcile import reconcile as run
    from lanectl.model.trust import Role
    from lanectl.wiring import authority, ledger_files, reconcile

    named = [data for _, data in ledger_files.anchors(None, anchor or [])]
    lead = authority.signer(key, Role.LEAD)
    enforcer = authority.signer(enforcer_key, Role.ENFORCER)
    with (
        _read(),
        reconcile.reconciling(repo) as (registry, sources),
        render.progress("reconciling"),
    ):
        result = run(registry, sources, lead=lead, enforcer=enforcer, reason=reason, named=named)
    if as_json:
        render.document(ledger_reconcile.to_json(result))
    else:
        ledger_reconcile.show(result)
    return 0


app.command("migrate", cls=LaneCommand)(ledger_migrate.migrate)


@contextlib.contextmanager
def _read() -> Iterator[None]:
    """Turn an event that is none into an error that says what to do."""
    from lanectl.model.report import MalformedError

    try:
        yield
    except MalformedError as error:
        raise UnreadableError(
            "the ledger holds an event that is none",
            why=f"{error.fault.where} {error.fault.got}".strip(),
            remedies=(Remedy("Find out where.", ("lanectl", "ledger", "verify")),),
        ) from error


def _operator() -> Operator:
    from lanectl.flows.trust import read_operator
    from lanectl.wiring import common

    return read_operator(common.operator_file())


def _verify_pinned(repo: str, named: list[str]) -> tuple[LedgerReport, Keyring | None]:
    from lanectl.flows.ledger_verify import verify_ledger
    from lanectl.flows.trust import read_operator, try_trust
    from lanectl.wiring import ledger_files, neutral
    from lanectl.wiring.ledger import Missing, open_ledger

    with neutral.enforcer_side(repo, need_repository=False) as side:
        operator = read_operator(side.operator_file)
        trust, why = try_trust(side.operator_file, side.repository, side.store, side.absent)
        ring = trust.keyring if trust else None
        anchors = ledger_files.anchors(side.store, named)
        with open_ledger(operator, Missing.REFUSED) as ledger:
            report = verify_ledger(
                ledger, anchors, ring, now=side.system.now(), repository=operator.repository
            )
    if why is not None:
        render.error(why, as_json=False)
    return report, ring


def _verify_export(
    path: str, keyring: str | None, repo: str, named: list[str]
) -> tuple[LedgerReport, Keyring | None]:
    from lanectl.flows.ledger_verify import verify_ledger
    from lanectl.flows.trust import try_trust
    from lanectl.wiring import common, ledger_files, neutral

    source = ledger_files.export_file(path)
    if source.header.after:
        raise UsageError(
            f"the export begins after event {source.header.after}",
            why="a chain is verified from its first event",
            remedies=(Remedy("Append its lines, without the first, to the export before it."),),
        )
    with neutral.enforcer_side(repo, need_repository=False) as side:
        pinned = common.pinned_by(side.operator_file)
        anchors = ledger_files.anchors(side.store if pinned else None, named)
        why = None
        if keyring is not None:
            ring: Keyring | None = ledger_files.keyring_file(keyring)
        else:
            trust, why = try_trust(side.operator_file, side.repository, side.store, side.absent)
            ring = trust.keyring if trust else None
        report = verify_ledger(
            source, anchors, ring, now=side.system.now(), ledger=source.header.ledger,
            repository=pinned.repository if pinned and keyring is None else None,
        )  # fmt: skip
    if why is not None:
        render.error(why, as_json=False)
    return report, ring


def _show_status(handoff: str | None, limit: int, *, as_json: bool) -> None:
    from lanectl.cli import ledger_show
    from lanectl.flows.ledger_show import find_status
    from lanectl.wiring import common
    from lanectl.wiring.status import open_status

    with open_status() as reader:
        found = find_status(handoff, reader) if handoff else reader.status()
        rows = list(itertools.islice(found, limit))
    if as_json:
        render.document(ledger_show.rows_json(rows))
    elif handoff:
        for row in rows:
            ledger_show.show_row(row)
    else:
        ledger_show.show_table(rows, common.system().now())


def _show_table(limit: int, *, as_json: bool) -> None:
    from lanectl.cli import ledger_show
    from lanectl.wiring import common
    from lanectl.wiring.ledger import Missing, open_ledger

    with open_ledger(_operator(), Missing.REFUSED) as ledger:
        rows = list(itertools.islice(ledger.handoffs(), limit))
    if as_json:
        render.document(ledger_show.rows_json(rows))
    else:
        ledger_show.show_table(rows, common.system().now())


def _show_story(handoff: str, repo: str, *, as_json: bool) -> None:
    from lanectl.cli import ledger_show
    from lanectl.flows.ledger_show import tell_all
    from lanectl.flows.trust import read_operator, try_trust
    from lanectl.wiring import neutral
    from lanectl.wiring.ledger import Missing, open_ledger

    with neutral.enforcer_side(repo, need_repository=False) as side:
        operator, now = read_operator(side.operator_file), side.system.now()
        trust, why = try_trust(side.operator_file, side.repository, side.store, side.absent)
        with _read(), open_ledger(operator, Missing.REFUSED) as ledger:
            stories = tell_all(
                handoff, ledger, trust.keyring if trust else None,
                repository=operator.repository, now=now,
            )  # fmt: skip
    if why is not None:
        render.error(why, as_json=False)
    if as_json:
        render.document(ledger_show.stories_json(stories))
        return
    for number, story in enumerate(stories):
        if number:
            render.data("")
        ledger_show.show_story(story, now)
