"""The last step, which changes a repository: one ref, created or moved only from where it was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lanectl.adapters.git.objects import _may_be_gits_own
from lanectl.errors import ConflictError, ExitCode
from lanectl.model.names import ObjectId
from lanectl.ports import Identity, NewCommit
from lanectl.wiring import neutral
from tests.adapters.test_shapes import handoff
from tests.world import World, git, lanectl, snapshot, write

if TYPE_CHECKING:
    from collections.abc import Callable

BRANCH = "feature/fix-login"


def refs(folder: Path) -> str:
    return git(folder, "for-each-ref", "--format=%(refname) %(objectname) %(symref)")


# Branches that are not ours to take -------------------------------------------------------------------


def linked_worktree(world: World) -> None:
    git(world.enforcer, "worktree", "add", "-q", "-b", BRANCH, str(world.root / "linked"))


def unborn(world: World) -> None:
    """A branch that somebody is about to commit on for the first time."""
    git(world.enforcer, "checkout", "-q", "--orphan", BRANCH)


def unborn_in_a_linked_worktree(world: World) -> None:
    git(world.enforcer, "worktree", "add", "-q", "--detach", str(world.root / "linked"))
    git(world.root / "linked", "checkout", "-q", "--orphan", BRANCH)


def somebody_elses(world: World) -> None:
    git(world.enforcer, "branch", BRANCH, "main")


def somebody_elses_and_ahead(world: World) -> None:
    git(world.enforcer, "checkout", "-q", "-b", BRANCH)
    write(world.enforcer / "theirs")
    git(world.enforcer, "add", "-A")
    git(world.enforcer, "commit", "-q", "-m", "[CLAUDE-APPLIED:fix-login] not really")
    git(world.enforcer, "checkout", "-q", "main")


def another_name_for_main(world: World) -> None:
    git(world.enforcer, "symbolic-ref", f"refs/heads/{BRANCH}", "refs/heads/main")


def folder_is_a_branch(world: World) -> None:
    git(world.enforcer, "branch", "feature")


def branch_is_a_folder(world: World) -> None:
    git(world.enforcer, "branch", f"{BRANCH}/more")


def locked_by_a_git_that_was_killed(world: World) -> None:
    write(world.enforcer / f".git/refs/heads/{BRANCH}.lock", b"")


TAKEN = (
    linked_worktree, unborn, unborn_in_a_linked_worktree, somebody_elses, somebody_elses_and_ahead,
    another_name_for_main, folder_is_a_branch, branch_is_a_folder, locked_by_a_git_that_was_killed,
)  # fmt: skip


@pytest.mark.parametrize("taken", TAKEN, ids=lambda f: f.__name__)
def test_a_branch_that_is_taken_is_a_conflict_and_stays(
    world: World, taken: Callable[[World], None]
) -> None:
    bundle = world.packed()
    taken(world)
    before = refs(world.enforcer), git(world.enforcer, "status", "--short", "--branch")
    done = world.apply(bundle)
    assert done.code == ExitCode.CONFLICT, done.err
    assert done.json["error"]["remedies"]
    assert (refs(world.enforcer), git(world.enforcer, "status", "--short", "--branch")) == before
    git(world.enforcer, "fsck", "--strict", "--no-dangling")


def test_a_dangling_name_is_replaced_and_its_target_is_not_made(world: World) -> None:
    bundle = world.packed()
    git(world.enforcer, "symbolic-ref", f"refs/heads/{BRANCH}", "refs/heads/nowhere")
    done = world.apply(bundle)
    assert done.code == 0, done.err
    assert refs(world.enforcer).startswith(f"refs/heads/{BRANCH} {done.json['commit']} \n")
    assert "nowhere" not in git(world.enforcer, "for-each-ref")


@pytest.mark.parametrize("held", [None, "main~1"])
def test_a_branch_that_moves_in_between_is_a_conflict(world: World, held: str | None) -> None:
    """Between the look and the step somebody else made or moved the branch."""
    git(world.enforcer, "branch", BRANCH, "main")
    main, before = ObjectId(git(world.enforcer, "rev-parse", "main")), refs(world.enforcer)
    old = ObjectId(git(world.enforcer, "rev-parse", held)) if held else None
    with neutral.enforcer_side(str(world.enforcer)) as side:
        repository = side.require_repository()
        tree = repository.commit_tree(main)
        assert tree
        who = Identity("T", "t@example.test", side.system.now())
        new = repository.commit(NewCommit(tree, (main,), "x\n", who, who))
        assert refs(world.enforcer) == before
        with pytest.raises(ConflictError, match="could not be " + ("moved" if held else "created")):
            repository.publish(BRANCH, new, old, main)
        assert refs(world.enforcer) == before
        repository.publish(BRANCH, new, main, main)
    assert git(world.enforcer, "rev-parse", BRANCH) == new
    assert "lanectl apply" in git(world.enforcer, "reflog", BRANCH)


# Superseding ------------------------------------------------------------------------------------------


def test_three_bundles_each_over_the_last_are_one_line(world: World) -> None:
    base = git(world.enforcer, "rev-parse", "main")
    made, bundles = [base], []
    world.change()
    for number in range(3):
        write(world.builder / "new.txt", b"%d\n" % number)
        bundle = world.pack()
        done = world.apply(bundle)
        assert (done.code, done.json["state"]) == (0, "superseded" if number else "created")
        assert git(world.enforcer, "log", "-1", "--format=%P", BRANCH) == made[-1]
        made.append(done.json["commit"])
        bundles.append(bundle.read_bytes())
    assert git(world.enforcer, "rev-list", "--count", f"{base}..{BRANCH}") == "3"
    git(world.enforcer, "fsck", "--strict", "--no-dangling")
    late = world.root / "late"  # the second one again: it is on the branch already
    write(late / "artifact.tar.gz", bundles[1])
    kept = next(Path(os.environ["HOME"]).glob(f".local/state/lanectl/*/bundles/{_digest(bundles[1])}"))  # fmt: skip
    write(late / "artifact.tar.gz.sigstore.json", (kept / "artifact.tar.gz.sigstore.json").read_bytes())  # fmt: skip
    again = world.apply(late / "artifact.tar.gz")
    assert (again.json["state"], again.json["commit"]) == ("found", made[2])


def _digest(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


# The Builder's own commit -------------------------------------------------------------------------------


def test_the_ready_commit_leaves_work_tree_index_and_head_alone(world: World) -> None:
    world.change()
    git(world.builder, "add", "src/f0.py")
    own = world.builder / ".git"
    kept = {path: (own / path).read_bytes() for path in ("index", "HEAD", "config")}
    before = {k: v for k, v in snapshot(world.builder).items() if b"/.git/" not in k}
    done = lanectl("pack", "--repo", world.builder, "--slug", "x", "--unsigned", "--commit", "--json")  # fmt: skip
    assert done.code == 0, done.err
    after = snapshot(world.builder)
    assert {k: after[k] for k in before if not k.endswith(b"/.lanectl")} == {
        k: v for k, v in before.items() if not k.endswith(b"/.lanectl")
    }
    assert {path: (own / path).read_bytes() for path in kept} == kept
    assert git(world.builder, "log", "-1", "--format=%P", "staging/codex-x") == done.json["base"]
    git(world.builder, "fsck", "--strict", "--no-dangling")


def test_the_ready_commit_does_not_move_a_branch_that_is_checked_out(world: World) -> None:
    git(world.builder, "checkout", "-q", "-b", "staging/codex-x")
    world.change()
    before = refs(world.builder)
    done = lanectl("pack", "--repo", world.builder, "--unsigned", "--commit")
    assert (done.code, "is checked out in" in done.err) == (ExitCode.CONFLICT, True)
    assert refs(world.builder) == before


# What git would refuse at the very end ------------------------------------------------------------------


def test_what_fsck_refuses_is_a_finding_and_not_a_failed_apply(world: World) -> None:
    """Made by another tool than lanectl: `pack` itself would not have packed it."""
    text = '[submodule "x"]\n\tpath = x\n\turl = ./x\n\tupdate = !touch RAN\n'
    write(world.builder / ".gitmodules", text.encode())
    base = ObjectId(git(world.builder, "rev-parse", "HEAD"))
    git(world.builder, "add", "-A")
    tree = ObjectId(git(world.builder, "write-tree"))
    patch = git(world.builder, "diff", "--cached", "--binary", "--full-index", "--no-renames")
    with neutral.enforcer_side(str(world.enforcer)) as side:
        repository = side.require_repository()
        base_tree = repository.commit_tree(base)
        assert base_tree
        replay = repository.replay(
            handoff(base, base_tree, tree), memoryview(patch.encode() + b"\n")
        )
    assert replay.result_tree is None
    assert "gitmodulesUpdate" in replay.problem


@pytest.mark.parametrize(
    "path",
    [b".gitmodules", b"a/.gitattributes", b"GITMOD~1", b"\xe2\x80\x8c.gitmodules", b"x\\.gitmodules", b"a/.GITMODULES", b"a/.gitattributes/x"],
)  # fmt: skip
def test_git_is_asked_about_what_it_may_take_for_its_own(path: bytes) -> None:
    assert _may_be_gits_own(path)
    assert not _may_be_gits_own(b".github/git/.env")
