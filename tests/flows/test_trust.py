"""Whom to believe: the tip of the pinned branch, and nothing that a Builder can choose."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lanectl.model.names import ObjectId
from tests.assets.bundles.workshop import bundle
from tests.assets.bundles.workshop.bundle import GOOD, Plan
from tests.assets.bundles.workshop.objects import File
from tests.checks.enforcer import Enforcer
from tests.world import Ran, git, lanectl, snapshot

RULES, RING = "lanectl.toml", ".lanectl/trust/keyring.json"
PIN = ["lanectl", "init", "--enforcer", "--repo", "URL", "--branch", "main"]
REGISTER = ["lanectl", "init", "--builder-key", "FILE", "--enforcer-key", "FILE"]


@pytest.fixture
def machine(tmp_path: Path) -> Enforcer:
    return Enforcer(tmp_path / "root").settle()


def ring(step: Callable[[list[Any]], Any]) -> bytes:
    """Return the target's keyring with its keys changed."""
    document = json.loads(bundle.keyring())
    document["keys"] = step(document["keys"])
    return json.dumps(document).encode()


def without(name: str) -> bytes:
    return ring(lambda keys: [k for k in keys if k["name"] != f"Test {name}"])


def run(machine: Enforcer, command: str, plan: Plan | None = None) -> Ran:
    path = machine.root / "inbox/artifact.tar.gz"
    if not path.exists():
        machine.deliver(plan or Plan())
    return lanectl(command, path, "--repo", machine.clone, "--json")


def refused(machine: Enforcer, says: str, *remedies: list[str]) -> None:
    """Check that `apply` cannot judge, says why and how to go on, and touches nothing."""
    before = snapshot(machine.clone)
    done = run(machine, "apply")
    assert done.code == 3, done.err
    error = done.json["error"]
    assert says in f"{error['what']} {error['why']}"
    assert error["exit_code"] == 3
    assert [r["command"] for r in error["remedies"]] == list(remedies)
    assert done.json["findings"] == []
    for command in remedies:
        if command:
            assert " ".join(command) in done.err
    assert snapshot(machine.clone) == before


def unverified(machine: Enforcer, says: str) -> None:
    """Check that `verify` goes on without trust, and says so loudly."""
    done = run(machine, "verify")
    assert (done.code, done.json["outcome"], done.json["trust"]) == (3, "unverified", None)
    assert says in done.json["unverified_because"]
    assert "lanectl: UNVERIFIED" in done.err
    assert done.json["findings"] == []
    assert done.json["signer"] is None


def unjudged(machine: Enforcer, says: str) -> None:
    """Check that `verify` stops: there is trust to read, and it is not readable."""
    done = run(machine, "verify")
    assert done.code == 3
    assert says in done.json["error"]["what"]


# no trust -----------------------------------------------------------------------------------------


def test_a_good_bundle_is_accepted(machine: Enforcer) -> None:
    assert run(machine, "verify").json["outcome"] == "accepted"


def test_no_operator_file(machine: Enforcer) -> None:
    machine.operator_file.unlink()
    refused(machine, "nothing is pinned on this machine", PIN, REGISTER)
    unverified(machine, "nothing is pinned on this machine")


def test_a_malformed_operator_file_is_not_taken_for_none(machine: Enforcer) -> None:
    machine.operator_file.write_text("version = 1\n")
    refused(machine, "target.repository missing", [])
    unjudged(machine, "target.repository missing")


def test_the_branch_is_not_here(machine: Enforcer) -> None:
    git(machine.clone, "update-ref", "-d", "refs/remotes/origin/main")
    fetch = ["git", "fetch", "origin", "main"]
    refused(machine, "the target branch is not here: refs/remotes/origin/main", fetch, PIN)
    unverified(machine, "the target branch is not here")


