"""`lanectl ledger migrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lanectl.cli import options, render
from lanectl.model.display import display

if TYPE_CHECKING:
    from lanectl.model.ledger import LedgerId


def migrate(
    dsn: Annotated[
        str | None,
        typer.Option(
            "--dsn",
            metavar="DSN",
            help="The database, without a password (PGPASSWORD or ~/.pgpass hold it).",
        ),
    ] = None,
    repo: options.Repo = ".",
    as_json: options.Json = False,
) -> int:
    """Install or upgrade a shared ledger (lane: claude); prints what the operator file needs.

    With --dsn in PostgreSQL, as a role that may create a schema. Without, it writes
    supabase/migrations/ for `supabase db push`, and changes no database.
    """
    if dsn is not None:
        _database(dsn, as_json=as_json)
    else:
        _file(repo, as_json=as_json)
    return 0


def _database(dsn: str, *, as_json: bool) -> None:
    from lanectl.wiring.migrate import migrate as install

    with render.progress("migrating"):
        plain, done = install(dsn)
    section = _section("postgres", done.id, "dsn", plain)
    state = "changed" if done.changed else "unchanged"
    if as_json:
        render.document(
            {"state": state, "ledger": done.id, "version": done.version, "section": section}
        )
        return
    render.data(section)
    render.talk(
        f"{state}: ledger {done.id}, version {done.version}; the privileges are as they must be"
    )
    render.talk("Put the section above into the operator file (docs/configuration.md).")


def _file(repo: str, *, as_json: bool) -> None:
    from lanectl.wiring.migrate import write_migration

    done = write_migration(repo)
    section = _section("supabase", done.id, "url", "https://PROJECT.supabase.co")
    if as_json:
        state = "written" if done.written else "unchanged"
        render.document({"state": state, "path": done.path, "ledger": done.id, "section": section})
        return
    render.data(section)
    render.talk(f"{'wrote' if done.written else 'there already:'} {display(done.path)}")
    render.talk("1. Push it: supabase db push")
    render.talk("2. Expose the schema `lanectl`: Project Settings, Data API, Exposed schemas.")
    render.talk("3. Put the section above into the operator file, with your project's address.")


def _section(backend: str, ledger: LedgerId, key: str, place: str) -> str:
    quoted = place.replace("\\", "\\\\").replace('"', '\\"')
    return f'[ledger]\nbackend = "{backend}"\nid = "{ledger}"\n{key} = "{quoted}"'
