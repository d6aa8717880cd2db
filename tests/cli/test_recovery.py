"""The drills of docs/recovery.md are run as they stand, each where it may be needed."""

from __future__ import annotations

import contextlib
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
from tests.cli.test_signing_methods import keyless, trust
from tests.gpg_rig import GPG, GpgRig, gpg_home
from tests.ledger import on_postgres, rig
from tests.ledger.applying import Enforcer
from tests.orders import key_id, register_people
from tests.sigstore.material import ME
from tests.sigstore.simulator import Simulator
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
    "identity": "1 to look at", "gpg": "put it in   .lanectl/trust/gpg/", "root-key": "root.signatures.json",
    "root-lost": "of these 2: dan, erin",
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
    identity = {
        f"GIT_{who}_{k}": v
        for who in ("AUTHOR", "COMMITTER")
        for k, v in (("NAME", "P"), ("EMAIL", "p@example.test"))
    }
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


# who signs otherwise than with a key of the keyring, and the root ------------------------------------


def merge(world: World, clone: Path) -> None:
    """Let a person merge what lies in a clone."""
    git(clone, "add", "-A", "lanectl.toml", ".lanectl/trust")
    git(clone, "commit", "-q", "-m", "trust")
    git(clone, "push", "-q", "origin", "HEAD:main")
    git(world.person, "pull", "-q", "origin", "main")
    world.fetch()


def signed_by_an_identity(world: World, simulator: Simulator) -> tuple[Path, dict[str, str]]:
    """Sign a bundle with a trusted identity; return it, and what the drill needs."""
    how = keyless(world, simulator)
    bundle = world.pack("keyless", "--sign", "keyless", *how)
    return bundle, {"ISSUER": simulator.issuer, "IDENTITY": ME}


def signed_by_gpg(world: World) -> tuple[Path, dict[str, str]]:
    """Sign a bundle with a pinned GPG key; return it, and what the drill needs."""
    rig = GpgRig(os.environ["GNUPGHOME"])
    rig.run("--passphrase-fd", "0", "--quick-generate-key", "now <now@acme.test>", "ed25519", "sign,cert", "seconds=2592000", at=datetime.now(UTC))  # fmt: skip
    print_ = rig.prints["now"] = rig.parts("now@acme.test")[0]
    section = f'\n[trust.builder]\naccept = ["gpg"]\n[[trust.builder.gpg]]\nname = "Gus"\nemail = "gus@acme.test"\nfingerprint = "{print_}"\n'
    trust(world, section, **{f"gpg__{print_}_dot_asc": rig.public("now")})
    bundle = world.pack("gpg", "--sign", "gpg", "--gpg-key", print_)
    return bundle, {"FINGERPRINT": print_}


@pytest.mark.thorough
@pytest.mark.parametrize("drill", ["identity", "gpg"])
def test_a_drill_for_who_has_no_key_to_revoke(
    drill: str, enforcer: Enforcer, simulator: Simulator
) -> None:
    world = enforcer.world
    with contextlib.ExitStack() as stack:
        if drill == "gpg":
            if not os.access(GPG, os.X_OK):
                pytest.skip("there is no gpg")
            world.monkeypatch.setenv("GNUPGHOME", stack.enter_context(gpg_home()).home)
            bundle, needed = signed_by_gpg(world)
        else:
            bundle, needed = signed_by_an_identity(world, simulator)
        assert world.apply(bundle).code == 0
        assert world.verify(bundle).code == 0
        since = datetime.now(UTC) - timedelta(days=1)
        out = run(drill, world, SINCE=f"{since:%Y-%m-%dT%H:%M:%SZ}", **needed)
        assert SAID[drill] in out
        assert '+not_after = "' in out
        assert "1 to look at" in out
        merge(world, world.enforcer)
        assert world.verify(bundle).rules == ["keyless/span" if drill == "identity" else "gpg/span"]


@pytest.mark.thorough
@pytest.mark.parametrize("drill", ["root-key", "root-lost"])
def test_a_drill_for_the_root(drill: str, enforcer: Enforcer) -> None:
    world = enforcer.world
    names = ("alice", "bob", "carol", "dan", "erin")
    keys = {name: world.enforcer / f"{name}.pem" for name in names}
    for key in keys.values():
        assert lanectl("keys", "new", "--role", "lead", "--out", key).code == 0
    at = ("--repo", world.enforcer)
    old = [word for name in names[:3] for word in ("--key", f"{keys[name]}.pub")]
    assert lanectl("policy", "root", *old, "--threshold", 2, *at).code == 0
    for name in names[:2]:
        assert lanectl("policy", "endorse", "--key", keys[name], *at).code == 0
    merge(world, world.enforcer)
    enforcer.apply("fix-login")  # so this root was seen
    out = run(drill, world, HUB=world.url, **{name.upper(): keys[name] for name in names})
    assert SAID[drill] in out
    if drill == "root-lost":
        assert "of the 2 keys that the root that was seen last demands" in out
        return
    merge(world, world.enforcer)
    shown = lanectl("policy", "show", *at, "--json")
    assert [key["name"] for key in shown.json["root"]["keys"]] == ["bob", "carol", "dan"]


OTHERS = ("identity", "gpg", "root-key", "root-lost")


@pytest.mark.thorough
@pytest.mark.parametrize("drill", [drill for drill in SAID if drill not in OTHERS])
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
