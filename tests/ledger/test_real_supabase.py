"""The ledger in a real, hosted project: only where the environment names one, made for tests.

LANECTL_TEST_SUPABASE_URL, LANECTL_TEST_SUPABASE_SECRET_KEY and, for what anybody may see,
LANECTL_TEST_SUPABASE_PUBLISHABLE_KEY. The ledger must be installed and its schema exposed. Events
stay there for ever: that is what a ledger is for.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from lanectl.adapters.ledger.rest import Rest
from lanectl.adapters.ledger.status import open_status
from lanectl.adapters.ledger.supabase import SupabaseLedger, open_ledger
from lanectl.errors import ConflictError, RefusedError
from lanectl.formats import event as bodies
from lanectl.model.ledger import Claim, EventKind, HandoffState, NewEvent
from lanectl.model.names import Slug
from tests.ledger import story

URL = os.environ.get("LANECTL_TEST_SUPABASE_URL", "")
SECRET = os.environ.get("LANECTL_TEST_SUPABASE_SECRET_KEY", "")
PUBLISHABLE = os.environ.get("LANECTL_TEST_SUPABASE_PUBLISHABLE_KEY", "")

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not (URL and SECRET),
        reason="LANECTL_TEST_SUPABASE_URL and LANECTL_TEST_SUPABASE_SECRET_KEY name no project",
    ),
]


@pytest.fixture
def ledger() -> Iterator[SupabaseLedger]:
    one = open_ledger(URL, SECRET)
    yield one
    one.close()


def now(kind: EventKind, name: str, /, **data: str) -> NewEvent:
    at = datetime.now(UTC).replace(microsecond=0)
    drawn = f"{kind}:{secrets.token_hex(8)}"
    return NewEvent(drawn, kind, at, story.ACTOR, story.REPOSITORY, story.key(name), data)


def test_a_handoff_goes_its_way(ledger: SupabaseLedger) -> None:
    slug = f"test-{secrets.token_hex(8)}"
    queued = now(EventKind.QUEUED, slug, **story.facts(EventKind.QUEUED, slug))
    first = ledger.record(queued)
    assert ledger.record(queued) == first
    assert first.hash == bodies.link(first.prev, first.seq, first.body)
    claim = ledger.claim(story.key(slug), "test", seconds=60)
    assert isinstance(claim, Claim)
    facts = story.facts(EventKind.APPLIED, slug)
    with pytest.raises(ConflictError):
        ledger.record(now(EventKind.APPLIED, slug, **facts, claim="0" * 32))
    ledger.record(now(EventKind.APPLIED, slug, **facts, claim=claim.token))
    ledger.release(claim)
    (row,) = ledger.handoffs(Slug(slug))
    assert row.state is HandoffState.APPLIED
    seen = list(ledger.events(handoff=story.key(slug)))
    assert [one.event.kind for one in seen] == [EventKind.QUEUED, EventKind.APPLIED]


def test_the_secret_key_changes_nothing_past_the_events() -> None:
    rest = Rest(URL, SECRET, 10)
    for relation, column in (("handoffs", "slug"), ("events", "body")):
        table = rest.client.table(relation)
        for write in (table.update({column: "x"}).eq(column, ""), table.delete().eq(column, "")):
            with pytest.raises(RefusedError, match="does not let this key"):
                rest.ask(write)
    rest.close()


@pytest.mark.skipif(not PUBLISHABLE, reason="LANECTL_TEST_SUPABASE_PUBLISHABLE_KEY is not set")
def test_anybody_sees_the_status_alone() -> None:
    status = open_status(URL, PUBLISHABLE)
    list(status.status())
    status.close()
    opened = open_ledger(URL, PUBLISHABLE)
    for asking in (opened.head, lambda: opened.claim_next("test", seconds=60)):
        with pytest.raises(RefusedError, match="does not let this key"):
            asking()
    opened.close()
