"""Giving an order: who may, on a real ledger, with a clock that stands and dice that fall as told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from lanectl.adapters.ledger import sqlite
from lanectl.config import parse_operator, parse_rules
from lanectl.errors import ConflictError, UntrustedError, UsageError
from lanectl.flows.authority import Office, give
from lanectl.flows.freeze import except_bundle, freeze, lift
from lanectl.flows.impact import impact
from lanectl.flows.revoke import find_key, revoke
from lanectl.formats import event as bodies
from lanectl.formats import keyring
from lanectl.model.evidence import Trust
from lanectl.model.ledger import EventKind, NewEvent
from lanectl.model.names import Digest, ObjectId
from lanectl.model.report import TrustSource
from lanectl.model.trust import Keyring, PublicKey, Revocation
from tests.assets.bundles.workshop import bundle as made
from tests.orders import (
    BUNDLE,
    HOUR,
    LEDGER,
    MINUTE,
    NOON,
    REPOSITORY,
    key,
    order,
    private,
    ring,
    signed,
)


@dataclass
class Machine:
    """Implements `ports.System` as told."""

    moment: datetime = NOON
    fixed: str = ""
    count: int = 0

    def now(self) -> datetime:
        return self.moment

    def nonce(self) -> str:
        self.count += 1
        return self.fixed or f"f{self.count:031x}"


@dataclass
class Person:
    """Implements `ports.Signer` with a key of the tests."""

    name: str

    @property
    def public(self) -> PublicKey:
        return key(self.name).public

    def sign(self, message: bytes) -> bytes:
        return private(self.name).sign(message)


ANN, LEO, SUE = Person("ann"), Person("leo"), Person("sue")


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def office(tmp_path: Path, machine: Machine) -> Iterator[Office]:
    """A real ledger in a file, and the trust that a target's tip would give."""
    path = str(tmp_path / "ledger.db")
    first = NewEvent("created", EventKind.CREATED, NOON - HOUR, "lanectl", REPOSITORY)
    sqlite.create(path, bodies.write(first, LEDGER))
    operator = parse_operator(made.operator(), "enforcer.toml")
    source = TrustSource(
        "enforcer.toml", Digest("0" * 64), REPOSITORY, operator.ref, ObjectId("1" * 40)
    )
    trust = Trust(source, operator, parse_rules(b"version = 1\n"), ring())
    ledger = sqlite.open_ledger(path)
    yield Office(trust, ledger, machine)
    ledger.close()


def test_a_key_out_of_its_time_gives_no_order(office: Office, machine: Machine) -> None:
    head = office.ledger.head()
    for moment in (key("ann").not_before - MINUTE, key("ann").not_after):
        machine.moment = moment
        with pytest.raises(UntrustedError) as caught:
            freeze(office, ANN, "x")
        assert "it is valid from" in caught.value.why
    assert office.ledger.head() == head


def test_an_answer_that_is_another_event_is_no_success(office: Office, machine: Machine) -> None:
    machine.fixed = "0" * 32
    freeze(office, ANN, "one")
    with pytest.raises(ConflictError, match="another event"):
        freeze(office, ANN, "two")


def test_an_order_that_does_not_count_is_no_success(office: Office, machine: Machine) -> None:
    machine.fixed = "0" * 32
    freeze(office, ANN, "one")
    with pytest.raises(UntrustedError, match="does not count") as caught:
        lift(office, ANN, "two")
    assert caught.value.why == "its nonce was used before"
    assert office.standing().frozen


def test_a_lift_by_a_slow_clock_says_that_it_is_still_frozen(
    office: Office, machine: Machine
) -> None:
    machine.moment = NOON + 2 * MINUTE
    freeze(office, SUE, "x")
    machine.moment = NOON
    with pytest.raises(ConflictError, match="still frozen"):
        lift(office, ANN, "y")
    machine.moment = NOON + 2 * MINUTE
    assert lift(office, ANN, "y")
    assert lift(office, ANN, "y") is None


