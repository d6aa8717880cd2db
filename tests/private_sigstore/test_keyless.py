"""Keyless on a real Sigstore: signed by a job, verified with no network, for ever, whatever fails meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from lanectl.flows.trust import try_trust
from lanectl.flows.verify import verify
from lanectl.model.bundle import COUNTERSIGNATURE_SUFFIX, SIGNATURE_SUFFIX
from lanectl.model.report import Outcome, VerificationReport
from lanectl.wiring import neutral
from tests.checks.enforcer import Clock
from tests.forge.admissions import signed_admission
from tests.private_sigstore.issuer import IDENTITY, JOB, mint
from tests.private_sigstore.namespace import Namespace
from tests.private_sigstore.stack import GITHUB, MAIL, Fault, PrivateSigstore
from tests.private_sigstore.story import sign, trust
from tests.world import Ran, World, git, lanectl, snapshot

pytestmark = pytest.mark.e2e

SECONDS, LONGEST = "8", 30
"""How long one server may take here, and how long a person then waits for all of them at most."""

Offline = Callable[[Path], Ran]


@pytest.fixture
def offline(world: World, nowhere: Namespace) -> Offline:
    """`lanectl verify` as a process in an empty network, which writes nothing to the person's HOME."""

    def call(bundle: Path) -> Ran:
        home = snapshot(Path(os.environ["HOME"]))
        done = subprocess.run(
            nowhere.inside(sys.executable, "-m", "lanectl", "verify", bundle, "--repo", world.enforcer, "--json"),
            capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, timeout=60,
        )  # fmt: skip
        assert snapshot(Path(os.environ["HOME"])).keys() == home.keys()
        return Ran(done.returncode, done.stdout, done.stderr)

    return call


def packed(world: World) -> Path:
    """Pack the usual change, unsigned, once the target has its trust."""
    world.change()
    return world.pack("fix-login", "--unsigned")


def at(world: World, bundle: Path, moment: datetime, admission: bytes | None) -> VerificationReport:
    """Return what `verify` says at a time."""
    submission = neutral.submission(str(bundle), None)
    with neutral.enforcer_side(str(world.enforcer), need_repository=False) as side:
        found, why = try_trust(side.operator_file, side.repository, side.store, side.absent)
        return verify(
            submission, trust=found, untrusted=why, repository=side.repository,
            system=Clock(moment), admission=admission,
        )  # fmt: skip


def rules(report: VerificationReport) -> list[str]:
    return [finding.rule.id for step in report.steps for finding in step.findings]


def test_a_job_signs_and_the_enforcer_verifies_without_any_network(
    sigstore: PrivateSigstore, world: World, offline: Offline
) -> None:
    trust(world, sigstore)
    bundle = packed(world)
    signed = sign(sigstore, bundle, "--with", "keyless", **sigstore.job)
    assert signed.code == 0, signed.err
    assert IDENTITY in signed.err
    judged = offline(bundle)
    assert judged.code == 0, judged.out
    assert judged.json["outcome"] == "accepted"
    assert judged.json["signer"]["name"] == "Acme CI"
    applied = world.apply(bundle)
    assert applied.code == 0, applied.out + applied.err
    shown = git(world.enforcer, "log", "-1", "--format=%an <%ae>%n%B", applied.json["commit"])
    assert shown.startswith("Acme CI <ci@acme.example>\n")
    assert f"keyless:{GITHUB}#{IDENTITY}" in shown


def test_a_job_packs_and_signs_at_once(
    sigstore: PrivateSigstore, world: World, offline: Offline
) -> None:
    trust(world, sigstore)
    world.change()
    line = ("pack", "--repo", world.builder, "--slug", "fix-login", "--sign", "keyless")
    packed = sigstore.run(
        sys.executable, "-m", "lanectl", *line, "--sigstore", sigstore.trust_config, **sigstore.job
    )
    assert packed.returncode == 0, packed.stderr
    assert offline(Path(packed.stdout.strip())).json["outcome"] == "accepted"


def test_it_is_valid_for_ever_once_admitted(sigstore: PrivateSigstore, world: World) -> None:
    """The certificate was good for ten minutes, the bundle for a week: who admitted it knew both."""
    trust(world, sigstore)
    bundle = packed(world)
    assert sign(sigstore, bundle, "--with", "keyless", **sigstore.job).code == 0
    admission = signed_admission(world, bundle, "1" * 40)
    now = datetime.now(UTC).replace(microsecond=0)
    assert at(world, bundle, now + timedelta(hours=1), None).outcome is Outcome.ACCEPTED
    for later in (timedelta(days=300), timedelta(days=3000)):
        assert rules(at(world, bundle, now + later, None)) == ["handoff/expired"]
        report = at(world, bundle, now + later, admission)
        assert (report.outcome, rules(report)) == (Outcome.ACCEPTED, [])


