"""What cosign signed is a bundle like ours: the statement that `pack --unsigned` left, as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lanectl.model.bundle import ARTIFACT, SIGNATURE_SUFFIX
from tests.outside.readers import shown, tool
from tests.private_sigstore.issuer import JOB
from tests.private_sigstore.stack import GITHUB, PrivateSigstore
from tests.private_sigstore.story import trust
from tests.world import World

pytestmark = pytest.mark.e2e

SIGNATURE, STATEMENT = ARTIFACT + SIGNATURE_SUFFIX, f"{ARTIFACT}.intoto.json"


class Cosign:
    """cosign in the network of the private Sigstore, by a line of the page about a file it reads."""

    def __init__(self, sigstore: PrivateSigstore, bundle: Path, folder: Path) -> None:
        self.sigstore, self.bundle, self.folder = sigstore, bundle, folder
        self.program = tool("cosign", folder)
        services = folder / "no_services.json"
        services.write_text('{"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"}')

    def __call__(self, about: str) -> str:
        ours = {
            ARTIFACT: self.bundle, SIGNATURE: self.bundle.with_name(SIGNATURE),
            STATEMENT: self.bundle.with_name(STATEMENT),
            **{p.name: p for f in (self.folder, self.sigstore.folder) for p in f.iterdir()},
        }  # fmt: skip
        words = [ours.get(word, word) for word in shown("cosign", about)]
        done = self.sigstore.run(self.program, *words, COSIGN_PASSWORD="")
        assert done.returncode == 0, done.stderr
        return done.stderr


@pytest.fixture
def cosign(sigstore: PrivateSigstore, world: World, tmp_path: Path) -> Cosign:
    """cosign, and an unsigned bundle."""
    trust(world, sigstore, "keyless", "key")
    world.change()
    folder = tmp_path / "cosign"
    folder.mkdir()
    return Cosign(sigstore, world.pack("fix-login", "--unsigned"), folder)


def test_a_job_signs_with_cosign(cosign: Cosign, world: World) -> None:
    """Twice: protobuf's JSON leaves out what is zero, such as the index of a log's first entry."""
    for _ in range(2):
        (cosign.folder / "token").write_text(cosign.sigstore.token(GITHUB, **JOB))
        cosign("token")
        judged = world.verify(cosign.bundle)
        assert judged.code == 0, judged.out
        assert judged.json["signer"]["name"] == "Acme CI"


def test_a_key_of_the_keyring_signs_with_cosign(cosign: Cosign, world: World) -> None:
    key = world.key("builder")
    imported = cosign.sigstore.run(
        cosign.program, "import-key-pair", "--key", key, "--output-key-prefix", cosign.folder / "cosign",
        COSIGN_PASSWORD="",
    )  # fmt: skip
    assert imported.returncode == 0, imported.stderr
    cosign("cosign.key")
    judged = world.verify(cosign.bundle)
    assert judged.code == 0, judged.out
    data = json.loads(cosign.bundle.with_name(SIGNATURE).read_bytes())
    assert data["verificationMaterial"].keys() == {"publicKey"}


def test_a_key_signature_that_cosign_logged_is_refused(cosign: Cosign, world: World) -> None:
    """Nobody here judges the log entry of a key: a file that seems to prove more is not taken."""
    key = world.key("builder")
    prefix, config = cosign.folder / "cosign", cosign.sigstore.folder / "signing_config.json"
    line = ("import-key-pair", "--key", key, "--output-key-prefix", prefix)
    assert cosign.sigstore.run(cosign.program, *line, COSIGN_PASSWORD="").returncode == 0
    (cosign.folder / "no_services.json").write_bytes(config.read_bytes())
    cosign("cosign.key")
    assert world.verify(cosign.bundle).rules == ["envelope/malformed"]
