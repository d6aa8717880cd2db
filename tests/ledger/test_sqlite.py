"""What only the embedded ledger has: a file, its triggers, its key, and its damage."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanectl.adapters.ledger import sqlite, sqlite_open, sqlite_status
from lanectl.adapters.ledger.sqlite_key import read_key
from lanectl.errors import (
    ConflictError,
    LaneError,
    RefusedError,
    UnavailableError,
    UnreadableError,
    UsageError,
)
from lanectl.formats import event as bodies
from lanectl.model.ledger import EventKind
from lanectl.model.names import Slug
from lanectl.model.report import MalformedError
from lanectl.ports.ledger import Ledger
from tests.ledger import on_encrypted, on_sqlite
from tests.ledger.story import LEDGER, START, bring, check_chain, event, genesis, key, queued
from tests.moment import at

K = EventKind
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path: Path) -> str:
    one = str(tmp_path / "a folder ü?#%41" / "ledger.db")
    sqlite.create(one, genesis())
    return one


@contextlib.contextmanager
def opened(path: str, key: str | None = None) -> Iterator[Ledger]:
    with contextlib.closing(sqlite.open_ledger(path, key)) as one:
        yield one


@contextlib.contextmanager
def raw(path: str) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(on_sqlite.raw(path)) as db:
        yield db


def test_a_ledger_is_its_owners_alone_and_leaves_nothing_beside_it(path: str) -> None:
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert os.listdir(os.path.dirname(path)) == ["ledger.db"]
    with opened(path) as ledger:
        ledger.record(event(K.KEY, 1))
        for name in os.listdir(os.path.dirname(path)):
            assert stat.S_IMODE((Path(path).parent / name).stat().st_mode) == 0o600, name
    assert os.listdir(os.path.dirname(path)) == ["ledger.db"]


def test_a_ledger_is_made_once(path: str) -> None:
    assert sqlite.exists(path)
    with pytest.raises(ConflictError):
        sqlite.create(path, genesis())
    with opened(path) as ledger:
        assert check_chain(ledger) == 1


@pytest.mark.parametrize("end", ["", "-wal", "-shm", "-journal"])
def test_what_is_left_of_a_ledger_is_not_covered(tmp_path: Path, end: str) -> None:
    (tmp_path / f"ledger.db{end}").write_bytes(b"")
    with pytest.raises(ConflictError):
        sqlite.create(str(tmp_path / "ledger.db"), genesis())
    assert os.path.exists(tmp_path / "ledger.db") == (end == "")


@pytest.mark.parametrize("body", [b"{}", bodies.write(event(K.KEY, 1), LEDGER)])
def test_what_is_no_beginning_makes_no_ledger(tmp_path: Path, body: bytes) -> None:
    place = tmp_path / "ledger.db"
    with pytest.raises((ValueError, MalformedError)):
        sqlite.create(str(place), body)
    assert not sqlite.exists(str(place))
    sqlite.create(str(place), genesis())


def test_a_process_killed_while_it_makes_a_ledger_leaves_none(tmp_path: Path) -> None:
    place = str(tmp_path / "ledger.db")
    code = (
        "import os, signal, sys; from lanectl.adapters.ledger import sqlite, sqlite_create;"
        "from tests.ledger.story import genesis;"
        "os.link = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        "sqlite.create(sys.argv[1], genesis())"
    )
    done = subprocess.run([sys.executable, "-c", code, place], cwd=ROOT, check=False)
    assert done.returncode == -9
    assert not sqlite.exists(place)
    sqlite.create(place, genesis())
    with opened(place) as ledger:
        assert check_chain(ledger) == 1


def test_of_many_who_make_it_at_once_one_does(tmp_path: Path) -> None:
    place, said = str(tmp_path / "ledger.db"), list[str]()
    together = threading.Barrier(5)

    def make() -> None:
        try:
            sqlite.create(place, genesis())
            said.append("made")
        except ConflictError:
            said.append("taken")

    threads = [threading.Thread(target=make) for _ in range(5)]
    with at("os.link", lambda *_: together.wait(60)):
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert sorted(said) == ["made"] + 4 * ["taken"]
    assert os.listdir(tmp_path / "tmp") == []
    assert {one.name for one in tmp_path.iterdir()} == {"home", "tmp", "ledger.db"}


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UnreadableError, match="cannot be made"):
        sqlite.create(str(tmp_path / "file" / "ledger.db"), genesis())


CHANGES = [
    (
        "insert into events (seq, prev, hash, body) select 5, hash, sha256(hash || char(10) || 5 || char(10) ||"
        " replace(body, 'key:2', 'key:3')), replace(body, 'key:2', 'key:3') from events where seq = 3"
    ),
    "update events set body = body",
    "update events set hash = 'x' where seq = 2",
    "delete from events where seq = 2",
    "delete from events",
    "insert or replace into events (seq, prev, hash, body) select 2, prev, hash, body from events where seq = 2",
    (
        "insert or replace into events (seq, prev, hash, body) select 4, hash, sha256(hash || char(10) || 4 || char(10) ||"
        " (select body from events where seq = 2)), (select body from events where seq = 2) from events where seq = 3"
    ),
    "insert or ignore into events (seq, prev, hash, body) select 5, hash, hash, body from events where seq = 3",
    "insert into events (prev, hash, body) select prev, hash, body from events where seq = 3",
    "insert into events (seq, prev, hash, body) values (4, 'x', 'x', '{}')",
    "insert into events (seq, prev, hash, body) select 4, hash, hash, replace(body, 'key:2', 'key:3') from events where seq = 3",
    (
        "insert into events (seq, prev, hash, body) select 4, prev, sha256(prev || char(10) || 4 || char(10) ||"
        " replace(body, 'key:2', 'key:3')), replace(body, 'key:2', 'key:3') from events where seq = 3"
    ),
]


@pytest.mark.parametrize("recursive", ["off", "on"])
def test_events_are_only_ever_appended(path: str, recursive: str) -> None:
    with opened(path) as ledger:
        ledger.record(event(K.KEY, 1))
        ledger.record(event(K.KEY, 2))
        before = list(ledger.events())
        with raw(path) as db:
            db.execute(f"pragma recursive_triggers = {recursive}")
            for change in CHANGES:
                with pytest.raises(sqlite3.Error, match=r"lanectl/malformed|NOT NULL"):
                    db.execute(change)
        assert list(ledger.events()) == before
        assert check_chain(ledger) == 3


def test_a_program_without_the_ledgers_function_appends_nothing(path: str) -> None:
    with (
        contextlib.closing(sqlite3.connect(path)) as db,
        pytest.raises(sqlite3.OperationalError, match="sha256"),
    ):
        db.execute("insert into events (seq, prev, hash, body) values (2, 'x', 'x', '{}')")


def test_what_an_owner_changes_under_the_triggers_is_seen(path: str) -> None:
    with opened(path) as ledger:
        for n in range(1, 5):
            ledger.record(event(K.KEY, n))
    with raw(path) as db:
        db.execute("drop trigger events_no_update")
        db.execute("update events set body = replace(body, 'key:2', 'key:9') where seq = 3")
    with opened(path) as ledger, pytest.raises(AssertionError):
        check_chain(ledger)
    with raw(path) as db:
        db.execute(
            'update events set body = \'{"id":"x","kind":"","at":"","handoff":""}\' where seq = 3'
        )
    with opened(path) as ledger, pytest.raises(MalformedError):
        list(ledger.events())


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ("update events set body = replace(body, 'created', 'no-kind')", "ledger/malformed"),
        ("delete from events", "no first event"),
        ("pragma application_id = 1", "not marked"),
        ("pragma user_version = 2", ""),
        ("drop table events", "no such table"),
    ],
)  # fmt: skip
def test_another_or_a_damaged_file_is_refused(path: str, damage: str, why: str) -> None:
    with raw(path) as db:
        db.execute("drop trigger events_no_update")
        db.execute("drop trigger events_no_delete")
        db.execute(damage)
    with pytest.raises(UnreadableError) as refused:
        sqlite.open_ledger(path)
    assert why in refused.value.why
    assert refused.value.remedies


@pytest.mark.parametrize(
    "damage", ["update handoffs set bundle = 'x'", "update events set hash = 'x'"]
)
def test_damage_that_shows_later_is_said_as_well(path: str, damage: str) -> None:
    with opened(path) as ledger:
        ledger.record(queued("a", 1))
        with raw(path) as db:
            db.execute("drop trigger events_no_update")
            db.execute(damage)
        with pytest.raises(UnreadableError, match="damaged"):
            _ = list(ledger.handoffs()), ledger.head()


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough to be one" * 20])
def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path, content: bytes) -> None:
    place = tmp_path / "ledger.db"
    place.write_bytes(content)
    for secret in (None, on_encrypted.KEY):
        with pytest.raises(UnreadableError) as refused:
            sqlite.open_ledger(str(place), secret)
        assert refused.value.remedies
    assert place.read_bytes() == content


def test_a_file_cut_in_the_middle_is_refused(path: str) -> None:
    with opened(path) as ledger:
        for n in range(1, 200):
            ledger.record(event(K.KEY, n))
    os.truncate(path, os.path.getsize(path) // 2)
    with pytest.raises((UnreadableError, MalformedError)), opened(path) as ledger:
        list(ledger.events())


def test_no_ledger_is_no_empty_one(tmp_path: Path) -> None:
    place = tmp_path / "ledger.db"
    for way in (sqlite.open_ledger, sqlite_status.open_status):
        with pytest.raises(UnavailableError, match="no ledger"):
            way(str(place))
    assert not place.exists()


def test_a_ledger_that_is_locked_for_too_long_is_not_available(path: str) -> None:
    with opened(path) as ledger, raw(path) as db:
        ledger._db.rows("pragma busy_timeout = 0")  # instead of ten seconds
        db.execute("begin immediate")
        assert ledger.head().seq == 1  # readers do not wait
        with pytest.raises(UnavailableError, match="locked"):
            ledger.record(event(K.KEY, 1))
        db.execute("rollback")
        assert ledger.record(event(K.KEY, 1)).seq == 2


def test_a_file_that_cannot_be_written_is_refused(path: str) -> None:
    db = sqlite_open.opened(path, None, "ro")
    with contextlib.closing(sqlite.SqliteLedger(db, sqlite._first(db))) as ledger:
        with pytest.raises(RefusedError) as refused:
            ledger.record(event(K.KEY, 1))
        assert "cannot be written" in refused.value.what
        assert ledger.head().seq == 1


def test_what_was_heard_is_not_heard_again(path: str) -> None:
    with opened(path) as ledger, opened(path) as other:
        other.record(queued("a", 1))
        ledger.wait(0)  # what was there before is no news
        other.record(queued("b", 2))
        ledger.wait(60)
        slept = threading.Event()
        timer = threading.Timer(0.2, slept.set)
        timer.start()
        ledger.wait(0.5)
        assert slept.is_set()
        timer.join()


def test_the_codex_lane_reads_handoffs_and_writes_nothing(path: str) -> None:
    with opened(path) as ledger:
        bring(ledger, "a", None)
        ledger.record(queued("a", 1))
        ledger.record(queued("b", 2))
        rows = list(ledger.handoffs())
        with contextlib.closing(sqlite_status.open_status(path)) as status:
            assert list(status.status()) == rows
            assert list(status.status(Slug("a"))) == [ledger.handoff(key("a"))]
            assert not hasattr(status, "record")
            ledger.record(event(K.HELD, 3, key("a")))
            assert list(status.status()) == list(ledger.handoffs())
            with pytest.raises(RefusedError):
                status._db.rows("delete from handoffs")
    before = Path(path).read_bytes()
    with contextlib.closing(sqlite_status.open_status(path)) as status:
        assert [row.slug for row in status.status()] == ["a", "b"]
    assert Path(path).read_bytes() == before


def test_status_is_read_where_nothing_can_be_written(path: str) -> None:
    """As another user, as in a sandbox: SQLite cannot share memory there."""
    with opened(path) as ledger:
        ledger.record(queued("a", 1))
    folder = Path(path).parent
    folder.chmod(0o500)
    try:
        if os.access(folder, os.W_OK):
            pytest.skip("root writes everywhere")
        with contextlib.closing(sqlite_status.open_status(path)) as status:
            assert [row.slug for row in status.status()] == ["a"]
    finally:
        folder.chmod(0o700)


def test_an_encrypted_ledger_shows_nothing_and_opens_with_its_key_only(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with on_encrypted.fresh(tmp_path) as path:
        with opened(path, on_encrypted.KEY) as ledger:
            ledger.record(event(K.REFUSED, 1, note="a plain marker"))
            shown = b"".join(one.read_bytes() for one in tmp_path.glob("ledger.db*"))
            copy = tmp_path / "copy"
            shutil.copy(path, copy)
        shown += Path(path).read_bytes()
        for text in (b"a plain marker", b"SQLite format", b"create table", LEDGER.encode()):
            assert text not in shown
        with opened(path, on_encrypted.KEY) as ledger:
            assert check_chain(ledger) == 2
        for wrong, why in ((None, "is encrypted"), ("0" * 64, "does not open with this key")):
            with pytest.raises(UnreadableError, match=why) as refused:
                sqlite.open_ledger(path, wrong)
            assert on_encrypted.KEY not in repr(refused.value) + refused.value.why
            assert refused.value.remedies
        with contextlib.closing(sqlite_status.open_status(path, on_encrypted.KEY)) as status:
            assert list(status.status()) == []
    assert capfd.readouterr() == ("", "")


def test_what_is_no_key_never_reaches_the_file(path: str) -> None:
    with pytest.raises(ValueError, match="64 hex digits"):
        sqlite.open_ledger(path, "'; drop table events; --")


def test_a_plain_ledger_does_not_open_with_a_key(path: str) -> None:
    with pytest.raises(UnreadableError, match="does not open with this key"):
        sqlite.open_ledger(path, on_encrypted.KEY)


def test_encryption_that_is_not_installed_is_said(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sqlcipher3.dbapi2", None)
    with pytest.raises(UnreadableError, match="not installed") as refused:
        sqlite.open_ledger(path, on_encrypted.KEY)
    assert refused.value.remedies[0].command == ("pip", "install", "lanectl[encryption]")
    with opened(path) as ledger:
        assert check_chain(ledger) == 1


def given(data: bytes) -> int:
    """A descriptor that gives these bytes."""
    out, into = os.pipe()
    os.write(into, data)
    os.close(into)
    return out


def test_a_key_is_read_from_a_descriptor() -> None:
    fd = given(b"C0de" * 16 + b"\n")
    assert read_key(fd) == on_encrypted.KEY
    os.close(fd)


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"c0de" * 16, b"c0de" * 16 + b"\n\n", b"c0de" * 16 + b"\r\n", b"c0de" * 17 + b"\n",
     b"c0d" * 16 + b"\n", b" " + b"c0de" * 16 + b"\n", b"c0dg" * 16 + b"\n", "é".encode() * 32 + b"\n"],
)  # fmt: skip
def test_anything_else_is_no_key_and_is_not_shown(data: bytes) -> None:
    fd = given(data)
    with pytest.raises(UsageError) as refused:
        read_key(fd)
    os.close(fd)
    said = f"{refused.value.what} {refused.value.why} {refused.value.remedies}"
    assert "c0d" not in said
    assert refused.value.remedies[0].command == ("openssl", "rand", "-hex", "32")


def test_a_descriptor_that_is_not_open_is_said() -> None:
    fd = given(b"")
    os.close(fd)
    with pytest.raises(UsageError) as refused:
        read_key(fd)
    assert "cannot be read" in refused.value.why


def test_every_error_of_a_ledger_is_one_that_a_user_can_meet(path: str) -> None:
    """Nothing of SQLite's own comes through the port."""
    with opened(path) as ledger:
        with raw(path) as db:
            db.execute("drop table handoffs")
        for act in (
            lambda: ledger.record(queued("a", 1)),
            lambda: ledger.claim(key("a"), "me", seconds=1),
            lambda: ledger.claim_next("me", seconds=1),
            lambda: ledger.handoff(key("a")),
            lambda: list(ledger.handoffs()),
        ):
            with pytest.raises(LaneError):
                act()
        assert ledger.head().seq == 1
        assert ledger.head().at == START
