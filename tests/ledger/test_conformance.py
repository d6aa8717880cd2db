"""Every back end keeps the same chain: what is recorded, in which order, and what is refused."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from lanectl.errors import ConflictError, LaneError
from lanectl.formats import event as bodies
from lanectl.model.ledger import GENESIS, EventKind, LedgerId
from lanectl.model.report import MalformedError
from lanectl.ports.ledger import Ledger
from tests.ledger import story
from tests.ledger.story import BackEnd, check_chain, event, key, kinds, queued

K = EventKind
REFUSED = (ValueError, MalformedError, LaneError)


def test_a_ledger_begins_with_its_own_event(ledger: Ledger) -> None:
    (first,) = ledger.events()
    assert ledger.id == first.ledger == story.LEDGER
    assert (first.seq, first.prev, first.event.kind) == (1, GENESIS, K.CREATED)
    assert first.body == story.genesis()
    head = ledger.head()
    assert (head.seq, head.hash, head.at) == (1, bodies.link(GENESIS, 1, first.body), story.START)


def test_events_follow_each_other(ledger: Ledger, connect: Callable[[], Ledger]) -> None:
    recorded = [ledger.record(event(K.KEY, n)) for n in range(1, 4)]
    assert [one.seq for one in recorded] == [2, 3, 4]
    assert ledger.head().hash == recorded[-1].hash
    assert ledger.head().at == recorded[-1].event.at
    other = connect()
    assert list(other.events(after=1)) == recorded
    assert check_chain(other) == 4


def test_an_id_is_recorded_once_whatever_comes_later(ledger: Ledger) -> None:
    first = ledger.record(event(K.VERDICT, 1, result="good"))
    ledger.record(event(K.KEY, 2))
    again = ledger.record(replace(event(K.VERDICT, 1, result="bad"), at=story.START))
    assert again == first
    assert ledger.find("verdict:1") == first
    assert ledger.find("verdict:2") is None
    assert check_chain(ledger) == 3


def test_a_move_recorded_again_changes_nothing(ledger: Ledger) -> None:
    first = ledger.record(queued("a", 1))
    ledger.record(event(K.HELD, 2, key("a")))
    assert ledger.record(queued("a", 1, bundle="another")) == first
    row = ledger.handoff(key("a"))
    assert row is not None
    assert row.state == "held"


def test_events_are_found_by_kind_by_handoff_and_by_number(ledger: Ledger) -> None:
    for one in (queued("a", 1), queued("b", 2), event(K.HELD, 3, key("a")), event(K.KEY, 4)):
        ledger.record(one)

    def ids(**what: object) -> list[str]:
        return [one.event.id for one in ledger.events(**what)]  # type: ignore[arg-type]

    assert ids() == ["created:0", "queued:1", "queued:2", "held:3", "key:4"]
    assert ids(after=3) == ["held:3", "key:4"]
    assert ids(after=99) == []
    assert ids(kinds=[K.QUEUED]) == ["queued:1", "queued:2"]
    assert ids(kinds={K.KEY, K.HELD}) == ["held:3", "key:4"]
    assert ids(kinds=(K.FROZEN,)) == []
    assert ids(handoff=key("a")) == ["queued:1", "held:3"]
    assert ids(handoff=key("a"), kinds=(K.HELD, K.KEY), after=2) == ["held:3"]
    assert ids(handoff=key("c")) == []


def test_whoever_records_while_reading_reads_to_an_end(ledger: Ledger) -> None:
    ledger.record(event(K.KEY, 1))
    for n, _ in enumerate(ledger.events(), 2):
        assert n < 10
        ledger.record(event(K.KEY, n))
    assert check_chain(ledger) == 4


def test_text_survives(ledger: Ledger, connect: Callable[[], Ledger]) -> None:
    text = "é 漢 😀 \" ' \\ \\u0041 $1 %s :a ?\n\r\t\x01\x7f\u2028\u200b</script>"
    recorded = ledger.record(event(K.REFUSED, 1, key("a"), note=text, empty=""))
    found = connect().find("refused:1")
    assert found == recorded
    assert found.event.data == {"note": text, "empty": ""}


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("data", {"a": "\0"}),
        ("data", {"a": "x" * bodies.LIMIT}),
        ("data", {"Not A Key": "x"}),
        ("id", "with space"),
        ("id", "x" * 301),
        ("actor", "two\nlines"),
    ],
)
def test_what_no_reader_would_take_is_not_recorded(
    ledger: Ledger, what: str, value: object
) -> None:
    with pytest.raises(REFUSED):
        ledger.record(replace(event(K.KEY, 1), **{what: value}))
    assert check_chain(ledger) == 1
    ledger.record(event(K.KEY, 1))


def test_a_large_event_is_recorded(ledger: Ledger) -> None:
    room = bodies.LIMIT - len(bodies.write(event(K.KEY, 1, a=""), story.LEDGER))
    assert len(ledger.record(event(K.KEY, 1, a="x" * room)).body) == bodies.LIMIT
    assert check_chain(ledger) == 2


def test_a_clock_may_lag_by_five_minutes_and_no_more(ledger: Ledger) -> None:
    ledger.record(event(K.KEY, 10))
    ledger.record(event(K.KEY, 5))
    late = replace(event(K.KEY, 1), at=story.START - timedelta(seconds=1))
    with pytest.raises(ConflictError):
        ledger.record(late)
    assert ledger.find(late.id) is None
    assert ledger.record(event(K.KEY, 0)).seq == 4  # five minutes before the last one's
    assert check_chain(ledger) == 4


def test_the_back_end_itself_refuses_what_is_no_event_of_this_ledger(
    back_end: BackEnd, address: str, ledger: Ledger
) -> None:
    insert = getattr(back_end, "insert", None)
    if insert is None:
        pytest.skip("this back end has no way past the adapter")
    good = bodies.write(event(K.KEY, 1), story.LEDGER).decode()
    foreign = bodies.write(event(K.KEY, 1), LedgerId("f" * 32)).decode()
    oversized = json.loads(good) | {"data": {"a": "x" * bodies.LIMIT}}
    for body in (foreign, "no event", "{}", "[]", good[:-1], json.dumps(oversized)):
        assert insert(address, body), body[:100]
    assert check_chain(ledger) == 1
    assert insert(address, good) == ""
    assert check_chain(ledger) == 2


def test_two_append_at_once(back_end: BackEnd, address: str, ledger: Ledger) -> None:
    failed = list[BaseException]()

    def append(name: str) -> None:
        try:
            with contextlib.closing(back_end.connect(address)) as mine:
                for n in range(40):
                    mine.record(replace(event(K.KEY, 1), id=f"{name}:{n}"))
        except BaseException as error:  # noqa: BLE001 - a thread's own is shown below
            failed.append(error)

    threads = [threading.Thread(target=append, args=(name,)) for name in ("a", "b")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert failed == []
    assert check_chain(ledger) == 81


def test_who_waits_hears_that_something_was_queued(
    ledger: Ledger, back_end: BackEnd, address: str
) -> None:
    heard = threading.Event()

    def listen() -> None:
        with contextlib.closing(back_end.connect(address)) as listener:
            assert listener.claim_next("listener", seconds=1) is None
            listener.wait(60)
        heard.set()

    thread = threading.Thread(target=listen)
    thread.start()
    n = 0
    while not heard.wait(0.1) and n < 200:
        n += 1
        ledger.record(queued(f"h{n}", n))
    assert heard.is_set()
    thread.join()


def test_waiting_for_nothing_ends(ledger: Ledger) -> None:
    ledger.wait(0)
    ledger.wait(0.01)
    assert list(kinds(ledger)) == ["created"]


def test_closing_twice_is_harmless(connect: Callable[[], Ledger]) -> None:
    one = connect()
    one.close()
    one.close()
