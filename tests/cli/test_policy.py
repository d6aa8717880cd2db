"""`lanectl policy`, and `init --sigstore`: set up, sign, show and explain, as people do it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.orders import key_id, register_people
from tests.world import Ran, World, lanectl, write

ROOT, SIGNATURES = ".lanectl/trust/root.json", ".lanectl/trust/root.signatures.json"
TRUSTED_ROOT = ".lanectl/trust/trusted_root.json"
WORKFLOW = "https://github.com/acme/shop/.github/workflows/handoff.yml@refs/heads/main"
OWN_ROOT = b'{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}\n'


def root_key(world: World, name: str) -> Path:
    path = world.root / f"{name}.pem"
    if not path.exists():
        assert lanectl("keys", "new", "--role", "lead", "--out", path).code == 0
    return path


def name_root(world: World, threshold: int, *names: str, more: tuple[str, ...] = ()) -> Ran:
    named = [word for n in names for word in ("--key", f"{root_key(world, n)}.pub")]
    return lanectl(
        "policy", "root", *named, "--threshold", threshold, "--repo", world.person, *more
    )


def endorse(world: World, name: str, *more: str) -> Ran:
    return lanectl(
        "policy", "endorse", "--key", root_key(world, name), "--repo", world.person, *more
    )


def policy(world: World, command: str, *more: str) -> Ran:
    return lanectl("policy", command, "--repo", world.enforcer, *more)


def add_rules(world: World, text: str) -> None:
    path = world.person / "lanectl.toml"
    path.write_text(path.read_text() + text)


def keyless(ends: str = "2099-01-01T00:00:00Z") -> str:
    return f"""
