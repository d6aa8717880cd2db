"""Verifiers written by others take our signature as it is, and refuse it where anything was changed."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lanectl.adapters import keys
from lanectl.flows.admit import admit
from lanectl.flows.summarize import summarize
from lanectl.model.bundle import ADMISSION_SUFFIX, ARTIFACT, SIGNATURE_SUFFIX, SUMMARY_SUFFIX
from lanectl.model.names import Digest, ObjectId, RepositoryId
from lanectl.model.summary import Summary
from tests.forge.admissions import admission_of
from tests.gotool import built
from tests.outside.readers import COSIGN, SCRIPT, shown, tool
from tests.world import World, lanectl, write

pytestmark = pytest.mark.e2e

SIGNATURE, ADMISSION = ARTIFACT + SIGNATURE_SUFFIX, ARTIFACT + ADMISSION_SUFFIX
SUMMARY = ARTIFACT + SUMMARY_SUFFIX
NO_WAY_OUT = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:1")

Verify = Callable[[Path, Path, Path], tuple[bool, str]]
"""(signature file, public key, file) to whether it was accepted, and what was said."""


def run(*command: str | Path) -> tuple[bool, str]:
    done = subprocess.run(
        [str(word) for word in command], env={**os.environ, **NO_WAY_OUT}, capture_output=True,
        text=True, stdin=subprocess.DEVNULL, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode in {0, 1}, done.stderr
    return done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def cosign() -> Path:
    return built(COSIGN)


@pytest.fixture(params=["cosign", "node"])
def verify(request: pytest.FixtureRequest, tmp_path: Path) -> Verify:
    """One of the two verifiers, with the line that the page shows."""
    program = tool(request.param, tmp_path)

    def call(signature: Path, key: Path, file: Path) -> tuple[bool, str]:
        ours = {
            SIGNATURE: signature, "builder.pem.pub": key, ARTIFACT: file, SCRIPT.name: tmp_path / SCRIPT.name,
            ADMISSION: signature, SUMMARY: signature, "enforcer.pem.pub": key,
        }  # fmt: skip
        about = signature.name if signature.name in {ADMISSION, SUMMARY} else SIGNATURE
        return run(program, *(ours.get(word, word) for word in shown(request.param, about)))

    return call


@dataclass(frozen=True)
class Signed:
    """A bundle with what belongs to it, and what a person without a key would put in its place."""

    archive: Path
    key: Path
    other_key: Path
    other_archive: Path

    @property
    def signature(self) -> Path:
        return self.archive.with_name("artifact.tar.gz.sigstore.json")

    def forged(self, change: Callable[[dict[str, Any]], None]) -> Path:
        """Return a changed copy of the signature file."""
        data = json.loads(self.signature.read_bytes())
        change(data)
        path = self.archive.with_name("forged.sigstore.json")
        path.write_text(json.dumps(data), encoding="ascii")
        return path


@pytest.fixture(params=["ecdsa-p256", "ed25519"])
def signed(request: pytest.FixtureRequest, bare_world: World) -> Signed:
    keys = [bare_world.root / f"{name}.pem" for name in ("one", "other")]
    for key in keys:
        made = lanectl(
            "keys", "new", "--role", "builder", "--algorithm", request.param, "--out", key
        )
        assert made.code == 0, made.err
    bare_world.change()
    archive = bare_world.pack("fix-login", "--key", keys[0])
    write(bare_world.builder / "more.txt")
    other = bare_world.pack("another", "--key", keys[0])
    public = [key.with_name(f"{key.name}.pub") for key in keys]
    return Signed(archive, *public, other)


def members(signed: Signed, into: Path) -> list[Path]:
    with tarfile.open(signed.archive) as archive:
        archive.extractall(into, filter="data")
        return [into / name for name in archive.getnames()]


def test_the_bundle_is_accepted_as_it_is(signed: Signed, verify: Verify, tmp_path: Path) -> None:
    for file in (signed.archive, *members(signed, tmp_path / "members")):
        accepted, said = verify(signed.signature, signed.key, file)
        assert accepted, f"{file.name}: {said}"


def test_a_changed_archive_is_refused(signed: Signed, verify: Verify) -> None:
    data = bytearray(signed.archive.read_bytes())
    data[-1] ^= 1
    signed.archive.write_bytes(data)
    assert not verify(signed.signature, signed.key, signed.archive)[0]


def test_another_file_is_refused(signed: Signed, verify: Verify) -> None:
    assert signed.other_archive.read_bytes() != signed.archive.read_bytes()
    assert not verify(signed.signature, signed.key, signed.other_archive)[0]


def test_another_key_is_refused(signed: Signed, verify: Verify) -> None:
    assert not verify(signed.signature, signed.other_key, signed.archive)[0]


def test_a_changed_statement_is_refused(signed: Signed, verify: Verify) -> None:
    def change(data: dict[str, Any]) -> None:
        payload = base64.b64decode(data["dsseEnvelope"]["payload"])
        assert b"fix-login" in payload
        payload = payload.replace(b"fix-login", b"fix-logon")
        data["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()

    assert not verify(signed.forged(change), signed.key, signed.archive)[0]


def test_a_changed_signature_is_refused(signed: Signed, verify: Verify) -> None:
    def change(data: dict[str, Any]) -> None:
        (one,) = data["dsseEnvelope"]["signatures"]
        raw = bytearray(base64.b64decode(one["sig"]))
        raw[-1] ^= 1
        one["sig"] = base64.b64encode(raw).decode()

    assert not verify(signed.forged(change), signed.key, signed.archive)[0]


def test_an_admission_is_accepted_for_its_bundle_and_by_its_key(
    signed: Signed, verify: Verify, bare_world: World
) -> None:
    signer = keys.load(str(signed.key).removesuffix(".pub"))
    path = signed.archive.with_name(ADMISSION)
    path.write_bytes(admit(admission_of(bare_world, signed.archive, "1" * 40), signer))
    accepted, said = verify(path, signed.key, signed.archive)
    assert accepted, said
    assert not verify(path, signed.other_key, signed.archive)[0]
    assert not verify(path, signed.key, signed.other_archive)[0]


def test_a_summary_is_accepted_for_its_bundle_and_by_its_key(
    signed: Signed, verify: Verify
) -> None:
    signer = keys.load(str(signed.key).removesuffix(".pub"))
    path = signed.archive.with_name(SUMMARY)
    bundle, one = Digest.of(signed.archive.read_bytes()), ObjectId("1" * 40)
    summary = Summary(
        signer.public.id, RepositoryId("a.test/b/c"), bundle, one, one,
        {SIGNATURE_SUFFIX: Digest.of(signed.signature.read_bytes())}, "SLSA_BUILD_LEVEL_1", "1.2",
        datetime(2026, 1, 2, tzinfo=UTC),
    )  # fmt: skip
    path.write_bytes(summarize(summary, signer))
    accepted, said = verify(path, signed.key, signed.archive)
    assert accepted, said
    assert not verify(path, signed.other_key, signed.archive)[0]
    assert not verify(path, signed.key, signed.other_archive)[0]


def test_a_copied_file_written_anew_is_still_accepted(signed: Signed, verify: Verify) -> None:
    """The refusals above come from what was changed, not from writing the JSON again."""
    assert verify(signed.forged(lambda _: None), signed.key, signed.archive)[0]


def test_cosign_skips_a_signature_with_our_key_id(signed: Signed, cosign: Path) -> None:
    """Why the envelope carries no keyid."""

    def change(data: dict[str, Any]) -> None:
        hint = base64.b64decode(data["verificationMaterial"]["publicKey"]["hint"])
        data["dsseEnvelope"]["signatures"][0]["keyid"] = hint.hex()

    line = ("--key", signed.key, "--type", "slsaprovenance02", "--insecure-ignore-tlog")
    accepted, said = run(
        cosign, "verify-blob-attestation", "--bundle", signed.forged(change), *line, signed.archive
    )
    assert not accepted
    assert "threshold" in said


def test_cosign_wants_the_type_of_the_statement(signed: Signed, cosign: Path) -> None:
    line = ("--bundle", signed.signature, "--key", signed.key, "--insecure-ignore-tlog")
    accepted, said = run(cosign, "verify-blob-attestation", *line, signed.archive)
    assert not accepted
    assert "type" in said
