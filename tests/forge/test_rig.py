"""The forge is what it says: git and REST agree, seen by git itself and by an independent client."""

from __future__ import annotations

import subprocess

import httpx
import pytest

from tests.forge.client import View, github
from tests.forge.forge import Forge
from tests.forge.story import Clone
from tests.world import git

pytestmark = pytest.mark.e2e


def ask(forge: Forge, who: str | None, method: str, path: str, **body: object) -> httpx.Response:
    """Send one request with a token of this name, with an unknown one, or with none."""
    secret = getattr(forge.people, who).secret if who and who != "unknown" else "ghp_nobody"
    headers = {"Authorization": f"Bearer {secret}"} if who else {}
    with httpx.Client(trust_env=False) as client:
        return client.request(method, f"{forge.url}{path}", headers=headers, json=body or None)


def test_what_is_pushed_is_what_rest_shows(clone: Clone) -> None:
    made = clone.branch("feature/x", {"a.txt": b"two\n", "new dir/\u00e9.txt": b"new\n"})
    repo = github(clone.forge, clone.forge.people.writer).get_repo("acme/shop")
    assert repo.private
    assert repo.get_branch("feature/x").commit.sha == made
    found = repo.get_contents("d/b.bin", ref="feature/x")
    assert not isinstance(found, list)
    assert found.decoded_content == bytes(range(256))
    files = {f.filename for f in repo.compare("main", "feature/x").files}
    assert files == {"a.txt", "new dir/\u00e9.txt"}
    clone.git("tag", "-a", "v1", "-m", "one")
    clone.push("v1")
    assert repo.get_git_ref("tags/v1").object.sha == made


def test_a_signed_commit_keeps_its_id(clone: Clone) -> None:
    key = clone.folder.parent / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    clone.git("config", "gpg.format", "ssh")
    clone.git("config", "user.signingkey", str(key))
    signed = clone.commit("signed", {"a.txt": b"s\n"}, "-S")
    after = clone.commit("after", {"a.txt": b"t\n"})
    clone.push("HEAD:refs/heads/signed")
    assert "gpgsig" in clone.git("cat-file", "commit", signed)
    repo = github(clone.forge, clone.forge.people.writer).get_repo("acme/shop")
    assert [c.sha for c in repo.get_commits(sha="signed")][:2] == [after, signed]
    made = repo.create_check_run("verify", after, status="completed", conclusion="success")
    assert made.head_sha == after
    pull = repo.create_pull(base="main", head="signed", title="t", body=f"of {signed}")
    assert (pull.head.sha, pull.body) == (after, f"of {signed}")
    assert [c.sha for c in pull.get_commits()] == [signed, after]


def test_commits_of_every_shape_arrive(clone: Clone) -> None:
    clone.git("commit", "-q", "--allow-empty", "--allow-empty-message", "-m", "")
    (clone.folder / "link").symlink_to("a.txt")
    git(clone.folder, "-c", "i18n.commitEncoding=latin1", "add", "-A")
    clone.commit("\u00e9", {"caf\udce9": b"not UTF-8\n"})
    module = clone.git("rev-parse", "HEAD")
    clone.git("update-index", "--add", "--cacheinfo", f"160000,{module},module")
    clone.git("commit", "-q", "-m", "module")
    clone.git("rm", "-rq", "--cached", ".")
    clone.git("commit", "-q", "-m", "nothing left")
    clone.push("HEAD:refs/heads/odd")
    view = View(clone.forge, "acme/shop")
    assert view.branches()["odd"] == clone.git("rev-parse", "HEAD")


def test_any_ref_is_kept_and_only_heads_and_tags_are_shown(clone: Clone) -> None:
    ref = f"refs/lanectl/{'ab' * 32}"
    clone.push(f"HEAD:{ref}")
    reader = clone.url(clone.forge.people.reader)
    assert ref in clone.git("ls-remote", reader)
    clone.git("fetch", "-q", reader, f"{ref}:refs/copy")
    assert clone.git("rev-parse", "refs/copy") == clone.git("rev-parse", "HEAD")
    assert set(View(clone.forge, "acme/shop").branches()) == {"main"}


