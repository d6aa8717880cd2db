"""Where a commit may go: branches that are taken, checked out, impossible; signed commits; READY."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world import World, git, lanectl, snapshot, write


def test_a_branch_named_feature_leaves_no_room(world: World) -> None:
    bundle = world.packed()
    git(world.enforcer, "branch", "feature")
    refs = git(world.enforcer, "for-each-ref")
    done = world.apply(bundle)
    assert (done.code, "could not be created" in done.err) == (5, True)
    assert git(world.enforcer, "for-each-ref") == refs
    git(world.enforcer, "branch", "-D", "feature")
    assert world.apply(bundle).code == 0


def test_a_checked_out_branch_is_not_moved(world: World) -> None:
    world.apply(world.packed())
    git(world.enforcer, "checkout", "-q", "feature/fix-login")
    write(world.builder / "new.txt", b"better\n")
    bundle = world.pack()
    before = snapshot(world.enforcer)
    done = world.apply(bundle)
    assert (done.code, "checked out" in done.err) == (5, True)
    assert snapshot(world.enforcer) == before


def test_a_superseding_bundle_on_a_moved_base_has_two_parents(world: World) -> None:
    first = world.apply(world.packed()).json["commit"]
    write(world.person / "meanwhile.txt")
    moved = world.commit("meanwhile")
    git(world.builder, "stash", "push", "-q", "--include-untracked")
    world.fetch()
    git(world.builder, "stash", "pop", "-q")
    done = world.apply(world.pack())
    assert (done.code, done.json["state"]) == (0, "superseded"), done.err
    assert (
        git(world.enforcer, "log", "-1", "--format=%P", done.json["commit"]) == f"{first} {moved}"
    )


def test_a_bundle_that_supersedes_something_else_does_not_move_the_branch(world: World) -> None:
    world.apply(world.packed())
    write(world.builder / "new.txt", b"better\n")
    bundle = world.pack("fix-login", "--supersedes", "0" * 64)
    before = snapshot(world.enforcer)
    assert world.apply(bundle).code == 5
    assert snapshot(world.enforcer) == before


def test_ready_commit_on_the_staging_branch(world: World) -> None:
    world.change()
    done = lanectl(
        "pack",
        "--repo",
        world.builder,
        "--slug",
        "x",
        "--title",
        "Do it",
        "--unsigned",
        "--commit",
        "--json",
    )
    assert done.code == 0, done.err
    commit = done.json["commit"]
    assert git(world.builder, "rev-parse", "staging/codex-x") == commit
    body = git(world.builder, "log", "-1", "--format=%B", commit)
    assert body.startswith("[CODEX-READY:x] Do it\n")
    assert f"Lanectl-Bundle: {done.json['bundle']}" in body
    assert git(world.builder, "rev-parse", f"{commit}^{{tree}}") == done.json["result_tree"]
    assert git(world.builder, "status", "--short") != ""
    write(world.builder / "new.txt", b"more\n")
    again = lanectl(
        "pack", "--repo", world.builder, "--slug", "x", "--unsigned", "--commit", "--json"
    )
    assert git(world.builder, "rev-parse", f"{again.json['commit']}^") == commit


@pytest.fixture
def gpg_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A key in a home with a short path (the agent's socket has a short limit)."""
    if not shutil.which("gpg"):
        pytest.skip("gpg is not installed: signing commits is NOT tested")
    home = tempfile.mkdtemp(prefix="g", dir="/tmp")
    monkeypatch.setenv("GNUPGHOME", home)
    base = ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
    subprocess.run(
        [*base, "--quick-generate-key", "E <e@example.test>", "ed25519", "sign", "1d"],
        check=True,
        capture_output=True,
    )
    shown = subprocess.run(
        [*base, "--with-colons", "--list-keys"], check=True, capture_output=True, text=True
    ).stdout
    yield next(line.split(":")[9] for line in shown.splitlines() if line.startswith("fpr"))
    subprocess.run(["gpgconf", "--kill", "all"], check=False)
    shutil.rmtree(home, ignore_errors=True)


def test_the_commit_is_signed_as_git_is_set_up(world: World, gpg_key: str) -> None:
    git(world.enforcer, "config", "user.signingkey", gpg_key)
    bundle = world.packed()
    done = world.apply(bundle, "--gpg-sign")
    assert done.code == 0, done.err
    assert "gpgsig" in git(world.enforcer, "cat-file", "commit", done.json["commit"])
    git(world.enforcer, "verify-commit", done.json["commit"], GNUPGHOME=os.environ["GNUPGHOME"])
    assert world.verify(bundle, "--commit", done.json["commit"]).code == 0


def test_a_commit_that_cannot_be_signed_is_not_made(world: World) -> None:
    git(world.enforcer, "config", "user.signingkey", "nobody@example.test")
    git(world.enforcer, "config", "gpg.program", "/bin/false")
    bundle = world.packed()
    before = snapshot(world.enforcer)
    done = world.apply(bundle, "--gpg-sign")
    assert (done.code, "commit-tree failed" in done.err) == (3, True)
    assert snapshot(world.enforcer) == before


def test_hidden_files_of_a_killed_signer_do_not_stay(world: World) -> None:
    world.apply(world.packed())
    state = Path(os.environ["HOME"]) / ".local/state/lanectl"
    assert [p for p in state.rglob(".*") if p.is_file()] == []
