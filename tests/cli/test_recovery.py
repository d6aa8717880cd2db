"""The drills of docs/recovery.md are run as they stand, each where it may be needed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lanectl.wiring.common import operator_file
from tests.ledger import on_postgres, rig
from tests.ledger.applying import Enforcer
from tests.orders import key_id, register_people
from tests.world import World, git, lanectl

PAGE = Path(__file__).resolve().parent.parent.parent / "docs/recovery.md"
DRILLS = dict(
    re.findall(r"<!-- drill: ([a-z-]+) -->\n```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
)
SAID = {
    "freeze": "frozen since", "builder": "compromised since", "enforcer": "lifted by Ann",
    "lead": "revoked key", "lift": "lifted by Ann", "break-glass": "excepted", "token": "GOOD",
    "restored": "applied again", "lost-ledger": "applied again", "lost-state": "applied again",
    "moved": "the ledger is not the one that this Enforcer wrote", "rotation": "BEGIN PUBLIC KEY",
    "approval": "withdrawn by Leo",
}  # fmt: skip
"""What each drill must have said in the end."""


@pytest.fixture
def enforcer(world: World) -> Enforcer:
    register_people(world)
    world.monkeypatch.setenv("LANECTL_ENFORCER_KEY", str(world.key("enforcer")))
    world.pin("--api", "http://127.0.0.1:9/api/v3", "--repin")
    world.change()
    return Enforcer(world)


@pytest.fixture
def owner_dsn() -> Iterator[str]:
    """An empty database, for its owner."""
    on_postgres.template(rig.DEFAULT)  # the roles
    server = rig.server(rig.DEFAULT)
    name = server.database()
    yield server.dsn(name)
    server.drop(name)


def run(drill: str, world: World, **variables: str | Path) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    identity = {f"GIT_COMMITTER_{k}": v for k, v in (("NAME", "P"), ("EMAIL", "p@example.test"))}
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", f"exec 2>&1\n{DRILLS[drill]}"],
        cwd=world.enforcer, capture_output=True, check=False, text=True, stdin=subprocess.DEVNULL,
        env={**os.environ, **identity, "PATH": path, "PYTHONUNBUFFERED": "1",
             **{k: str(v) for k, v in variables.items()}},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def approved(world: World) -> Path:
    """Return a bundle that was held, and that Ann approved."""
    (world.builder / "big.bin").write_bytes(bytes(17 << 20))
    bundle = world.pack("big")
    done = lanectl(
        "approve", bundle, "--repo", world.enforcer, "--rule", "limits/unread", "--reason", "x",
        "--key", world.key("ann"),
    )  # fmt: skip
    assert done.code == 0, done.err
    return bundle


def test_every_drill_of_the_page_is_run() -> None:
    assert set(DRILLS) == set(SAID)
    assert PAGE.read_text().count("```sh") == len(DRILLS)


@pytest.mark.thorough
@pytest.mark.parametrize("drill", SAID)
def test_a_drill(drill: str, enforcer: Enforcer, request: pytest.FixtureRequest) -> None:
    world = enforcer.world
    said, wanted = enforcer.apply("fix-login"), SAID[drill]
    if drill == "restored":
        kept, saved = enforcer.head().seq, enforcer.saved()
        (world.builder / "more.txt").write_text("more\n")
        enforcer.apply("more")
        wanted = f"events {kept + 1} to {enforcer.head().seq} of ledger"
        enforcer.restore(saved)
    if drill == "lost-ledger":
        enforcer.lose()
    if drill == "lost-state":
        enforcer.publish(said.bundle)
        shutil.rmtree(enforcer.store.folder)
    moving: dict[str, str | Path] = {}
    if drill == "approval":
        moving = {"FILE": approved(world)}
    if drill == "moved":
        (world.builder / "more.txt").write_text("more\n")
        moving = {
            "FILE": world.pack("more"), "OWNER_DSN": request.getfixturevalue("owner_dsn"),
            "LOGIN": on_postgres.USER, "OPERATOR_FILE": operator_file().path,
        }  # fmt: skip
    since = datetime.now(UTC) - timedelta(days=1)
    out = run(
        drill, world, LEAD=world.key("ann"), SECOND_LEAD=world.key("leo"), HUB=world.url,
        BUILDER=key_id(world, "builder")[:8], ENFORCER=key_id(world, "enforcer")[:8],
        LOST_LEAD=key_id(world, "leo")[:8], SINCE=f"{since:%Y-%m-%dT%H:%M:%SZ}", BUNDLE=said.bundle,
        **moving,
    )  # fmt: skip
    assert wanted in out
    assert git(world.hub, "rev-parse", "main")
