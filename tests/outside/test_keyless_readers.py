"""Verifiers written by others take our keyless bundle as it is, without any network; not a changed one."""

from __future__ import annotations

import base64
import json
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lanectl.model.bundle import ARTIFACT, SIGNATURE_SUFFIX
from tests.outside.readers import SCRIPT, shown, tool
from tests.private_sigstore import material
from tests.private_sigstore.issuer import IDENTITY
from tests.private_sigstore.namespace import Namespace
from tests.private_sigstore.stack import GITHUB, URLS, PrivateSigstore
from tests.private_sigstore.story import sign, trust
from tests.world import World, scrubbed, write

pytestmark = pytest.mark.e2e

SIGNATURE = ARTIFACT + SIGNATURE_SUFFIX
RECORDED = Path(__file__).resolve().parents[1] / "assets/keyless"
SHOWN_ISSUER = "https://token.actions.githubusercontent.com"


@dataclass(frozen=True)
class Signed:
    """A bundle that a job signed keyless, and what somebody would put in its place."""

    archive: Path
    other_archive: Path
    trust: Path
    """The folder with trusted_root.json and trust_config.json."""
    other_trust: Path

    @property
    def signature(self) -> Path:
        return self.archive.with_name(SIGNATURE)


@pytest.fixture(scope="module")
def signed(sigstore: PrivateSigstore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signed]:
    """One bundle for all tests here: nobody changes it."""
    folder = tmp_path_factory.mktemp("signed")
    (folder / "home").mkdir()
    (folder / "other").mkdir()
    material.make(folder / "other", URLS)
    with pytest.MonkeyPatch.context() as patch:
        for name in list(scrubbed()):
            patch.delenv(name, raising=False)
        patch.setenv("HOME", str(folder / "home"))
        world = World(folder / "world", patch).bootstrap()
        trust(world, sigstore)
        world.change()
        archive = world.pack("fix-login", "--unsigned")
        write(world.builder / "more.txt")
        other = world.pack("another", "--unsigned")
        done = sign(sigstore, archive, "--with", "keyless", **sigstore.job)
        assert done.code == 0, done.err
        yield Signed(archive, other, sigstore.folder, folder / "other")


Verify = Callable[..., tuple[bool, str]]
"""What the page's line names, by that name where it differs, to whether it was accepted, and what was said."""


@pytest.fixture(params=["cosign", "sigstore", "node"])
def verify(
    request: pytest.FixtureRequest, signed: Signed, nowhere: Namespace, tmp_path: Path
) -> Verify:
    """One of the three verifiers, in an empty network, with the line that the page shows."""
    program = tool(request.param, tmp_path)
    root = "trust_config.json" if request.param == "sigstore" else "trusted_root.json"

    def call(
        *, signature: Path = signed.signature, file: Path = signed.archive, trust: Path = signed.trust,
        identity: str = IDENTITY, issuer: str = GITHUB,
    ) -> tuple[bool, str]:  # fmt: skip
        ours = {
            SIGNATURE: signature, ARTIFACT: file, root: trust / root, IDENTITY: identity,
            SHOWN_ISSUER: issuer, SCRIPT.name: tmp_path / SCRIPT.name,
        }  # fmt: skip
        words = shown(request.param, root)
        assert ours.keys() - {SCRIPT.name} <= set(words)
        done = subprocess.run(
            nowhere.inside(program, *(ours.get(word, word) for word in words)),
            capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode in {0, 1}, done.stderr
        return done.returncode == 0, done.stdout + done.stderr

    return call


def forged(signed: Signed, into: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Return a changed copy of the signature file."""
    data = json.loads(signed.signature.read_bytes())
    change(data)
    path = into / "forged.sigstore.json"
    path.write_text(json.dumps(data), encoding="ascii")
    return path


def test_the_bundle_is_accepted_as_it_is_for_the_archive_and_every_member(
    signed: Signed, verify: Verify, tmp_path: Path
) -> None:
    with tarfile.open(signed.archive) as archive:
        archive.extractall(tmp_path / "members", filter="data")
        members = [tmp_path / "members" / name for name in archive.getnames()]
    assert members
    for file in (signed.archive, *members):
        accepted, said = verify(file=file)
        assert accepted, f"{file.name}: {said}"


def test_a_bundle_is_accepted_long_after_its_certificate_expired(verify: Verify) -> None:
    """It was signed when this test was written, for ten minutes, by servers that are gone."""
    accepted, said = verify(
        signature=RECORDED / SIGNATURE, file=RECORDED / ARTIFACT, trust=RECORDED
    )
    assert accepted, said


def test_another_identity_or_issuer_is_refused(verify: Verify) -> None:
    """Also one that is only a piece of it: npm's library compares by a pattern."""
    for identity in (
        IDENTITY.replace("acme", "evil"),
        IDENTITY[:-1],
        IDENTITY.replace(".", "-", 1),
    ):
        assert not verify(identity=identity)[0], identity
    assert not verify(issuer=f"{GITHUB}2")[0]


def test_another_root_is_refused(signed: Signed, verify: Verify) -> None:
    assert not verify(trust=signed.other_trust)[0]


def test_a_changed_archive_and_another_one_are_refused(
    signed: Signed, verify: Verify, tmp_path: Path
) -> None:
    changed = tmp_path / ARTIFACT
    changed.write_bytes(signed.archive.read_bytes()[:-1] + b"x")
    assert not verify(file=changed)[0]
    assert signed.other_archive.read_bytes() != signed.archive.read_bytes()
    assert not verify(file=signed.other_archive)[0]


def in_payload(data: dict[str, Any]) -> None:
    payload = base64.b64decode(data["dsseEnvelope"]["payload"])
    assert b"fix-login" in payload
    payload = payload.replace(b"fix-login", b"fix-logon")
    data["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()


def in_signature(data: dict[str, Any]) -> None:
    [one] = data["dsseEnvelope"]["signatures"]
    raw = bytearray(base64.b64decode(one["sig"]))
    raw[-1] ^= 1
    one["sig"] = base64.b64encode(raw).decode()


def in_checkpoint(data: dict[str, Any]) -> None:
    """Name another root of the log. cosign and npm's library do not look at `rootHash` beside it."""
    [entry] = data["verificationMaterial"]["tlogEntries"]
    checkpoint = entry["inclusionProof"]["checkpoint"]
    name, size, root, rest = checkpoint["envelope"].split("\n", 3)
    raw = bytearray(base64.b64decode(root))
    raw[0] ^= 1
    checkpoint["envelope"] = "\n".join((name, size, base64.b64encode(raw).decode(), rest))


def without_log(data: dict[str, Any]) -> None:
    data["verificationMaterial"]["tlogEntries"] = []


def without_time(data: dict[str, Any]) -> None:
    del data["verificationMaterial"]["timestampVerificationData"]


CHANGES = (in_payload, in_signature, in_checkpoint, without_log, without_time)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_bundle_is_refused(
    signed: Signed, verify: Verify, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    assert not verify(signature=forged(signed, tmp_path, change))[0]


def test_a_copied_bundle_written_anew_is_still_accepted(
    signed: Signed, verify: Verify, tmp_path: Path
) -> None:
    """The refusals above come from what was changed, not from writing the JSON again."""
    accepted, said = verify(signature=forged(signed, tmp_path, lambda _: None))
    assert accepted, said
