"""The two example profiles are complete, and each fits its own lane and not the other's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lanectl.checks.credential import forbidden, misfits
from lanectl.formats import profile
from lanectl.model.lane import PROFILES, Lane, Profile
from tests.world import lanectl, write

ROOT = Path(__file__).resolve().parent.parent


def example(lane: Lane) -> Profile:
    name = f".env.{lane}.example"
    return profile.read((ROOT / name).read_bytes(), name)


@pytest.mark.parametrize("lane", Lane)
def test_each_example_fits_its_own_lane(lane: Lane, tmp_path: Path) -> None:
    found = example(lane)
    assert found.lane is lane
    assert forbidden(lane, found.variables) == ()
    if lane is Lane.CLAUDE:
        assert list(misfits(found.variables)) == []
    write(tmp_path / "copy", (ROOT / found.path).read_bytes(), 0o600)
    done = lanectl("--profile", tmp_path / "copy", "inspect", tmp_path / "missing")
    assert (done.code, "does not exist" in done.err) == (3, True)


@pytest.mark.parametrize("lane", Lane)
def test_no_example_fits_the_other_lane(lane: Lane) -> None:
    held = {c.variable for c in forbidden(lane.other, example(lane).variables)}
    wanted = {
        Lane.CODEX: {"LANECTL_BUILDER_KEY"},
        Lane.CLAUDE: {"LANECTL_FORGE_TOKEN", "LANECTL_ENFORCER_KEY", "SUPABASE_SERVICE_ROLE_KEY"},
    }
    assert held == wanted[lane]


def test_every_variable_of_lanectl_is_in_an_example() -> None:
    name = re.compile(r"\b(LANECTL_[A-Z_]+|XDG_[A-Z]+_HOME)\b")
    known = {n for lane in Lane for n in name.findall((ROOT / f".env.{lane}.example").read_text())}
    read = {n for f in (ROOT / "src/lanectl").rglob("*.py") for n in name.findall(f.read_text())}
    assert read <= known


def test_every_assignment_is_explained() -> None:
    for lane in Lane:
        lines = (ROOT / f".env.{lane}.example").read_text().splitlines()
        paragraph: list[str] = []
        for line in lines:
            paragraph = [*paragraph, line] if line else []
            assert line.startswith("#") or "=" not in line or paragraph[0].startswith("# "), line


def test_git_ignores_the_copies() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert set(PROFILES) <= set(ignored)
