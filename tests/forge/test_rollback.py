"""`rollback`: a merged handoff is taken back by a commit that anybody can recompute."""

from __future__ import annotations

from typing import Literal

import pytest

from tests.forge.test_pull_request import tamper
from tests.forge.world import ForgeWorld
from tests.world import Ran, git, lanectl, write

pytestmark = pytest.mark.thorough


def merged(story: ForgeWorld, method: Literal["merge", "squash"] = "merge") -> str:
    """Publish and merge the usual handoff; return the tree before it."""
    before = git(story.hub, "rev-parse", "main^{tree}")
    story.merge(story.publish(story.packed()), method)
    story.fetch_enforcer()
    return before


def rollback(story: ForgeWorld, *arguments: str) -> Ran:
    return lanectl("rollback", *arguments, "--repo", story.enforcer, "--json")


@pytest.mark.parametrize("method", ["merge", "squash"])
def test_a_rollback_is_one_pull_request(
    story: ForgeWorld, method: Literal["merge", "squash"]
) -> None:
    before = merged(story, method)
    done = rollback(story, "fix-login", "--pr")
    assert done.code == 0, done.err
    assert git(story.hub, "rev-parse", "rollback/fix-login^{tree}") == before
    number = done.json["pull_request"]["number"]
    judged = story.judge(number)
    assert (judged.code, judged.json["kind"]) == (0, "rollback"), judged.err
    again = rollback(story, "fix-login", "--pr")
    assert again.json["pull_request"]["number"] == number
    assert again.json["commit"] == done.json["commit"]


@pytest.mark.e2e
def test_what_came_later_stays(story: ForgeWorld) -> None:
    merged(story)
    git(story.person, "pull", "-q", str(story.hub), "main")
    write(story.person / "later.txt", b"later\n")
    story.commit("later")
    done = rollback(story, "fix-login", "--pr")
    assert done.code == 0, done.err
    files = git(story.hub, "ls-tree", "-r", "--name-only", "rollback/fix-login").splitlines()
    assert "later.txt" in files
    assert "new.txt" not in files


@pytest.mark.parametrize(
    "commands",
    [
        [["commit", "-q", "--allow-empty", "-m", "more"]],
        [["rm", "-q", "run.sh"], ["commit", "-q", "--amend", "-C", "HEAD"]],
    ],
    ids=["added", "another tree"],
)
def test_a_rollback_that_is_more_than_the_revert_is_caught(
    story: ForgeWorld, commands: list[list[str]]
) -> None:
    merged(story)
    number = rollback(story, "fix-login", "--pr").json["pull_request"]["number"]
    tamper(story, *commands, branch="rollback/fix-login")
    judged = story.judge(number)
    assert judged.code == 1
    assert {r.partition("/")[0] for r in judged.rules} == {"pull-request"}


@pytest.mark.e2e
def test_by_digest_by_commit_and_by_nothing(story: ForgeWorld) -> None:
    merged(story)
    marker = git(story.hub, "rev-parse", "feature/fix-login")
    digest = git(story.hub, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/lanectl")
    found = {
        rollback(story, name, "--dry-run").json["reverts"]
        for name in (marker, digest, f"sha256:{digest}", "fix-login")
    }
    assert found == {git(story.hub, "rev-parse", "main")}
    for name in ("nobody", "0" * 40, "../x", "$(id)"):
        missing = rollback(story, name)
        assert (missing.code, "no merged handoff" in missing.err) == (2, True)


@pytest.mark.e2e
def test_a_rollback_happens_once(story: ForgeWorld) -> None:
    merged(story)
    number = rollback(story, "fix-login", "--pr").json["pull_request"]["number"]
    story.forge.merge(story.name, number)
    story.fetch_enforcer()
    git(story.enforcer, "update-ref", "-d", "refs/heads/rollback/fix-login")
    git(story.hub, "update-ref", "-d", "refs/heads/rollback/fix-login")
    story.forge.sync(story.name)
    again = rollback(story, "fix-login")
    assert (again.code, "rolled back already" in again.err) == (2, True)


def test_a_revert_that_conflicts_is_told(story: ForgeWorld) -> None:
    merged(story)
    git(story.person, "pull", "-q", str(story.hub), "main")
    write(story.person / "src/f0.py", b"later\n")
    story.commit("later")
    story.fetch_enforcer()
    done = rollback(story, "fix-login")
    assert (done.code, "src/f0.py" in done.err) == (5, True)
    assert git(story.enforcer, "branch", "--list", "rollback/*") == ""


def test_sql_is_named_and_never_run(story: ForgeWorld) -> None:
    write(story.builder / "supabase/migrations/1_a.sql", b"create table a (i int);\n")
    write(story.builder / "supabase/rollbacks/1_a.sql", b"drop table a;\n")
    story.forge.merge(story.name, story.publish(story.pack()))
    done = rollback(story, "fix-login", "--pr")
    assert (done.code, done.json["has_sql"]) == (0, True), done.err
    assert "rollback.sql" in story.view.body(done.json["pull_request"]["number"])


def test_in_a_local_clone_without_a_forge(story: ForgeWorld) -> None:
    merged(story)
    done = lanectl("rollback", "fix-login", "--repo", story.enforcer)
    assert done.code == 0
    assert done.out.strip() == git(story.enforcer, "rev-parse", "rollback/fix-login")
    assert rollback(story, "fix-login", "--draft").code == 2


@pytest.mark.e2e
def test_another_enforcer_knows_of_the_sql_and_of_a_changed_revert(story: ForgeWorld) -> None:
    write(story.builder / "supabase/migrations/1_a.sql", b"create table a (i int);\n")
    write(story.builder / "supabase/rollbacks/1_a.sql", b"drop table a;\n")
    story.merge(story.publish(story.pack()))
    story.monkeypatch.setenv("XDG_STATE_HOME", str(story.root / "other-state"))
    done = rollback(story, "fix-login", "--pr")
    assert (done.code, done.json["has_sql"]) == (0, True), done.err
    tamper(
        story, ["rm", "-q", "run.sh"], ["commit", "-q", "--amend", "-C", "HEAD"],
        branch="rollback/fix-login",
    )  # fmt: skip
    git(story.enforcer, "update-ref", "-d", "refs/heads/rollback/fix-login")
    again = rollback(story, "fix-login", "--pr")
    assert (again.code, "is not this rollback" in again.err) == (5, True), again.err