def test_a_person_signs_with_a_token_and_nobody_else_in_their_name(
    sigstore: PrivateSigstore,
    world: World,
    offline: Offline,
    tmp_path: Path,
) -> None:
    trust(world, sigstore, issuer=MAIL, identity="jo@acme.example")
    bundle = packed(world)
    for who, expected in (("mallory@acme.example", ["keyless/identity"]), ("jo@acme.example", [])):
        token = tmp_path / "token"
        token.write_text(sigstore.token(MAIL, sub=who, email=who, email_verified=True))
        signed = sign(sigstore, bundle, "--with", "keyless", "--identity-token", token)
        assert signed.code == 0, signed.err
        assert offline(bundle).rules == expected


def test_the_same_identity_of_another_issuer_is_refused(
    sigstore: PrivateSigstore, world: World, offline: Offline
) -> None:
    trust(world, sigstore, issuer=MAIL.replace("mail", "gha2"))
    bundle = packed(world)
    assert sign(sigstore, bundle, "--with", "keyless", **sigstore.job).code == 0
    assert offline(bundle).rules == ["keyless/issuer"]


def test_another_private_sigstore_is_refused(
    sigstore: PrivateSigstore, world: World, offline: Offline
) -> None:
    """The target pins a root; who runs servers of the same names and ports has another one."""
    trust(world, sigstore)
    root = json.loads(sigstore.trusted_root.read_bytes())
    authority = root["certificateAuthorities"][0]["certChain"]["certificates"]
    authority[:] = root["timestampAuthorities"][0]["certChain"]["certificates"]
    pinned = world.person / ".lanectl/trust/trusted_root.json"
    pinned.write_text(json.dumps(root))
    world.commit("another authority")
    world.fetch()
    bundle = packed(world)
    assert sign(sigstore, bundle, "--with", "keyless", **sigstore.job).code == 0
    assert offline(bundle).rules == ["keyless/certificate"]


def test_fulcios_own_reason_is_said(
    sigstore: PrivateSigstore, world: World, tmp_path: Path
) -> None:
    """sigstore-python swallows it."""
    bundle, token = packed(world), tmp_path / "token"
    stranger = ec.generate_private_key(ec.SECP256R1())
    token.write_text(mint(stranger, GITHUB, JOB))
    refused = sign(sigstore, bundle, "--with", "keyless", "--identity-token", token)
    assert refused.code not in {0, 8}, refused.err
    assert "error processing the identity token" in refused.err
    assert "Traceback" not in refused.err
    assert token.read_text() not in refused.err
    assert not bundle.with_name(bundle.name + SIGNATURE_SUFFIX).exists()


IDENTITIES, AUTHORITY, LOG, STAMPS = (
    "identity provider", "certificate authority", "transparency log", "timestamp authority"
)  # fmt: skip
TROUBLE: list[tuple[str, Fault, str]] = [
    *((name, fault, said)
      for name, said in (("issuer", IDENTITIES), ("fulcio", AUTHORITY), ("rekor", LOG), ("timestamp", STAMPS))
      for fault in ("stopped", "frozen", "broken")),
    ("ct", "stopped", AUTHORITY),  # Fulcio tries again and again to log what it issues
]  # fmt: skip


@pytest.mark.parametrize("trouble", TROUBLE, ids=lambda trouble: "-".join(trouble[:2]))
def test_a_server_in_trouble_costs_a_bounded_wait_and_no_work(
    sigstore: PrivateSigstore, world: World, offline: Offline, trouble: tuple[str, Fault, str]
) -> None:
    """One message that names it; the bundle stays, is signed with a key, and countersigned later."""
    name, fault, said = trouble
    trust(world, sigstore)
    bundle = packed(world)
    before = snapshot(bundle.parent)
    with sigstore.faulty(name, fault):
        started = time.monotonic()
        failed = sign(
            sigstore, bundle, "--with", "keyless", timeout=2 * LONGEST,
            LANECTL_SIGSTORE_SECONDS=SECONDS, **sigstore.job,
        )  # fmt: skip
        assert time.monotonic() - started < LONGEST
        assert failed.code == 8, failed.err
        assert failed.err.count("lanectl: error:") == 1
        assert said in failed.err.splitlines()[0]
        assert "Traceback" not in failed.err
        assert "\x1b" not in failed.err
        assert snapshot(bundle.parent) == before
        kept = lanectl("sign", bundle, "--key", world.key("builder"))
        assert kept.code == 0, kept.err
        assert offline(bundle).rules == ["signature/method"]
    added = sign(sigstore, bundle, "--countersign", **sigstore.job)
    assert added.code == 0, added.err
    assert bundle.with_name(bundle.name + COUNTERSIGNATURE_SUFFIX).exists()
    assert offline(bundle).json["outcome"] == "accepted"
