"""One change, signed in each of the four ways: packed, signed, verified, applied, and never downgraded."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests import svids
from tests.gpg_rig import GPG, GpgRig, gpg_home
from tests.sigstore.material import ME
from tests.sigstore.simulator import WORKFLOW, Simulator, Trouble
from tests.world import Ran, World, git, lanectl, write

KEYLESS = """
[[trust.builder.keyless]]
name = "Acme CI"
email = "ci@acme.test"
issuer = "{issuer}"
identity = "{identity}"
"""
SVID = "spiffe://acme.test/builder"
SPIFFE = f"""
[[trust.builder.spiffe]]
name = "Acme workload"
email = "workload@acme.test"
id = "{SVID}"
"""


def trust(world: World, section: str, **files: bytes) -> None:
    """Let a person merge what the policy says, and its files."""
    with (world.person / "lanectl.toml").open("a") as rules:
        rules.write(section)
    for name, data in files.items():
        write(world.person / ".lanectl/trust" / name.replace("__", "/").replace("_dot_", "."), data)
    world.commit("trust")
    world.fetch()


def keyless(world: World, simulator: Simulator, identity: str = ME, more: str = "") -> list[str]:
    """Trust an identity; return what `sign` needs for a token of it."""
    section = KEYLESS.format(issuer=simulator.issuer, identity=identity) + more
    trust(world, section, trusted_root_dot_json=simulator.trusted_root)
    token, config = world.root / "token", world.root / "config.json"
    made = simulator.token() if identity == ME else simulator.github_token()
    token.write_text(made)
    config.write_bytes(simulator.config)
    return ["--identity-token", str(token), "--sigstore", str(config)]


def packed(world: World) -> Path:
    world.change()
    return world.pack("fix-login", "--unsigned")


def signed(bundle: Path, *arguments: str | Path) -> Ran:
    done = lanectl("sign", bundle, *arguments, "--json")
    assert done.code == 0, done.err
    return done


def accepted(world: World, bundle: Path) -> Ran:
    """Verify and apply; return the report."""
    report = world.verify(bundle)
    assert (report.code, report.json["outcome"]) == (0, "accepted"), report.out
    applied = world.apply(bundle)
    assert applied.code == 0, applied.err
    return report


def trailer(world: World) -> str:
    message = git(world.enforcer, "log", "-1", "--format=%(trailers:key=Lanectl-Signer,valueonly)", "feature/fix-login")  # fmt: skip
    return message.strip()


def test_keyless(world: World, simulator: Simulator) -> None:
    how = keyless(world, simulator)
    bundle = packed(world)
    assert signed(bundle, "--with", "keyless", *how).json["signer"] == ME
    simulator.fail("authority", 503)  # nobody is asked when it is verified
    report = accepted(world, bundle)
    name = f"keyless:{simulator.issuer}#{ME}"
    assert report.json["signer"] == {"method": "keyless", "id": name, "name": "Acme CI", "role": "builder"}  # fmt: skip
    assert report.json["slsa"]["level"] == 1
    assert trailer(world) == name
    assert git(world.enforcer, "log", "-1", "--format=%an <%ae>", "feature/fix-login") == "Acme CI <ci@acme.test>"  # fmt: skip
    queued = next(e for e in world.events() if e["kind"] == "queued")
    assert queued["data"]["signer"] == name


def test_a_hosted_job_shows_level_two_if_the_policy_vouches_for_it(
    world: World, simulator: Simulator
) -> None:
    how = keyless(world, simulator, WORKFLOW, "hosted = true\n")
    bundle = packed(world)
    signed(bundle, "--with", "keyless", *how)
    slsa = world.verify(bundle).json["slsa"]
    assert (slsa["level"], slsa["track"]) == (2, "Build")
    assert slsa["missing"]


def test_gpg(world: World, rig: GpgRig, monkeypatch: pytest.MonkeyPatch) -> None:
    print_ = rig.prints["now"]
    section = f'\n[trust.builder]\naccept = ["gpg"]\n[[trust.builder.gpg]]\nname = "Ann"\nemail = "ann@acme.test"\nfingerprint = "{print_}"\n'
    trust(world, section, **{f"gpg__{print_}_dot_asc": rig.public("now")})
    monkeypatch.setenv("GNUPGHOME", rig.home)
    bundle = packed(world)
    done = signed(bundle, "--with", "gpg", "--gpg-key", print_)
    assert done.json["path"].endswith("artifact.tar.gz.intoto.json.asc")
    assert not Path(f"{bundle}.sigstore.json").exists()
    report = accepted(world, bundle)
    assert report.json["signer"]["id"] == f"gpg:{print_}"
    for words in (("policy", "explain"), ("keys", "list")):  # it ends in thirty days
        assert lanectl(*words, "--repo", world.enforcer, "--json").json["warnings"] == []
    statement = Path(f"{bundle}.intoto.json")
    statement.write_bytes(statement.read_bytes().replace(b"fix-login", b"fix-logon"))
    assert world.verify(bundle).rules == ["gpg/invalid"]


def test_a_gpg_key_that_ends_soon_is_told_of(world: World, rig: GpgRig) -> None:
    print_ = rig.prints["soon"]
    section = f'\n[[trust.builder.gpg]]\nname = "Ann"\nemail = "ann@acme.test"\nfingerprint = "{print_}"\n'
    trust(world, section, **{f"gpg__{print_}_dot_asc": rig.public("soon")})
    assert world.apply(world.packed()).code == 0  # so that there is a ledger
    for words in (("policy", "explain"), ("policy", "show"), ("keys", "list")):
        said = lanectl(*words, "--repo", world.enforcer, "--json")
        assert [print_ in w["what"] for w in said.json["warnings"]] == [True], said.out
        assert "ends" in said.err


def test_spiffe(world: World) -> None:
    at = datetime.now(UTC).replace(microsecond=0)
    root = svids.root(start=at - timedelta(hours=1), end=at + timedelta(days=1))
    leaf = root.issue(svids.workload(SVID, start=at - timedelta(minutes=5), end=at + timedelta(hours=1)))  # fmt: skip
    trust(world, SPIFFE, spiffe__acme_dot_test_dot_pem=root.pem)
    chain, key = world.root / "svid.pem", world.root / "svid_key.pem"
    chain.write_bytes(leaf.pem)
    write(key, leaf.key_pem, 0o600)
    bundle = packed(world)
    signed(bundle, "--with", "spiffe", "--svid", chain, "--svid-key", key)
    report = accepted(world, bundle)
    assert report.json["signer"]["id"] == SVID
    assert report.json["slsa"]["level"] == 1


# no downgrade -----------------------------------------------------------------------------------


def test_a_key_is_not_enough_where_an_identity_is_asked_for(
    world: World, simulator: Simulator
) -> None:
    keyless(world, simulator)
    bundle = world.packed()
    report = world.verify(bundle)
    assert (report.code, report.rules) == (1, ["signature/method"])
    assert world.apply(bundle).code == 1


def test_unless_the_policy_says_so(world: World, simulator: Simulator) -> None:
    section = '\n[trust.builder]\naccept = ["keyless", "key"]\n' + KEYLESS.format(issuer=simulator.issuer, identity=ME)  # fmt: skip
    trust(world, section, trusted_root_dot_json=simulator.trusted_root)
    assert world.verify(world.packed()).code == 0


def test_an_identity_that_the_policy_does_not_name(world: World, simulator: Simulator) -> None:
    how = keyless(world, simulator)
    (world.root / "token").write_text(simulator.token("mallory@evil.test"))
    bundle = packed(world)
    signed(bundle, "--with", "keyless", *how)
    assert world.verify(bundle).rules == ["keyless/identity"]


# countersignatures ------------------------------------------------------------------------------


def test_signed_now_and_countersigned_later(world: World, simulator: Simulator) -> None:
    how = keyless(world, simulator)
    bundle = packed(world)
    simulator.fail("log", 503)
    failed = lanectl("sign", bundle, "--with", "keyless", *how)
    assert failed.code == 8
    assert "the transparency log" in failed.err
    assert Path(f"{bundle}.intoto.json").exists()  # nothing is lost
    signed(bundle)
    assert world.verify(bundle).rules == ["signature/method"]
    simulator.troubles.clear()
    done = signed(bundle, "--countersign", *how)
    assert done.json["path"].endswith(".countersignature.sigstore.json")
    report = accepted(world, bundle)
    assert report.json["signer"]["method"] == "keyless"
    kept = world.state("bundles/*/*.countersignature.sigstore.json")
    assert len(kept) == 1


def test_packing_where_nobody_can_sign_keeps_what_was_packed(
    world: World, simulator: Simulator
) -> None:
    how = keyless(world, simulator)
    simulator.fail("authority", 503)
    world.change()
    failed = lanectl("pack", "--repo", world.builder, "--slug", "fix-login", "--sign", "keyless", *how)  # fmt: skip
    assert failed.code == 8
    folder = world.builder / ".lanectl/outbox/fix-login"
    assert {p.name for p in folder.iterdir()} == {"artifact.tar.gz", "artifact.tar.gz.intoto.json"}


def test_a_countersignature_of_another_bundle(world: World, simulator: Simulator) -> None:
    how = keyless(world, simulator)
    one = world.packed("one")
    write(world.builder / "more.txt")
    other = world.pack("other")
    signed(other, "--countersign", *how)
    name = "artifact.tar.gz.countersignature.sigstore.json"
    one.with_name(name).write_bytes(other.with_name(name).read_bytes())
    assert "signature/countersignature" in world.verify(one).rules
    signed(one)  # a new signature of its own takes the old countersignature away
    assert not one.with_name(name).exists()


def test_what_gpg_signed_is_countersigned(
    world: World, simulator: Simulator, rig: GpgRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    print_ = rig.prints["now"]
    entry = (
        f'[[trust.builder.gpg]]\nname = "Ann"\nemail = "ann@acme.test"\nfingerprint = "{print_}"\n'
    )
    how = keyless(world, simulator, more=entry)
    trust(world, "", **{f"gpg__{print_}_dot_asc": rig.public("now")})
    monkeypatch.setenv("GNUPGHOME", rig.home)
    bundle = packed(world)
    signed(bundle, "--with", "gpg", "--gpg-key", print_)
    assert world.verify(bundle).rules == ["signature/method"]
    signed(bundle, "--countersign", *how)
    assert accepted(world, bundle).json["signer"]["method"] == "keyless"


def test_an_unsigned_bundle_cannot_be_countersigned(world: World, simulator: Simulator) -> None:
    how = keyless(world, simulator)
    done = lanectl("sign", packed(world), "--countersign", *how, "--json")
    assert (done.code, done.rules) == (1, ["envelope/missing"])


def test_a_damaged_countersignature_is_a_finding(world: World, simulator: Simulator) -> None:
    how = keyless(world, simulator)
    bundle = world.packed()
    signed(bundle, "--countersign", *how)
    path = Path(f"{bundle}.countersignature.sigstore.json")
    document = json.loads(path.read_bytes())
    document["extra"] = 1
    path.write_text(json.dumps(document))
    assert "envelope/malformed" in world.verify(bundle).rules


@pytest.fixture(scope="module")
def rig() -> Iterator[GpgRig]:
    if not os.access(GPG, os.X_OK):
        pytest.skip("there is no gpg")
    with gpg_home() as home:
        home.run("--passphrase-fd", "0", "--quick-generate-key", "now <now@acme.test>", "ed25519", "sign,cert", "seconds=2592000", at=datetime.now(UTC))  # fmt: skip
        home.prints["now"] = home.parts("now@acme.test")[0]
        home.run("--passphrase-fd", "0", "--quick-generate-key", "soon <soon@acme.test>", "ed25519", "sign,cert", "seconds=864000", at=datetime.now(UTC))  # fmt: skip
        home.prints["soon"] = home.parts("soon@acme.test")[0]
        yield home


@pytest.mark.parametrize("said", ["0", "301", "1e2", "", "-5", "3000"])
def test_how_long_a_server_may_take_is_a_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str
) -> None:
    monkeypatch.setenv("LANECTL_SIGSTORE_SECONDS", said)
    done = lanectl("sign", tmp_path / "artifact.tar.gz", "--with", "keyless")
    assert done.code == 2, done.err
    assert "a number of seconds, 1 to 300" in done.err


def test_a_server_that_is_silent_costs_what_the_environment_says(
    world: World, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = keyless(world, simulator)
    simulator.fail("log", Trouble.FROZEN)
    monkeypatch.setenv("LANECTL_SIGSTORE_SECONDS", "1")
    failed = lanectl("sign", packed(world), "--with", "keyless", *how)
    assert failed.code == 8, failed.err
    assert "the transparency log" in failed.err
