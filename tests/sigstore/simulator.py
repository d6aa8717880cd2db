"""A private Sigstore on one loopback address: identities, certificates, log and timestamps.

Every server can fail: `fail("log", Trouble.FROZEN)`. It makes what real servers make; forged material
is made without servers (`material.py`).
"""

from __future__ import annotations

import base64
import enum
import json
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tests.sigstore.authority import general_name, new_key
from tests.sigstore.log import as_rekor_answers
from tests.sigstore.material import LIFE, ME, Sigstore

PATHS = {
    "/api/v2/signingCert": "authority",
    "/api/v1/log/entries": "log",
    "/api/v2/log/entries": "log",
    "/api/v1/timestamp": "stamps",
    "/actions/token": "identity",
}
WORKFLOW = "https://github.com/acme/shop/.github/workflows/handoff.yml@refs/heads/main"
GITHUB = {
    "job_workflow_ref": "acme/shop/.github/workflows/handoff.yml@refs/heads/main",
    "job_workflow_sha": "1" * 40,
    "runner_environment": "github-hosted",
    "repository": "acme/shop",
    "sha": "2" * 40,
    "ref": "refs/heads/main",
    "event_name": "push",
}


class Trouble(enum.Enum):
    """What a server can do instead of its work; a number is a status."""

    FROZEN = "accepts, and never answers"
    DRIPPING = "sends a byte now and then, for ever"
    BROKEN = "answers no JSON"
    EMPTY = "answers an empty object"
    FLOODING = "answers more than anybody wants to read"
    ELSEWHERE = "sends the client to another host"


