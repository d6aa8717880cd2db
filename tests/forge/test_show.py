"""What a person reads of one handoff that went the whole way, word for word, at 80 columns."""

from __future__ import annotations

import json
import os
import re

import pytest

from tests.forge.test_recovery import packed
from tests.forge.world import ForgeWorld
from tests.orders import register_people
from tests.world import lanectl

STORY = """\
handoff   login, rolled-back
bundle    sha256:DIGEST
base      COMMIT
result    tree COMMIT
commit    COMMIT on feature/login
url       http://FORGE/acme/shop/pull/1
in        FORGE/acme/shop
key       DIGEST

TIME  queued by lanectl enforcer (enforcer)
      bundle signed by lanectl builder (builder, key KEY)
      bundle DIGEST
TIME  REFUSED by lanectl enforcer (enforcer)
      2 times, the last time TIME
      ✗ archive/digest: The archive is not the one that was signed
        → Copy archive and signature together, or sign again.
        read docs/rules.md#archive/digest
      bundle signed by lanectl builder (builder, key KEY)
      bundle DIGEST
TIME  frozen by Ann (lead)
      because: token in a log
TIME  lifted by Ann (lead)
      because: it was replaced
TIME  queued by lanectl enforcer (enforcer)
      bundle signed by lanectl builder (builder, key KEY)
TIME  claimed by lanectl enforcer (enforcer) on MACHINE
TIME  applied by lanectl enforcer (enforcer)
      judged by the target's tip COMMIT
TIME  bundle pushed
TIME  feature/login pushed
TIME  pull request 1 opened
TIME  labelled codex-handoff
TIME  check run written
TIME  published as pull request 1 by lanectl enforcer (enforcer)
TIME  claimed by Eve (enforcer) on MACHINE
TIME  rollback/login pushed
TIME  pull request 2 opened
TIME  labelled codex-handoff
TIME  rolled back by Eve (enforcer)
      branch: rollback/login
      commit: COMMIT
      url: http://FORGE/acme/shop/pull/2
"""


def plain(text: str) -> str:
    """Put names in the place of what is another one each time."""
    for pattern, name in (
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", "TIME"), (r"127\.0\.0\.1:\d+", "FORGE"),
        (r"\b[0-9a-f]{64}\b", "DIGEST"), (r"\b[0-9a-f]{40}\b", "COMMIT"),
        (r"key [0-9a-f]{16}\b", "key KEY"), (rf" on {re.escape(os.uname().nodename)}\n", " on MACHINE\n"),
    ):  # fmt: skip
        text = re.sub(pattern, name, text)
    return text


@pytest.mark.e2e
def test_a_story_word_for_word(story: ForgeWorld) -> None:
    register_people(story)
    eve = ("--enforcer-key", f"{story.key('eve')}.pub", "--committer", "Eve <eve@example.test>")
    made = lanectl("init", "--repo", story.person, *eve)
    assert made.code == 0, made.err
    story.commit("eve")
    story.fetch()
    bundle = packed(story, "login")
    good = bundle.read_bytes()
    bundle.write_bytes(good[:-9] + b"tampered!")
    assert [story.apply(bundle).code for _ in range(2)] == [1, 1]
    bundle.write_bytes(good)
    freeze = ("freeze", "--repo", story.enforcer, "--key", story.key("ann"), "--reason")
    lanectl(*freeze, "token in a log")
    assert story.apply(bundle).code == 4
    held = lanectl("ledger", "show", "login", "--repo", story.enforcer).out
    assert "\nfrozen    since TIME by Ann (lead)\n" in plain(held)
    lanectl(*freeze, "it was replaced", "--lift")
    story.merge(story.publish(bundle))
    story.fetch_enforcer()
    lanectl(*freeze, "not in its way any more")
    story.monkeypatch.setenv("LANECTL_ENFORCER_KEY", str(story.key("eve")))
    done = lanectl("rollback", "login", "--repo", story.enforcer, "--pr")
    assert done.code == 0, done.err
    told = lanectl("ledger", "show", "login", "--repo", story.enforcer)
    assert plain(told.out) == STORY
    long = [line for line in told.out.splitlines() if len(line) > 80]
    assert [line for line in long if not re.search("[0-9a-f]{64}", line)] == []
    [shown] = lanectl("ledger", "show", "login", "--repo", story.enforcer, "--json").json[
        "handoffs"
    ]
    [admission] = [e["data"]["admission"] for e in shown["events"] if e["kind"] == "applied"]
    assert json.loads(admission)["dsseEnvelope"]
