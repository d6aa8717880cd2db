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
from lanectl.flows.approvals import to_publish
from lanectl.flows.approve import _refuse_many
from lanectl.flows.authority import Registry, give, give_all
from lanectl.flows.freeze import except_bundle, freeze, lift
from lanectl.flows.impact import impact
from lanectl.flows.revoke import find_key, revoke
from lanectl.formats import approvals, keyring
from lanectl.formats import event as bodies
from lanectl.model.evidence import Trust
from lanectl.model.ledger import EventKind, NewEvent
from lanectl.model.names import Digest, ObjectId
from lanectl.model.report import TrustSource
from lanectl.model.trust import Keyring, PublicKey, Revocation
from tests.assets.bundles.workshop import bundle as made
from tests.orders import (
    APPROVED,
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
def registry(tmp_path: Path, machine: Machine) -> Iterator[Registry]:
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
    yield Registry(trust, ledger, machine)
    ledger.close()


def test_a_key_out_of_its_time_gives_no_order(registry: Registry, machine: Machine) -> None:
    head = registry.ledger.head()
    for moment in (key("ann").not_before - MINUTE, key("ann").not_after):
        machine.moment = moment
        with pytest.raises(UntrustedError) as caught:
            freeze(registry, ANN, "x")
        assert "it is valid from" in caught.value.why
    assert registry.ledger.head() == head


def test_an_answer_that_is_another_event_is_no_success(
    registry: Registry, machine: Machine
) -> None:
    machine.fixed = "0" * 32
    freeze(registry, ANN, "one")
    with pytest.raises(ConflictError, match="another event"):
        freeze(registry, ANN, "two")


def test_an_order_that_does_not_count_is_no_success(registry: Registry, machine: Machine) -> None:
    machine.fixed = "0" * 32
    freeze(registry, ANN, "one")
    with pytest.raises(UntrustedError, match="does not count") as caught:
        lift(registry, ANN, "two")
    assert caught.value.why == "its nonce was used before"
    assert registry.standing().frozen


def test_a_lift_by_a_slow_clock_says_that_it_is_still_frozen(
    registry: Registry, machine: Machine
) -> None:
    machine.moment = NOON + 2 * MINUTE
    freeze(registry, SUE, "x")
    machine.moment = NOON
    with pytest.raises(ConflictError, match="still frozen"):
        lift(registry, ANN, "y")
    machine.moment = NOON + 2 * MINUTE
    assert lift(registry, ANN, "y")
    assert lift(registry, ANN, "y") is None


def test_an_exception_is_in_force_with_its_second_lead(
    registry: Registry, machine: Machine
) -> None:
    with pytest.raises(UsageError, match="nothing is frozen"):
        except_bundle(registry, ANN, BUNDLE, "fix", 1)
    freeze(registry, SUE, "x")
    assert except_bundle(registry, ANN, BUNDLE, "fix", 3).override is None
    machine.moment += MINUTE
    found = except_bundle(registry, LEO, BUNDLE, "fix", 1).override
    assert found
    assert found.until == NOON + HOUR + MINUTE
    machine.moment = found.until
    assert not registry.standing().overrides


def test_an_order_that_is_none_is_not_recorded(registry: Registry) -> None:
    head = registry.ledger.head()
    with pytest.raises(UsageError, match="no order: subject"):
        give(registry, ANN, EventKind.OVERRIDE, "x", {"bundle": BUNDLE}, expires=NOON + HOUR)
    assert registry.ledger.head() == head


def test_a_key_that_left_the_keyring_can_be_revoked_by_its_whole_id(
    registry: Registry, machine: Machine
) -> None:
    gone = "d" * 64
    done = revoke(registry, ANN, f"sha256:{gone}", reason="x", since=None, work_tree=None)
    assert (done.key, done.known, done.file) == (gone, None, None)
    assert done.recorded
    machine.moment += MINUTE
    assert revoke(registry, ANN, gone, reason="x", since=None, work_tree=None).recorded is None
    again = revoke(registry, ANN, gone, reason="x", since=NOON - HOUR, work_tree=None)
    assert again.recorded
    assert (again.revocation.at, again.revocation.compromised_since) == (NOON, NOON - HOUR)


def test_the_file_of_the_work_tree_keeps_what_is_marked_already(registry: Registry) -> None:
    bob = key("bob").public.id
    first = revoke(
        registry, ANN, bob, reason="x", since=NOON - HOUR, work_tree=keyring.write(ring())
    )
    assert first.file
    assert first.file.changes
    second = revoke(registry, ANN, bob, reason="y", since=None, work_tree=first.file.after)
    assert second.file
    assert not second.file.changes
    known = ring(revised={"who": "bob", "revoked": Revocation(NOON, NOON - 2 * HOUR, "z")})
    third = revoke(registry, ANN, bob, reason="y", since=None, work_tree=keyring.write(known))
    assert third.file
    assert not third.file.changes  # what people marked reaches further back


def test_a_key_that_left_the_keyring_has_what_names_it(registry: Registry) -> None:
    freeze(registry, ANN, "x")
    assert not impact(registry, "d" * 64, None).suspects
    assert len(impact(registry, key("ann").public.id, None).suspects) == 1
    left = replace(registry, trust=replace(registry.trust, keyring=ring(without="ann")))
    assert [s.counts for s in impact(left, key("ann").public.id, None).suspects] == [
        "its key is not in the keyring at the target's tip"
    ]


def test_what_depends_on_a_key_is_looked_for_since_it_was_lost(
    registry: Registry, machine: Machine
) -> None:
    freeze(registry, ANN, "x")
    forged = signed("leo", order(EventKind.FROZEN))
    hint = signed("ann", order(EventKind.FROZEN)).data["hint"]
    registry.ledger.record(replace(forged, data={**forged.data, "hint": hint}))
    ann = key("ann").public.id
    assert len(impact(registry, ann, None).suspects) == 1
    machine.moment += 10 * MINUTE
    revoke(registry, LEO, ann, reason="lost", since=NOON + MINUTE, work_tree=None)
    assert not impact(registry, ann, None).suspects
    assert len(impact(registry, ann, NOON).suspects) == 1


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


# a wrong approval withdrawn: the drill, through the port -----------------------------------------


@dataclass
class Lead:
    """Approves the bundle and takes it back, in a real ledger, a minute after the other."""

    registry: Registry
    machine: Machine

    def approve(self, who: Person = ANN) -> str:
        now = self._later()
        until = now + 12 * HOUR
        return give(
            self.registry, who, EventKind.APPROVAL, "read it", APPROVED, issued=now, expires=until
        ).record.id

    def withdraw(self, approval: str, who: Person = LEO) -> None:
        now = self._later()
        subject = {"approval": approval}
        give(self.registry, who, EventKind.APPROVAL_WITHDRAWN, "misread", subject, issued=now)

    def revoke(self, who: str, by: Person, since: datetime) -> None:
        self._later()
        key_id = key(who).public.id
        revoke(self.registry, by, key_id, reason="lost", since=since, work_tree=None)

    def in_force(self) -> list[str]:
        found = self.registry.standing().approvals_of(BUNDLE, key("bob"))
        return [one.record.id for one in found]

    def _later(self) -> datetime:
        self.machine.moment += MINUTE
        return self.machine.moment


@pytest.fixture
def lead(registry: Registry, machine: Machine) -> Lead:
    return Lead(registry, machine)


def test_an_approval_is_in_force_until_another_lead_withdraws_it(lead: Lead) -> None:
    wrong, right = lead.approve(), lead.approve()
    assert lead.in_force() == [wrong, right]
    lead.withdraw(wrong)
    assert lead.in_force() == [right]
    lead.withdraw(wrong, ANN)  # again, by whoever gave it: nothing more happens
    assert lead.in_force() == [right]
    anew = lead.approve()
    assert lead.in_force() == [right, anew]
    lead.machine.moment += 12 * HOUR
    assert lead.in_force() == []


def test_a_withdrawal_is_final(lead: Lead) -> None:
    wrong = lead.approve()
    lead.withdraw(wrong)
    withdrawn = lead.registry.standing().counted[-1]
    with pytest.raises(UsageError):
        lead.withdraw(withdrawn.record.id)
    row = lead.registry.ledger.find(wrong)
    assert row is not None
    lead.registry.ledger.record(row.event)  # the same row again, and a copy of it
    lead.registry.ledger.record(replace(row.event, id=f"approval:{'9' * 32}"))
    assert lead.in_force() == []


def test_a_withdrawal_before_its_approval(lead: Lead) -> None:
    lead.withdraw(f"approval:f{lead.machine.count + 2:031x}")
    assert lead.approve() in {c.record.id for c in lead.registry.standing().counted}
    assert lead.in_force() == []


def test_nobody_else_withdraws(lead: Lead) -> None:
    given = lead.approve()
    for who in (SUE, Person("eve"), Person("bob"), Person("max")):
        with pytest.raises(UntrustedError):
            lead.withdraw(given, who)
    good = signed("sue", order(EventKind.APPROVAL_WITHDRAWN, subject={"approval": given}))
    lead.registry.ledger.record(replace(good, at=lead.machine.moment))
    plain = replace(good, id="x", data={"approval": given}, at=lead.machine.moment)
    lead.registry.ledger.record(plain)
    assert lead.in_force() == [given]


def test_a_withdrawal_outlives_its_key(lead: Lead) -> None:
    given, other = lead.approve(), lead.approve()
    lead.withdraw(given)
    lead.revoke("leo", ANN, NOON - HOUR)
    assert lead.in_force() == [other]
    with pytest.raises(UntrustedError):
        lead.withdraw(other)
    assert lead.in_force() == [other]


def test_a_lost_key_takes_its_approvals_with_it(lead: Lead) -> None:
    before = lead.approve()
    since = lead.machine.moment + MINUTE
    after, others = lead.approve(), lead.approve(LEO)
    assert lead.in_force() == [before, after, others]
    lead.revoke("ann", LEO, since)
    assert lead.in_force() == [before, others]


def test_what_is_published_of_the_ledger(lead: Lead) -> None:
    """Also what is void by now, for it is judged by another time; nothing that no lead signed."""
    assert to_publish(lead.registry, BUNDLE) == b""
    wrong, right = lead.approve(), lead.approve(LEO)
    lead.withdraw(wrong)
    lead.machine.moment += 24 * HOUR
    assert lead.in_force() == []
    forged = signed("sue", order(EventKind.APPROVAL))
    lead.registry.ledger.record(replace(forged, at=lead.machine.moment))
    found = [one.record for one in approvals.read(to_publish(lead.registry, BUNDLE))]
    assert {r.id for r in found if r.kind is EventKind.APPROVAL} == {wrong, right}
    assert [r.subject["approval"] for r in found if "approval" in r.subject] == [wrong]
    assert to_publish(lead.registry, Digest("e" * 64)) == b""


@pytest.mark.e2e
def test_a_thousand_approvals_of_one_bundle_are_all_that_is_published(lead: Lead) -> None:
    many = [APPROVED | {"path": f"f{n}"} for n in range(approvals.APPROVALS)]
    until = NOON + 12 * HOUR
    given = give_all(lead.registry, ANN, EventKind.APPROVAL, "x", many, expires=until)
    assert len(given) == len(approvals.read(to_publish(lead.registry, BUNDLE))) == len(many)
    _refuse_many(lead.registry, BUNDLE, 0)
    with pytest.raises(UsageError, match="1001 approvals of one bundle are too many"):
        _refuse_many(lead.registry, BUNDLE, 1)
