"""What a run begins with: the assets of the other tests, good ones and broken ones."""

from __future__ import annotations

import base64
import contextlib
import json
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from lanectl.formats import anchor, archive, envelope, event, keyring, ledger_export
from lanectl.formats import record as records
from lanectl.model.authority import SIGNERS
from lanectl.model.bundle import MEMBERS, PATCH, SBOM
from lanectl.model.ledger import GENESIS, EventKind, HandoffKey, Head, LedgerId, NewEvent
from lanectl.model.names import Digest, RepositoryId
from lanectl.model.report import MalformedError
from tests import orders
from tests.assets.bundles.workshop import bundle as made
from tests.fuzz.framing import DIGEST, TAR_DIGEST, framed

TESTS = Path(__file__).resolve().parent.parent
ROOT = TESTS.parent
CORPUS = TESTS / "fuzz/corpus"
BUNDLES = TESTS / "assets/bundles"
LONGEST = 1 << 16


def corpus(target: str) -> list[Path]:
    """Return the kept inputs of a target, past crashes among them."""
    return sorted(p for p in (CORPUS / target).glob("*") if p.is_file())


def seeds(target: str) -> list[bytes]:
    """Return the assets that a target begins with, each once, without those that are too long."""
    return [s for s in dict.fromkeys(_seeds(target)) if len(s) <= LONGEST]


def _seeds(target: str) -> Iterator[bytes]:
    yield from (path.read_bytes() for path in map(ROOT.joinpath, _FILES.get(target, ())))
    yield from _TEXTS.get(target, ())
    if target == "settings":
        yield from (made.operator(), made.rules(), _sample("lanectl.toml"))
    elif target == "root":
        yield from (_sample("root.json"), _sample("root.signatures.json"))
    elif target == "keyring":
        yield made.keyring()
    elif target == "anchor":
        yield from _anchors()
    elif target == "ledger_export":
        yield _export()
    elif target == "record":
        for kind in SIGNERS:
            order = orders.order(kind)
            yield records.write(order)
            yield json.dumps(dict(orders.signed("ann", order).data)).encode()
    elif target in _OF_BUNDLES:
        for folder in sorted(BUNDLES.glob("*/*/artifact.tar.gz")):
            yield from _of_bundle(target, folder)


def _sample(name: str) -> bytes:
    """Return a sample of docs/configuration.md."""
    text = (ROOT / "docs/configuration.md").read_text()
    return (
        text.partition(f"<!-- sample: {name} -->\n```")[2]
        .partition("\n")[2]
        .partition("```")[0]
        .encode()
    )


def _anchors() -> Iterator[bytes]:
    payload = anchor.write(_LEDGER, Head(7, Digest("b" * 64), _NOON), _NOON)
    key = keyring.read(made.keyring()).keys[0].public
    yield from (payload, anchor.write_line(payload, b"x", key))


def _export() -> bytes:
    """Three events: the ledger, a handoff, what was refused."""
    queued = {"slug": "x", "bundle": "b" * 64, "base": "1" * 40, "result_tree": "2" * 40}
    where, key = RepositoryId("example.test/a/b"), HandoffKey("c" * 64)
    prev, lines = GENESIS, [ledger_export.write_header(ledger_export.Header(_LEDGER, 0))]
    for seq, (kind, data) in enumerate(
        ((EventKind.CREATED, {}), (EventKind.QUEUED, queued), (EventKind.REFUSED, {"rules": "a/b"})), 1
    ):  # fmt: skip
        said = NewEvent(f"{seq}", kind, _NOON, "a", where, key if data else None, data)
        body = event.write(said, _LEDGER)
        prev, before = event.link(prev, seq, body), prev
        lines.append(ledger_export.write_event(event.restore(seq, before, prev, body)))
    return b"".join(lines)


def _of_bundle(target: str, path: Path) -> Iterator[bytes]:
    data, signature = path.read_bytes(), path.with_name(f"{path.name}.sigstore.json")
    if target == "archive":
        yield data
        return
    if target == "tar":
        with contextlib.suppress(zlib.error):
            yield zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[10:], LONGEST)
        return
    if target == "envelope" and signature.exists():
        yield signature.read_bytes()
        return
    try:
        read = archive.read(data)
        payload = envelope.read(signature.read_bytes()).payload if signature.exists() else b""
    except MalformedError:
        return
    members = {name: bytes(content) for name, content in read.members.items()}
    if target == "bundle":
        payload = payload.replace(read.digest.encode(), DIGEST)
        payload = payload.replace(read.tar_digest.encode(), TAR_DIGEST)
        yield framed([*(members.get(name, b"") for name in MEMBERS), payload])
    else:
        yield {"statement": payload, "sbom_document": members[SBOM]}.get(target, members[PATCH])


