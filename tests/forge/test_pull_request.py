"""`verify --pull-request`: what is not exactly the verified bundle is caught, by what it is."""

from __future__ import annotations

import pytest

from tests.forge.world import ForgeWorld
from tests.world import git, lanectl, write

pytestmark = pytest.mark.thorough


def tamper(story: ForgeWorld, *commands: list[str], branch: str = "feature/fix-login") -> None:
    """Let somebody with write access change a branch by hand."""
    git(story.person, "fetch", "-q", str(story.hub), f"+{branch}:tampered")
    git(story.person, "checkout", "-q", "-B", "work", "tampered")
    for command in commands:
        git(story.person, *command)
    git(story.person, "push", "-q", "-f", str(story.hub), f"HEAD:refs/heads/{branch}")
    story.forge.sync(story.name)
    git(story.person, "reset", "-q", "--hard")
    git(story.person, "checkout", "-q", "main")


EMPTY = ["commit", "-q", "--allow-empty", "-m", "one more"]


@pytest.mark.parametrize(
    ("commands", "rule"),
    [
        ([EMPTY], "pull-request/commit"),
        ([["commit", "-q", "--amend", "--allow-empty", "-m", "mine now"]], "pull-request/commit"),
        ([["update-index", "--chmod=+x", "new.txt"], ["commit", "-q", "--amend", "-C", "HEAD"]], "commit/tree"),
        ([["rm", "-q", "new.txt"], ["commit", "-q", "--amend", "-C", "HEAD"]], "commit/tree"),
        ([["reset", "-q", "--hard", "HEAD^"], EMPTY], "pull-request/commit"),
        ([["merge", "-q", "--no-ff", "-m", "Merge main", "main"]], "pull-request/commit"),
        ([["rebase", "-q", "--onto", "main", "HEAD^"]], "commit/tree"),
    ],
    ids=["added", "amended", "exec-bit", "file-taken", "force-pushed", "merged", "rebased"],
)  # fmt: skip
def test_a_changed_branch_is_caught(
    story: ForgeWorld, commands: list[list[str]], rule: str
) -> None:
    write(story.person / "main.txt")
    story.commit("the target before")
    story.fetch()
    number = story.publish(story.packed())
    write(story.person / "later.txt")
    story.commit("the target goes on")
    assert story.judge(number).code == 0
    tamper(story, *commands)
    judged = story.judge(number)
    assert judged.code == 1, judged.out
    assert rule in judged.rules, judged.rules


def test_a_squashed_branch_is_caught(story: ForgeWorld) -> None:
    number = story.publish(story.packed())
    write(story.builder / "new.txt", b"better\n")
    story.publish(story.pack())
    tree = git(story.hub, "rev-parse", "feature/fix-login^{tree}")
    tamper(story, ["reset", "-q", "--soft", "main"], ["commit", "-q", "-m", "squashed"])
    assert git(story.hub, "rev-parse", "feature/fix-login^{tree}") == tree
    assert story.judge(number).code == 1


def test_a_marker_without_its_bundle_is_no_evidence(story: ForgeWorld) -> None:
    number = story.publish(story.packed())
    [ref] = git(story.hub, "for-each-ref", "--format=%(refname)", "refs/lanectl").splitlines()
    git(story.hub, "update-ref", "-d", ref)
    judged = story.judge(number)
    assert (judged.code, judged.rules) == (1, ["pull-request/bundle"])


@pytest.mark.e2e
def test_another_bundle_under_that_name_is_caught(story: ForgeWorld) -> None:
    number = story.publish(story.packed())
    write(story.builder / "other.txt")
    story.publish(story.pack("other"))
    refs = git(story.hub, "for-each-ref", "--format=%(refname)", "refs/lanectl").splitlines()
    one, two = (git(story.hub, "rev-parse", ref) for ref in refs)
    git(story.hub, "update-ref", refs[0], two)
    git(story.hub, "update-ref", refs[1], one)
    judged = story.judge(number)
    assert judged.code == 1
    assert "pull-request/bundle" in judged.rules


