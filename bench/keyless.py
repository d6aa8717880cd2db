"""Keyless verification: `lanectl verify` against the `sigstore` command on the same bundle, whole processes.

Usage: python -m bench.keyless [--rounds N]. The bundle is signed against a Sigstore of this machine.
lanectl judges everything, replay and content included; the other looks at the signature alone.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.bench import LANECTL, Rig
from tests.sigstore.material import ME
from tests.sigstore.simulator import Simulator

SIGSTORE = str(Path(sys.executable).parent / "sigstore")
TRUST = """
[[trust.builder.keyless]]
name = "Bench"
email = "bench@bench.test"
issuer = "{issuer}"
identity = "{identity}"
"""


def signed(rig: Rig, simulator: Simulator) -> list[str]:
    """Pack a small change, sign it keyless, trust that; return the other command's line."""
    with (rig.person / "lanectl.toml").open("a") as rules:
        rules.write(TRUST.format(issuer=simulator.issuer, identity=ME))
    (rig.person / ".lanectl/trust/trusted_root.json").write_bytes(simulator.trusted_root)
    rig.git(rig.person, "add", "-A")
    rig.git(rig.person, "commit", "-q", "-m", "identity")
    rig.git(rig.person, "push", "-q", "origin", "HEAD:main")
    for clone in (rig.builder, rig.enforcer):
        rig.git(clone, "pull", "-q", "origin", "main")
    token, config = rig.root / "token", rig.root / "config.json"
    token.write_text(simulator.token())
    config.write_bytes(simulator.config)
    rig.edit(1)
    rig.run(*LANECTL, "pack", "--slug", "x", "--sign", "keyless", "--identity-token", token,
            "--sigstore", config, cwd=rig.builder)  # fmt: skip
    return [
        SIGSTORE, "--trust-config", str(config), "verify", "identity", "--offline",
        "--bundle", f"{rig.bundle}.sigstore.json", "--cert-identity", ME,
        "--cert-oidc-issuer", simulator.issuer, str(rig.bundle),
    ]  # fmt: skip


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=9)
    rounds = arguments.parse_args().rounds
    simulator = Simulator()
    with tempfile.TemporaryDirectory(prefix="lanectl-bench-") as folder:
        rig = Rig(Path(folder), 100)
        try:
            line = signed(rig, simulator)
        finally:
            simulator.close()
        pairs = [(rig.verify(), rig.run(*line)) for _ in range(rounds + 1)][1:]
    ours, other = (statistics.median(p[n] for p in pairs) for n in (0, 1))
    ratio = statistics.median(a / b for a, b in pairs)
    print("\n| lanectl / the other | lanectl | the other | ratio |\n|---|--:|--:|--:|")
    print(f"| verify, keyless / `sigstore verify identity --offline` | {1000 * ours:,.0f} ms | {1000 * other:,.0f} ms | {ratio:.2f} |")  # fmt: skip


if __name__ == "__main__":
    main()
