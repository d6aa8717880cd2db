"""Anchors: what the Enforcer signs of the ledger, and which signed heads are believed."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path

import pytest

from lanectl.adapters.store import FolderStore
from lanectl.flows.admit import admit
from lanectl.flows.anchor import BadAnchorError, make_anchor, newest, read_good
from lanectl.formats import anchor, envelope
from lanectl.model.admission import Admission
from lanectl.model.ledger import Head, LedgerId
from lanectl.model.names import Digest, ObjectId, RepositoryId
from lanectl.model.report import MalformedError
from lanectl.model.trust import Key, Role
from tests.ledger.signers import NOW, Signers, make, revoked

LEDGER = LedgerId("a" * 32)
HEAD = Head(7, Digest("b" * 64), NOW)


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> Signers:
    return make(tmp_path_factory.mktemp("anchor keys"))


def line(signers: Signers, role: Role = Role.ENFORCER, seq: int = 7) -> bytes:
    head = Head(seq, HEAD.hash, NOW)
    return make_anchor(LEDGER, head, NOW, signers.signer(role))


def test_an_anchor_is_one_line_that_says_what_the_head_was(signers: Signers) -> None:
    written = line(signers)
    assert written.count(b"\n") == 1
    assert written.endswith(b"\n")
    found = read_good(written.rstrip(), signers.keyring, now=NOW)
    assert (found.ledger, found.seq, found.hash, found.at) == (LEDGER, 7, HEAD.hash, NOW)
    assert found.key == signers.key(Role.ENFORCER).public.id


def test_an_admission_is_an_anchor_too(signers: Signers) -> None:
    said = Admission(
        RepositoryId("example.test/a/b"), Digest("c" * 64), ObjectId("d" * 40), ObjectId("e" * 40),
        ObjectId("f" * 40), LEDGER, 7, HEAD.hash, NOW,
    )  # fmt: skip
    file = admit(said, signers.signer(Role.ENFORCER))
    assert read_good(file, signers.keyring, now=NOW) == read_good(
        line(signers), signers.keyring, now=NOW
    )


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.ENFORCER])
def test_only_an_enforcer_anchors(signers: Signers, role: Role) -> None:
    with pytest.raises(BadAnchorError, match="no Enforcer's key"):
        read_good(line(signers, role), signers.keyring, now=NOW)


def test_a_changed_number_is_found(signers: Signers) -> None:
    file = json.loads(line(signers))
    payload = base64.b64decode(file["dsseEnvelope"]["payload"]).replace(b'"7"', b'"6"')
    file["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    with pytest.raises(BadAnchorError, match="signature"):
        read_good(json.dumps(file).encode(), signers.keyring, now=NOW)


def test_a_key_counts_for_the_time_when_it_was_good(signers: Signers) -> None:
    hour = timedelta(hours=1)
    ended = signers.change(Role.ENFORCER, not_after=NOW + hour)
    assert read_good(line(signers), ended, now=NOW + 9 * hour)
    assert read_good(line(signers), signers.change(Role.ENFORCER, revoked=revoked(NOW + hour)), now=NOW)  # fmt: skip
    for bad, why in (
        (signers.change(Role.ENFORCER, not_after=NOW), "not valid then"),
        (signers.change(Role.ENFORCER, not_before=NOW + hour), "not valid then"),
        (signers.change(Role.ENFORCER, revoked=revoked(NOW)), "other hands"),
    ):
        with pytest.raises(BadAnchorError, match=why):
            read_good(line(signers), bad, now=NOW)
    with pytest.raises(BadAnchorError, match="future"):
        read_good(line(signers), signers.keyring, now=NOW - hour)


def test_the_newest_is_the_last_good_one(signers: Signers) -> None:
    lines = [line(signers, seq=9), line(signers, seq=8), line(signers, Role.BUILDER), b"{"]
    found = newest(lines, signers.keyring, now=NOW)
    assert found is not None
    assert found.seq == 8
    assert newest(lines[2:], signers.keyring, now=NOW) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"7"', b'"0"'), (b'"7"', b'"07"'), (b'"7"', b"7"), (b'"7"', b'"7",  "x": "y"'), (b"ledger-head", b"x"),
        (b"anchor:v1", b"anchor:v2"), (b"a" * 32, b"A" * 32), (b"b" * 64, b"b" * 63), (b"T12", b" 12"),
        (b'{"_type"', b'{ "_type"'), (b'"sha256"', b'"sha512"'), (b"}]", b"},{}]"),
    ],
)  # fmt: skip
def test_the_reader_is_strict(signers: Signers, old: bytes, new: bytes) -> None:
    signer = signers.signer(Role.ENFORCER)
    payload = anchor.write(LEDGER, HEAD, NOW)
    assert old in payload
    with pytest.raises(MalformedError) as refused:
        anchor.read(anchor.write_line(payload.replace(old, new, 1), b"x", signer.public))
    assert refused.value.fault.rule == "anchor/malformed"
    with pytest.raises(MalformedError):
        anchor.read(envelope.write(payload, b"x", signer.public) + b" " * anchor.LIMIT)


def test_the_state_folder_keeps_anchors_in_their_order(tmp_path: Path, signers: Signers) -> None:
    store = FolderStore(tmp_path / "state", RepositoryId("example.test/a/b"))
    assert store.anchors() == []
    first, second = line(signers), line(signers, seq=8)
    store.add_anchor(first)
    store.add_anchor(second)
    assert store.anchors() == [first.rstrip(), second.rstrip()]


def test_a_half_written_anchor_never_counts(tmp_path: Path, signers: Signers) -> None:
    store = FolderStore(tmp_path / "state", RepositoryId("example.test/a/b"))
    store.add_anchor(line(signers))
    with (store.folder / "anchors.jsonl").open("ab") as file:
        file.write(line(signers, seq=8)[:100])
    assert len(store.anchors()) == 1
    store.add_anchor(line(signers, seq=9))
    found = newest(store.anchors(), signers.keyring, now=NOW)
    assert found is not None
    assert found.seq == 9


def test_an_unregistered_enforcer_is_nobody(signers: Signers, tmp_path: Path) -> None:
    stranger: Key = make(tmp_path / "others").key(Role.ENFORCER)
    ring = signers.change(Role.ENFORCER, public=stranger.public)
    with pytest.raises(BadAnchorError, match="no Enforcer's key"):
        read_good(line(signers), ring, now=NOW)
