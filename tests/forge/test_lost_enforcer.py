"""The Enforcer's key is lost: what it admitted turns red, and the next key admits it again."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.forge.world import ForgeWorld
from tests.orders import key_id, register_people
from tests.world import Ran, git, lanectl, write


def use_key(story: ForgeWorld, name: str) -> None:
    """Let the Enforcer's default key be this one."""
    place = Path(os.environ["HOME"]) / ".config/lanectl/keys/enforcer.pem"
    write(place, story.key(name).read_bytes(), 0o600)


def register_another(story: ForgeWorld) -> None:
    """Register leads and a second Enforcer on the target."""
    register_people(story)
    registered = lanectl(
        "init", "--repo", story.person, "--enforcer-key", f"{story.key('enforcer-2')}.pub"
    )
    assert registered.code == 0, registered.err
    story.commit("another Enforcer")
    story.fetch()


def lose_the_key(story: ForgeWorld) -> Ran:
    """Revoke the Enforcer's key, in the ledger and on the target."""
    since = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    done = lanectl(
        "keys", "revoke", key_id(story, "enforcer"), "--repo", story.enforcer, "--reason", "stolen",
        "--compromised-since", since, "--key", story.key("ann"),
    )  # fmt: skip
    path = story.person / ".lanectl/trust/keyring.json"
    ring = json.loads(path.read_text())
    for key in ring["keys"]:
        if key["id"] == key_id(story, "enforcer"):
            now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
            key["revoked"] = {"at": now, "compromisedSince": since, "reason": "stolen"}
    path.write_text(json.dumps(ring))
    story.commit("the key is lost")
    return done


@pytest.mark.e2e
def test_the_next_key_admits_again_what_a_lost_one_did(story: ForgeWorld) -> None:
    register_another(story)
    bundle = story.packed()
    number = story.publish(bundle)
    commit = git(story.hub, "rev-parse", "feature/fix-login")
    assert story.judge(number).code == 0
    assert lose_the_key(story).code == 0
    judged = story.judge(number)
    assert (judged.code, judged.rules) == (1, ["admission/compromised"])
    assert story.apply(bundle, "--pr").code == 3  # the lost key admits nothing
    use_key(story, "enforcer-2")
    assert story.publish(bundle) == number
    assert story.judge(number).code == 0
    assert git(story.hub, "rev-parse", "feature/fix-login") == commit
    assert [e["kind"] for e in story.events()].count("applied") == 1
    assert [e["kind"] for e in story.events()].count("admitted") == 1
    assert story.publish(bundle) == number
    assert [e["kind"] for e in story.events()].count("admitted") == 1


@pytest.mark.e2e
def test_another_bundle_of_the_same_change_admits_nothing_again(story: ForgeWorld) -> None:
    register_another(story)
    story.publish(story.packed())
    other = story.pack("other")
    lose_the_key(story)
    use_key(story, "enforcer-2")
    done = story.apply(other, "--pr")
    assert (done.code, "cannot prove it" in done.err) == (3, True)
    assert "the very bundle that it was applied as" in done.err


@pytest.mark.e2e
def test_what_one_enforcer_published_for_the_other_is_published_again(story: ForgeWorld) -> None:
    register_another(story)
    bundle = story.packed()
    assert story.apply(bundle).code == 0
    use_key(story, "enforcer-2")
    number = story.publish(bundle)
    lose_the_key(story)
    assert story.judge(number).code == 1
    assert story.publish(bundle) == number
    assert story.judge(number).code == 0


@pytest.mark.e2e
def test_a_commit_on_top_of_another_is_not_admitted_again(story: ForgeWorld) -> None:
    """Nothing but the lost key's word says what it should have been put on."""
    register_another(story)
    story.publish(story.packed())
    write(story.builder / "new.txt", b"better\n")
    second = story.pack()
    story.publish(second)
    lose_the_key(story)
    use_key(story, "enforcer-2")
    done = story.apply(second, "--pr")
    assert (done.code, "rebase and pack again" in done.err) == (3, True)
