"""The good bundle, and the plan from which every broken one differs in one place.

A second writing of docs/bundle-format.md: nothing of lanectl is imported here. What follows the
changed place is made anew (digests, signature), so that the rule for that place fires.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from tests.assets.bundles.workshop import archive, objects
from tests.assets.bundles.workshop.objects import File, Files

KEYS = Path(__file__).parent.parent / "keys"
NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
START = 1_700_000_000
ENGINE = "git 2.39.5"
REPOSITORY = "example.test/acme/shop"
URI = f"git+https://{REPOSITORY}"
REMOTE = f"https://{REPOSITORY}"
OTHER_COMMIT = "1" * 40

REGISTERED = {
    "builder-ed25519": ("builder", "2020-01-01", "2099-12-31"),
    "builder-p256": ("builder", "2020-01-01", "2099-12-31"),
    "enforcer": ("enforcer", "2020-01-01", "2099-12-31"),
    "expired": ("builder", "2020-01-01", "2021-01-01"),
    "future": ("builder", "2090-01-01", "2099-12-31"),
    "revoked": ("builder", "2020-01-01", "2099-12-31"),
}
"""The keys at the target's tip: role, first and last day. `unregistered` is not among them."""

LINES = b"".join(b"%d of forty\n" % n for n in range(1, 41))
ROLLBACK_PATH = "supabase/rollbacks/0002_orders.sql"
MIGRATION: dict[bytes, File | None] = {
    b"supabase/migrations/0002_orders.sql": File(b"create view orders as select 1 as id;\n"),
    ROLLBACK_PATH.encode(): File(b"drop view orders;\n"),
}
BASE: Files = {
    b"README.md": File(b"# Shop\n"),
    b"lib": File(OTHER_COMMIT.encode(), "160000"),
    b"lines.txt": File(LINES),
    b"link": File(b"lines.txt", "120000"),
    b"old.txt": File(b"old\n"),
    b"requirements.txt": File(b"shelf==1.0\n"),
    b"run.sh": File(b"#!/bin/sh\n", "100755"),
}
GOOD: dict[bytes, File | None] = {
    b"lines.txt": File(LINES.replace(b"2 of forty\n", b"two of forty\n", 1)),
    b"new.txt": File(b"new\n"),
}

Step = Callable[[Any], Any]


def same(_: Any) -> None:
    """Change nothing."""


@dataclass(frozen=True)
class Plan:
    """How to make one bundle. A step changes its argument, or returns what takes its place."""

    base: str = "merge"
    edits: dict[bytes, File | None] = field(default_factory=lambda: dict(GOOD))
    patch: Step = same
    members: Step = same
    predicate: Step = same  # of both statements
    inner: Step = same
    attestation: Step = same  # bytes
    pack: Step = archive.tar  # members to tar
    tar: Step = same
    gzip: Step = archive.gzip
    outer: Step = same
    payload: Step = same
    key: str = "builder-ed25519"
    signed: Step = same  # the bytes that are signed
    signature: Step = same
    envelope: Step = same
    file: Step = same
    deliver: Step = same  # the two files, after everything was made
    issued: datetime = NOW - timedelta(days=1)
    expires: datetime | None = None


@dataclass(frozen=True)
class Made:
    """The two files of a bundle."""

    artifact: bytes
    signature: bytes | None


MISSING = object()
"""What a step returns for a file that is not written at all."""


@cache
def history() -> tuple[objects.Objects, dict[str, str], dict[str, Files]]:
    """Return the target's objects, its commits by name, and the files of each."""
    store = objects.Objects()
    trust = BASE | {
        b"lanectl.toml": File(rules()),
        b".lanectl/trust/keyring.json": File(keyring()),
    }
    files = {
        "root": BASE,
        "trust": trust,
        "side": trust | {b"side.txt": File()},
        "own": trust | {b"own.txt": File()},
        "merge": trust | {b"side.txt": File(), b"own.txt": File()},
        "tip": trust | {b"side.txt": File(), b"own.txt": File(), b"tip.txt": File()},
        "elsewhere": trust | {b"elsewhere.txt": File()},
    }
    parents = {
        "root": [], "trust": ["root"], "side": ["trust"], "own": ["trust"],
        "merge": ["own", "side"], "tip": ["merge"], "elsewhere": ["trust"],
    }  # fmt: skip
    commits: dict[str, str] = {}
    for number, (name, above) in enumerate(parents.items()):
        tree = store.tree(files[name])
        commits[name] = store.commit(tree, [commits[p] for p in above], name, START + number)
    return store, commits, files


