"""What is published, where the ledger holds rows that no Enforcer wrote, or comes from another machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lanectl.model.ledger import EventKind
from tests.forge.world import ForgeWorld
from tests.ledger.forging import forge_applied, insert, with_ledger
from tests.ledger.office import bodies, elsewhere, second, shared
from tests.orders import key_id
from tests.world import git, lanectl, lanectl_process, write

K = EventKind


def test_an_admission_for_another_branch_publishes_nothing(story: ForgeWorld) -> None:
    """The row's words place a good admission's commit on the target branch itself."""
    bundle = with_ledger(story)
    assert story.apply(bundle).code == 0
    main = git(story.hub, "rev-parse", "main")
    [good] = [e["data"] for e in story.events() if e["kind"] == "applied"][1:]
    story.forget_ledger()
    write(story.builder / "third.txt")
    assert story.apply(story.pack("third")).code == 0  # a ledger that is begun anew
    forge_applied(
        story, bundle, **{n: good[n] for n in ("admission", "commit", "bundle")}, branch="main"
    )
    done = story.apply(bundle, "--pr")
    assert git(story.hub, "rev-parse", "main") == main
    assert done.code == 3, done.err


@pytest.mark.thorough
@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"number": "x", "url": "u", "state": "s"},
        {"number": "7", "url": "https://mallory.test/", "state": "opened"},
        {"number": "7", "hint": "\x1b", "signature": "A" * 88},
    ],
)
def test_steps_that_nobody_did_are_not_believed(story: ForgeWorld, facts: dict[str, str]) -> None:
    bundle = story.packed()
    digest = story.apply(bundle).json["bundle"].removeprefix("sha256:")
    insert(story, K.STEP_DONE, bundle, of=digest, step="pull-request", **facts)
    done = story.apply(bundle, "--pr")
    assert done.code == 0, done.err
    assert done.json["pull_request"]["number"] in [n for n, *_ in story.view.pulls()]


def test_the_ids_of_steps_and_keys_can_be_taken_and_stop_nothing(story: ForgeWorld) -> None:
    bundle = story.packed()
    digest = story.apply(bundle).json["bundle"].removeprefix("sha256:")
    for step in ("bundle", "push", "pull-request", "labels", "check"):
        for kind in ("step-intended", "step-done"):
            insert(story, K.DRIFT_REPORT, bundle, f"{kind}:{digest}:{step}")
    register_second(story)
    insert(story, K.DRIFT_REPORT, bundle, f"key:{key_id(story, 'enforcer-2')}")
    number = story.publish(bundle)
    assert story.publish(bundle) == number
    assert story.view.labels(number) == ["codex-handoff"]


def register_second(story: ForgeWorld) -> None:
    """Register another Enforcer's key, of another name, at the target's tip."""
    public = f"{story.key('enforcer-2')}.pub"
    words = ("--enforcer-key", public, "--committer", "Eve <eve@example.test>")
    done = lanectl("init", "--repo", story.person, *words)
    assert done.code == 0, done.err
    story.commit("another Enforcer")
    story.fetch()


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["same name", "another name"])
def test_a_second_machine_publishes_what_the_first_one_applied(
    story: ForgeWorld, tmp_path: Path, method: str
) -> None:
    """It has neither the commit nor a kept copy of the bundle: the ledger has the admission."""
    if method == "another name":
        register_second(story)
    bundle = story.packed()
    with shared(story, tmp_path) as dsn:
        first = story.apply(bundle)
        assert first.code == 0, first.err
        more = elsewhere(story)
        if method == "another name":
            more["LANECTL_ENFORCER_KEY"] = str(story.key("enforcer-2"))
        command = ("apply", bundle, "--repo", second(story), "--pr", "--json")
        there = lanectl_process(*command, **more)
        assert there.code == 0, there.err
        assert there.json["commit"] == first.json["commit"]
        assert git(story.hub, "rev-parse", "feature/fix-login") == first.json["commit"]
        number = there.json["pull_request"]["number"]
        assert story.judge(number).code == 0
        assert [e["kind"] for e in bodies(dsn)].count("applied") == 1
        assert story.publish(bundle) == number


def test_a_freeze_between_verification_and_push_stops_the_push(story: ForgeWorld) -> None:
    """Somebody freezes at the moment when the bundle arrives, before the branch is pushed."""
    bundle = story.packed()
    hook = story.hub / "hooks/post-receive"
    write(
        hook,
        f"#!/bin/sh\nHOME={os.environ['HOME']} {sys.executable} -m lanectl freeze --reason now"
        f" --repo {story.enforcer} >/dev/null 2>&1\n".encode(),
        0o755,
    )
    done = story.apply(bundle, "--pr")
    hook.unlink()
    assert (done.code, "frozen since" in done.err) == (4, True), done.err
    assert story.view.pulls() == []
    assert "feature/fix-login" not in story.view.branches()
