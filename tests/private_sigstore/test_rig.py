"""The private Sigstore is real, is alone in its network, and its faults are faults."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.private_sigstore.stack import GITHUB, MAIL, PORTS, URLS, PrivateSigstore

pytestmark = pytest.mark.e2e

PREDICATE = {"builder": {"id": "urn:example:builder"}, "buildType": "urn:example:build"}


@pytest.fixture
def attest(sigstore: PrivateSigstore, tmp_path: Path) -> list[str | Path]:
    """The line by which sigstore's own command line attests a file."""
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "predicate").write_text(json.dumps(PREDICATE))
    return [
        Path(sys.executable).with_name("sigstore"), "--trust-config", sigstore.trust_config, "attest", "--overwrite",
        "--predicate", tmp_path / "predicate", "--predicate-type", "https://slsa.dev/provenance/v0.2",
        tmp_path / "file",
    ]  # fmt: skip


def fetched(sigstore: PrivateSigstore, url: str) -> bytes:
    code = "import sys, urllib.request as r; sys.stdout.buffer.write(r.urlopen(sys.argv[1], timeout=5).read())"
    done = sigstore.run(sys.executable, "-c", code, url)
    assert done.returncode == 0, done.stderr
    return done.stdout.encode()


def test_fulcio_knows_both_issuers(sigstore: PrivateSigstore) -> None:
    """A configuration that it takes for JSON would leave it without any, silently."""
    known = json.loads(fetched(sigstore, f"{URLS['fulcio']}/api/v2/configuration"))
    found = {one["issuerUrl"]: one["issuerType"] for one in known["issuers"]}
    assert found == {GITHUB: "github-workflow", MAIL: "email"}


def test_a_job_signs_with_its_own_identity(
    sigstore: PrivateSigstore, attest: list[str | Path]
) -> None:
    done = sigstore.run(*attest, **sigstore.job)
    assert done.returncode == 0, done.stderr


def test_a_frozen_log_hangs_a_client_without_a_time_out_and_works_again_later(
    sigstore: PrivateSigstore, attest: list[str | Path]
) -> None:
    """Why lanectl has deadlines of its own."""
    with sigstore.faulty("rekor", "frozen"), pytest.raises(subprocess.TimeoutExpired):
        sigstore.run(*attest, timeout=8, **sigstore.job)
    done = sigstore.run(*attest, **sigstore.job)
    assert done.returncode == 0, done.stderr


def test_it_listens_in_its_own_network_and_not_on_this_machine(sigstore: PrivateSigstore) -> None:
    def listens(table: str) -> list[str]:
        return [
            name for name, port in PORTS.items() if f"0100007F:{port:04X} 00000000:0000" in table
        ]

    assert listens(sigstore.run("cat", "/proc/net/tcp").stdout) == list(PORTS)
    assert listens(Path("/proc/net/tcp").read_text()) == []