@pytest.mark.parametrize("path", [RULES, RING])
def test_no_rules_or_keyring_at_the_tip(path: str, machine: Enforcer) -> None:
    machine.advance({path: None})
    refused(machine, f"{path} is not on the target branch", REGISTER)
    unverified(machine, f"{path} is not on the target branch")


def test_neither_a_link_nor_a_folder_is_a_keyring(machine: Enforcer) -> None:
    (machine.root / "index").unlink(missing_ok=True)
    machine.advance({RING: None, f"{RING}/x": bundle.keyring()})
    refused(machine, f"{RING} is not on the target branch", REGISTER)
    index = {"GIT_INDEX_FILE": str(machine.root / "index")}
    git(machine.clone, "read-tree", "refs/heads/main", **index)
    blob = git(machine.clone, "hash-object", "-w", "--stdin", data=bundle.keyring())
    git(machine.clone, "update-index", "--cacheinfo", f"120000,{blob},{RING}", **index)
    tree = git(machine.clone, "write-tree", **index)
    machine.move(git(machine.clone, "commit-tree", tree, "-p", "refs/heads/main", "-m", "link"))
    unverified(machine, f"{RING} is not on the target branch")


def test_outside_of_any_repository(machine: Enforcer, tmp_path: Path) -> None:
    path = machine.deliver(Plan())
    for command in ("verify", "apply"):
        done = lanectl(command, path, "--repo", tmp_path, "--json")
        assert done.code == 3
        assert "no git repository" in done.err


# trust that is not readable -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"{}", "exactly"),
        (b"not json", "Expecting value"),
        (b'{"version":"1","keys":[],"keys":[]}', "duplicate key"),
        (ring(lambda keys: [*keys, keys[0]]), "every key once"),
        (ring(lambda keys: [{**keys[0], "role": "root"}]), "'root' is not a valid Role"),
        (ring(lambda keys: [{**keys[0], "id": "0" * 64}]), "not the key's own"),
    ],
)
def test_a_malformed_keyring(data: bytes, why: str, machine: Enforcer) -> None:
    machine.advance({RING: data})
    refused(machine, why, REGISTER)
    unjudged(machine, f"{RING} on the target branch is not valid")


def test_a_keyring_that_is_too_large(machine: Enforcer) -> None:
    machine.advance({RING: b" " * ((1 << 20) + 1)})
    refused(machine, "larger than 1048576 bytes")
    unjudged(machine, "larger than 1048576 bytes")


def test_malformed_rules(machine: Enforcer) -> None:
    machine.advance({RULES: b"version = 1\nmigration = []\n"})
    refused(machine, "migration is not a known key", [])
    unjudged(machine, "migration is not a known key")


KEYLESS = b"""
[[trust.builder.keyless]]
name = "Acme CI"
email = "ci@acme.example"
issuer = "https://token.actions.githubusercontent.com"
"""


@pytest.mark.parametrize(
    ("section", "says", "remedy"),
    [
        (KEYLESS + b"pattern = '.*'\n", "keyless[0].pattern is not anchored", []),
        (
            KEYLESS
            + b"identity = 'https://github.com/a/b/.github/workflows/c.yml@refs/heads/main'\n",
            "needs .lanectl/trust/trusted_root.json, which is not there",
            ["lanectl", "init", "--sigstore"],
        ),
    ],
)
def test_a_policy_that_cannot_be_kept(
    section: bytes, says: str, remedy: list[str], machine: Enforcer
) -> None:
    machine.advance({RULES: bundle.rules() + section})
    refused(machine, says, remedy)
    unjudged(machine, says)


def test_the_files_that_a_policy_names_come_from_the_tip(machine: Enforcer) -> None:
    path, fingerprint = f".lanectl/trust/gpg/{'A' * 40}.asc", "a" * 40
    section = f"[[trust.builder.gpg]]\nname = 'x'\nemail = 'x@acme.example'\nfingerprint = '{fingerprint}'\n"
    machine.advance({
        RULES: bundle.rules() + section.encode(), path: b"armoured", ".lanectl/trust/other": b"x",
    })  # fmt: skip
    assert dict(machine.trust().material.files) == {path: b"armoured"}
    machine.advance({path: b" " * ((1 << 20) + 1)}, parent="refs/remotes/origin/main")
    refused(machine, f"{path}: larger than 1048576 bytes")


