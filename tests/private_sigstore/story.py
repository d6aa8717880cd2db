"""What a story about keyless signatures needs: a target that trusts the private Sigstore's identities."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.private_sigstore.issuer import IDENTITY
from tests.private_sigstore.stack import GITHUB, PrivateSigstore
from tests.world import Ran, World, write


def trust(world: World, sigstore: PrivateSigstore, *accept: str, **entry: str) -> None:
    """Let the job of the private Sigstore sign for the Builder; `entry` replaces any of its fields."""
    fields = {
        "name": "Acme CI", "email": "ci@acme.example", "issuer": GITHUB, "identity": IDENTITY, **entry
    }  # fmt: skip
    section = ["", "[trust.builder]", f"accept = {list(accept)}"] if accept else [""]
    section += ["[[trust.builder.keyless]]", *(f'{key} = "{fields[key]}"' for key in fields)]
    rules = world.person / "lanectl.toml"
    rules.write_text(rules.read_text() + "\n".join(section) + "\n")
    write(world.person / ".lanectl/trust/trusted_root.json", sigstore.trusted_root.read_bytes())
    world.commit("who signs keyless")
    world.fetch()


def sign(
    sigstore: PrivateSigstore,
    bundle: Path,
    *extra: str | Path,
    timeout: float = 60,
    **environment: str,
) -> Ran:
    """Sign a bundle keyless, as a process in the servers' network."""
    done = sigstore.run(
        sys.executable, "-m", "lanectl", "sign", bundle, "--sigstore", sigstore.trust_config, *extra,
        timeout=timeout, **environment,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)