def test_rest_knows_each_token(clone: Clone) -> None:
    forge, path = clone.forge, "/repos/acme/shop"
    assert ask(forge, "writer", "GET", "/user").json()["login"] == "enforcer"
    assert ask(forge, "second", "GET", "/user").json()["login"] == "enforcer-two"
    assert ask(forge, "reader", "GET", "/user").json()["login"] == "builder"
    for who in ("revoked", "unknown"):
        for where in ("/user", path):
            refused = ask(forge, who, "GET", where)
            assert (refused.status_code, refused.json()["message"]) == (401, "Bad credentials")
    assert ask(forge, None, "GET", path).status_code == 404
    assert ask(forge, "writer", "GET", "/repos/acme/none").status_code == 404
    assert ask(forge, "reader", "GET", path).json()["permissions"]["push"] is False
    assert ask(forge, "writer", "GET", path).json()["permissions"]["push"] is True
    refused = ask(forge, "reader", "POST", f"{path}/labels", name="x", color="000000")
    assert refused.status_code == 403
    assert refused.json()["message"] == "Resource not accessible by personal access token"
    forge.add_repository("open", private=False)
    assert ask(forge, None, "GET", "/repos/acme/open").json()["private"] is False
    assert ask(forge, None, "POST", "/repos/acme/open/labels", name="x").status_code == 401


def test_git_knows_each_token(clone: Clone) -> None:
    people = clone.forge.people
    for token in (people.writer, people.second, people.reader):
        assert "refs/heads/main" in clone.git("ls-remote", clone.url(token))
    for bad in (people.revoked, "ghp_nobody"):
        with pytest.raises(AssertionError, match="Authentication failed"):
            clone.git("ls-remote", clone.url(bad))
        with pytest.raises(AssertionError, match="Authentication failed"):
            clone.push("HEAD:refs/heads/y", token=bad)
    with pytest.raises(AssertionError, match="could not read Username"):
        clone.git("ls-remote", clone.url(None))
    with pytest.raises(AssertionError, match="403"):
        clone.push("HEAD:refs/heads/y", token=people.reader)
    clone.push("HEAD:refs/heads/y", token=people.second)
    clone.forge.add_repository("open", private=False)
    assert clone.git("ls-remote", clone.forge.git_url("acme/open")) == ""
    with pytest.raises(AssertionError, match="could not read Username"):
        clone.git("push", clone.forge.git_url("acme/open"), "main")


def test_a_pull_request_follows_its_branch(clone: Clone) -> None:
    clone.branch("feature/x", {"a.txt": b"two\n"})
    writer = github(clone.forge, clone.forge.people.writer).get_repo("acme/shop")
    number = writer.create_pull(
        base="main", head="feature/x", title="t", body="b", draft=True
    ).number
    later = clone.commit("later", {"new.txt": b"1\n2\n"})
    clone.push("feature/x")
    pull = writer.get_pull(number)
    assert (pull.head.sha, pull.commits, pull.changed_files) == (later, 2, 2)
    assert (pull.additions, pull.deletions, pull.mergeable, pull.draft) == (3, 1, True, True)
    assert [c.sha for c in pull.get_commits()][-1] == later
    files = [(f.filename, f.status, f.additions) for f in pull.get_files()]
    assert files == [("a.txt", "modified", 1), ("new.txt", "added", 2)]
    view = View(clone.forge, "acme/shop")
    assert view.pulls() == [(number, "feature/x", later)]
    reader = clone.url(clone.forge.people.reader)
    clone.git("fetch", "-q", reader, f"refs/pull/{number}/head:refs/got")
    assert clone.git("rev-parse", "refs/got") == later
    with pytest.raises(AssertionError, match="hidden ref"):
        clone.push(f"main:refs/pull/{number}/head")
    clone.push("+main~0:refs/heads/feature/x")
    assert writer.get_pull(number).head.sha == clone.git("rev-parse", "main")
    clone.push(":feature/x")
    assert writer.get_pull(number).state == "closed"
    assert f"refs/pull/{number}/head" in clone.git("ls-remote", reader)


