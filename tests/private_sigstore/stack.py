"""A private Sigstore: Fulcio, Rekor and the timestamp authority as they are, in a network of their own.

Beside them an OpenID Connect issuer and a certificate log of ours. Every server can be stopped,
frozen or replaced by one that answers garbage. `run` starts a client in the same network.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

import yaml

from tests.gotool import built
from tests.private_sigstore import material
from tests.private_sigstore.issuer import REQUEST_TOKEN, mint
from tests.private_sigstore.namespace import ROOT, Namespace
from tests.private_sigstore.serving import HOST
from tests.servers import end

FULCIO = "github.com/sigstore/fulcio@v1.8.8"
REKOR = "github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix@v2.3.0"
TIMESTAMP = "github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server@v2.1.2"

PORTS = {"issuer": 8001, "ct": 8002, "fulcio": 8003, "rekor": 8004, "timestamp": 8005}
"""Nobody else is in the namespace, so the ports are always free."""

URLS = {name: f"http://{HOST}:{port}" for name, port in PORTS.items()}
GITHUB, MAIL = f"{URLS['issuer']}/gha", f"{URLS['issuer']}/mail"

Fault = Literal["stopped", "frozen", "broken"]


class PrivateSigstore:
    """Five servers. `trusted_root` is what verifiers pin, `trust_config` what signers are given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trusted_root = folder / "trusted_root.json"
        self.trust_config = folder / "trust_config.json"
        material.make(folder, URLS)
        issuers = {
            GITHUB: {"issuer-url": GITHUB, "client-id": "sigstore", "type": "github-workflow"},
            MAIL: {"issuer-url": MAIL, "client-id": "sigstore", "type": "email"},
        }
        # in YAML's own style: what is valid JSON, too, leaves Fulcio without any issuer
        config = yaml.safe_dump({"oidc-issuers": issuers}, default_flow_style=False)
        (folder / "fulcio.yaml").write_text(config)
        self._commands = _commands(folder)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._namespace = Namespace()

    def __enter__(self) -> Self:
        try:
            self.start("issuer", "ct")  # Fulcio reads its issuers' documents when it starts
            self.start("fulcio", "rekor", "timestamp")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._running):
            self.stop(name)
        self._namespace.__exit__()

    def start(self, *names: str) -> None:
        """Start servers and wait until they answer."""
        for name in names:
            self._launch(name, self._commands[name])
        paths = {"timestamp": "/ping"}
        urls = [URLS[name] + paths.get(name, "/healthz") for name in names]
        self._wait(*urls)

    def _wait(self, *words: str) -> None:
        done = self.run(sys.executable, "-m", "tests.private_sigstore.ready", *words, cwd=ROOT)
        logs = "\n".join(log.read_text()[-500:] for log in self.folder.glob("*.log"))
        assert done.returncode == 0, done.stderr + logs

    def _launch(self, name: str, command: list[str | Path]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                self._namespace.inside(*command), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=ROOT, env={**os.environ, "HOME": str(self.folder)},
            )  # fmt: skip

    def stop(self, name: str) -> None:
        """End a server."""
        end(self._running.pop(name))

    @contextlib.contextmanager
    def faulty(self, name: str, fault: Fault) -> Iterator[None]:
        """Have one server stopped, frozen or broken for a while; afterwards it is started anew.

        A frozen one is not just thawed: Rekor fails whoever comes in one batch with a client that left.
        """
        if fault == "frozen":
            self._running[name].send_signal(signal.SIGSTOP)
        else:
            self.stop(name)
        if fault == "broken":
            self._launch(
                name, [sys.executable, "-m", "tests.private_sigstore.garbage", str(PORTS[name])]
            )
            self._wait("--open", URLS[name])
        try:
            yield
        finally:
            if name in self._running:
                self._running[name].send_signal(signal.SIGCONT)
                self.stop(name)
            self.start(name)

    def run(
        self, *command: str | Path, cwd: Path | None = None, timeout: float = 60, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a client in the servers' network; TimeoutExpired if it takes longer."""
        return subprocess.run(
            self._namespace.inside(*command), cwd=cwd, env={**os.environ, **extra}, timeout=timeout,
            capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip

    @property
    def job(self) -> dict[str, str]:
        """The environment of a GitHub job that may ask for a token."""
        return {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{URLS['issuer']}/actions/token?api-version=2",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
        }

    def token(self, issuer: str, **claims: Any) -> str:
        """Return a token of an issuer with these claims, good or not."""
        return mint(material.load(self.folder, "oidc"), issuer, claims)


def _commands(folder: Path) -> dict[str, list[str | Path]]:
    python = [sys.executable, "-m"]

    def ours(module: str, name: str) -> list[str | Path]:
        return [*python, f"tests.private_sigstore.{module}", folder, str(PORTS[name])]

    return {
        "issuer": ours("issuer", "issuer"),
        "ct": ours("certificate_log", "ct"),
        "fulcio": [
            built(FULCIO), "serve", "--host", HOST, "--port", str(PORTS["fulcio"]),
            "--grpc-host", HOST, "--grpc-port", "9003", "--metrics-port", "9103",
            "--legacy-unix-domain-socket", "@fulcio", "--log_type", "prod",
            "--config-path", folder / "fulcio.yaml", "--ca", "fileca",
            "--fileca-cert", folder / "fulcio-chain.pem", "--fileca-key", folder / "fulcio.pem",
            "--fileca-key-passwd", "unused", "--fileca-watch=false",
            "--ct-log-url", URLS["ct"], "--ct-log-public-key-path", folder / "ct.pub",
        ],
        "rekor": [
            built(REKOR), "serve", "--http-address", HOST, "--http-port", str(PORTS["rekor"]),
            "--grpc-address", HOST, "--grpc-port", "9004", "--http-metrics-port", "9104",
            "--hostname", HOST,  # what the checkpoint is signed as: cosign compares it with the trusted root
            "--storage-dir", folder / "rekor", "--signer-filepath", folder / "rekor.pem",
            "--batch-max-age", "10ms", "--checkpoint-interval", "200ms",
        ],
        "timestamp": [
            built(TIMESTAMP), "serve", "--host", HOST, "--port", str(PORTS["timestamp"]),
            "--disable-ntp-monitoring", "--log-type", "prod", "--timestamp-signer", "file",
            "--file-signer-key-path", folder / "timestamp.pem",
            "--certificate-chain-path", folder / "timestamp-chain.pem",
        ],
    }  # fmt: skip
