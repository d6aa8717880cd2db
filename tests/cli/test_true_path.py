"""The story of lanectl: a change goes from the Builder's clone to a commit in the Enforcer's."""

from __future__ import annotations

from tests.world import World, git, lanectl, snapshot


def test_a_change_becomes_a_verified_commit(world: World) -> None:
    world.change()
    before = snapshot(world.builder / ".git"), git(world.builder, "stash", "list")
    bundle = world.pack("fix-login", "--title", "Fix the login")
    assert (snapshot(world.builder / ".git"), git(world.builder, "stash", "list")) == before

    verified = world.verify(bundle)
    assert (verified.code, verified.json["outcome"]) == (0, "accepted"), verified.err
    applied = world.apply(bundle)
    assert (applied.code, applied.json["state"]) == (0, "created"), applied.err

    git(world.builder, "add", "-A")
    expected = git(world.builder, "write-tree")
    commit = applied.json["commit"]
    assert git(world.enforcer, "rev-parse", "feature/fix-login^{tree}") == expected
    assert (
        git(world.enforcer, "log", "-1", "--format=%s", commit)
        == "[CLAUDE-APPLIED:fix-login] Fix the login"
    )
    assert git(world.enforcer, "rev-parse", f"{commit}^") == git(
        world.enforcer, "rev-parse", "origin/main"
    )
    assert world.verify(bundle, "--commit", commit).code == 0


def test_applying_again_finds_the_commit(world: World) -> None:
    bundle = world.packed()
    first = world.apply(bundle)
    before = snapshot(world.enforcer)
    again = world.apply(bundle)
    assert (again.code, again.json["state"], again.json["commit"]) == (
        0,
        "found",
        first.json["commit"],
    )
    assert snapshot(world.enforcer) == before


def test_unsigned_inside_signed_outside(world: World) -> None:
    world.change()
    bundle = world.pack("fix-login", "--unsigned")
    refused = world.apply(bundle)
    assert (refused.code, refused.rules) == (1, ["envelope/missing"])
    signed = lanectl("sign", bundle, "--key", world.key("builder"))
    assert signed.code == 0, signed.err
    assert world.apply(bundle).code == 0
