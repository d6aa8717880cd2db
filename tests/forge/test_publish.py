"""`apply --pr` on a real forge: real git push, real REST, seen by a second client."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from pathlib import Path

import pytest

from tests.forge.listener import Listener
from tests.forge.world import ForgeWorld
from tests.world import World, git, lanectl, write


def state_files(story: ForgeWorld, pattern: str) -> list[Path]:
    return sorted((Path(os.environ["HOME"]) / ".local/state/lanectl").glob(f"*/{pattern}"))


def test_one_handoff_becomes_one_pull_request(story: ForgeWorld) -> None:
    bundle = story.packed()
    done = story.apply(bundle, "--pr", "--draft")
    assert done.code == 0, done.err
    commit, number = done.json["commit"], done.json["pull_request"]["number"]
    assert story.view.pulls() == [(number, "feature/fix-login", commit)]
    assert story.view.labels(number) == ["codex-handoff"]
    assert story.view.checks(commit) == [("lanectl", "completed", "success")]
    assert story.view.repository.get_pull(number).draft
    assert git(story.hub, "rev-parse", "feature/fix-login") == commit
    assert git(story.enforcer, "rev-parse", "feature/fix-login") == commit
    digest = done.json["bundle"].removeprefix("sha256:")
    published = git(story.hub, "ls-tree", "--name-only", f"refs/lanectl/{digest}").splitlines()
    assert published == [
        "artifact.tar.gz", "artifact.tar.gz.admission.sigstore.json", "artifact.tar.gz.sigstore.json",
        "artifact.tar.gz.vsa.sigstore.json",
    ]  # fmt: skip
    body = story.view.body(number)
    assert digest in body
    assert commit in body


def test_the_pull_request_is_proved_from_another_clone(story: ForgeWorld) -> None:
    number = story.publish(story.packed())
    story.use(story.forge.people.reader.secret)
    judged = story.judge(number)
    assert (judged.code, judged.json["kind"], judged.json["outcome"]) == (0, "handoff", "accepted")


def test_applying_again_finds_the_same_pull_request_and_writes_nothing(story: ForgeWorld) -> None:
    bundle = story.packed()
    number = story.publish(bundle)
    before = len(story.forge.requests)
    again = story.apply(bundle, "--pr")
    assert (again.code, again.json["pull_request"]["number"]) == (0, number)
    assert {r.method for r in story.forge.requests[before:]} <= {"GET", "POST"}
    posts = [r.path for r in story.forge.requests[before:] if r.method == "POST"]
    assert all(path.endswith("git-upload-pack") for path in posts)


@pytest.mark.e2e
def test_lost_state_is_healed_by_what_is_there(story: ForgeWorld) -> None:
    bundle = story.packed()
    number = story.publish(bundle)
    story.forget_ledger()
    git(story.enforcer, "update-ref", "-d", "refs/heads/feature/fix-login")
    again = story.apply(bundle, "--pr")
    assert (again.code, again.json["pull_request"]["number"]) == (0, number)
    assert len(story.view.pulls()) == 1
    assert story.view.labels(number) == ["codex-handoff"]
    assert len(story.view.checks(again.json["commit"])) == 1


@pytest.mark.e2e
def test_another_enforcer_makes_the_very_same_commit(story: ForgeWorld) -> None:
    bundle = story.packed()
    first = story.apply(bundle).json["commit"]
    story.forget_ledger()
    git(story.enforcer, "update-ref", "-d", "refs/heads/feature/fix-login")
    assert story.apply(bundle).json["commit"] == first


@pytest.mark.e2e
def test_a_superseding_bundle_updates_its_pull_request(story: ForgeWorld) -> None:
    number = story.publish(story.packed())
    write(story.builder / "new.txt", b"better\n")
    second = story.pack()
    done = story.apply(second, "--pr")
    assert (done.code, done.json["state"]) == (0, "superseded"), done.err
    assert done.json["pull_request"]["number"] == number
    assert story.view.pulls() == [(number, "feature/fix-login", done.json["commit"])]
    assert done.json["bundle"] in story.view.body(number)
    judged = story.judge(number)
    assert (judged.code, len(judged.json["commits"])) == (0, 2), judged.err


def test_the_target_is_fetched_first(story: ForgeWorld) -> None:
    write(story.person / "later.txt")
    tip = story.commit("later")
    assert git(story.enforcer, "rev-parse", "origin/main") != tip
    number = story.publish(story.packed())
    assert git(story.enforcer, "rev-parse", "origin/main") == tip
    assert story.judge(number).code == 0


def test_a_conflict_pushes_nothing_and_leaves_a_packet(story: ForgeWorld) -> None:
    bundle = story.packed()
    write(story.person / "src/f0.py", b"theirs\n")
    tip = story.commit("theirs")
    refs = git(story.hub, "for-each-ref")
    done = story.apply(bundle, "--pr")
    assert done.code == 5
    assert "no longer merges" in done.err
    assert git(story.hub, "for-each-ref") == refs
    assert git(story.enforcer, "branch", "--list", "feature/*") == ""
    [packet] = [json.loads(p.read_text()) for p in state_files(story, "conflicts/*")]
    assert packet["rebase_on"] == tip
    [file] = packet["files"]
    assert (file["path"], file["target"]["text"], file["handoff"]["text"]) == (
        "src/f0.py", "theirs\n", "edited\n",
    )  # fmt: skip
    assert packet["commands"][-1][:2] == ["lanectl", "pack"]
    story.fetch()
    write(story.builder / "src/f0.py", b"both\n")
    assert story.apply(story.pack(), "--pr").code == 0


def test_the_token_goes_nowhere_else(story: ForgeWorld, listener: Listener) -> None:
    for scope in ("--local", "--global"):
        git(
            story.enforcer, "config", scope, f"url.{listener.url}/.insteadOf", f"{story.forge.url}/"
        )
        git(story.enforcer, "config", scope, "http.proxy", listener.url)
        git(story.enforcer, "config", scope, "credential.helper", "store")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        story.monkeypatch.setenv(name, listener.url)
    bundle = story.packed()
    assert story.apply(bundle, "--pr").code == 0
    assert listener.requests == []
    assert not (Path(os.environ["HOME"]) / ".git-credentials").exists()


@pytest.mark.thorough
@pytest.mark.parametrize("path", ["/info/refs", "/pulls$", "/labels"])
def test_no_redirect_is_followed(story: ForgeWorld, listener: Listener, path: str) -> None:
    story.forge.redirect("*", path, f"{listener.url}/elsewhere", times=10)
    bundle = story.packed()
    assert story.apply(bundle, "--pr").code in {3, 8}
    assert listener.requests == []


def test_a_read_only_token_neither_pushes_nor_opens(story: ForgeWorld) -> None:
    bundle = story.packed()
    refs = git(story.hub, "for-each-ref")
    story.use(story.forge.people.reader.secret)
    done = story.apply(bundle, "--pr")
    assert done.code == 3
    assert "refuses access" in done.err
    assert "LANECTL_FORGE_TOKEN" in done.err
    assert (git(story.hub, "for-each-ref"), story.view.pulls()) == (refs, [])
    story.use(story.forge.people.writer.secret)
    assert story.apply(bundle, "--pr").code == 0


@pytest.mark.e2e
def test_no_token_and_a_revoked_one_are_told_apart(story: ForgeWorld) -> None:
    bundle = story.packed()
    story.use(None)
    assert "wants a token" in story.apply(bundle, "--pr").err
    story.use(story.forge.people.revoked.secret)
    done = story.apply(bundle, "--pr")
    assert (done.code, "does not accept the token" in done.err) == (3, True)


@pytest.mark.e2e
def test_an_unreachable_target_is_8(story: ForgeWorld) -> None:
    bundle = story.packed()
    story.forge.fail("GET", "info/refs", status=503, times=1)
    assert story.apply(bundle, "--pr").code == 8
    story.forge.cut("POST", "git-upload-pack$", after=False)
    assert story.apply(bundle, "--pr").code == 8
    assert story.apply(bundle, "--pr").code == 0


def test_a_token_without_check_runs_leaves_a_status(story: ForgeWorld) -> None:
    story.forge.checks_need_app = True
    number = story.publish(story.packed())
    head = story.view.repository.get_pull(number).head.sha
    status = story.view.repository.get_commit(head).get_combined_status()
    assert [(s.context, s.state) for s in status.statuses] == [("lanectl", "success")]


@pytest.mark.e2e
def test_every_step_is_an_event(story: ForgeWorld) -> None:
    story.publish(story.packed())
    [ledger] = story.state("ledger.sqlite")
    assert stat.S_IMODE(ledger.stat().st_mode) == 0o600
    events = story.events()
    assert [e["data"]["step"] for e in events if e["kind"] == "step-done"] == [
        "bundle", "push", "pull-request", "labels", "check",
    ]  # fmt: skip
    assert [e["kind"] for e in events if not e["kind"].startswith("step")] == [
        "created", "queued", "claimed", "applied", "published",
    ]  # fmt: skip


@pytest.mark.e2e
def test_a_foreign_branch_of_that_name_is_not_touched(story: ForgeWorld) -> None:
    git(story.person, "push", "-q", str(story.hub), "HEAD:refs/heads/feature/fix-login")
    story.forge.sync(story.name)
    head = git(story.hub, "rev-parse", "feature/fix-login")
    assert story.apply(story.packed(), "--pr").code == 5
    assert git(story.hub, "rev-parse", "feature/fix-login") == head
    assert git(story.enforcer, "branch", "--list", "feature/*") == ""


@pytest.mark.e2e
def test_a_planted_bundle_ref_is_a_conflict(story: ForgeWorld) -> None:
    bundle = story.packed()
    digest = hashlib.sha256(bundle.read_bytes()).hexdigest()
    git(story.hub, "update-ref", f"refs/lanectl/{digest}", "main")
    done = story.apply(bundle, "--pr")
    assert (done.code, "holds something else" in done.err) == (5, True)
    assert story.view.pulls() == []


@pytest.mark.e2e
def test_reviewers_are_asked(story: ForgeWorld) -> None:
    number = story.publish(story.packed(), "--reviewer", story.forge.people.second.login)
    asked = story.view.repository.get_pull(number).requested_reviewers
    assert [person.login for person in asked] == [story.forge.people.second.login]


def test_options_of_pr_need_it(story: ForgeWorld) -> None:
    assert story.apply(Path("x"), "--draft").code == 2
    assert story.apply(Path("x"), "--reviewer", "x").code == 2


def test_a_dry_run_sends_nothing(story: ForgeWorld) -> None:
    refs = git(story.hub, "for-each-ref")
    done = story.apply(story.packed(), "--pr", "--dry-run")
    assert (done.code, done.json["state"], done.json["pull_request"]) == (0, "planned", None)
    assert git(story.hub, "for-each-ref") == refs


@pytest.mark.e2e
def test_the_same_change_under_another_slug_is_the_same_pull_request(story: ForgeWorld) -> None:
    first = story.apply(story.packed("one"))
    other = story.pack("two")
    done = story.apply(other, "--pr")
    assert (done.code, done.json["state"], done.json["branch"]) == (0, "found", "feature/one")
    assert done.json["bundle"] == first.json["bundle"]
    number = done.json["pull_request"]["number"]
    assert story.judge(number).code == 0
    assert story.publish(other) == number
    for file in story.state("bundles/*/artifact.tar.gz"):
        file.unlink()
    lost = story.apply(other, "--pr")
    assert (lost.code, "no copy is left" in lost.err) == (5, True)


@pytest.mark.e2e
def test_a_superseding_commit_that_was_not_pushed_is_not_taken_back(story: ForgeWorld) -> None:
    number = story.publish(story.packed())
    write(story.builder / "new.txt", b"better\n")
    second = story.pack()
    commit = story.apply(second).json["commit"]
    story.forget_ledger()
    done = story.apply(second, "--pr")
    assert (done.code, done.json["commit"]) == (0, commit), done.err
    assert git(story.enforcer, "rev-parse", "feature/fix-login") == commit
    assert story.view.pulls() == [(number, "feature/fix-login", commit)]


def test_the_codex_lane_cannot(story: ForgeWorld) -> None:
    bundle = story.packed()
    before = len(story.forge.requests)
    story.monkeypatch.setenv("LANECTL_LANE", "codex")
    for command in (["apply", bundle, "--pr"], ["rollback", "fix-login", "--pr"]):
        done = lanectl(*command, "--repo", story.enforcer)
        assert (done.code, "lane" in done.err) == (6, True)
    assert len(story.forge.requests) == before


def test_without_a_forge_nothing_is_begun(world: World) -> None:
    done = world.apply(world.packed(), "--pr")
    assert (done.code, "belongs to no forge" in done.err) == (2, True)
    assert git(world.enforcer, "branch", "--list", "feature/*") == ""
    judged = lanectl("verify", "--pull-request", 1, "--repo", world.enforcer)
    assert (judged.code, "belongs to no forge" in judged.err) == (2, True)


def test_a_pinned_api_must_be_safe(world: World) -> None:
    with contextlib.chdir(world.enforcer):
        arguments = ("init", "--enforcer", "--repo", world.url, "--repin", "--api")
        bad = lanectl(*arguments, "http://forge.example/api")
        assert (bad.code, "forge.api must be https" in bad.err) == (3, True)
        assert lanectl(*arguments, "https://forge.example/api").code == 0
        assert lanectl("init", "--enforcer", "--repo", world.url).code == 0


@pytest.mark.parametrize("token", ["gh\u00fc", "a b", "a\nb", "a\x1bb"])
def test_what_is_no_token_is_never_sent(world: World, token: str) -> None:
    with contextlib.chdir(world.enforcer):
        api = ("--repin", "--api", "https://forge.example/api")
        assert lanectl("init", "--enforcer", "--repo", world.url, *api).code == 0
    bundle = world.packed()
    world.monkeypatch.setenv("GH_TOKEN", token)
    done = world.apply(bundle, "--pr")
    assert (done.code, done.err) == (
        2,
        "lanectl: error: GH_TOKEN holds something that is no token\n",
    )


@pytest.mark.e2e
def test_a_foreign_commit_on_top_is_not_taken_for_a_later_bundle(story: ForgeWorld) -> None:
    bundle = story.packed()
    story.publish(bundle)
    git(story.person, "fetch", "-q", str(story.hub), "feature/fix-login")
    git(story.person, "checkout", "-q", "FETCH_HEAD")
    git(story.person, "commit", "-q", "--allow-empty", "-m", "mine")
    git(story.person, "push", "-q", str(story.hub), "HEAD:refs/heads/feature/fix-login")
    story.forge.sync(story.name)
    story.forget_ledger()
    done = story.apply(bundle, "--pr")
    assert (done.code, "is not the handoff's commit" in done.err) == (5, True), done.err
