"""One function a reader: any bytes go in, and nothing but the reader's documented errors is kept.

What escapes one of these functions is a defect, and so is a run of seconds.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import io
import json as plain_json
import tempfile
import unicodedata
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from lanectl import checks
from lanectl.adapters.github import _pull_request
from lanectl.checks import workflow as workflow_rules
from lanectl.cli import render
from lanectl.config import parse_operator, parse_rules
from lanectl.errors import LaneError
from lanectl.flows.ledger_walk import BrokenError, Walk
from lanectl.flows.verify import verify
from lanectl.formats import admission as admissions
from lanectl.formats import anchor as anchors
from lanectl.formats import (
    annotations,
    gpg_listing,
    json,
    masked,
    profile,
    pull_request,
    report,
    sarif,
    sbom,
    secrets,
)
from lanectl.formats import archive as archives
from lanectl.formats import envelope as envelopes
from lanectl.formats import gpg as gpgs
from lanectl.formats import keyring as keyrings
from lanectl.formats import ledger_export as exports
from lanectl.formats import record as records
from lanectl.formats import root as roots
from lanectl.formats import statement as statements
from lanectl.formats.lockfiles import read_lockfile
from lanectl.model.bundle import MEMBERS, Envelope, Handoff
from lanectl.model.change import FileChange, Mode
from lanectl.model.content import Content, Words
from lanectl.model.display import display
from lanectl.model.evidence import Trust
from lanectl.model.handoff import message_problem, parse_message, title_problem
from lanectl.model.names import Digest, ObjectId
from lanectl.model.report import MalformedError, Step, StepState, TrustSource, VerificationReport
from lanectl.model.ruling import strictest
from lanectl.model.secret import Sort
from lanectl.model.submission import Submission
from tests.assets.bundles.workshop import archive as workshop
from tests.assets.bundles.workshop import bundle as made
from tests.checks.enforcer import Clock, Enforcer, SameEngine
from tests.fuzz.framing import DIGEST, TAR_DIGEST, unframed

LIMIT = 1 << 20
DIGEST_OF_NOTHING = Digest.of(b"")


def admission(data: bytes) -> None:
    """The bytes as they are, and the canonical bytes of the same value; what is read writes back."""
    with contextlib.suppress(MalformedError):
        assert admissions.write(admissions.read(data)) == data
    with contextlib.suppress(MalformedError, ValueError):
        admissions.read(json.dump(json.load(data, rule="", limit=LIMIT)))


def anchor(data: bytes) -> None:
    """A line of anchors.jsonl, and a statement in a signature file that is good."""
    with contextlib.suppress(MalformedError):
        anchors.read(data)
    with contextlib.suppress(MalformedError):
        anchors.read_payload(Envelope("", data, b"x", "A" * 43 + "="))


def archive(data: bytes) -> None:
    with contextlib.suppress(MalformedError):
        archives.read(data, limit=LIMIT)


def tar(data: bytes) -> None:
    """The inside of an archive whose gzip is good."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    archive(workshop.GZIP + deflate.compress(data) + deflate.flush() + workshop.trailer(data))


def envelope(data: bytes) -> None:
    with contextlib.suppress(MalformedError):
        envelopes.read(data)


def statement(data: bytes) -> None:
    """The bytes as they are, and the canonical bytes of the same value: few mutants are canonical."""
    with contextlib.suppress(MalformedError):
        statements.read(data)
    with contextlib.suppress(MalformedError, ValueError):
        statements.read(json.dump(json.load(data, rule="", limit=LIMIT)))


def bundle(data: bytes) -> None:
    """Members and signed payload of a bundle, from the file to the report; trusted and untrusted."""
    *contents, payload = unframed(data)
    members = dict(zip(MEMBERS, contents, strict=False))
    written = archives.write({n: d for n, d in members.items() if d})
    payload = payload.replace(DIGEST, written.bundle.digest.encode())
    payload = payload.replace(TAR_DIGEST, written.bundle.tar_digest.encode())
    signed = Submission(bytes(written.data), made.envelope(made.Plan(), payload))
    for trust in (_trust(), None):
        judged = verify(signed, trust=trust, untrusted=None, repository=None, system=Clock())
        plain_json.dumps(report.to_json(judged))
        plain_json.dumps(sarif.to_sarif(judged, "artifact.tar.gz"))
        annotations.to_annotations(judged.findings).encode()


def content(data: bytes) -> None:
    """A change of two paths with any names, links, old and new bytes, members and words; all shown."""
    path, target, old, new, text = unframed(data)[:5]
    words = text.decode("utf-8", "surrogateescape")
    change = (Mode.FILE, Mode.FILE, ObjectId("1" * 40), ObjectId("2" * 40))
    files = (
        FileChange(path or b"a", *change),
        FileChange(target or b"b", Mode.ABSENT, Mode.LINK, *change[2:], target=target),
    )
    found = checks.judge_content(Content(
        files=files, blobs={change[2]: old, change[3]: new}, tree=b"120000 x 0\t" + target + b"\0",
        lockfiles={path: new}, base_lockfiles={path: old}, members={"sbom.cdx.json": text},
        words=Words("x", words, words),
    ))  # fmt: skip
    kept = strictest(found)
    assert len({f.subject for f in kept}) == len(kept)
    step = Step(1, "content", StepState.PASSED, kept)
    judged = VerificationReport(DIGEST_OF_NOTHING, (step,), None, words, None, None, None, files)
    shown = [
        plain_json.dumps(masked.document(report.to_json(judged)), ensure_ascii=False),
        plain_json.dumps(masked.document(sarif.to_sarif(judged, words)), ensure_ascii=False),
        annotations.to_annotations(kept),
    ]  # fmt: skip
    err = io.StringIO()
    with contextlib.redirect_stderr(err):
        render.findings(kept)
    for line in "\n".join([*shown, err.getvalue()]).split("\n"):
        assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in line)
        assert not [s for s in secrets.scan(line.encode()).values() if s.sort is Sort.TOKEN]