def test_too_few_signatures_of_the_root_are_no_trust(machine: Enforcer) -> None:
    root = {
        "keys": [{"id": bundle.key_id("unregistered").hex(), "name": "alice",
                  "publicKey": bundle.public("unregistered", bundle.Encoding.PEM).decode()}],
        "threshold": 1, "version": "1",
    }  # fmt: skip
    machine.advance({".lanectl/trust/root.json": json.dumps(root).encode()})
    endorse = ["lanectl", "policy", "endorse", "--key", "ROOTKEY"]
    refused(machine, "no key of the root has signed the trust files", endorse)
    unverified(machine, "no key of the root has signed the trust files")


def test_the_rules_of_another_repository(machine: Enforcer) -> None:
    machine.advance({RULES: b'version = 1\n[repository]\nid = "example.test/acme/other"\n'})
    says = "names example.test/acme/other, the operator pins example.test/acme/shop"
    refused(machine, says, [], PIN)
    unjudged(machine, says)


def test_rules_that_name_no_repository_leave_it_to_the_operator(machine: Enforcer) -> None:
    machine.advance({RULES: b"version = 1\n"})
    assert run(machine, "verify").json["outcome"] == "accepted"


# a rewritten branch -------------------------------------------------------------------------------

FETCH = ["git", "fetch", "origin", "main"]
REPIN = [*PIN, "--repin"]


@pytest.mark.parametrize("tip", ["root", "none of it"])
def test_a_branch_that_does_not_descend_from_the_pin(tip: str, machine: Enforcer) -> None:
    if tip == "root":
        machine.move(bundle.history()[1]["root"])
    else:
        tree = git(machine.clone, "rev-parse", "refs/heads/main^{tree}")
        machine.move(git(machine.clone, "commit-tree", tree, "-m", "another history"))
    refused(machine, "does not descend from the tip that was seen last", FETCH, REPIN)
    unverified(machine, "does not descend")


def test_a_pin_that_the_clone_does_not_have(machine: Enforcer) -> None:
    text = machine.operator_file.read_text()
    pinned = bundle.history()[1]["trust"]
    machine.operator_file.write_text(text.replace(pinned, "1" * 40))
    refused(machine, "the branch was rewritten or the clone is old", FETCH, REPIN)


def test_a_branch_that_goes_back_behind_what_was_applied(machine: Enforcer) -> None:
    first = run(machine, "apply")
    assert first.code == 0, first.err
    tip = bundle.history()[1]["tip"]
    assert machine.store_at_home().last_tip() == tip
    machine.move(bundle.history()[1]["merge"])  # still descends from the pin
    done = run(machine, "apply")
    assert done.code == 3
    assert f"was {tip}" in done.json["error"]["why"]
    machine.move(tip)
    assert run(machine, "apply").json["state"] == "found"


def test_a_branch_that_went_on_is_followed(machine: Enforcer) -> None:
    tip = machine.advance({"later.txt": b"x\n"})
    done = run(machine, "verify")
    assert (done.json["outcome"], done.json["trust"]["tip"]) == ("accepted", tip)
    assert machine.store_at_home().last_tip() is None  # to verify changes nothing
    applied = run(machine, "apply")
    assert applied.code == 0
    assert machine.store_at_home().last_tip() == ObjectId(tip)


# the tip decides, not the base --------------------------------------------------------------------