def test_a_pull_request_that_github_would_refuse_is_refused(clone: Clone) -> None:
    clone.branch("feature/x", {"a.txt": b"two\n"})
    clone.push("main:refs/heads/same")

    def opened(head: str, base: str = "main") -> httpx.Response:
        path = "/api/v3/repos/acme/shop/pulls"
        return ask(clone.forge, "writer", "POST", path, title="t", head=head, base=base)

    def error(head: str, base: str = "main") -> dict[str, str]:
        refused = opened(head, base)
        assert refused.status_code == 422, refused.text
        found: dict[str, str] = refused.json()["errors"][0]
        return found

    assert error("nope")["field"] == "head"
    assert error("feature/x", "nope")["field"] == "base"
    assert error("same")["message"] == "No commits between main and same"
    assert opened("acme:feature/x").status_code == 201
    double = "A pull request already exists for acme:feature/x."
    assert error("feature/x")["message"] == double
    assert set(View(clone.forge, "acme/shop").branches()) == {"main", "feature/x", "same"}


def test_labels_comments_checks_and_statuses(clone: Clone) -> None:
    made = clone.branch("feature/x", {"a.txt": b"two\n"})
    writer = github(clone.forge, clone.forge.people.writer).get_repo("acme/shop")
    number = writer.create_pull(base="main", head="feature/x", title="t", body="b").number
    issue = writer.get_issue(number)
    assert issue.pull_request is not None
    issue.add_to_labels("codex-handoff")
    issue.create_comment("hello")
    writer.get_pull(number).create_review_request(reviewers=["enforcer-two"])
    writer.create_check_run("verify", made, status="completed", conclusion="neutral")
    commit = writer.get_commit(made)
    assert commit.get_combined_status().state == "pending"
    commit.create_status("failure", context="a")
    commit.create_status("success", context="a")
    commit.create_status("success", context="b")
    assert commit.get_combined_status().state == "success"
    assert commit.get_combined_status().total_count == 2
    assert [s.state for s in commit.get_statuses()] == ["success", "success", "failure"]
    view = View(clone.forge, "acme/shop")
    assert view.labels(number) == ["codex-handoff"]
    assert view.comments(number) == ["hello"]
    assert view.body(number) == "b"
    assert view.checks(made) == [("verify", "completed", "neutral")]
    reviewers = writer.get_pull(number).requested_reviewers
    assert [user.login for user in reviewers] == ["enforcer-two"]


def test_check_runs_may_be_kept_for_apps(clone: Clone) -> None:
    head = clone.git("rev-parse", "HEAD")
    path = "/repos/acme/shop/check-runs"
    assert ask(clone.forge, "writer", "POST", path, name="v", head_sha=head).status_code == 201
    missing = ask(clone.forge, "writer", "POST", path, name="v", head_sha="0" * 40)
    assert missing.status_code == 422
    clone.forge.checks_need_app = True
    refused = ask(clone.forge, "writer", "POST", path, name="v", head_sha=head)
    assert refused.status_code == 403
    assert refused.json()["message"] == "Resource not accessible by personal access token"


@pytest.mark.parametrize("method", ["merge", "squash"])
def test_a_merge_moves_the_target(clone: Clone, method: str) -> None:
    made = clone.branch("feature/x", {"a.txt": b"two\n"})
    writer = github(clone.forge, clone.forge.people.writer).get_repo("acme/shop")
    number = writer.create_pull(base="main", head="feature/x", title="t", body="b").number
    clone.git("switch", "-q", "main")
    side = clone.commit("side", {"side.txt": b"s\n"})
    clone.push("main")
    merged = clone.forge.merge("acme/shop", number, method)  # type: ignore[arg-type]
    clone.git("pull", "-q", "--ff-only", clone.url(clone.forge.people.reader), "main")
    assert clone.git("rev-parse", "HEAD") == merged
    parents = clone.git("rev-list", "--parents", "-n1", "HEAD").split()[1:]
    assert parents == ([side, made] if method == "merge" else [side])
    assert (clone.folder / "a.txt").read_bytes() == b"two\n"
    pull = writer.get_pull(number)
    assert (pull.merged, pull.state, pull.merge_commit_sha) == (True, "closed", merged)
    assert pull.head.sha == made
    assert View(clone.forge, "acme/shop").branches()["main"] == merged
    path = f"/repos/acme/shop/pulls/{number}/merge"
    assert ask(clone.forge, "writer", "PUT", path).status_code == 405