def sbom_document(data: bytes) -> None:
    with contextlib.suppress(MalformedError):
        sbom.check_document(data)


def patch(data: bytes) -> None:
    """A patch on a real repository: git may refuse it, with a problem or with an error."""
    with contextlib.suppress(LaneError):
        _repository().replay(_handoff(), memoryview(data))


def patch_text(data: bytes) -> None:
    """What is read of a patch without git."""
    pull_request._BINARY.findall(memoryview(data))


def block(data: bytes) -> None:
    pull_request.read_block(data.decode("utf-8", "replace"))


def keyring(data: bytes) -> None:
    with contextlib.suppress(MalformedError):
        keyrings.read(data)


def root(data: bytes) -> None:
    """Who must sign the trust files, and what they signed."""
    with contextlib.suppress(MalformedError):
        roots.write_root(roots.read_root(data))
    with contextlib.suppress(MalformedError):
        roots.message(roots.read_endorsement(data))


def gpg(data: bytes) -> None:
    """A signature or a key, armoured or to be; and what gpg says of them."""
    armour = b"-----BEGIN PGP %b-----\n\n%b-----END PGP %b-----\n"
    text = base64.encodebytes(data)
    kinds = ((gpgs.read_signature, b"SIGNATURE"), (gpgs.read_public_key, b"PUBLIC KEY BLOCK"))
    for read, kind in kinds:
        for given in (data, armour % (kind, text, kind)):
            with contextlib.suppress(MalformedError):
                read(given)
    with contextlib.suppress(MalformedError):
        gpgs.fault_of(gpgs.read_status(data))
    with contextlib.suppress(MalformedError):
        gpg_listing.read_keys(data)


def record(data: bytes) -> None:
    """A signed order's payload as it is, and canonical; then the data of an event around it."""
    for payload in (data, _canonical(data)):
        with contextlib.suppress(MalformedError):
            records.write(records.read(payload))
    with contextlib.suppress(MalformedError):
        value = json.load(data, rule="", limit=LIMIT)
        records.unseal(value if isinstance(value, dict) else {})


def _canonical(data: bytes) -> bytes:
    with contextlib.suppress(MalformedError, ValueError):
        return json.dump(json.load(data, rule="", limit=LIMIT))
    return b""


def settings(data: bytes) -> None:
    """`lanectl.toml` and the operator file."""
    with contextlib.suppress(LaneError):
        parse_rules(data)
    with contextlib.suppress(LaneError):
        parse_operator(data, "enforcer.toml")


def workflow(data: bytes) -> None:
    for fault in workflow_rules.check({".github/workflows/x.yml": data}, target="main"):
        display(f"{fault.where} {fault.got}")


def message(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for squashed in (False, True):
        parse_message(text, squashed=squashed)
    title_problem(text)
    message_problem(text)


def ledger_export(data: bytes) -> None:
    """An export: its header, and each line as an event, walked as a chain."""
    lines = data.splitlines(keepends=True)
    with contextlib.suppress(MalformedError):
        exports.read_header(lines[0] if lines else b"")
    walk = Walk(())
    with contextlib.suppress(MalformedError, BrokenError, ValueError):
        for event in exports.read_events(lines[1:]):
            walk.take(event)


def env(data: bytes) -> None:
    with contextlib.suppress(LaneError):
        profile.read(data, ".env")


def answer(data: bytes) -> None:
    """A forge's answer, as lenient a JSON as the client takes."""
    with contextlib.suppress(ValueError, RecursionError):
        value = plain_json.loads(data)
        with contextlib.suppress(LaneError):
            _pull_request(value)


def _lockfile(path: bytes) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        read_lockfile(path, data)

    return read


TARGETS: dict[str, Callable[[bytes], None]] = {
    **{
        f.__name__: f
        for f in (
            admission, anchor, answer, archive, block, bundle, content, env, envelope, gpg, keyring,
            ledger_export, message, patch, patch_text,
            record, root, sbom_document, settings, statement, tar, workflow,
        )
    },
    **{
        name: _lockfile(path)
        for name, path in (
            ("npm", b"package-lock.json"),
            ("poetry", b"poetry.lock"),
            ("pylock", b"pylock.toml"),
            ("requirements", b"requirements.txt"),
            ("uv", b"uv.lock"),
        )
    },
}  # fmt: skip


@cache
def _trust() -> Trust:
    operator = parse_operator(made.operator(), "enforcer.toml")
    tip = ObjectId(made.history()[1]["tip"])
    source = TrustSource(
        "enforcer.toml", Digest.of(made.operator()), operator.repository, operator.ref, tip
    )
    return Trust(source, operator, parse_rules(made.rules()), keyrings.read(made.keyring()))


@cache
def _repository() -> SameEngine:
    folder = tempfile.TemporaryDirectory(prefix="lanectl-fuzz-")
    atexit.register(folder.cleanup)
    return Enforcer(Path(folder.name) / "enforcer").repository()


@cache
def _handoff() -> Handoff:
    signature = made.make(made.Plan()).signature
    return statements.read(envelopes.read(signature or b"").payload).handoff


if __name__ == "__main__":
    print(*sorted(TARGETS))
