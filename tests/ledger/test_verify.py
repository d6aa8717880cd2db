"""The whole ledger is verified: what somebody with the file and no key does is found, with its place."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from lanectl.errors import UnreadableError
from lanectl.flows.anchor import make_anchor
from lanectl.flows.ledger_verify import verify_ledger
from lanectl.formats import event as bodies
from lanectl.formats import ledger_export as exports
from lanectl.model.ledger import EventKind, LedgerId
from lanectl.model.ledger_report import LedgerOutcome, LedgerReport
from lanectl.model.names import Digest
from lanectl.model.report import MalformedError
from lanectl.model.trust import Role
from tests.ledger.incident import Incident, later, rehash
from tests.ledger.signers import Signers, make, revoked

GOOD, BROKEN, UNVERIFIED = LedgerOutcome.GOOD, LedgerOutcome.BROKEN, LedgerOutcome.UNVERIFIED


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> Signers:
    return make(tmp_path_factory.mktemp("verify keys"))


@pytest.fixture
def incident(tmp_path: Path, signers: Signers) -> Incident:
    """Two handoffs are applied: five events, anchored after the first (3) and the second (5)."""
    made = Incident(tmp_path, signers)
    for number in (1, 2):
        made.apply(number)
        made.anchor()
    return made


def problem(report: LedgerReport) -> tuple[str, str]:
    assert report.outcome is BROKEN
    return report.problems[0].where, report.problems[0].what


def test_an_honest_ledger_is_good_up_to_its_anchor(incident: Incident) -> None:
    incident.apply(3)
    report = incident.verify()
    assert (report.outcome, report.problems, report.warnings) == (GOOD, (), ())
    assert report.anchor is not None
    assert (report.events, report.anchor.seq, report.fitting) == (7, 5, 2)
    assert report.outcome.exit_code == 0


def test_without_an_anchor_or_a_keyring_nothing_is_claimed(incident: Incident) -> None:
    assert incident.verify(trusted=False).outcome is UNVERIFIED
    incident.anchors = []
    report = incident.verify()
    assert (report.outcome, report.outcome.exit_code) == (UNVERIFIED, 3)


def test_a_changed_text_is_found_at_its_event(incident: Incident) -> None:
    with incident.tampering() as db:
        db.execute("update events set body = replace(body, 'change-1', 'change-x') where seq = 2")
    where, what = problem(incident.verify())
    assert where == "event 2"
    assert "hash is not that of its text" in what


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ("update events set prev = hash where seq = 4", "event 4"),
        ("update events set hash = prev where seq = 4", "event 4"),
        ("update events set seq = 40 where seq = 4", "event 4"),
        ("update events set hash = 'x' where seq = 4", "event 4"),
        ("update events set hash = upper(hash) where seq = 4", "event 4"),
        ("delete from events where seq = 4", "event 4"),
        ("delete from events where seq > 1 and seq < 5", "event 2"),
        ("update events set body = '{}' where seq = 5", "event 5"),
        ("update events set body = body || ' ' where seq = 3", "event 3"),
    ],
)
def test_a_changed_column_is_found(incident: Incident, change: str, place: str) -> None:
    loose(incident)
    with incident.tampering() as db:
        db.execute(change)
    assert problem(incident.verify())[0] == place


def test_a_ledger_without_a_readable_beginning_is_none(incident: Incident) -> None:
    loose(incident)
    with incident.tampering() as db:
        db.execute("update events set body = '{}' where seq = 1")
    with pytest.raises(UnreadableError):
        incident.verify()


def loose(incident: Incident) -> None:
    """Put plain columns in place of those that the database computes: an owner can."""
    with incident.tampering() as db:
        db.execute("create table loose (seq, prev, hash, body, id, kind, at, handoff)")
        db.execute(
            "insert into loose select seq, prev, hash, body, id, kind, at, handoff from events"
        )
        db.execute("pragma foreign_keys = off")
        db.execute("drop table events")
        db.execute("alter table loose rename to events")


def test_swapped_events_are_found(incident: Incident) -> None:
    with incident.tampering() as db:
        texts = dict(db.execute("select seq, body from events where seq in (3, 4)").fetchall())
        db.execute(
            'update events set body = \'{"id":"x","kind":"","at":"","handoff":""}\' where seq = 3'
        )
        db.execute("update events set body = ? where seq = 4", (texts[3],))
        db.execute("update events set body = ? where seq = 3", (texts[4],))
    assert problem(incident.verify())[0] == "event 3"


def test_a_chain_that_is_computed_anew_contradicts_its_anchors(incident: Incident) -> None:
    incident.apply(3)
    with incident.tampering() as db:
        db.execute("update events set body = replace(body, 'change-2', 'change-x') where seq = 4")
        db.execute("update handoffs set slug = 'change-x' where slug = 'change-2'")
        rehash(db)
    where, what = problem(incident.verify())
    assert where == "event 5"
    assert "rewritten after event 3" in what
    incident.anchors = incident.anchors[:1]
    assert incident.verify().outcome is GOOD  # nothing is claimed of what is not anchored


def test_a_cut_end_is_found(incident: Incident) -> None:
    with incident.tampering() as db:
        db.execute("delete from events where seq > 3")
        db.execute("delete from handoffs where slug = 'change-2'")
    where, what = problem(incident.verify())
    assert where == "event 5"
    assert "cut after event 3" in what
    assert "now there is none" in what


def test_an_older_copy_of_the_file_is_found(incident: Incident) -> None:
    backup = incident.copy()
    incident.apply(3)
    incident.anchor()
    incident.restore(backup)
    assert "cut after event 5" in problem(incident.verify())[1]


def test_an_anchor_of_the_builder_is_no_anchor(incident: Incident) -> None:
    incident.anchors = incident.anchors[:1]
    with incident.tampering() as db:
        db.execute("update events set body = replace(body, 'change-2', 'change-x') where seq = 4")
        db.execute("update handoffs set slug = 'change-x' where slug = 'change-2'")
        rehash(db)
    incident.anchor(Role.BUILDER)
    report = incident.verify()
    assert report.anchor is not None
    assert report.anchor.seq == 3
    assert "no Enforcer's key" in report.warnings[0].what


def test_an_anchor_by_a_key_that_the_ledger_revokes_is_none(incident: Incident) -> None:
    key = incident.signers.key(Role.ENFORCER).public.id
    at = later(incident.at, 0)
    incident.order(
        EventKind.KEY_REVOKED, key=key, at=f"{at:%Y-%m-%dT%H:%M:%SZ}",
        compromised_since=f"{later(at, -1):%Y-%m-%dT%H:%M:%SZ}",
    )  # fmt: skip
    report = incident.verify()
    assert report.anchor is not None
    assert (report.anchor.seq, report.fitting) == (3, 1)
    ring = incident.signers.change(Role.ENFORCER, revoked=revoked(later(at, -9)))
    assert incident.verify(ring).outcome is UNVERIFIED


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("update handoffs set state = 'queued' where slug = 'change-2'", "state is queued, not applied"),
        ("update handoffs set slug = 'y' where slug = 'change-2'", "slug is y"),
        ("update handoffs set url = 'http://x' where slug = 'change-2'", "url is http://x"),
        ("delete from handoffs where slug = 'change-2'", "its row is missing"),
        ("update handoffs set key = replace(key, '2', '3') where slug = 'change-2'", "no event made it"),
        ("update handoffs set state = 'x' where slug = 'change-2'", "a row is none"),
    ],
)  # fmt: skip
def test_edited_handoffs_are_found(incident: Incident, change: str, what: str) -> None:
    with incident.tampering() as db:
        db.execute(change)
    assert what in problem(incident.verify())[1]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('"id":"applied:311204"', '"id":"queued:311203"', "its id is taken"),
        ('"at":"2026-01-31T12:04:00Z"', '"at":"2026-01-31T11:57:00Z"', "its time is more than five"),
        ('"kind":"applied"', '"kind":"published"', "not possible"),
        ('"branch":', '"branck":', "the event's data lack branch"),
        ('"ledger":"aaaa', '"ledger":"bbbb', "belongs to the ledger"),
        ('"kind":"applied"', '"kind":"invented"', "it is no event"),
    ],
)  # fmt: skip
def test_what_no_back_end_would_have_taken_is_found(
    incident: Incident, old: str, new: str, what: str
) -> None:
    loose(incident)
    with incident.tampering() as db:
        body = db.execute("select body from events where seq = 5").fetchone()[0]
        assert old in body
        db.execute("update events set body = ? where seq = 5", (body.replace(old, new),))
        rehash(db)
    where, found = problem(incident.verify())
    assert where == "event 5"
    assert what in found


def test_another_ledger_than_the_pinned_one_is_refused(incident: Incident) -> None:
    with incident.ledger() as ledger:
        report = verify_ledger(
            ledger, [], incident.signers.keyring, now=incident.at, ledger=LedgerId("b" * 32)
        )
    assert "not bbbb" in problem(report)[1]


def test_unsigned_authority_is_a_warning(incident: Incident) -> None:
    incident.record(EventKind.LIFTED, reason="trust me")
    report = incident.verify()
    assert report.outcome is GOOD
    assert "lifted counts as absent" in report.warnings[0].what


def export(incident: Incident) -> bytes:
    with incident.ledger() as ledger:
        lines = [exports.write_event(e) for e in ledger.events()]
        return exports.write_header(exports.Header(ledger.id, 0)) + b"".join(lines)


def test_an_export_is_the_same_chain(incident: Incident) -> None:
    incident.record(EventKind.REFUSED, reason='quotes " \\ and\nlines — ☃ \x01')
    head, *lines = io.BytesIO(export(incident)).readlines()
    assert exports.read_header(head).after == 0
    with incident.ledger() as ledger:
        assert list(exports.read_events(lines)) == list(ledger.events())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'{"seq":3', b'{ "seq":3'), (b'"seq":3', b'"seq":"3"'), (b'"seq":3', b'"seq":3,"seq":3'),
        (b'"seq":3', b'"more":1,"seq":3'), (b'"prev":', b'"perv":'), (b"}\n", b"}"), (b"}\n", b"}\r\n"),
        (b'"actor', b'"\\u0061ctor'), (b'"seq":3', b'"seq":3e0'), (b'"seq":3', b'"seq":' + b"9" * 5000),
    ],
)  # fmt: skip
def test_the_reader_of_exports_is_strict(incident: Incident, old: bytes, new: bytes) -> None:
    lines = io.BytesIO(export(incident)).readlines()[1:]
    assert old in lines[2]
    with pytest.raises(MalformedError):
        list(exports.read_events([*lines[:2], lines[2].replace(old, new, 1)]))


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{}\n", b'{"after":0,"ledger":"x","lanectl_ledger":"1"}\n', b"[" * 100_000,
        b'{"after":-1,"ledger":"' + b"a" * 32 + b'","lanectl_ledger":"1"}\n',
        b'{"after":0,"ledger":"' + b"a" * 32 + b'","lanectl_ledger":"2"}\n',
        b'{"after":0, "ledger":"' + b"a" * 32 + b'","lanectl_ledger":"1"}\n',
    ],
)  # fmt: skip
def test_a_bad_header_is_refused(line: bytes) -> None:
    with pytest.raises(MalformedError):
        exports.read_header(line)


def test_a_missing_event_is_called_missing(incident: Incident) -> None:
    with incident.tampering() as db:
        db.execute("delete from events where seq = 4")
    assert problem(incident.verify()) == ("event 4", "it is not there; the next one is 5")


def test_an_event_of_another_chain_is_found(incident: Incident) -> None:
    with incident.tampering() as db:
        body = db.execute("select body from events where seq = 5").fetchone()[0]
        other = Digest("f" * 64)
        hash_ = bodies.link(other, 5, body.encode())
        db.execute("update events set prev = ?, hash = ? where seq = 5", (other, hash_))
    assert "it follows ffff" in problem(incident.verify())[1]


def test_a_chain_must_begin_with_the_ledger(incident: Incident) -> None:
    loose(incident)
    with incident.tampering() as db:
        db.execute("update events set body = replace(body, '\"created\"', '\"claimed\"')")
        rehash(db)
    assert problem(incident.verify()) == ("event 1", "the first event does not make a ledger")


def test_anchors_of_another_ledger_say_nothing(incident: Incident) -> None:
    signer = incident.signers.signer(Role.ENFORCER)
    incident.anchors = [make_anchor(LedgerId("b" * 32), incident.head(), incident.at, signer)]
    report = incident.verify()
    assert report.outcome is UNVERIFIED
    assert "1 of another ledger" in report.warnings[0].what
