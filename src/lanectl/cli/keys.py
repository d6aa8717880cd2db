"""`lanectl keys`."""

from __future__ import annotations

from typing import Annotated

import typer

from lanectl.cli import options, render, revocations
from lanectl.cli.lanes import LaneCommand
from lanectl.errors import ExitCode
from lanectl.model.trust import Algorithm, Role

KeyId = Annotated[
    str, typer.Argument(metavar="KEYID", help="The key's id, or its first 8 digits or more.")
]

app = typer.Typer(
    help="Make keys, revoke them, see what depends on them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def group() -> None:
    """Make keys, revoke them, see what depends on them."""


@app.command("new", cls=LaneCommand)
def new(
    role: Annotated[Role, typer.Option(help="What the key may sign for.")],
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="[default: ~/.config/lanectl/keys/<role>.pem]"),
    ] = None,
    algorithm: Annotated[Algorithm, typer.Option(help="The kind of key.")] = Algorithm.ECDSA_P256,
    as_json: options.Json = False,
) -> int:
    """Make a key (0600, never overwritten) and print its public part (any lane)."""
    from lanectl.wiring import common, setup

    path = out or common.default_key_path(role)
    public = setup.create_key(path, algorithm)
    if as_json:
        render.document(
            {"id": public.id, "role": role.value, "algorithm": algorithm.value, "private": path,
             "public": f"{path}.pub", "pem": public.pem}
        )  # fmt: skip
        return 0
    render.data(public.pem.rstrip("\n"))
    render.talk(f"{role.value} key {public.id}")
    render.talk(f"  private  {path} (keep it where no agent can read it)")
    render.talk(f"  public   {path}.pub")
    return 0


@app.command("list", cls=LaneCommand)
def list_(repo: options.Repo = ".", as_json: options.Json = False) -> int:
    """List the keys at the target's tip, with the ledger's revocations (lane: claude)."""
    from lanectl.wiring import authority as wiring

    with wiring.desk(repo) as desk:
        revocations.show_ring(desk.registry.standing().keyring, as_json=as_json)
    return 0


@app.command("revoke", cls=LaneCommand)
def revoke(
    key_id: KeyId,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; everybody will read it.")],
    compromised_since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Such as 2026-01-31T12:00:00Z. [default: now]"),
    ] = None,
    key: options.OrderKey = None,
    repo: options.Repo = ".",
    as_json: options.Json = False,
) -> int:
    """Revoke a key with a lead's: at once in the ledger, and in the keyring file (lane: claude)."""
    from lanectl.flows import revoke as flow
    from lanectl.formats.keyring import PATH
    from lanectl.wiring import authority as wiring

    since = revocations.time_of(compromised_since, "--compromised-since")
    with wiring.desk(repo) as desk:
        done = flow.revoke(
            desk.registry, wiring.signer(key, Role.LEAD), key_id,
            reason=reason, since=since, work_tree=desk.read(PATH),
        )  # fmt: skip
        if done.file and done.file.changes:
            desk.write(done.file)
        revocations.show_revoked(done, desk.top, as_json=as_json)
    return 0


@app.command("impact", cls=LaneCommand)
def impact(
    key_id: KeyId,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="[default: since the key was compromised, else all]"),
    ] = None,
    repo: options.Repo = ".",
    as_json: options.Json = False,
) -> int:
    """List what depends on a key; exit code 1 if anything does (lane: claude)."""
    from lanectl.flows import impact as flow
    from lanectl.wiring import authority as wiring

    with wiring.desk(repo) as desk:
        found = flow.impact(desk.registry, key_id, revocations.time_of(since, "--since"))
        revocations.show_impact(found, as_json=as_json)
    return ExitCode.FINDINGS if found.suspects else ExitCode.OK
