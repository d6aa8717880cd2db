"""The embedded ledger encrypted, what the codex lane sees of a ledger, and what apply loads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.world import Ran, World, lanectl

KEY = "7f" * 32


@pytest.fixture
def encrypted(world: World) -> World:
    """An Enforcer whose operator wants the ledger encrypted."""
    path = Path(os.environ["HOME"]) / ".config/lanectl/enforcer.toml"
    path.write_text(f"{path.read_text()}\n[ledger]\nencrypted = true\n")
    return world


def with_key(world: World, text: str, *words: str | Path) -> Ran:
    """Run a command with a key on a file descriptor."""
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    done = subprocess.run(
        [sys.executable, "-m", "lanectl", *words, "--repo", world.enforcer],
        env={**os.environ, "LANECTL_LEDGER_KEY_FD": str(reading)}, pass_fds=(reading,),
        capture_output=True, check=False, text=True,
    )  # fmt: skip
    os.close(reading)
    return Ran(done.returncode, done.stdout, done.stderr)


def test_an_encrypted_ledger_opens_with_its_key_alone(encrypted: World) -> None:
    bundle = encrypted.packed()
    assert with_key(encrypted, f"{KEY}\n", "apply", bundle).code == 0
    [ledger] = encrypted.state("ledger.sqlite")
    data = b"".join(p.read_bytes() for p in encrypted.state("ledger.sqlite*"))
    assert b"fix-login" not in data
    assert not ledger.read_bytes().startswith(b"SQLite format 3")
    assert "already applied" in with_key(encrypted, f"{KEY}\n", "apply", bundle).err
    shown = with_key(encrypted, f"{KEY}\n", "ledger", "show", "fix-login")
    assert (shown.code, "applied" in shown.out) == (0, True), shown.err
    for wrong in ("80" * 32, "short"):
        refused = with_key(encrypted, wrong, "apply", bundle)
        assert refused.code in {2, 3}
        assert wrong not in refused.out + refused.err
    none = lanectl("apply", bundle, "--repo", encrypted.enforcer)
    assert (none.code, "no key was given" in none.err) == (2, True)


def test_the_codex_lane_sees_where_a_handoff_is_and_nothing_else(world: World) -> None:
    bundle = world.packed()
    bundle.write_bytes(bundle.read_bytes()[:-9] + b"tampered!")
    assert world.apply(bundle).code == 1
    world.monkeypatch.setenv("LANECTL_LANE", "codex")
    shown = lanectl("ledger", "show", "fix-login", "--repo", world.enforcer)
    assert (shown.code, "refused" in shown.out) == (0, True), shown.err
    assert "archive/digest" not in shown.out
    before = world.state("ledger.sqlite")[0].stat().st_mtime_ns
    for words in (
        ["ledger", "verify"], ["ledger", "export"], ["ledger", "migrate"],
        ["ledger", "reconcile", "--key", "k", "--reason", "r"], ["freeze", "--reason", "r"],
        ["keys", "revoke", "k" * 8, "--reason", "r"], ["keys", "impact", "k" * 8], ["keys", "list"],
        ["apply", bundle], ["rollback", "fix-login"],
    ):  # fmt: skip
        assert lanectl(*words).code == 6, words
    assert world.state("ledger.sqlite")[0].stat().st_mtime_ns == before


def test_without_any_ledger_the_codex_lane_is_told_so(world: World) -> None:
    (Path(os.environ["HOME"]) / ".config/lanectl/enforcer.toml").unlink()
    world.monkeypatch.setenv("LANECTL_LANE", "codex")
    shown = lanectl("ledger", "show")
    assert (shown.code, "SUPABASE_URL" in shown.err) == (2, True)


def test_apply_with_the_embedded_ledger_loads_no_other_back_end(world: World) -> None:
    code = (
        "import sys\nfrom lanectl.cli.app import run\ncode = run(sys.argv[1:])\n"
        "print(code, [m for m in ('supabase', 'httpx', 'psycopg', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "apply", world.packed(), "--repo", world.enforcer],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "0 []"


@pytest.mark.e2e
def test_the_codex_lane_reads_the_status_over_http(world: World) -> None:
    from tests.ledger import on_supabase, story

    with on_supabase.fresh_project() as shop:
        path = Path(os.environ["HOME"]) / ".config/lanectl/enforcer.toml"
        text = path.read_text()
        section = f'[ledger]\nbackend = "supabase"\nid = "{story.LEDGER}"\nurl = "{shop.url}"\n'
        path.write_text(f"{text}\n{section}")
        world.monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", shop.secret)
        bundle = world.packed()
        done = world.apply(bundle)
        assert (done.code, done.json["state"]) == (0, "created"), done.err
        assert world.apply(bundle).json["state"] == "found"
        path.unlink()  # the Builder's machine has no operator file
        world.monkeypatch.delenv("SUPABASE_SERVICE_ROLE_KEY")
        world.monkeypatch.setenv("LANECTL_LANE", "codex")
        world.monkeypatch.setenv("SUPABASE_URL", shop.url)
        world.monkeypatch.setenv("SUPABASE_ANON_KEY", shop.publishable)
        shown = lanectl("ledger", "show", "fix-login")
        assert (shown.code, "applied" in shown.out) == (0, True), shown.err
