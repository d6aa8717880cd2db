"""The simulator on a shared ledger: a real PostgreSQL, and as many Enforcers as are wanted."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.ledger import on_postgres
from tests.world import World, git


def pin(operator: Path, dsn: str) -> None:
    """Pin the ledger behind a DSN in an operator file."""
    text = operator.read_text().partition("\n[ledger]")[0]
    operator.write_text(
        f'{text}\n[ledger]\nbackend = "postgres"\nid = "{on_postgres.LEDGER}"\ndsn = "{dsn}"\n'
    )


def share(world: World, dsn: str) -> None:
    """Pin the ledger behind a DSN for this machine's Enforcer."""
    pin(Path(os.environ["HOME"]) / ".config/lanectl/enforcer.toml", dsn)


def bodies(dsn: str) -> list[dict[str, Any]]:
    """Return the bodies of a shared ledger's events, without the keys that it knows."""
    with contextlib.closing(on_postgres.connect(dsn)) as ledger:
        found = [json.loads(event.body) for event in ledger.events()]
    return [body for body in found if body["kind"] != "key"]


def second(world: World) -> Path:
    """Return the clone of another Enforcer, on a machine of its own: give it `elsewhere` as well."""
    git(world.root, "clone", "-q", str(world.hub), "second")
    git(world.root / "second", "remote", "set-url", "origin", world.url)
    return world.root / "second"


def elsewhere(world: World) -> dict[str, str]:
    """Return what makes another Enforcer's state another one."""
    return {"XDG_STATE_HOME": str(world.root / "second-state")}


@contextlib.contextmanager
def shared(world: World, folder: Path) -> Iterator[str]:
    """Yield the DSN of a fresh shared ledger that this machine's Enforcer is pinned to."""
    with on_postgres.fresh(folder) as dsn:
        share(world, dsn)
        yield dsn