def test_an_exception_is_in_force_with_its_second_lead(office: Office, machine: Machine) -> None:
    with pytest.raises(UsageError, match="nothing is frozen"):
        except_bundle(office, ANN, BUNDLE, "fix", 1)
    freeze(office, SUE, "x")
    assert except_bundle(office, ANN, BUNDLE, "fix", 3).override is None
    machine.moment += MINUTE
    found = except_bundle(office, LEO, BUNDLE, "fix", 1).override
    assert found
    assert found.until == NOON + HOUR + MINUTE
    machine.moment = found.until
    assert not office.standing().overrides


def test_an_order_that_is_none_is_not_recorded(office: Office) -> None:
    head = office.ledger.head()
    with pytest.raises(UsageError, match="no order: subject"):
        give(office, ANN, EventKind.OVERRIDE, "x", {"bundle": BUNDLE}, expires=NOON + HOUR)
    assert office.ledger.head() == head


def test_a_key_that_left_the_keyring_can_be_revoked_by_its_whole_id(
    office: Office, machine: Machine
) -> None:
    gone = "d" * 64
    done = revoke(office, ANN, f"sha256:{gone}", reason="x", since=None, work_tree=None)
    assert (done.key, done.known, done.file) == (gone, None, None)
    assert done.recorded
    machine.moment += MINUTE
    assert revoke(office, ANN, gone, reason="x", since=None, work_tree=None).recorded is None
    again = revoke(office, ANN, gone, reason="x", since=NOON - HOUR, work_tree=None)
    assert again.recorded
    assert (again.revocation.at, again.revocation.compromised_since) == (NOON, NOON - HOUR)


def test_the_file_of_the_work_tree_keeps_what_is_marked_already(office: Office) -> None:
    bob = key("bob").public.id
    first = revoke(office, ANN, bob, reason="x", since=NOON - HOUR, work_tree=keyring.write(ring()))
    assert first.file
    assert first.file.changes
    second = revoke(office, ANN, bob, reason="y", since=None, work_tree=first.file.after)
    assert second.file
    assert not second.file.changes
    known = ring(revised={"who": "bob", "revoked": Revocation(NOON, NOON - 2 * HOUR, "z")})
    third = revoke(office, ANN, bob, reason="y", since=None, work_tree=keyring.write(known))
    assert third.file
    assert not third.file.changes  # what people marked reaches further back


def test_a_key_that_left_the_keyring_has_what_names_it(office: Office) -> None:
    freeze(office, ANN, "x")
    assert not impact(office, "d" * 64, None).suspects
    assert len(impact(office, key("ann").public.id, None).suspects) == 1
    left = replace(office, trust=replace(office.trust, keyring=ring(without="ann")))
    assert [s.counts for s in impact(left, key("ann").public.id, None).suspects] == [
        "its key is not in the keyring at the target's tip"
    ]


def test_what_depends_on_a_key_is_looked_for_since_it_was_lost(
    office: Office, machine: Machine
) -> None:
    freeze(office, ANN, "x")
    forged = signed("leo", order(EventKind.FROZEN))
    hint = signed("ann", order(EventKind.FROZEN)).data["hint"]
    office.ledger.record(replace(forged, data={**forged.data, "hint": hint}))
    ann = key("ann").public.id
    assert len(impact(office, ann, None).suspects) == 1
    machine.moment += 10 * MINUTE
    revoke(office, LEO, ann, reason="lost", since=NOON + MINUTE, work_tree=None)
    assert not impact(office, ann, None).suspects
    assert len(impact(office, ann, NOON).suspects) == 1


def test_a_key_is_found_by_the_beginning_of_its_id_if_it_is_the_only_one() -> None:
    ids = [k.public.id for k in ring().keys]
    assert find_key(ids[0][:8], ring()) == ids[0]
    assert find_key(ids[0][:8].upper(), ring(), ring()) == ids[0]
    for text in (ids[0][:7], "", "g" * 8, "\x1b[2Jxxxx"):
        with pytest.raises(UsageError):
            find_key(text, ring())
    twin = replace(key("ann"), public=replace(key("ann").public, id=Digest(ids[0][:60] + "0000")))
    with pytest.raises(UsageError, match="2 keys"):
        find_key(ids[0][:8], ring(), Keyring((twin,)))
    with pytest.raises(UsageError, match="0 keys"):
        find_key(ids[0][:8], Keyring(()))