def test_a_bundle_signed_by_nobody_we_know_is_caught(story: ForgeWorld) -> None:
    bundle = story.packed()
    number = story.publish(bundle)
    story.revoke_builder()
    judged = story.judge(number)
    assert (judged.code, judged.rules) == (1, ["signature/revoked"]), judged.err


def open_by_hand(story: ForgeWorld, branch: str) -> int:
    git(story.person, "checkout", "-q", "-B", "hand", "main")
    write(story.person / "hand.txt")
    git(story.person, "add", "-A")
    git(story.person, "commit", "-q", "-m", "by hand")
    git(story.person, "push", "-q", str(story.hub), f"HEAD:refs/heads/{branch}")
    story.forge.sync(story.name)
    git(story.person, "checkout", "-q", "main")
    return story.open(branch)


def test_an_ordinary_pull_request_is_no_handoff(story: ForgeWorld) -> None:
    number = open_by_hand(story, "topic")
    judged = story.judge(number)
    assert (judged.code, judged.json["kind"], judged.rules) == (0, "no-handoff", [])


@pytest.mark.e2e
def test_feature_is_for_handoffs(story: ForgeWorld) -> None:
    judged = story.judge(open_by_hand(story, "feature/mine"))
    assert (judged.code, judged.rules) == (1, ["pull-request/commit"])


def test_a_repository_may_demand_handoffs(story: ForgeWorld) -> None:
    with (story.person / "lanectl.toml").open("a") as rules:
        rules.write("\n[pull_requests]\nrequire_handoff = true\n")
    story.commit("handoffs only")
    judged = story.judge(open_by_hand(story, "topic"))
    assert (judged.code, judged.rules) == (1, ["pull-request/required"])
    story.fetch()
    assert story.judge(story.publish(story.packed())).code == 0


@pytest.mark.e2e
def test_a_marker_on_another_branch_is_caught(story: ForgeWorld) -> None:
    story.publish(story.packed())
    git(story.hub, "branch", "topic", "feature/fix-login")
    story.forge.sync(story.name)
    judged = story.judge(story.open("topic"))
    assert (judged.code, judged.rules) == (1, ["pull-request/branch"])


def test_a_pull_request_to_another_branch_is_not_judged(story: ForgeWorld) -> None:
    git(story.hub, "branch", "release", "main")
    number = open_by_hand(story, "topic2")
    story.forge.sync(story.name)
    story.view.repository  # noqa: B018
    story.retarget(number, "release")
    judged = story.judge(number)
    assert (judged.code, "goes to release" in judged.err) == (3, True)


@pytest.mark.e2e
def test_a_merged_pull_request_stays_provable(story: ForgeWorld) -> None:
    number = story.publish(story.packed())
    story.forge.merge(story.name, number)
    judged = story.judge(number)
    assert (judged.code, judged.json["kind"]) == (0, "handoff"), judged.err


def test_texts_for_people_and_for_the_forge(story: ForgeWorld) -> None:
    number = story.publish(story.packed())
    shown = lanectl("verify", "--pull-request", number, "--repo", story.enforcer)
    assert shown.code == 0
    assert shown.out.endswith("handoff: ACCEPTED\n")
    tamper(story, EMPTY)
    notes = lanectl(
        "verify", "--pull-request", number, "--repo", story.enforcer, "--format", "github"
    )
    assert (notes.code, notes.out.startswith("::error")) == (1, True)
    assert lanectl("verify", "--pull-request", number, "--format", "sarif").code == 2
    assert lanectl("verify", "x", "--pull-request", number).code == 2
    assert lanectl("verify").code == 2


@pytest.mark.e2e
def test_the_head_may_be_named(story: ForgeWorld) -> None:
    number = story.publish(story.packed())
    head = git(story.hub, "rev-parse", "feature/fix-login")
    assert story.judge(number, "--expect-head", head).code == 0
    other = story.judge(number, "--expect-head", "0" * 40)
    assert (other.code, other.rules) == (1, ["pull-request/head"])
    assert story.judge(number, "--expect-head", "main").code == 2
    assert lanectl("verify", "x", "--expect-head", head).code == 2


def test_there_is_no_such_pull_request(story: ForgeWorld) -> None:
    judged = story.judge(4711)
    assert (judged.code, "does not know" in judged.err) == (3, True)
