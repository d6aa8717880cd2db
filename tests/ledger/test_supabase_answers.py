"""What the Supabase back end makes of every wrong answer, over real HTTP on this machine."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from lanectl.adapters.ledger.rest import parse_moment
from lanectl.adapters.ledger.status import SupabaseStatus, open_status
from lanectl.adapters.ledger.supabase import SupabaseLedger, open_ledger
from lanectl.errors import ConflictError, LaneError, RefusedError, UnavailableError
from lanectl.formats import event as events
from lanectl.model.ledger import GENESIS, Claim, EventKind, HandoffKey, LedgerId, NewEvent
from lanectl.model.names import RepositoryId
from lanectl.model.report import MalformedError
from tests.forge.listener import Listener
from tests.ledger.project import HTML, KEY, Project, endless, nobody, project, silent

pytestmark = pytest.mark.usefixtures("listener")  # lets this process reach this machine

LEDGER = LedgerId("1" * 32)
HANDOFF = HandoffKey("2" * 64)
CLAIM = Claim(HANDOFF, "3" * 32, "me")
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
FIRST = NewEvent("first", EventKind.CREATED, AT, "me", RepositoryId("github.com/acme/shop"))


def row(event: NewEvent = FIRST) -> dict[str, object]:
    body = events.write(event, LEDGER)
    return {"seq": 1, "prev": GENESIS, "hash": events.link(GENESIS, 1, body), "body": body.decode()}


@pytest.fixture(scope="module")
def opened() -> Iterator[tuple[Project, SupabaseLedger]]:
    with project() as shop:
        ledger = open_ledger(shop.url, KEY, seconds=5)
        yield shop, ledger
        ledger.close()
        ledger.close()


@pytest.fixture
def shop(opened: tuple[Project, SupabaseLedger]) -> Project:
    opened[0].forget()
    return opened[0]


@pytest.fixture
def ledger(
    opened: tuple[Project, SupabaseLedger], caplog: pytest.LogCaptureFixture
) -> Iterator[SupabaseLedger]:
    caplog.set_level(logging.DEBUG)
    yield opened[1]
    logged = "\n".join(record.getMessage() for record in caplog.get_records("call"))
    assert "send_request" in logged
    assert KEY not in logged
    assert KEY not in repr(opened[1]) + repr(opened[1]._rest)


def refused(ledger: SupabaseLedger) -> LaneError:
    """The error of one look; nothing of it, however it is shown, holds the key."""
    with pytest.raises(LaneError) as caught:
        ledger.head()
    error = caught.value
    assert KEY not in "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    return error


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        ((400, "LN001", "lanectl/move: the handoff is applied"), (ConflictError, "the handoff is applied")),
        ((400, "P0001", "lanectl/claim: the claim is lost"), (ConflictError, "the claim is lost")),
        ((500, "LN003", "lanectl/clock: an hour behind"), (ConflictError, "an hour behind")),
        ((400, "LN004", "lanectl/malformed: no JSON"), (RefusedError, "the ledger refuses")),
        ((500, "SUP", "PostgresError: lanectl/claim: lost"), (ConflictError, "lost")),
        ((400, "LN001", "not lanectl/move: ours"), (RefusedError, "refuses")),
        ((401, "", "Invalid API key"), (RefusedError, "does not let this key")),
        ((401, "42501", "permission denied for table events"), (RefusedError, "does not let this key")),
        ((403, "42501", "permission denied for table events"), (RefusedError, "does not let this key")),
        ((500, "42501", "permission denied for table events"), (RefusedError, "does not let this key")),
        ((401, "PGRST301", "JWT expired"), (RefusedError, "does not let this key")),
        ((406, "PGRST106", "The schema must be one of: public"), (RefusedError, "shows no ledger")),
        ((404, "PGRST202", "Could not find the function"), (RefusedError, "shows no ledger")),
        ((404, "42P01", "relation does not exist"), (RefusedError, "shows no ledger")),
        ((404, "", "requested path is invalid"), (RefusedError, "shows no ledger")),
        ((429, "", "slow down"), (UnavailableError, "not available")),
        ((500, "XX000", "oops"), (UnavailableError, "not available")),
        ((503, "PGRST002", "no schema cache"), (UnavailableError, "not available")),
        ((540, "", "project paused"), (UnavailableError, "not available")),
        ((409, "40001", "could not serialize access"), (UnavailableError, "not available")),
        ((500, "57014", "canceling statement due to statement timeout"), (UnavailableError, "not available")),
        ((400, "22023", f"your key {KEY} is \x1b[31mbad"), (RefusedError, "refuses")),
    ],
)  # fmt: skip
def test_a_refusal_says_whose_fault_it_is(
    answer: tuple[int, str, str], meaning: tuple[type[LaneError], str],
    shop: Project, ledger: SupabaseLedger,
) -> None:  # fmt: skip
    (status, code, message), (kind, shown) = answer, meaning
    shop.says(status, {"code": code, "message": message, "hint": None, "details": KEY})
    error = refused(ledger)
    assert type(error) is kind
    assert shown in error.what
    assert "\x1b" not in error.why
    assert len(shop.requests) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, HTML, RefusedError), (200, b"", RefusedError), (200, b"\xff[]", RefusedError),
        (200, b"[" * 100_000, RefusedError), (200, b"[1]", RefusedError), (200, b"[]", RefusedError),
        (200, b"[{}]", RefusedError), (200, b'[{"seq":1}]', RefusedError), (204, b"", RefusedError),
        (400, HTML, RefusedError), (403, HTML, RefusedError), (404, HTML, RefusedError),
        (500, b"[" * 100_000, UnavailableError), (502, HTML, UnavailableError), (400, b"[]", RefusedError),
    ],
)  # fmt: skip
def test_an_answer_that_no_ledger_gives_is_an_error(
    status: int, body: bytes, kind: type[LaneError], shop: Project, ledger: SupabaseLedger
) -> None:
    shop.says(status, body)
    error = refused(ledger)
    assert type(error) is kind
    assert "<" not in error.what + error.why


def test_what_to_do_is_said(shop: Project, ledger: SupabaseLedger) -> None:
    shop.says(406, {"code": "PGRST106", "message": "The schema must be one of: public"})
    (remedy,) = refused(ledger).remedies
    assert remedy.command == ("lanectl", "ledger", "migrate")
    assert "expose the schema `lanectl`" in remedy.text
    shop.says(401, {"message": "Invalid API key"})
    (remedy,) = refused(ledger).remedies
    assert "sb_secret_" in remedy.text


def test_a_key_follows_no_redirect(
    shop: Project, ledger: SupabaseLedger, listener: Listener
) -> None:
    for status in (301, 302, 303, 307, 308):
        shop.says(status, b"", {"Location": listener.url + "/rest/v1/events"})
        assert "redirect" in refused(ledger).what
    assert listener.requests == []


def test_a_server_that_is_not_there_or_says_nothing_is_unavailable() -> None:
    with silent() as mute, endless() as slow:
        late = "it did not answer in time"
        for url, why in ((nobody(), "it cannot be reached"), (mute, late), (slow, late)):
            one = open_ledger(url, KEY, seconds=0.3)
            error = refused(one)
            assert type(error) is UnavailableError
            assert error.why == why
            one.close()


def test_what_was_cut_is_sent_again_once_and_is_the_same(
    shop: Project, ledger: SupabaseLedger
) -> None:
    shop.says(200, [row()])
    cut = shop.cut("POST", "/rpc/record")
    stored = ledger.record(FIRST)
    assert stored.event == FIRST
    assert stored.ledger == ledger.id
    assert cut.seen == 1
    shop.says(200, [{"taken": True}])
    shop.cut("POST", "/rpc/claim")
    assert isinstance(ledger.claim(HANDOFF, "me", seconds=60), Claim)
    for function in ("record", "claim"):
        sent = [r.body for r in shop.requests if r.path.endswith(f"/rpc/{function}")]
        assert len(sent) == 2
        assert sent[0] == sent[1]


def test_what_is_always_cut_is_not_sent_for_ever(shop: Project, ledger: SupabaseLedger) -> None:
    shop.cut("*", "", times=9)
    error = refused(ledger)
    assert type(error) is UnavailableError
    assert error.why == "the connection was cut"
    assert len(shop.requests) == 2


def test_a_write_that_changed_nothing_is_an_error(shop: Project, ledger: SupabaseLedger) -> None:
    shop.says(200, [row()])
    assert ledger.id == LEDGER
    shop.says(200, [])
    with pytest.raises(RefusedError, match="no row"):
        ledger.record(FIRST)
    with pytest.raises(RefusedError, match="no row"):
        ledger.claim(HANDOFF, "me", seconds=60)
    shop.says(200, b"false")
    with pytest.raises(ConflictError, match="lost"):
        ledger.renew(CLAIM, seconds=60)
    ledger.release(CLAIM)
    shop.says(200, [row()])
    other = NewEvent("second", EventKind.FROZEN, AT, "me", FIRST.repository)
    with pytest.raises(RefusedError, match="another event"):
        ledger.record(other)


def test_rows_that_are_none_are_refused(shop: Project, ledger: SupabaseLedger) -> None:
    shop.says(200, [{**row(), "body": "{}"}])
    with pytest.raises(MalformedError):
        list(ledger.events())
    with pytest.raises(RefusedError, match="an event that is none"):
        ledger.head()
    shop.says(200, [{"seq": "many"}])
    with pytest.raises(RefusedError, match="without its number"):
        list(ledger.events())
    shop.says(200, [{"key": HANDOFF, "state": "lost"}])
    with pytest.raises(RefusedError, match="a handoff that is none"):
        ledger.handoff(HANDOFF)
    shop.says(200, [{"taken": False, "holder": "you", "token": "t", "lease_until": "soon"}])
    with pytest.raises(RefusedError, match="a claim that is none"):
        ledger.claim(HANDOFF, "me", seconds=60)


def test_a_server_that_repeats_a_page_does_not_hold_us_for_ever(
    shop: Project, ledger: SupabaseLedger
) -> None:
    shop.says(200, [{"key": HANDOFF}])
    with pytest.raises(RefusedError, match="no order"):
        list(ledger.handoffs())


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://abc.supabase.co", KEY), ("ftp://abc.supabase.co", KEY), (KEY, "https://abc.supabase.co"),
        ("https://", KEY), ("https://[abc", KEY), ("https://abc.supabase.co:99999", KEY), ("", KEY),
        ("https://abc.supabase.co", ""), ("https://abc.supabase.co", KEY + "\n"),
        ("https://abc.supabase.co", KEY + "é"), ("https://abc.supabase.co", f"a {KEY}"),
    ],
)  # fmt: skip
def test_a_wrong_address_or_key_is_refused_unseen(url: str, key: str) -> None:
    for opening in (open_ledger, open_status):
        with pytest.raises(RefusedError) as caught:
            opening(url, key)
        shown = "".join(traceback.format_exception(caught.value))
        assert KEY not in shown
        assert caught.value.remedies


def test_a_password_in_the_address_goes_nowhere(shop: Project) -> None:
    one = open_ledger(shop.url.replace("//", "//user:Planted9Password@"), KEY)
    with pytest.raises(RefusedError) as caught:
        one.head()
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert "Planted9Password" not in shown
    assert shop.requests[0].headers["Authorization"] == f"Bearer {KEY}"
    one.close()


def test_a_status_reader_has_no_way_to_write() -> None:
    public = {name for name in dir(SupabaseStatus) if not name.startswith("_")}
    assert public == {"close", "status"}


@pytest.mark.parametrize(
    "text",
    ["2026-01-31T12:00:00Z", "2026-01-31 12:00:00+00", "2026-01-31T13:00:00.000+01:00", "2026-01-31T12:00:00"],
)  # fmt: skip
def test_times_are_read_as_any_server_writes_them(text: str) -> None:
    assert parse_moment(text) == AT == AT.astimezone(timezone(timedelta(hours=5)))