_LEDGER, _NOON = LedgerId("a" * 32), datetime(2026, 1, 31, 12, tzinfo=UTC)
_OF_BUNDLES = {
    "archive", "bundle", "envelope", "patch", "patch_text", "sbom_document", "statement", "tar",
}  # fmt: skip
_LOCKFILES = "tests/assets/lockfiles"
_FILES: dict[str, tuple[str, ...]] = {
    "env": (".env.claude.example", ".env.codex.example"),
    "npm": tuple(f"{_LOCKFILES}/npm-{n}/package-lock.json" for n in (1, 2, 3)),
    "poetry": tuple(f"{_LOCKFILES}/poetry-{n}/poetry.lock" for n in (1, 2)),
    "pylock": (f"{_LOCKFILES}/pylock-pip/pylock.pip.toml", f"{_LOCKFILES}/pylock-uv/pylock.toml"),
    "requirements": tuple(
        f"{_LOCKFILES}/requirements/{n}" for n in ("pip-tools.txt", "requirements-uv.txt")
    ),
    "uv": (f"{_LOCKFILES}/uv/uv.lock",),
    "workflow": ("examples/ci/verify.yml",),
}
_COMMIT, _TREE, _DIGEST = "1" * 40, "2" * 40, "3" * 64
_PULL = {
    "number": 1, "html_url": "https://example.test/1", "state": "open", "merged_at": None,
    "head": {"ref": "feature/x", "sha": _COMMIT, "repo": {"full_name": "acme/shop"}},
    "base": {"ref": "main", "repo": {"full_name": "acme/shop"}},
}  # fmt: skip
_MESSAGE = (
    f"[CLAUDE-APPLIED:fix-login] Fix the login\n\nBecause.\n\nLanectl-Bundle: sha256:{_DIGEST}\n"
    f"Lanectl-Base: {_COMMIT}\nLanectl-Result-Tree: {_TREE}\nLanectl-Signer: {_DIGEST}\n"
)
_ADMISSION = {
    "_type": "https://in-toto.io/Statement/v1",
    "predicate": {
        "admitted": "2026-01-15T12:00:00Z", "ledger": "1" * 32, "ledger_head": "2" * 64,
        "ledger_seq": "7", "policy": _COMMIT, "repository": "example.test/acme/shop",
        "result_tree": _COMMIT,
    },
    "predicateType": "urn:lanectl:admission:v1",
    "subject": [
        {"digest": {"sha256": "3" * 64}, "name": "artifact.tar.gz"},
        {"digest": {"gitCommit": _COMMIT}, "name": "commit"},
    ],
}  # fmt: skip
_WORKFLOW = b"""on:
  pull_request: {branches: ['main', 'feature/**', '!feature/x-[a-c]+']}
  workflow_run: {workflows: [CI], types: [completed]}
permissions: &p {contents: read, id-token: write}
jobs:
  a:
    runs-on: ${{ matrix.os }}
    strategy: {matrix: {os: [ubuntu-latest, self-hosted], include: [{os: x}]}}
    permissions: *p
    if: github.head_ref == 'x' && secrets.A
    env: {T: "${{ github.event.pull_request.title }}"}
    steps:
      - uses: actions/checkout@v4
        with: {ref: "${{ github.event.pull_request.head.sha }}"}
      - run: echo "${{ env.T }}" ${{ toJSON(secrets) }}; lanectl verify
  b: {uses: ./.github/workflows/x.yml, secrets: inherit}
"""
_GPG_SIGNATURE = b"""-----BEGIN PGP SIGNATURE-----

iHUEABYIAB0WIQQR9eWluviLuAcbCt/No/Mk7R2nNgUCaVZhwAAKCRDNo/Mk7R2n
NtK3AQCbfqDh4yifZw8kPZczzpVmsJLQoY/y9B2Y9KUw0B5/ywD+K4XzPBo9VR3o
DPlksybPHDsmeRflRmZHVyKWtjgr0wc=
=Mj12
-----END PGP SIGNATURE-----
"""
_TEXTS: dict[str, tuple[bytes, ...]] = {
    "admission": (made.canonical(_ADMISSION),),
    "answer": (json.dumps(_PULL).encode(), json.dumps({**_PULL, "merged_at": "x"}).encode()),
    "block": (
        b'x\n<!-- lanectl:handoff {"schema": "urn:lanectl:handoff:v1", "slug": "x"} -->\r\n',
    ),
    "content": (
        framed(
            [
                b"docs/AGENTS.md",
                b"../x",
                b"a\n",
                b"b\xe2\x80\xae\nghp" + b"_" + b"aB3dE5gH7jK9mN1pQ3rS" * 2,
                b"[bold]x",
            ]
        ),
        framed(
            [
                b"a/\x1b[31m.py",
                b"C:\\x\n",
                b"\0\1",
                b"is_\xe2\x80\x8badmin = '\xd0\xb0b'\n",
                b"\n\xff",
            ]
        ),
    ),
    "env": (b"LANECTL_LANE=codex\n# c\nexport A='x \\' y'\nB=\"a\\n\\\"b\" # c\nC=${A}\n",),
    "gpg": (
        _GPG_SIGNATURE,
        base64.b64decode(b"".join(_GPG_SIGNATURE.split(b"\n")[2:5])),
        b"[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG CDA3F324ED1DA736 A\n[GNUPG:] VALIDSIG "
        + b"A" * 40
        + b" 2026-01-01 1767268800 0 4 0 22 8 00 "
        + b"A" * 40
        + b"\n",
        b"pub:r:255:22:CDA3F324ED1DA736:1767268800:1769860800::u:::scSC::\nfpr:::::::::"
        + b"A" * 40
        + b":\nrev:!::22:CDA3F324ED1DA736:1768046400::::B:20x,01:\n",
    ),
    "message": (
        _MESSAGE.encode(),
        f"{_MESSAGE}Lanectl-Reverts: {_COMMIT}\n\nCo-authored-by: A <a@example.test>\n".encode(),
    ),
    "requirements": (
        b"-r x.txt\n-e git+https://example.test/a.git@1#egg=a\nb[x]==1.0 ; python_version<'4' \\\n"
        b"  --hash=sha256:" + b"0" * 64 + b"\nc @ https://example.test/c.whl#sha256=" + b"1" * 64,
    ),
    "workflow": (_WORKFLOW,),
}
