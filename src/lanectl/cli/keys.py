"""`lanectl keys`."""

from __future__ import annotations

from typing import Annotated

import typer

from lanectl.cli import options, render
from lanectl.cli.lanes import LaneCommand
from lanectl.model.trust import Algorithm, Role

app = typer.Typer(help="Make keys.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def group() -> None:
    """Make keys."""


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
