"""Events for the tests of the PostgreSQL ledger, as records and as the text that is stored."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from msgspec.structs import replace

from lanectl.formats.event import write
from lanectl.model.ledger import EventKind, HandoffKey, LedgerId, NewEvent
from tests.ledger import rig
from tests.ledger.on_postgres import BORN, LEDGER, REPOSITORY

VERSIONS = [
    pytest.param(v, marks=() if v == rig.DEFAULT else pytest.mark.e2e) for v in rig.versions()
]
"""One version in the default suite, the others with e2e."""


def event(
    kind: EventKind, number: int = 1, handoff: HandoffKey | None = None, **data: str
) -> NewEvent:
    """An event of a kind, so many minutes after the ledger's first one."""
    at = BORN + timedelta(minutes=number)
    return NewEvent(f"{kind}:{number}", kind, at, "enforcer/test", REPOSITORY, handoff, data)


def queued(slug: str, number: int = 1) -> NewEvent:
    """A handoff of this name is queued."""
    digest = hashlib.sha256(slug.encode()).hexdigest()
    made = event(
        EventKind.QUEUED, number, HandoffKey(digest), slug=slug, bundle=digest, base=digest[:40],
        result_tree=digest[24:],
    )  # fmt: skip
    return replace(made, id=f"queued:{slug}")


def body(one: NewEvent, ledger: LedgerId = LEDGER) -> str:
    """The text that is stored."""
    return write(one, ledger).decode()
