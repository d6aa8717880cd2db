"""Approvals on a forge: published with the bundle, judged in CI, withdrawn until the merge."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lanectl.model.names import Digest
from tests.forge.world import ForgeWorld
from tests.orders import register_people
from tests.world import Ran, git, lanectl, write

NAME = "artifact.tar.gz.approvals.jsonl"
BIG = bytes(17 << 20)
CRASHING = Path(__file__).with_name("crashing.py")


@pytest.fixture
def story(story: ForgeWorld) -> ForgeWorld:
    register_people(story)
    return story


def packed(story: ForgeWorld) -> Path:
    write(story.builder / "big.bin", BIG)
    return story.pack()


def approve(story: ForgeWorld, bundle: Path, *arguments: str, by: str = "ann") -> Ran:
    return lanectl(
        "approve", bundle, "--repo", story.enforcer, "--json",
        "--reason", "read it", "--key", story.key(by), *arguments,
    )  # fmt: skip


def given(story: ForgeWorld, bundle: Path, *arguments: str, by: str = "ann") -> None:
    done = approve(story, bundle, "--rule", "limits/unread", *arguments, by=by)
    assert done.code == 0, done.err


def ref(bundle: Path) -> str:
    return f"refs/lanectl/{Digest.of(bundle.read_bytes())}"


def lines(story: ForgeWorld, bundle: Path) -> list[str]:
    return git(story.hub, "show", f"{ref(bundle)}:{NAME}").splitlines()


def put(story: ForgeWorld, bundle: Path, text: str | None, *parents: str) -> None:
    """Let somebody who can write refs/lanectl put other approvals there."""
    rows = [
        row for row in git(story.hub, "ls-tree", ref(bundle)).splitlines() if not row.endswith(NAME)
    ]
    if text is not None:
        blob = git(story.hub, "hash-object", "-w", "--stdin", data=text.encode())
        rows.append(f"100644 blob {blob}\t{NAME}")
    tree = git(story.hub, "mktree", data="".join(f"{r}\n" for r in sorted(rows)).encode())
    below = [part for parent in parents for part in ("-p", parent)]
    commit = git(story.hub, "commit-tree", tree, "-m", "by hand", *below)
    git(story.hub, "update-ref", ref(bundle), commit)


def withdrawn_from(story: ForgeWorld) -> tuple[Path, int, str]:
    """Return a bundle whose approval was published and withdrawn, its number, and the file before."""
    bundle = packed(story)
    given(story, bundle)
    number = story.publish(bundle)
    good = "".join(f"{line}\n" for line in lines(story, bundle))
    approve(story, bundle, "--withdraw")
    return bundle, number, good


@pytest.mark.e2e
def test_from_held_to_published_and_withdrawn(story: ForgeWorld) -> None:
    bundle = packed(story)
    assert story.apply(bundle, "--pr").code == 4
    assert git(story.hub, "for-each-ref", "refs/lanectl") == ""
    given(story, bundle)
    number = story.publish(bundle)
    assert len(lines(story, bundle)) == 1
    assert git(story.hub, "rev-list", "--count", ref(bundle)) == "1"
    assert story.publish(bundle) == number  # again, and nothing changes
    assert git(story.hub, "rev-list", "--count", ref(bundle)) == "1"
    judged = story.judge(number)
    assert (judged.code, judged.json["findings"][0]["allowed_by"]) == (0, "approved by Ann")
    taken = approve(story, bundle, "--withdraw", by="leo")
    assert (taken.code, taken.json["published"]) == (0, True), taken.err
    assert len(lines(story, bundle)) == 2
    red = story.judge(number)
    assert (red.code, red.json["outcome"]) == (4, "held")
    assert story.apply(bundle, "--pr").code == 4
    before = git(story.hub, "rev-parse", ref(bundle))
    assert approve(story, bundle, "--withdraw").json == {"withdrawn": [], "published": True}
    assert git(story.hub, "rev-parse", ref(bundle)) == before
    given(story, bundle, by="leo")
    assert story.judge(number).code == 4  # not published yet
    assert story.publish(bundle) == number
    assert len(lines(story, bundle)) == 3
    assert story.judge(number).code == 0, story.judge(number).err


@pytest.mark.e2e
def test_a_withdrawal_that_was_published_once_is_not_dropped(story: ForgeWorld) -> None:
    bundle, number, good = withdrawn_from(story)
    put(story, bundle, good, git(story.hub, "rev-parse", ref(bundle)))
    assert story.judge(number).code == 4
    put(story, bundle, good)  # what CI cannot see: docs/security-model.md
    assert story.judge(number).code == 0


@pytest.mark.e2e
def test_a_withdrawal_is_not_hidden_by_whoever_may_only_add_commits(story: ForgeWorld) -> None:
    bundle, number, good = withdrawn_from(story)
    withdrawn = git(story.hub, "rev-parse", ref(bundle))
    put(story, bundle, good)
    own_line = git(story.hub, "rev-parse", ref(bundle))
    put(story, bundle, good, own_line, withdrawn)  # behind the second parent
    assert story.judge(number).code == 4
    git(story.hub, "update-ref", ref(bundle), withdrawn)
    for _ in range(50):  # behind more commits than are looked at
        put(story, bundle, good, git(story.hub, "rev-parse", ref(bundle)))
    assert story.judge(number).code == 4
    assert git(story.hub, "merge-base", ref(bundle), withdrawn) == withdrawn


@pytest.mark.e2e
def test_what_is_no_approval_of_this_bundle_does_not_count(story: ForgeWorld) -> None:
    bundle = packed(story)
    given(story, bundle)
    number = story.publish(bundle)
    [line] = lines(story, bundle)
    entry = json.loads(line)
    wrong = {
        "none": None,
        "empty": "",
        "torn": line,
        "twice": f"{line}\n{line}\n",
        "no JSON": "x\n",
        "blanks": json.dumps(entry, sort_keys=True) + "\n",
        "another id": line.replace(entry["id"], f"approval:{'0' * 32}") + "\n",
        "another signature": line.replace(entry["signature"][:8], "AAAAAAAA") + "\n",
        "huge": f"{line}\n" * 5000,
    }
    for how, text in wrong.items():
        put(story, bundle, text)
        judged = story.judge(number)
        assert (judged.code, judged.json["outcome"]) == (4, "held"), how
    put(story, bundle, f"{line}\n")
    assert story.judge(number).code == 0


@pytest.mark.e2e
def test_the_key_of_an_approval_is_lost(story: ForgeWorld) -> None:
    """Marked in the keyring: what it approved since then turns red."""
    bundle = packed(story)
    given(story, bundle)
    number = story.publish(bundle)
    path = story.person / ".lanectl/trust/keyring.json"
    ring = json.loads(path.read_text())
    for since, code in (("2020-01-01T00:00:00Z", 4), ("2099-01-01T00:00:00Z", 0)):
        for key in ring["keys"]:
            if key["name"] == "Ann":
                key["revoked"] = {"at": since, "compromisedSince": since, "reason": "lost"}
        path.write_text(json.dumps(ring))
        story.commit(since)
        assert story.judge(number).code == code, since


@pytest.mark.e2e
def test_a_merged_pull_request_stays_good_under_later_rules(story: ForgeWorld) -> None:
    bundle = packed(story)
    given(story, bundle)
    number = story.publish(bundle)
    with (story.person / "lanectl.toml").open("a") as rules:
        rules.write("\n# other rules\n")
    story.commit("other rules")
    assert story.judge(number).code == 0
    story.fetch_enforcer()
    assert story.apply(bundle, "--pr").code == 4  # today they must be approved anew


@pytest.mark.e2e
def test_the_remote_is_away_when_it_is_withdrawn(story: ForgeWorld) -> None:
    bundle = packed(story)
    given(story, bundle)
    number = story.publish(bundle)
    story.forge.fail("GET", "service=git-upload-pack", status=503)
    away = approve(story, bundle, "--withdraw")
    assert away.code == 8, away.out
    assert "is recorded, but is not yet published" in away.err
    assert story.apply(bundle, "--pr").code in {4, 8}
    again = approve(story, bundle, "--withdraw")
    assert again.json == {"withdrawn": [], "published": True}, again.err
    assert story.judge(number).code == 4


@pytest.mark.e2e
def test_withdrawn_between_apply_and_publish(story: ForgeWorld) -> None:
    bundle = packed(story)
    given(story, bundle)
    assert story.apply(bundle).code == 0
    approve(story, bundle, "--withdraw")
    assert story.apply(bundle, "--pr").code == 4
    assert story.view.pulls() == []


def start(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.e2e
def test_withdrawn_while_the_bundle_is_pushed(story: ForgeWorld) -> None:
    """Looked at again right before the branch is pushed: it never is."""
    bundle = packed(story)
    given(story, bundle)
    assert story.apply(bundle).code == 0
    story.forge.slow("POST", "git-receive-pack$", 8)
    process = start("-m", "lanectl", "apply", bundle, "--repo", story.enforcer, "--pr")
    until = time.monotonic() + 30
    while not any(b["data"].get("step") == "bundle" for b in story.events()):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert approve(story, bundle, "--withdraw").code == 0
    _, err = process.communicate(timeout=60)
    assert process.returncode == 4, err
    assert b"does not count any more" in err
    assert story.view.pulls() == []
    assert sorted(story.view.branches()) == ["main"]


@pytest.mark.e2e
@pytest.mark.parametrize("act", range(1, 40, 4))
def test_killed_and_run_again(story: ForgeWorld, act: int) -> None:
    bundle = packed(story)
    given(story, bundle)
    command = ["apply", bundle, "--repo", story.enforcer, "--pr"]
    process = start(CRASHING, act, "after", *command)
    process.communicate(timeout=60)
    assert process.returncode in {0, -signal.SIGKILL}
    number = story.publish(bundle)
    assert [p[0] for p in story.view.pulls()] == [number]
    assert git(story.hub, "rev-list", "--count", ref(bundle)) == "1"
    assert len(lines(story, bundle)) == 1
    assert story.judge(number).code == 0
