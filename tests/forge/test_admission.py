"""`verify --pull-request` believes a commit that the Enforcer admitted, and no marker alone.

Everything is published by plain git; no command of lanectl makes the commit or its admission.
Each way in which an admission can be bad stands in tests/checks/test_admission.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lanectl.model.bundle import ADMISSION_SUFFIX
from lanectl.model.names import Digest, ObjectId, RepositoryId
from tests.forge.admissions import (
    admit_by_hand,
    forge_commit,
    publish_by_hand,
    said,
    signed_admission,
)
from tests.forge.world import ForgeWorld
from tests.world import World, git, lanectl, write

BRANCH = "feature/fix-login"


class Handoff:
    """A packed bundle that stands on its branch with an open pull request, not yet published."""

    def __init__(self, story: ForgeWorld) -> None:
        self.story, self.bundle = story, story.packed()
        self.commit = forge_commit(story, self.bundle, BRANCH)
        self.number = story.open(BRANCH)

    def judge(self, admission: bytes | None) -> tuple[int, list[str]]:
        publish_by_hand(self.story, self.bundle, admission)
        judged = self.story.judge(self.number)
        return judged.code, judged.rules

    def signed(self, **changes: Any) -> bytes:
        return signed_admission(self.story, self.bundle, self.commit, **changes)


def test_only_what_the_enforcer_admitted_is_believed(story: ForgeWorld) -> None:
    """One story, because its pull request is dear: forged, admitted, and admitted otherwise."""
    handoff = Handoff(story)
    assert said(handoff.bundle).handoff.result_tree == git(
        story.hub, "rev-parse", f"{BRANCH}^{{tree}}"
    )
    assert handoff.judge(None) == (1, ["admission/missing"])
    admit_by_hand(story, handoff.bundle, handoff.commit)
    judged = story.judge(handoff.number)
    assert (judged.code, judged.rules) == (0, []), judged.err
    [told] = judged.json["commits"]
    assert told["report"]["admission"]["commit"] == handoff.commit
    other = signed_admission(story, handoff.bundle, git(story.hub, "rev-parse", "main"))
    assert handoff.judge(other) == (1, ["admission/mismatch"])
    assert handoff.judge(handoff.signed(key="builder")) == (1, ["admission/wrong-role"])


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"bundle": Digest("3" * 64)}, "mismatch"),
        ({"repository": RepositoryId("localhost/other")}, "mismatch"),
        ({"policy": ObjectId("d" * 40)}, "policy"),
        ({"key": "stranger"}, "unknown-key"),
    ],
    ids=["bundle", "repository", "policy", "stranger"],
)
def test_a_bad_admission_is_none(story: ForgeWorld, changes: dict[str, Any], rule: str) -> None:
    handoff = Handoff(story)
    assert handoff.judge(handoff.signed(**changes)) == (1, [f"admission/{rule}"])


@pytest.mark.e2e
def test_the_target_may_go_on(story: ForgeWorld) -> None:
    """The policy commit is then an ancestor of the tip."""
    handoff = Handoff(story)
    admission = handoff.signed()
    write(story.person / "later.txt")
    story.commit("the target goes on")
    assert handoff.judge(admission) == (0, [])


@pytest.mark.e2e
def test_every_attempt_has_an_admission_of_its_own(story: ForgeWorld) -> None:
    first = story.packed()
    number = story.publish(first)
    one = git(story.hub, "rev-parse", BRANCH)
    kept = first.read_bytes(), first.with_name(f"{first.name}.sigstore.json").read_bytes()
    write(story.builder / "new.txt", b"better\n")
    second = story.pack()
    assert story.publish(second) == number
    two = git(story.hub, "rev-parse", BRANCH)
    old = story.root / "old/artifact.tar.gz"
    write(old, kept[0])
    write(old.with_name(f"{old.name}.sigstore.json"), kept[1])

    def judged(of_first: bytes | None, of_second: bytes | None) -> tuple[int, list[str]]:
        publish_by_hand(story, old, of_first)
        publish_by_hand(story, second, of_second)
        ran = story.judge(number)
        return ran.code, ran.rules

    mine = signed_admission(story, old, one), signed_admission(story, second, two)
    assert judged(*mine) == (0, [])
    assert judged(None, mine[1]) == (1, ["admission/missing"])
    assert judged(mine[0], None) == (1, ["admission/missing"])
    swapped = signed_admission(story, old, two), signed_admission(story, second, one)
    assert judged(*swapped) == (1, ["admission/mismatch"] * 2)
    assert judged(mine[1], mine[0])[0] == 1


def test_verify_takes_the_one_beside_a_bundle_and_apply_none(world: World) -> None:
    bundle = world.packed()
    beside = Path(f"{bundle}{ADMISSION_SUFFIX}")
    beside.write_bytes(b"{")
    assert world.verify(bundle).rules == ["admission/malformed"]
    applied = world.apply(bundle)
    assert applied.code == 0, applied.err
    commit = applied.json["commit"]
    beside.write_bytes(signed_admission(world, bundle, commit))
    found = world.verify(bundle, "--commit", commit)
    assert (found.code, found.json["admission"]["commit"]) == (0, commit), found.err
    assert len(found.json["steps"]) == 15
    shown = lanectl("verify", bundle, "--repo", world.enforcer)
    assert f"Z as {commit}\n" in shown.out
    beside.unlink()
    assert world.verify(bundle).json["admission"] is None
