"""Every command belongs to a lane, and stops in the other one or with the other's credentials."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from lanectl.adapters.system import environment
from lanectl.cli.app import build
from lanectl.cli.lanes import COMMANDS, NEEDS, LaneCommand, lane_of
from tests.world import World, lanectl, write

SECRET = "ghp_" + "s3cret" * 6
LANES = {
    "pack": "codex", "sign": "codex", "apply": "claude", "rollback": "claude", "freeze": "claude",
    "approve": "claude",
    "keys list": "claude", "keys revoke": "claude", "keys impact": "claude",
    "ledger verify": "claude", "ledger export": "claude", "ledger reconcile": "claude",
    "ledger migrate": "claude",
}  # fmt: skip
ANY = [
    "init", "keys new", "keys rotate", "keys export", "inspect", "verify", "lane", "ledger show",
    "policy show", "policy explain", "policy root", "policy endorse",
]  # fmt: skip


def commands(group: Any, *path: str) -> list[tuple[tuple[str, ...], Any]]:
    """Every command that can be run, with its words."""
    found = []
    for name, command in group.commands.items():
        inner = hasattr(command, "commands")
        found += commands(command, *path, name) if inner else [((*path, name), command)]
    return found


EVERY = commands(get_command(build(COMMANDS)))


def profile(folder: Path, lane: str, *lines: str, mode: int = 0o600) -> Path:
    path = folder / f"profile.{lane}"
    write(path, "\n".join([f"LANECTL_LANE={lane}", *lines, ""]).encode(), mode)
    return path


def test_the_table_is_the_issues() -> None:
    assert {name: str(lane) for name, lane in NEEDS.items() if lane} == LANES
    assert {name for name, lane in NEEDS.items() if lane is None} == set(ANY)


@pytest.mark.parametrize(("words", "command"), EVERY, ids=str)
def test_every_command_is_guarded_and_says_its_lane(words: tuple[str, ...], command: Any) -> None:
    assert isinstance(command, LaneCommand)
    needed = lane_of(words)
    assert (f"lane: {needed}" if needed else "any lane") in command.help


@pytest.mark.parametrize(
    ("lane", "command"),
    [
        ("claude", ["pack"]),
        ("claude", ["sign", "b"]),
        ("codex", ["apply", "b"]),
    ],
)
@pytest.mark.parametrize("by", ["variable", "profile"])
def test_the_wrong_lane_stops(
    lane: str, command: list[str], by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by == "variable":
        monkeypatch.setenv("LANECTL_LANE", lane)
        done = lanectl(*command)
    else:
        done = lanectl("--profile", profile(tmp_path, lane), *command)
    assert done.code == 6, done.err
    assert f"`lanectl {command[0]}` belongs to the" in done.err
    assert f"this is the {lane} lane" in done.err


@pytest.mark.parametrize(
    "command", [["pack"], ["inspect", "b"], ["verify", "b"], ["keys", "new", "--role", "builder"]]
)
def test_a_forbidden_credential_stops_any_command_and_is_not_shown(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANECTL_LANE", "codex")
    monkeypatch.setenv("INNOCENT", SECRET)
    for extra in ([], ["--json"]):
        done = lanectl(*command, *extra)
        assert done.code == 6
        assert "the codex lane must not hold INNOCENT" in done.err
        assert "s3cret" not in done.out + done.err


def test_the_enforcer_must_not_hold_the_builders_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANECTL_LANE", "claude")
    monkeypatch.setenv("LANECTL_BUILDER_KEY", "/secret/builder.pem")
    done = lanectl("apply", "b")
    assert done.code == 6
    assert "the claude lane must not hold LANECTL_BUILDER_KEY" in done.err
    assert "/secret/builder.pem" not in done.err


def test_help_and_usage_come_before_the_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANECTL_LANE", "codex")
    assert lanectl("apply", "--help").code == 0
    assert lanectl("apply").code == 2


def test_no_lane_is_declared(world: World) -> None:
    world.monkeypatch.setenv("GH_TOKEN", SECRET)
    bundle = world.packed()
    assert world.apply(bundle).code == 0


def test_both_lanes_work_where_they_belong(world: World, tmp_path: Path) -> None:
    world.change()
    world.monkeypatch.delenv("LANECTL_BUILDER_KEY")
    key = f"LANECTL_BUILDER_KEY={world.key('builder')}"
    codex, claude = (
        profile(tmp_path, "codex", key),
        profile(tmp_path, "claude", f"GH_TOKEN={SECRET}"),
    )
    packed = lanectl("--profile", codex, "pack", "--repo", world.builder, "--slug", "fix-login")
    assert packed.code == 0, packed.err
    bundle = packed.out.strip()
    assert lanectl("--profile", codex, "verify", bundle, "--repo", world.enforcer).code == 0
    applied = lanectl("--profile", claude, "apply", bundle, "--repo", world.enforcer)
    assert applied.code == 0, applied.err
    assert "GH_TOKEN" not in environment()


def test_a_profile_is_the_only_file_that_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / ".env", b"LANECTL_LANE=codex\n")
    write(tmp_path / ".env.codex", b"LANECTL_LANE=codex\n")
    monkeypatch.chdir(tmp_path)
    done = lanectl("apply", "missing")
    assert (done.code, "codex" in done.err) == (3, False)


def test_profile_and_variable_disagree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANECTL_LANE", "claude")
    done = lanectl("--profile", profile(tmp_path, "codex"), "inspect", "b")
    assert done.code == 6
    assert re.search("LANECTL_LANE says claude, the profile .* says codex", done.err)


@pytest.mark.parametrize(
    ("lines", "mode", "code"),
    [
        ((f"GH_TOKEN={SECRET}",), 0o640, 6),
        ((f"GH_TOKEN={SECRET}",), 0o604, 6),
        ((), 0o620, 6),
        ((), 0o644, 3),
        ((f"GH_TOKEN={SECRET}",), 0o600, 3),
    ],
)
def test_a_profile_that_others_can_read_or_write(
    lines: tuple[str, ...], mode: int, code: int, tmp_path: Path
) -> None:
    done = lanectl("--profile", profile(tmp_path, "claude", *lines, mode=mode), "apply", "missing")
    assert (done.code, "is not yours alone" in done.err) == (code, code == 6)
    assert "s3cret" not in done.err


@pytest.mark.parametrize("by", ["variable", "profile", "missing"])
def test_what_is_wrong_usage(by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if by == "variable":
        monkeypatch.setenv("LANECTL_LANE", "builder")
        assert lanectl("inspect", "b").code == 2
    elif by == "profile":
        assert lanectl("--profile", profile(tmp_path, "builder"), "inspect", "b").code == 2
    else:
        assert lanectl("--profile", tmp_path / "none", "inspect", "b").code == 3