def test_a_merge_that_github_would_refuse_is_refused(clone: Clone) -> None:
    clone.branch("feature/x", {"a.txt": b"two\n"})
    writer = github(clone.forge, clone.forge.people.writer).get_repo("acme/shop")
    number = writer.create_pull(base="main", head="feature/x", title="t", body="b").number
    path = f"/repos/acme/shop/pulls/{number}/merge"
    assert ask(clone.forge, "reader", "PUT", path).status_code == 403
    assert ask(clone.forge, "writer", "PUT", path, sha="0" * 40).status_code == 409
    clone.git("switch", "-q", "main")
    clone.commit("clash", {"a.txt": b"three\n"})
    clone.push("main")
    assert writer.get_pull(number).mergeable is False
    assert ask(clone.forge, "writer", "PUT", path).status_code == 405


def test_a_merge_waits_for_the_required_check_on_the_newest_commit(clone: Clone) -> None:
    first = clone.branch("feature/x", {"a.txt": b"two\n"})
    rules = {
        "required_status_checks": {"strict": False, "contexts": ["verify"]},
        "enforce_admins": False, "required_pull_request_reviews": None, "restrictions": None,
    }  # fmt: skip
    protection = "/repos/acme/shop/branches/main/protection"
    assert clone.forge.emulator.own("PUT", protection, rules).status == 200
    writer = github(clone.forge, clone.forge.people.writer).get_repo("acme/shop")
    pull = writer.create_pull(base="main", head="feature/x", title="t", body="b")
    writer.create_check_run("verify", first, status="completed", conclusion="success")
    later = clone.commit("later", {"a.txt": b"three\n"})
    clone.push("feature/x")
    path = f"/repos/acme/shop/pulls/{pull.number}/merge"
    refused = ask(clone.forge, "writer", "PUT", path)
    assert refused.status_code == 405
    assert refused.json()["message"] == 'Required status check "verify" is expected.'
    writer.create_check_run("verify", later, status="completed", conclusion="success")
    assert ask(clone.forge, "writer", "PUT", path).status_code == 200


def test_more_refs_than_one_page(clone: Clone) -> None:
    refs = [f"refs/heads/b{number}" for number in range(105)]
    clone.push(*(f"main:{ref}" for ref in refs))
    clone.push("--delete", *refs[:2])
    assert len(View(clone.forge, "acme/shop").branches()) == 104


def test_refs_by_rest_are_refs_in_git(clone: Clone) -> None:
    head = clone.git("rev-parse", "HEAD")
    writer = github(clone.forge, clone.forge.people.writer).get_repo("acme/shop")
    writer.create_git_ref("refs/heads/made", head)
    reader = clone.url(clone.forge.people.reader)
    assert "refs/heads/made" in clone.git("ls-remote", reader)
    writer.get_git_ref("heads/made").delete()
    assert "refs/heads/made" not in clone.git("ls-remote", reader)
    assert set(View(clone.forge, "acme/shop").branches()) == {"main"}


def test_links_stay_below_the_address_that_was_asked(clone: Clone) -> None:
    for number in range(3):
        clone.push(f"main:refs/heads/b{number}")
    path = "/repos/acme/shop/branches?per_page=2"
    plain = ask(clone.forge, "reader", "GET", path)
    below = ask(clone.forge, "reader", "GET", f"/api/v3{path}")
    assert plain.links["next"]["url"].startswith(f"{clone.forge.url}/repos/")
    assert below.links["next"]["url"].startswith(f"{clone.forge.api}/repos/")
    assert below.json()[0]["commit"]["url"].startswith(f"{clone.forge.api}/repos/")
    assert len(View(clone.forge, "acme/shop").branches()) == 4
