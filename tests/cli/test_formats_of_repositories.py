"""The whole path over repositories that are not a plain clone with SHA-1."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.world import World, git, lanectl, write


def test_a_sha256_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path / "world", monkeypatch, object_format="sha256").bootstrap()
    bundle = world.packed()
    applied = world.apply(bundle)
    assert applied.code == 0, applied.err
    assert len(applied.json["commit"]) == 64
    assert world.verify(bundle, "--commit", applied.json["commit"]).code == 0


def test_linked_worktrees_on_both_sides(world: World) -> None:
    git(world.builder, "worktree", "add", "-q", str(world.root / "linked"), "-b", "work")
    git(world.enforcer, "worktree", "add", "-q", str(world.root / "judge"), "-b", "judge")
    world.builder, world.enforcer = world.root / "linked", world.root / "judge"
    assert world.apply(world.packed()).code == 0


def test_a_sparse_builder_keeps_what_it_does_not_see(world: World) -> None:
    git(world.builder, "sparse-checkout", "set", "docs")
    write(world.builder / "docs/new.txt")
    bundle = world.pack()
    commit = world.apply(bundle).json["commit"]
    assert git(world.enforcer, "diff", "--name-only", "origin/main", commit) == "docs/new.txt"


def test_a_shallow_builder(world: World) -> None:
    git(world.root, "clone", "-q", "--depth=1", f"file://{world.hub}", "shallow")
    world.builder = world.root / "shallow"
    assert world.apply(world.packed()).code == 0


def test_a_partial_clone_is_refused(world: World) -> None:
    git(world.hub, "config", "uploadpack.allowFilter", "true")
    git(world.root, "clone", "-q", "--filter=blob:none", f"file://{world.hub}", "partial")
    write(world.root / "partial/new.txt")
    done = lanectl("pack", "--repo", world.root / "partial", "--slug", "x", "--unsigned")
    assert (done.code, "partial clone" in done.err) == (3, True)


def test_a_bare_enforcer(world: World) -> None:
    git(world.root, "clone", "-q", "--bare", "hub.git", "bare.git")
    bundle = world.packed()
    world.enforcer = world.root / "bare.git"
    with contextlib.chdir(world.enforcer):
        pinned = lanectl(
            "init", "--enforcer", "--repo", world.url, "--ref", "refs/heads/main", "--repin"
        )
    assert pinned.code == 0, pinned.err
    applied = world.apply(bundle)
    assert applied.code == 0, applied.err
    assert git(world.enforcer, "fsck", "--strict") == ""