def write_target(folder: Path) -> None:
    """Write the Enforcer's clone, main at the tip, as it is when the bundles arrive."""
    store, commits, _ = history()
    refs = {
        "refs/heads/main": commits["tip"],
        "refs/remotes/origin/main": commits["tip"],
        "refs/remotes/origin/elsewhere": commits["elsewhere"],
    }
    store.write(folder, refs, REMOTE)


def operator() -> bytes:
    """Return the operator file that pins the target; the small limit keeps the bombs small."""
    return (
        f'version = 1\n[target]\nrepository = "{REMOTE}"\nbranch = "main"\n'
        f'ref = "refs/remotes/origin/main"\npinned = "{history()[1]["trust"]}"\n'
        "[limits]\ninflated_mib = 1\n"
    ).encode()


def rules() -> bytes:
    return f'version = 1\n[repository]\nid = "{REPOSITORY}"\n'.encode()


def keyring() -> bytes:
    """Return the keyring file of the target's tip."""
    entries = []
    for name, (role, start, stop) in REGISTERED.items():
        revoked = {"at": "2025-06-01T00:00:00Z", "compromisedSince": "2025-05-01T00:00:00Z", "reason": "lost"}  # fmt: skip
        entries.append(
            {
                "email": f"{name}@example.test",
                "id": key_id(name).hex(),
                "name": f"Test {name}",
                "notAfter": f"{stop}T00:00:00Z",
                "notBefore": f"{start}T00:00:00Z",
                "publicKey": public(name, Encoding.PEM).decode(),
                "revoked": revoked if name == "revoked" else None,
                "role": role,
            }
        )
    return json.dumps({"keys": entries, "version": "1"}, indent=2).encode() + b"\n"


@cache
def private(name: str) -> Any:
    return load_pem_private_key((KEYS / f"test-only-{name}.pem").read_bytes(), None)


def public(name: str, encoding: Encoding) -> bytes:
    kind = PublicFormat.SubjectPublicKeyInfo
    return bytes(private(name).public_key().public_bytes(encoding, kind))


def key_id(name: str) -> bytes:
    return hashlib.sha256(public(name, Encoding.DER)).digest()


def sign(name: str, message: bytes) -> bytes:
    """Sign; the same message always gives the same bytes, with ECDSA too (RFC 6979)."""
    key = private(name)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    return bytes(key.sign(message))