[[trust.builder.keyless]]
name = "Acme CI"
email = "ci@acme.example"
issuer = "https://token.actions.githubusercontent.com"
identity = "{WORKFLOW}"
hosted = true
not_after = "{ends}"
claims.runner_environment = "github-hosted"
"""


def sigstore(world: World, *more: str | Path) -> Ran:
    return lanectl("init", "--repo", world.person, *more)


# the ceremony -------------------------------------------------------------------------------------


def test_a_ceremony_from_the_first_root_to_the_next(world: World) -> None:
    made = name_root(world, 2, "alice", "bob")
    assert made.code == 0, made.err
    assert '"threshold": 2' in made.out
    assert "lanectl policy endorse --key ROOTKEY" in made.err
    first = endorse(world, "alice")
    assert first.code == 0, first.err
    assert "+ lanectl.toml  sha256:" in first.out
    assert f"  {ROOT}: 1 of 2 (alice)" in first.err
    world.commit("half")
    world.fetch()
    half = policy(world, "show")
    assert half.code == 3
    assert "signed by 1 of the 2 keys that root.json demands" in half.err
    done = endorse(world, "bob")
    assert f"  {ROOT}: 2 of 2 (alice, bob)" in done.err
    assert "git add -- lanectl.toml .lanectl/trust" in done.err
    world.commit("whole")
    world.fetch()
    assert policy(world, "show", "--json").json["root"]["threshold"] == 2

    applied = world.apply(world.packed())  # so the Enforcer has seen this root
    assert applied.code == 0, applied.err
    assert name_root(world, 1, "carol").code == 0
    after = endorse(world, "carol")
    assert f"  {ROOT}: 1 of 1 (carol)" in after.err
    assert "  the root before: 0 of 2 (nobody)" in after.err
    assert "~ .lanectl/trust/root.json" in after.out
    world.commit("a new root, signed by itself alone")
    world.fetch()
    assert "0 of the 2 keys that the root that was seen last demands" in policy(world, "show").err
    assert "  the root before: 1 of 2 (alice)" in endorse(world, "alice").err
    assert "  the root before: 2 of 2 (alice, bob)" in endorse(world, "bob").err
    world.commit("handed on")
    world.fetch()
    assert policy(world, "show", "--json").json["root"]["keys"][0]["name"] == "carol"
    add_rules(world, "[trust]\nvalidity_days = 2\n")
    assert "the root before" not in endorse(world, "carol").err
    world.commit("an ordinary change, while the Enforcer has seen the first root alone")
    world.fetch()
    assert policy(world, "show", "--json").json["validity_days"] == 2


def test_who_endorses_is_shown_what_changed_since(world: World) -> None:
    name_root(world, 1, "alice")
    assert endorse(world, "alice", "--json").json["version"] == 1
    again = endorse(world, "alice", "--json").json
    assert (again["version"], again["changes"], again["written"]) == (1, [], [])
    add_rules(world, "[trust]\nvalidity_days = 3\n")
    write(world.person / ".lanectl/trust/note", b"x\n")
    tried = endorse(world, "alice", "--dry-run", "--json").json
    assert tried["changes"] == ["+ .lanectl/trust/note", "~ lanectl.toml"]
    assert (tried["version"], tried["written"]) == (2, [])
    assert json.loads((world.person / SIGNATURES).read_text())["version"] == "1"
    assert endorse(world, "alice", "--json").json["roots"] == [
        {"present": True, "threshold": 1, "signed": ["alice"], "met": True}
    ]


def test_a_planted_version_is_not_built_on(world: World) -> None:
    name_root(world, 1, "alice")
    endorse(world, "alice")
    document = json.loads((world.person / SIGNATURES).read_text())
    document["version"] = "999999999"
    (world.person / SIGNATURES).write_text(json.dumps(document))
    assert endorse(world, "alice", "--json").json["version"] == 1


def test_nobody_endorses_what_no_enforcer_would_take(world: World) -> None:
    name_root(world, 1, "alice")
    add_rules(world, '[trust.builder]\naccept = ["keyless"]\n')
    refused = endorse(world, "alice")
    assert refused.code == 3
    assert "trust.builder.accept names keyless, and nothing is set up for it" in refused.err
    assert not (world.person / SIGNATURES).exists()


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("no root", "there is no root whose key could sign"),
        ("a stranger", "is none of the root's: alice"),
    ],
)
def test_whose_signature_would_not_count(what: str, says: str, world: World) -> None:
    if what == "a stranger":
        name_root(world, 1, "alice")
    refused = endorse(world, "mallory")
    assert refused.code == 2
    assert says in refused.err
    assert not (world.person / SIGNATURES).exists()


def test_a_link_among_the_trust_files_is_not_endorsed(world: World) -> None:
    name_root(world, 1, "alice")
    (world.person / ".lanectl/trust/x").symlink_to("/etc/passwd")
    refused = endorse(world, "alice")
    assert refused.code == 3
    assert "is a symbolic link" in refused.err


@pytest.mark.parametrize(
    ("threshold", "names", "says"),
    [
        (3, ("alice", "bob"), "a number from 1 to 2"),
        (1, ("alice", "alice"), "every key once"),
    ],
)
def test_a_root_that_cannot_be(
    threshold: int, names: tuple[str, ...], says: str, world: World
) -> None:
    refused = name_root(world, threshold, *names)
    assert refused.code == 2
    assert says in refused.err
    assert not (world.person / ROOT).exists()


def test_a_private_key_is_not_put_into_the_root(world: World) -> None:
    refused = lanectl(
        "policy", "root", "--key", root_key(world, "alice"), "--threshold", 1, "--repo", world.person
    )  # fmt: skip
    assert refused.code == 2
    assert "this is a private key" in refused.err


def test_a_root_is_shown_before_it_is_written(world: World) -> None:
    shown = name_root(world, 1, "alice", more=("--dry-run",))
    assert "would write .lanectl/trust/root.json" in shown.err
    assert not (world.person / ROOT).exists()


def test_who_changes_the_keyring_under_a_root_is_told_that_it_must_sign(world: World) -> None:
    register_people(world)
    says = "lanectl policy endorse --key ROOTKEY"

    def told(number: int, *more: str) -> dict[str, bool]:
        one, other = (f"{root_key(world, f'{name}{number}')}.pub" for name in ("one", "other"))
        lost = key_id(world, ("enforcer", "leo")[number])
        at, here = ("--repo", world.person, *more), ("--repo", world.enforcer)
        ran = {
            "init": lanectl("init", "--builder-key", one, *at),
            "rotate": lanectl("keys", "rotate", key_id(world, "builder"), "--to", other, *at),
            "revoke": lanectl("keys", "revoke", lost, "--reason", "lost", "--key", world.key("ann"), *here),
        }  # fmt: skip
        assert {name: done.code for name, done in ran.items()} == dict.fromkeys(ran, 0), ran
        return {name: says in done.err for name, done in ran.items()}

    assert told(0) == {"init": False, "rotate": False, "revoke": False}
    name_root(world, 1, "alice")
    write(world.enforcer / ROOT, (world.person / ROOT).read_bytes())
    assert told(1, "--dry-run") == {"init": False, "rotate": False, "revoke": True}
    rotated = lanectl("keys", "rotate", "--role", "enforcer", "--repo", world.person)
    registered = lanectl(
        "init", "--lead-key", f"{root_key(world, 'x')}.pub", "--repo", world.person
    )
    assert says in rotated.err
    assert says in registered.err


# show and explain ---------------------------------------------------------------------------------


def test_keys_alone_in_words(world: World) -> None:
    said = policy(world, "explain")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[1] == (
        "Builders' bundles count if they are signed by key. "
        "keyless or spiffe or gpg alone is not enough."
    )
    assert lines[2].startswith("  key: lanectl builder <builder@lanectl.invalid>, ")
    assert (
        "Enforcers admit bundles, sign the ledger's head, and may freeze, with these keys:" in lines
    )
    assert "Nobody is lead: nobody can approve, revoke keys, and lift a freeze." in lines
    assert "A bundle is good for 7 days at most; clocks may differ by 5 minutes." in lines
    assert lines[-1].startswith(f"There is no {ROOT}: who may push")


def test_keyless_in_words(world: World) -> None:
    sigstore(world, "--sigstore")
    add_rules(world, keyless())
    world.commit("keyless")
    world.fetch()
    lines = policy(world, "explain").out.splitlines()
    assert lines[1] == (
        "Builders' bundles count if they are signed by keyless. "
        "spiffe or key or gpg alone is not enough."
    )
    assert lines[2] == (
        f"  keyless: Acme CI <ci@acme.example>, exactly {WORKFLOW}; "
        "as https://token.actions.githubusercontent.com says, runner_environment = github-hosted, "
        "on a hosted platform; until 2099-01-01"
    )
    assert lines[3] == "Set up, and not enough:"
    shown = policy(world, "show", "--json").json
    assert shown["accept"] == {"builder": ["keyless"]}
    assert [(e["method"], e["accepted"]) for e in shown["entries"]] == [
        ("keyless", True), ("key", False), ("key", True),
    ]  # fmt: skip
    assert "not enough" in policy(world, "show").out


def test_what_ends_within_fourteen_days(world: World) -> None:
    soon = (datetime.now(UTC) + timedelta(days=13)).strftime("%Y-%m-%dT%H:%M:%SZ")
    sigstore(world, "--sigstore")
    add_rules(world, keyless(soon))
    world.commit("ends soon")
    world.fetch()
    for command in ("show", "explain"):
        said = policy(world, command)
        assert said.code == 0
        assert (
            f"warning: keyless of Acme CI (builder), exactly {WORKFLOW} ends {soon[:10]}"
            in said.err
        )
        [warning] = policy(world, command, "--json").json["warnings"]
        assert warning["ends"].startswith(soon[:10])


def test_a_key_that_ends_within_fourteen_days(world: World) -> None:
    lanectl(
        "init", "--repo", world.person, "--lead-key", f"{root_key(world, 'lead')}.pub",
        "--valid-days", 10,
    )  # fmt: skip
    world.commit("a lead for ten days")
    world.fetch()
    [warning] = policy(world, "explain", "--json").json["warnings"]
    assert warning["what"].startswith("key of lanectl lead (lead), ")


def test_without_a_pin_there_is_nothing_to_explain(world: World) -> None:
    refused = policy(world, "explain", "--operator", str(world.root / "none.toml"))
    assert refused.code == 3
    assert "lanectl init --enforcer" in refused.err


# the trusted root of Sigstore ---------------------------------------------------------------------


def test_the_public_root_is_pinned_once(world: World) -> None:
    done = sigstore(world, "--sigstore", "--json")
    assert done.code == 0, done.err
    assert done.json["written"] == [TRUSTED_ROOT]
    pinned = json.loads((world.person / TRUSTED_ROOT).read_text())
    assert pinned["certificateAuthorities"][0]["uri"] == "https://fulcio.sigstore.dev"
    assert sigstore(world, "--sigstore", "--json").json["written"] == []


def test_another_root_is_never_written_over(world: World) -> None:
    own = world.root / "own.json"
    own.write_bytes(OWN_ROOT)
    assert sigstore(world, "--sigstore-root", own).code == 0
    assert (world.person / TRUSTED_ROOT).read_bytes() == OWN_ROOT
    refused = sigstore(world, "--sigstore")
    assert refused.code == 2
    assert "is there already, and is another one" in refused.err
    assert (world.person / TRUSTED_ROOT).read_bytes() == OWN_ROOT


@pytest.mark.parametrize("data", [b"", b"[]", b'{"mediaType":"x"}', b"{}", b"\xff"])
def test_what_is_no_trusted_root(data: bytes, world: World) -> None:
    own = world.root / "own.json"
    own.write_bytes(data)
    refused = sigstore(world, "--sigstore-root", own)
    assert refused.code == 3
    assert "this is no trusted root of Sigstore" in refused.err
    assert not (world.person / TRUSTED_ROOT).exists()
