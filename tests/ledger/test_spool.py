"""Events that wait for their ledger: none lost, none twice, none half."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lanectl.adapters.spool import FileSpool
from lanectl.errors import UnavailableError, UnreadableError
from lanectl.model.ledger import EventKind
from lanectl.ports.ledger import Ledger
from tests.ledger.story import check_chain, event

K = EventKind
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def spool(tmp_path: Path) -> FileSpool:
    return FileSpool(tmp_path / "a spool")


def file(spool: FileSpool) -> Path:
    return spool._path


def replay(spool: FileSpool, ledger: Ledger) -> None:
    with spool.held():
        for one in spool.waiting():
            ledger.record(one)
        spool.drop()


def test_events_come_back_in_their_order(spool: FileSpool) -> None:
    put = [event(K.STEP_DONE, n, note=f"é \n {n}") for n in range(5)]
    for one in put:
        spool.put(one)
    assert list(spool.waiting()) == put
    assert list(FileSpool(file(spool).parent).waiting()) == put
    assert stat.S_IMODE(file(spool).stat().st_mode) == 0o600
    spool.drop()
    assert list(spool.waiting()) == []
    assert not file(spool).exists()


def test_nothing_waits_where_nothing_was_put(spool: FileSpool) -> None:
    with spool.held():
        assert list(spool.waiting()) == []
        spool.drop()


def test_a_line_that_a_crash_cut_short_never_counts(spool: FileSpool) -> None:
    spool.put(event(K.KEY, 1))
    whole = file(spool).read_bytes()
    spool.put(event(K.KEY, 2))
    for cut in range(len(whole), 2 * len(whole)):
        file(spool).write_bytes((whole + whole.replace(b"key:1", b"key:2"))[:cut])
        assert [one.id for one in spool.waiting()] == ["key:1"]
    file(spool).write_bytes(whole + whole.replace(b"\n", b"") * 9)
    spool.put(event(K.KEY, 3))
    assert [one.id for one in spool.waiting()] == ["key:1", "key:3"]
    assert file(spool).read_bytes().endswith(b"\n")


def test_what_is_put_while_others_replay_is_kept(spool: FileSpool) -> None:
    spool.put(event(K.KEY, 1))
    with spool.held():
        for _ in spool.waiting():
            FileSpool(file(spool).parent).put(event(K.KEY, 2))
        spool.drop()
    assert [one.id for one in spool.waiting()] == ["key:2"]


def test_a_replay_that_fails_drops_only_what_was_recorded(spool: FileSpool) -> None:
    for n in range(3):
        spool.put(event(K.KEY, n))
    waiting = spool.waiting()
    next(waiting)
    next(waiting)  # the first one was gone past, this one was not
    spool.drop()
    assert [one.id for one in spool.waiting()] == ["key:1", "key:2"]


def test_a_line_that_is_no_event_is_refused_and_stays(spool: FileSpool) -> None:
    spool.put(event(K.KEY, 1))
    good = file(spool).read_bytes()
    file(spool).write_bytes(good + b"{}\n" + good)
    with pytest.raises(UnreadableError, match="line 2"):
        list(spool.waiting())
    spool.drop()
    assert file(spool).read_bytes() == b"{}\n" + good


def test_a_link_in_its_place_is_not_followed(spool: FileSpool, tmp_path: Path) -> None:
    spool.put(event(K.KEY, 1))
    elsewhere = tmp_path / "elsewhere"
    file(spool).rename(elsewhere)
    file(spool).symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    with pytest.raises(UnreadableError):
        spool.put(event(K.KEY, 2))
    with pytest.raises(UnreadableError):
        list(spool.waiting())
    assert elsewhere.read_bytes() == before


def test_two_do_not_replay_at_once(spool: FileSpool) -> None:
    spool.put(event(K.KEY, 1))
    with spool.held():
        with pytest.raises(UnavailableError), FileSpool(file(spool).parent, patience=0).held():
            pass
        spool.put(event(K.KEY, 2))  # but what happens meanwhile is kept
    with FileSpool(file(spool).parent).held():
        pass


def test_a_spool_can_be_full(spool: FileSpool) -> None:
    spool.put(event(K.KEY, 1))
    folder = file(spool).parent
    spool = FileSpool(folder, limit=2 * file(spool).stat().st_size)
    spool.put(event(K.KEY, 2))
    with pytest.raises(UnavailableError, match="full"):
        spool.put(event(K.KEY, 3))
    assert len(list(spool.waiting())) == 2


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UnreadableError):
        FileSpool(tmp_path / "file" / "spool").put(event(K.KEY, 1))


def test_a_replay_again_records_nothing_twice(spool: FileSpool, ledger: Ledger) -> None:
    for n in range(3):
        spool.put(event(K.KEY, n))
    for one in spool.waiting():
        ledger.record(one)  # and then the process was ended
    spool.put(event(K.KEY, 4))
    replay(spool, ledger)
    assert check_chain(ledger) == 5
    assert list(spool.waiting()) == []


@pytest.mark.e2e
def test_many_processes_put_and_replay(
    spool: FileSpool, connect: Callable[[], Ledger], address: str, back_end_name: str
) -> None:
    folder = str(file(spool).parent)
    commands = [["spool", folder, f"p{n}", "50"] for n in range(4)]
    commands += [["replay", folder, back_end_name, address, "20"] for _ in range(2)]
    running = [
        subprocess.Popen([sys.executable, "-m", "tests.ledger.worker", *words], cwd=ROOT)
        for words in commands
    ]
    assert [one.wait(120) for one in running] == [0] * 6
    ledger = connect()
    replay(spool, ledger)
    assert check_chain(ledger) == 201
