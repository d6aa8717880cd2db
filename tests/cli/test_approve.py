"""`lanectl approve`: what is held waits for a lead, goes on after that, and can be taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lanectl.adapters import keys
from lanectl.errors import UntrustedError
from lanectl.flows import approve as flow
from lanectl.model.names import Digest
from lanectl.model.trust import Keyring, Role
from lanectl.wiring import authority as wiring
from lanectl.wiring import neutral
from tests.orders import register_people
from tests.world import Ran, World, git, lanectl, write

BIG = bytes(17 << 20)
UNREAD = ("--rule", "limits/unread")


@pytest.fixture
def people(world: World) -> World:
    return register_people(world)


def packed(world: World, name: str = "big.txt", data: bytes = BIG) -> Path:
    """Pack a file that no rule of content can look into."""
    write(world.builder / name, data)
    return world.pack()


def approve(
    world: World, bundle: Path, *arguments: str | Path, by: str = "ann", reason: str = "read it"
) -> Ran:
    return lanectl(
        "approve", bundle, "--repo", world.enforcer, "--json",
        "--reason", reason, "--key", world.key(by), *arguments,
    )  # fmt: skip


def held(ran: Ran) -> list[tuple[str, str]]:
    """Return what is held, by rule and place."""
    assert ran.code == 4, (ran.out, ran.err)
    return [(f["rule"], f["where"]) for f in ran.json["findings"] if f["decision"] == "hold"]


def kinds(world: World) -> list[str]:
    return [body["kind"] for body in world.events()]


def test_a_held_bundle_waits_and_goes_on_when_a_lead_approved_it(people: World) -> None:
    bundle = packed(people)
    waiting = people.apply(bundle)
    assert held(waiting) == [("limits/unread", "big.txt")]
    command = [
        "lanectl", "approve", "artifact.tar.gz", "--rule", "limits/unread",
        "--path", "big.txt", "--reason", "TEXT",
    ]  # fmt: skip
    assert waiting.json["findings"][0]["approval"]["command"] == command
    assert f"$ {' '.join(command)}" in waiting.err
    assert held(people.apply(bundle, "--dry-run")) == held(people.verify(bundle))
    assert kinds(people)[-1] == "held"
    done = approve(people, bundle, *UNREAD, "--path", "big.txt")
    assert (done.code, done.json["outcome"]) == (0, "accepted"), done.err
    [given] = done.json["approved"]
    assert given["subject"]["policy"] == git(people.hub, "rev-parse", "main")
    again = approve(people, bundle, *UNREAD, by="leo")
    assert (again.code, again.json["approved"]) == (0, [])
    assert again.json["already"] == [given["event"]]
    assert people.apply(bundle, "--dry-run").code == 0
    applied = people.apply(bundle)
    assert (applied.code, applied.json["state"]) == (0, "created"), applied.err
    assert held(people.verify(bundle)) == [("limits/unread", "big.txt")]  # it asks no ledger
    shown = lanectl("ledger", "show", "fix-login", "--repo", people.enforcer).out
    assert "! held by limits/unread" in shown
    assert "approved by Ann (lead)" in shown
    assert "of limits/unread: big.txt" in shown


WORKFLOW = ".github/workflows/test.yml"
CI = ("--rule", "protected/ci")


def rules(world: World, section: str) -> None:
    """Let a person merge a policy."""
    with (world.person / "lanectl.toml").open("a") as file:
        file.write(f'\n[rules."protected/ci"]\n{section}\n')
    world.commit("rules")
    world.fetch()


def test_a_policy_that_blocks_leaves_nothing_to_approve(people: World) -> None:
    bundle = packed(people, WORKFLOW, b"on: push\njobs: {}\n")
    assert held(people.apply(bundle)) == [("protected/ci", WORKFLOW)]
    assert approve(people, bundle, *CI).code == 0
    rules(people, 'decision = "block"')
    assert people.apply(bundle).code == 1  # whatever was approved before
    refused = approve(people, bundle, *CI)
    assert (refused.code, refused.rules) == (1, ["protected/ci"])


def test_a_policy_allows_named_paths_alone(people: World) -> None:
    rules(people, f'allow = ["{WORKFLOW}"]')
    write(people.builder / ".github/workflows/other.yml", b"on: push\njobs: {}\n")
    bundle = packed(people, WORKFLOW, b"on: push\njobs: {}\n")
    waiting = people.apply(bundle)
    assert held(waiting) == [("protected/ci", ".github/workflows/other.yml")]
    allowed = [f for f in waiting.json["findings"] if f["decision"] == "allow"]
    assert [(f["where"], WORKFLOW in f["allowed_by"]) for f in allowed] == [(WORKFLOW, True)]


def test_a_new_submodule_waits_and_comes_when_a_lead_approved_it(people: World) -> None:
    git(people.builder, "update-index", "--add", "--cacheinfo", f"160000,{'3' * 40},vendor/lib")
    (people.builder / "vendor/lib").mkdir(parents=True)
    packed = lanectl("pack", "--repo", people.builder, "--slug", "fix-login", "--json")
    assert (packed.code, packed.rules) == (0, ["paths/submodule"]), packed.err
    bundle = Path(packed.json["path"])
    wanted = [("paths/submodule", "vendor/lib")]
    assert held(people.verify(bundle)) == held(people.apply(bundle)) == wanted
    assert approve(people, bundle, "--rule", "paths/submodule").code == 0
    applied = people.apply(bundle)
    assert applied.code == 0, applied.err
    entry = git(people.enforcer, "ls-tree", "feature/fix-login", "vendor/lib")
    assert entry == f"160000 commit {'3' * 40}\tvendor/lib"
    assert not (people.enforcer / "vendor").exists(), "nothing of it is fetched"


@pytest.mark.e2e
def test_in_words(people: World) -> None:
    bundle = packed(people)
    said = lanectl(
        "approve", bundle, "--repo", people.enforcer, *UNREAD,
        "--reason", "x", "--key", people.key("ann"),
    )  # fmt: skip
    assert said.code == 0
    assert said.out.startswith("approved by Ann (lead): limits/unread big.txt, until 20")
    assert "nothing is held any more" in said.err
    back = lanectl(
        "approve", bundle, "--repo", people.enforcer, "--withdraw",
        "--reason", "y", "--key", people.key("leo"),
    )  # fmt: skip
    assert back.out.startswith("withdrawn by Leo (lead): approval:")
    shown = lanectl("ledger", "show", "--repo", people.enforcer)
    assert shown.code == 0


@pytest.mark.e2e
def test_each_path_is_approved_for_itself(people: World) -> None:
    write(people.builder / "other 'q'.txt", BIG[1:])
    bundle = packed(people)
    assert len(held(people.apply(bundle))) == 2
    done = approve(people, bundle, *UNREAD, "--path", "other 'q'.txt")
    assert done.json["outcome"] == "held"
    assert held(people.apply(bundle)) == [("limits/unread", "big.txt")]
    wrong = approve(people, bundle, *UNREAD, "--path", "big")
    assert wrong.code == 2
    assert "limits/unread big.txt" in wrong.json["error"]["why"]
    assert approve(people, bundle, "--rule", "paths/name").code == 2
    assert approve(people, bundle, *UNREAD).json["outcome"] == "accepted"
    assert people.apply(bundle).code == 0
    assert approve(people, people.builder / "none").code == 2


def test_withdrawn_until_the_merge(people: World) -> None:
    bundle = packed(people)
    approve(people, bundle, *UNREAD)
    refused = approve(people, bundle, "--withdraw", "--rule", "paths/name")
    assert "no such approval" in refused.json["error"]["what"]
    taken = approve(people, bundle, "--withdraw", by="leo")
    assert (taken.code, len(taken.json["withdrawn"])) == (0, 1), taken.err
    assert approve(people, bundle, "--withdraw").json["withdrawn"] == []
    assert held(people.apply(bundle)) == [("limits/unread", "big.txt")]
    shown = lanectl("ledger", "show", "fix-login", "--repo", people.enforcer).out
    assert "approval withdrawn by Leo (lead)" in shown
    assert approve(people, bundle, *UNREAD, by="leo").json["outcome"] == "accepted"
    commit = people.apply(bundle).json["commit"]
    git(people.enforcer, "push", "-q", "origin", f"{commit}:refs/heads/main")
    people.fetch()
    late = approve(people, bundle, "--withdraw")
    assert late.code == 2
    assert "this bundle is merged" in late.json["error"]["what"]


@pytest.mark.e2e
def test_who_may_not_approve(people: World) -> None:
    bundle = packed(people)
    for who in ("builder", "enforcer", "sue", "nobody"):
        done = approve(people, bundle, *UNREAD, by=who)
        assert done.code == 3, who
    assert "approval" not in kinds(people)


@pytest.mark.thorough
@pytest.mark.parametrize("field", ["name", "email"])
def test_the_builder_is_no_other_person_with_a_second_key(field: str, people: World) -> None:
    """The keyring refuses that already; a Builder of another method may still be a lead by name."""
    bundle = packed(people)
    with wiring.desk(str(people.enforcer)) as desk:
        trust = desk.registry.trust
        [builder] = trust.keyring.in_role(Role.BUILDER)
        mine = getattr(builder, field).upper()
        ring = [replace(k, **{field: mine}) if k.name == "Ann" else k for k in trust.keyring.keys]
        registry = replace(desk.registry, trust=replace(trust, keyring=Keyring(tuple(ring))))
        with pytest.raises(UntrustedError, match="cannot approve it"):
            flow.approve(
                registry, keys.load(str(people.key("ann"))), neutral.submission(str(bundle), None),
                wanted=flow.Wanted("limits/unread"), reason="mine", days=1,
                repository=desk.side.require_repository(),
            )  # fmt: skip
    assert "approval" not in kinds(people)


@pytest.mark.e2e
def test_a_bad_bundle_cannot_be_approved(people: World) -> None:
    bundle = packed(people)
    bundle.with_name("artifact.tar.gz.sigstore.json").unlink()
    done = approve(people, bundle, *UNREAD)
    assert (done.code, done.json["outcome"]) == (1, "rejected")
    assert "approval" not in kinds(people) if people.state("ledger.sqlite") else True


@pytest.mark.e2e
def test_nothing_is_held(people: World) -> None:
    done = approve(people, people.packed(), *UNREAD)
    assert (done.code, "nothing of this bundle is held" in done.err) == (2, True)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "arguments", [("--reason", "x"), (*UNREAD, "--reason", " "), UNREAD, ("--withdraw",)]
)
def test_what_must_be_said(arguments: tuple[str, ...], people: World) -> None:
    assert lanectl("approve", "x", "--repo", people.enforcer, *arguments).code == 2


def test_who_has_no_key_is_told_how_to_get_one(people: World) -> None:
    bundle = packed(people)
    done = lanectl("approve", bundle, "--repo", people.enforcer, "--reason", "x", *UNREAD, "--json")
    assert done.code == 2
    commands = [r["command"] for r in done.json["error"]["remedies"]]
    assert commands[1] == ["lanectl", "keys", "new", "--role", "lead"]
    assert commands[2][:3] == ["lanectl", "init", "--lead-key"]
    assert commands[2][3].endswith("/lead.pem.pub")


def change_rules(world: World, text: str) -> None:
    with (world.person / "lanectl.toml").open("a") as rules:
        rules.write(text)
    world.commit("other rules")
    git(world.enforcer, "fetch", "-q", "origin")


@pytest.mark.e2e
def test_made_under_other_rules_it_counts_no_more(people: World) -> None:
    bundle = packed(people)
    approve(people, bundle, *UNREAD)
    write(people.person / "README.md")
    people.commit("the target goes on")
    git(people.enforcer, "fetch", "-q", "origin")
    assert people.apply(bundle, "--dry-run").code == 0
    change_rules(people, "\n# another rule\n")
    assert held(people.apply(bundle)) == [("limits/unread", "big.txt")]
    assert approve(people, bundle, *UNREAD).json["outcome"] == "accepted"
    assert people.apply(bundle).code == 0


@pytest.mark.e2e
def test_another_bundle_of_the_same_change_is_another(people: World) -> None:
    first = packed(people)
    approve(people, first, *UNREAD)
    data, beside = first.read_bytes(), first.with_name("artifact.tar.gz.sigstore.json")
    signed = beside.read_bytes()
    second = people.pack("fix-login", "--title", "Another title")
    assert second.read_bytes() != data
    assert held(people.apply(second)) == [("limits/unread", "big.txt")]
    second.write_bytes(data)
    beside.write_bytes(signed)
    assert people.apply(second).code == 0


def test_approvals_beside_a_bundle(people: World, tmp_path: Path) -> None:
    """`verify` takes the file that is published; `apply` never does."""
    bundle = packed(people)
    given: dict[str, Any] = approve(people, bundle, *UNREAD).json["approved"][0]
    [event] = [b for b in people.events() if b["id"] == given["event"]]
    line = json.dumps({"id": event["id"], **event["data"]}, sort_keys=True, separators=(",", ":"))
    file = bundle.with_name("artifact.tar.gz.approvals.jsonl")
    file.write_text(line + "\n")
    assert (people.verify(bundle).code, people.verify(bundle).json["outcome"]) == (0, "accepted")
    file.write_text(line)
    assert held(people.verify(bundle))
    file.write_text(line + "\n")
    approve(people, bundle, "--withdraw")
    assert held(people.apply(bundle))
    assert Digest.of(bundle.read_bytes()) == given["subject"]["bundle"]