def pae(payload: bytes, kind: bytes = b"application/vnd.in-toto+json") -> bytes:
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def canonical(value: Any) -> bytes:
    """Return RFC 8785 of a value; enough for keys in ASCII and no numbers but small ones."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def make(plan: Plan) -> Made:
    """Make the bundle of a plan."""
    members, predicate = _content(plan)
    inner = _statement({n: sha256(d) for n, d in members.items()}, _copy(predicate))
    inner = _after(plan.inner, inner)
    members["attestation.intoto"] = _after(plan.attestation, canonical(inner))
    tar = _after(plan.tar, plan.pack(members))
    artifact = plan.gzip(tar)
    subjects = {n: sha256(d) for n, d in members.items()}
    subjects |= {"artifact.tar": sha256(tar), "artifact.tar.gz": sha256(artifact)}
    outer = _statement(subjects, _copy(predicate))
    outer["predicate"]["invocation"]["environment"] = _environment(plan)
    outer = _after(plan.outer, outer)
    made = Made(artifact, envelope(plan, _after(plan.payload, canonical(outer))))
    return _after(plan.deliver, made)  # type: ignore[no-any-return]


def envelope(plan: Plan, payload: bytes) -> bytes | None:
    """Return the signature file over a payload."""
    signature = _after(plan.signature, sign(plan.key, _after(plan.signed, pae(payload))))
    value = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "publicKey": {"hint": base64.b64encode(key_id(plan.key)).decode()}
        },
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": base64.b64encode(signature).decode()}],
        },
    }
    value = _after(plan.envelope, value)
    data = _after(plan.file, json.dumps(value, indent=1).encode() + b"\n")
    return None if data is MISSING else bytes(data)


def _content(plan: Plan) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return the members but the attestation, and the predicate of both statements."""
    _, commits, files = history()
    before = files[plan.base]
    after = {p: f for p, f in (before | plan.edits).items() if f is not None}
    scratch = objects.Objects()
    result = scratch.tree(after)
    scripts = [f.data for p, f in plan.edits.items() if f and b"/rollbacks/" in p]
    members = {
        "merge-base.sha": f"{commits[plan.base]}\n".encode(),
        "changes.patch": _after(plan.patch, objects.patch(before, after)),
        "sbom.cdx.json": canonical(sbom(result)) + b"\n",
        **({"rollback.sql": scripts[0]} if scripts else {}),
    }
    members = _after(plan.members, members)
    commit = {"gitCommit": commits[plan.base]}
    lockfile = {"uri": f"{URI}#requirements.txt", "digest": {"sha256": sha256(b"shelf==1.0\n")}}
    predicate = {
        "builder": {"id": "urn:lanectl:lane:codex"},
        "buildType": "urn:lanectl:pack:v1",
        "invocation": {
            "configSource": {"uri": URI, "digest": commit, "entryPoint": "lanectl pack"},
            "parameters": {
                "base_tree": scratch.tree(before),
                "diff_engine": ENGINE,
                "format_version": "1",
                "lane": "codex",
                "message": "Because.",
                "object_format": "sha1",
                "result_tree": result,
                "rollback": [ROLLBACK_PATH] if scripts else [],
                "slug": "fix-login",
                "title": "Fix the login",
            },
        },
        "metadata": {
            "completeness": {"environment": False, "materials": False, "parameters": True},
            "reproducible": True,
        },
        "materials": [{"uri": URI, "digest": commit}, lockfile],
    }
    return members, _after(plan.predicate, predicate)


def _statement(subjects: dict[str, str], predicate: dict[str, Any]) -> dict[str, Any]:
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": n, "digest": {"sha256": d}} for n, d in sorted(subjects.items())],
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "predicate": predicate,
    }


def _environment(plan: Plan) -> dict[str, str]:
    return {
        "attempt": "1",
        "expires": stamp(plan.expires or plan.issued + timedelta(days=7)),
        "issued": stamp(plan.issued),
        "nonce": sha256(stamp(plan.issued).encode())[:32],
        "policy": sha256(rules()),
        "supersedes": "",
        "traceparent": "",
    }


def sbom(result_tree: str) -> dict[str, Any]:
    """Return the SBOM of a result tree; its lockfile names one package without a hash."""
    purl = "pkg:pypi/shelf@1.0"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "serialNumber": "urn:uuid:00000000-0000-5000-8000-000000000000",
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "lanectl"}]},
            "component": {
                "type": "application", "bom-ref": "root", "name": REPOSITORY, "version": result_tree,
                "properties": [{"name": "lanectl:lockfile", "value": "requirements.txt"}],
            },
        },
        "components": [
            {"type": "library", "bom-ref": purl, "name": "shelf", "purl": purl, "version": "1.0"}
        ],
        "dependencies": [{"ref": "root", "dependsOn": [purl]}],
        "compositions": [
            {"aggregate": "unknown", "assemblies": ["root"], "dependencies": ["root"]}
        ],
    }  # fmt: skip


def _after(step: Step, value: Any) -> Any:
    changed = step(value)
    return value if changed is None else changed


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value))