@dataclass
class Simulator:
    """Runs until `close`. `config`, `trusted_root` and `base` are those of a Sigstore."""

    version: int = 1
    life: timedelta = LIFE
    troubles: dict[str, Trouble | int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False  # so that closing waits for what is still answered
        self.closing = threading.Event()
        self.sigstore = Sigstore(f"http://127.0.0.1:{self._server.server_port}", self.version)
        self.key, self.request_token = new_key(), "job-token"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def issuer(self) -> str:
        return self.sigstore.base

    @property
    def config(self) -> bytes:
        return self.sigstore.config

    @property
    def trusted_root(self) -> bytes:
        return self.sigstore.trusted_root

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def fail(self, server: str, trouble: Trouble | int) -> None:
        """Let `identity`, `authority`, `log` or `stamps` fail from now on."""
        self.troubles[server] = trouble

    def token(self, identity: str = ME, audience: str = "sigstore", **claims: Any) -> str:
        """Return an identity token; a claim can also replace what it holds anyhow."""
        now = int(time.time())
        said = {
            "iss": self.issuer, "sub": identity, "aud": audience, "iat": now, "nbf": now - 5,
            "exp": now + 300, **claims,
        }  # fmt: skip
        return jwt.encode(said, self.key, "ES256")

    def github_token(self, audience: str = "sigstore", **claims: str) -> str:
        """Return a token as a job of GitHub Actions gets it."""
        said = {**GITHUB, **claims}
        return self.token(f"repo:{said['repository']}:ref:{said['ref']}", audience, **said)

    def github_job(self) -> dict[str, str]:
        """Return what a job's environment holds that may ask for a token."""
        return {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.issuer}/actions/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self.request_token,
        }

    def answer(self, path: str, query: str, authorization: str, body: bytes) -> tuple[int, bytes]:
        """Return status and body; what is wrong with a request is said as the servers say it."""
        now = datetime.now(UTC)
        try:
            if path == "/actions/token":
                return self._job_token(query, authorization)
            if path == "/api/v2/signingCert":
                return 201, self._certify(json.loads(body), authorization, now)
            if path == "/api/v1/timestamp":
                return 201, self.sigstore.stamps.answer(body, now)
            if path.endswith("/log/entries"):
                return 201, json.dumps(self._log(json.loads(body), now)).encode()
        except (jwt.PyJWTError, ValueError, KeyError) as error:
            text = f"There was an error processing the request: {error}"
            return 400, json.dumps({"code": 400, "message": text}).encode()
        return 404, b"{}"

    def _job_token(self, query: str, authorization: str) -> tuple[int, bytes]:
        if authorization.lower() != f"bearer {self.request_token}":
            return 401, b'{"message":"the job may not ask"}'
        (audience,) = parse_qs(query)["audience"]
        return 200, json.dumps({"value": self.github_token(audience)}).encode()

    def _certify(self, asked: dict[str, Any], authorization: str, now: datetime) -> bytes:
        said = jwt.decode(
            authorization.removeprefix("Bearer "), self.key.public_key(), ["ES256"],
            audience="sigstore", issuer=self.issuer,
        )  # fmt: skip
        request = x509.load_pem_x509_csr(base64.b64decode(asked["certificateSigningRequest"]))
        public = request.public_key()
        if not request.is_signature_valid or not isinstance(public, ec.EllipticCurvePublicKey):
            raise ValueError("the request is not signed by its own key")
        claims = _of_run(said) if "job_workflow_ref" in said else {}
        identity = claims.get("build_signer_uri", said["sub"])
        start = now.replace(microsecond=0)
        authority = self.sigstore.authority
        leaf = authority.issue(
            public,
            [general_name(identity)],
            said["iss"],
            claims,
            start=start,
            end=start + self.life,
        )
        chain = [leaf, authority.intermediate, authority.root]
        pem = [one.public_bytes(Encoding.PEM).decode() for one in chain]
        return json.dumps(
            {"signedCertificateEmbeddedSct": {"chain": {"certificates": pem}}}
        ).encode()

    def _log(self, asked: dict[str, Any], now: datetime) -> Any:
        if "hashedRekordRequestV002" in asked:
            digest = asked["hashedRekordRequestV002"]
            return self.sigstore.log.add_digest(digest["digest"], digest["signature"])
        proposed = asked["spec"]["proposedContent"]
        envelope = json.loads(proposed["envelope"])
        certificate = x509.load_pem_x509_certificate(base64.b64decode(proposed["verifiers"][0]))
        public = certificate.public_key()
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise ValueError("a key of another kind")  # noqa: TRY004 - the request's fault
        kind, payload = envelope["payloadType"].encode(), base64.b64decode(envelope["payload"])
        message = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
        signature = base64.b64decode(envelope["signatures"][0]["sig"])
        public.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        return as_rekor_answers(self.sigstore.log.add(envelope, certificate, now))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        simulator = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                url = urlsplit(self.path)
                server = PATHS.get(url.path, "")
                simulator.asked.append(server)
                trouble = simulator.troubles.get(server)
                try:
                    if isinstance(trouble, Trouble):
                        self.misbehave(trouble)
                    elif trouble is not None:
                        self.reply(trouble, b'{"code":%d,"message":"out of order"}' % trouble)
                    else:
                        who = self.headers.get("Authorization", "")
                        self.reply(*simulator.answer(url.path, url.query, who, body))
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the client had enough

            def reply(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def misbehave(self, trouble: Trouble) -> None:
                if trouble is Trouble.FROZEN:
                    simulator.closing.wait(60)
                elif trouble is Trouble.BROKEN:
                    self.reply(200, b"<html>\x1b[31mhello</html>")
                elif trouble is Trouble.EMPTY:
                    self.reply(200, b"{}")
                elif trouble is Trouble.FLOODING:
                    self.reply(200, b" " * (2 << 20))
                elif trouble is Trouble.ELSEWHERE:
                    self.send_response(307)
                    self.send_header("Location", "http://elsewhere.example.test/")
                    self.end_headers()
                else:
                    self.wfile.write(b"HTTP/1.0 200 OK\r\n")
                    while not simulator.closing.wait(0.05):
                        self.wfile.write(b"X: y\r\n")
                        self.wfile.flush()

        return Handler


def _of_run(said: dict[str, str]) -> dict[str, str]:
    """Return what a certificate says of a run that its token says."""
    forge = "https://github.com/"
    return {
        "build_signer_uri": forge + said["job_workflow_ref"],
        "build_signer_digest": said["job_workflow_sha"],
        "runner_environment": said["runner_environment"],
        "source_repository_uri": forge + said["repository"],
        "source_repository_digest": said["sha"],
        "source_repository_ref": said["ref"],
        "build_trigger": said["event_name"],
    }
