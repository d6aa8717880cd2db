"""An OpenID Connect issuer: GitHub-Actions-shaped and e-mail identities.

`python -m tests.private_sigstore.issuer FOLDER PORT` serves the discovery documents, the key, and the
endpoint that a GitHub job asks for its token. Tests that hold the folder mint any token themselves.
"""

from __future__ import annotations

import base64
import sys
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from tests.private_sigstore.material import load
from tests.private_sigstore.serving import HOST, Request, serve

REPOSITORY, REF, COMMIT = "acme/app", "refs/heads/main", "1" * 40
WORKFLOW = f"{REPOSITORY}/.github/workflows/handoff.yml@{REF}"
IDENTITY = f"https://github.com/{WORKFLOW}"
"""The name that Fulcio puts into the certificate of such a job."""

JOB = {
    "sub": f"repo:{REPOSITORY}:ref:{REF}", "repository": REPOSITORY, "repository_id": "101",
    "repository_owner": "acme", "repository_owner_id": "202", "repository_visibility": "private",
    "ref": REF, "ref_type": "branch", "sha": COMMIT, "workflow": "handoff", "workflow_ref": WORKFLOW,
    "workflow_sha": COMMIT, "job_workflow_ref": WORKFLOW, "job_workflow_sha": COMMIT,
    "event_name": "push", "run_id": "303", "run_number": "7", "run_attempt": "1",
    "runner_environment": "github-hosted", "actor": "octo",
}  # fmt: skip
"""The claims of a job of GitHub Actions."""

REQUEST_TOKEN = "what-a-job-asks-for-its-token-with"  # noqa: S105  # of this rig alone
ISSUERS = ("/gha", "/mail")


def mint(key: ec.EllipticCurvePrivateKey, issuer: str, claims: dict[str, Any]) -> str:
    """Return a token of an issuer; `claims` may replace any of its times and its audience."""
    now = int(time.time())
    usual = {"iss": issuer, "aud": "sigstore", "iat": now, "nbf": now - 5, "exp": now + 300}
    return jwt.encode(usual | claims, key, "ES256", headers={"kid": "1"})


def discovery(base: str, issuer: str) -> dict[str, Any]:
    """Return what Fulcio reads first; without the algorithms it would assume RS256."""
    return {
        "issuer": base + issuer, "authorization_endpoint": f"{base}/authorize", "token_endpoint": f"{base}/token",
        "jwks_uri": f"{base}/keys", "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["ES256"],
    }  # fmt: skip


def jwks(key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    """Return the public key as a set of JSON web keys."""
    numbers = key.public_key().public_numbers()
    x, y = (
        base64.urlsafe_b64encode(n.to_bytes(32, "big")).rstrip(b"=").decode()
        for n in (numbers.x, numbers.y)
    )
    one = {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1", "x": x, "y": y}
    return {"keys": [one]}


def main(folder: str, port: str) -> None:
    key, base = load(Path(folder), "oidc"), f"http://{HOST}:{port}"

    def answer(request: Request) -> object | None:
        if request.path == "/keys":
            return jwks(key)
        if request.path == "/actions/token":
            if request.authorization.lower() != f"bearer {REQUEST_TOKEN}":
                raise PermissionError("bad request token")
            return {"value": mint(key, f"{base}/gha", {"aud": request.query["audience"], **JOB})}
        issuer = request.path.removesuffix("/.well-known/openid-configuration")
        return discovery(base, issuer) if issuer in ISSUERS and issuer != request.path else None

    serve(int(port), answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
