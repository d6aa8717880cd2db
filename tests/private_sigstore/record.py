"""Keeps one keyless bundle of the real servers for later: `python -m tests.private_sigstore.record FOLDER`.

Its certificate is good for ten minutes, so that whoever reads it after that proves what lanectl says
of time. The keys of the servers are not kept.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from tests.private_sigstore.stack import PrivateSigstore
from tests.private_sigstore.story import sign
from tests.world import World, scrubbed

REPOSITORY = "github.com/acme/app"


def main(into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        for variable in scrubbed():
            patch.delenv(variable, raising=False)
        folder = Path(name)
        for part in ("home", "servers"):
            (folder / part).mkdir()
        with PrivateSigstore(folder / "servers") as sigstore:
            patch.setenv("HOME", str(folder / "home"))
            world = World(folder / "world", patch)
            world.change()
            archive = world.pack("fix-login", "--unsigned", "--repository", REPOSITORY)
            signed = sign(sigstore, archive, "--with", "keyless", **sigstore.job)
            assert signed.code == 0, signed.err
            kept = (archive, Path(signed.out.strip()), sigstore.trusted_root, sigstore.trust_config)
            for file in kept:
                shutil.copyfile(file, into / file.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