@pytest.mark.parametrize("base", ["trust", "own", "merge", "tip"])
def test_a_key_that_the_base_knew_and_the_tip_does_not(base: str, machine: Enforcer) -> None:
    assert run(machine, "verify", Plan(base=base)).json["outcome"] == "accepted"
    machine.advance({RING: without("builder-ed25519")})
    for command in ("verify", "apply"):
        done = run(machine, command)
        assert (done.code, done.rules) == (1, ["signature/unknown-key"])


def test_a_key_that_the_tip_revokes(machine: Enforcer) -> None:
    revoked = {
        "at": "2026-01-02T00:00:00Z",
        "compromisedSince": "2026-01-01T00:00:00Z",
        "reason": "x",
    }
    revoke = lambda keys: [{**k, "revoked": revoked} if k["role"] == "builder" else k for k in keys]
    machine.advance({RING: ring(revoke)})
    done = run(machine, "apply")
    assert (done.code, done.rules) == (1, ["signature/revoked"])


def test_a_key_that_the_bundle_itself_registers(machine: Enforcer) -> None:
    own = json.loads(bundle.keyring())
    entry = json.loads(json.dumps(own["keys"][0]))
    public = bundle.public("unregistered", bundle.Encoding.PEM).decode()
    entry |= {"id": bundle.key_id("unregistered").hex(), "publicKey": public}
    own["keys"].append(entry)
    edits: dict[bytes, File | None] = {RING.encode(): File(json.dumps(own).encode())}
    done = run(machine, "apply", Plan(edits=edits, key="unregistered"))
    assert (done.code, done.rules) == (1, ["signature/unknown-key"])


def test_a_key_that_only_another_branch_or_the_work_tree_knows(machine: Enforcer) -> None:
    machine.advance({RING: without("builder-ed25519")})
    (machine.clone / ".lanectl/trust").mkdir(parents=True)
    (machine.clone / RING).write_bytes(bundle.keyring())
    (machine.clone / RULES).write_bytes(bundle.rules())
    assert git(machine.clone, "show", f"refs/heads/main:{RING}")  # the local branch is behind
    assert run(machine, "apply").rules == ["signature/unknown-key"]


def test_rules_that_the_tip_made_stricter(machine: Enforcer) -> None:
    plan = Plan(edits={**GOOD, b"db/1.sql": File(b"create table x ();\n")})
    assert run(machine, "verify", plan).json["outcome"] == "accepted"
    machine.advance({RULES: bundle.rules() + b'[migrations]\npaths = ["db/*.sql"]\n'})
    done = run(machine, "apply")
    assert (done.code, done.rules) == (1, ["rollback/missing"])


# the Enforcer's own key ---------------------------------------------------------------------------


def _enforcer(**fields: Any) -> bytes:
    return ring(lambda keys: [{**k, **fields} if k["role"] == "enforcer" else k for k in keys])


@pytest.mark.parametrize(
    "data",
    [
        without("enforcer"),
        _enforcer(role="builder"),
        _enforcer(notAfter="2021-01-01T00:00:00Z"),
        _enforcer(notBefore="2098-01-01T00:00:00Z"),
        _enforcer(
            revoked={"at": "2026-01-02T00:00:00Z", "compromisedSince": "2026-01-01T00:00:00Z", "reason": ""}
        ),
    ],
    ids=["missing", "other-role", "expired", "not-yet-valid", "revoked"],
)  # fmt: skip
def test_without_a_valid_enforcer_key_nothing_is_applied(data: bytes, machine: Enforcer) -> None:
    machine.advance({RING: data})
    assert run(machine, "verify").json["outcome"] == "accepted"
    before = snapshot(machine.clone)
    done = run(machine, "apply")
    assert done.code == 3
    assert "this Enforcer's key is " in done.json["error"]["what"]
    assert [r["command"] for r in done.json["error"]["remedies"]][-1:] == [REGISTER]
    assert snapshot(machine.clone) == before
    assert lanectl(
        "apply", machine.root / "inbox/artifact.tar.gz", "--repo", machine.clone, "--dry-run"
    ).code == 3  # fmt: skip
