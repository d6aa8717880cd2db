"""An approval lets pass exactly what it is bound to: nothing that only looks like it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from lanectl import checks
from lanectl.checks import approvals as published
from lanectl.errors import HeldError
from lanectl.formats import approvals as file
from lanectl.model.approval import POLICY, Approval, binding, refuse_ended
from lanectl.model.authority import Record
from lanectl.model.bundle import Envelope, Handoff, Statement
from lanectl.model.change import FileChange, Mode
from lanectl.model.content import Content
from lanectl.model.decision import Decision, Kind, Subject
from lanectl.model.evidence import Evidence
from lanectl.model.ledger import EventKind, NewEvent
from lanectl.model.names import Digest, Lane, ObjectFormat, ObjectId, RepositoryId, Slug
from lanectl.model.report import MalformedError, StepState
from lanectl.model.signature import SignatureFacts
from lanectl.model.signer import Method, Signer
from lanectl.model.trust import Revocation
from tests.orders import BUNDLE, HOUR, NOON, OTHER, REPOSITORY, key, order, ring, signed

NULL = ObjectId("0" * 40)
OLD, NEW = ObjectId("1" * 40), ObjectId("2" * 40)
FILE = FileChange(b"a b/\xff", Mode.FILE, Mode.FILE, OLD, NEW)
RULE = "limits/unread"


def handoff(**changes: Any) -> Handoff:
    one = Handoff(
        RepositoryId(REPOSITORY), ObjectId("3" * 40), OLD, ObjectId("4" * 40), ObjectFormat.SHA1,
        Slug("fix"), "Fix", "", Lane("codex"), "git", (), (),
    )  # fmt: skip
    return replace(one, **changes)


def approval(
    rule: str = RULE, *, file: FileChange = FILE, bundle: Digest = BUNDLE, by: str = "ann",
    **changes: Any,
) -> Approval:  # fmt: skip
    bound = binding(rule, Subject(Kind.PATH, file.path), file, handoff(**changes), bundle)
    return Approval("approval:1", key(by), {**bound, POLICY: "5" * 40})


def signature_of(who: str) -> SignatureFacts:
    envelope = Envelope("", b"", b"", hint="x")
    return SignatureFacts(Method.KEY, envelope, valid=True, signer=Signer.of_key(key(who)))


def judged(*approvals: Approval, signer: str = "bob", second: str | None = None) -> Any:
    """Return what is decided about a file that was not looked into, and the step's state."""
    evidence = Evidence(
        now=NOON, artifact=BUNDLE, approvals=approvals, content=Content(files=(FILE,)),
        outer=Statement({}, handoff(), None, {}),
        signature=signature_of(signer),
        countersignature=signature_of(second) if second else None,
    )  # fmt: skip
    [step] = [s for s in checks.judge(evidence) if s.title == "content"]
    [finding] = step.findings
    return finding.decision, step.state, finding.allowed_by


def test_what_it_is_bound_to() -> None:
    assert judged() == (Decision.HOLD, StepState.HELD, "")
    assert judged(approval()) == (Decision.ALLOW, StepState.PASSED, "approved by Ann")
    assert judged(approval(bundle=OTHER), approval())[0] is Decision.ALLOW


def test_who_countersigned_is_the_builder_as_well() -> None:
    assert judged(approval(), second="leo")[0] is Decision.ALLOW
    assert judged(approval(), second="ann")[0] is Decision.HOLD


WRONG = {
    "bundle": approval(bundle=OTHER),
    "rule": approval("limits/files"),
    "base": approval(base=OLD),
    "tree": approval(result_tree=OLD),
    "path": approval(file=replace(FILE, path=b"a b")),
    "quoted path": approval(file=replace(FILE, path=b"a%20b/%FF")),
    "old id": approval(file=replace(FILE, old_id=NEW)),
    "new id": approval(file=replace(FILE, new_id=OLD)),
    "old mode": approval(file=replace(FILE, old_mode=Mode.EXECUTABLE)),
    "new mode": approval(file=replace(FILE, new_mode=Mode.EXECUTABLE)),
    "a link of the same blob": approval(file=replace(FILE, new_mode=Mode.LINK)),
    "its deletion": approval(file=replace(FILE, new_mode=Mode.ABSENT, new_id=NULL)),
    "the builder's own": approval(by="bob"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_it_is_not_bound_to(what: str) -> None:
    assert judged(WRONG[what])[:2] == (Decision.HOLD, StepState.HELD)


def test_nobody_approves_where_nobody_signed() -> None:
    bound = {k: v for k, v in approval().binding.items() if k != POLICY}
    assert not approval().is_for(bound, ())


def test_what_is_no_path_is_bound_by_its_name() -> None:
    subject = Subject(Kind.MEMBER, b"changes.patch")
    bound = binding("limits/lines", subject, FILE, handoff(), BUNDLE)
    assert (bound["path"], bound["new_mode"], bound["new_id"]) == ("changes.patch", "000000", NULL)


def test_one_that_ended_on_the_way() -> None:
    refuse_ended([approval()], [approval()])
    refuse_ended([], [])
    with pytest.raises(HeldError, match="limits/unread by Ann does not count any more"):
        refuse_ended([approval()], [replace(approval(), id="approval:2")])


# published ----------------------------------------------------------------------------------------


def given(who: str = "ann", **fields: Any) -> NewEvent:
    return signed(who, order(EventKind.APPROVAL, **fields))


def withdrawn(one: NewEvent, who: str = "leo", **fields: Any) -> NewEvent:
    subject = {"approval": one.id}
    return signed(who, order(EventKind.APPROVAL_WITHDRAWN, subject=subject, **fields))


def counting(*events: NewEvent, keyring: Any = None, **places: Any) -> list[str]:
    where = {"bundle": BUNDLE, "repository": REPOSITORY, "at": NOON} | places
    written = file.read(file.write(events))
    return [c.record.id for c in published.counting(written, keyring or ring(), **where)]


def test_a_published_approval_counts_until_it_is_withdrawn() -> None:
    one, two = given(), given("leo")
    assert sorted(counting(one, two)) == sorted([one.id, two.id])
    assert counting(one, two, withdrawn(one)) == [two.id]
    assert counting(one, withdrawn(one, at=NOON + 100 * HOUR)) == []  # whenever it was made
    assert counting(one, at=NOON + 12 * HOUR) == []  # expired
    assert counting(one, at=NOON + 11 * HOUR) == [one.id]
    assert counting(one, bundle=OTHER) == counting(one, repository=RepositoryId("x.test/a/b")) == []


@pytest.mark.parametrize("who", ["bob", "eve", "sue", "max"])
def test_only_a_lead_of_the_keyring_is_heard(who: str) -> None:
    one = given()
    assert counting(given(who)) == []
    assert counting(one, withdrawn(one, who)) == [one.id]


def test_a_signature_of_another() -> None:
    one, other = given(), given("leo")
    assert counting(replace(one, data={**one.data, "hint": other.data["hint"]})) == []
    assert counting(replace(one, data={**one.data, "signature": other.data["signature"]})) == []


def test_a_lost_key_permits_nothing_and_stops_until_it_is_revoked() -> None:
    lost = Revocation(NOON + HOUR, NOON, "lost")
    one, two = given(), given("leo")
    assert counting(one, keyring=ring(revised={"who": "ann", "revoked": lost})) == []
    before = ring(revised={"who": "leo", "revoked": lost})
    assert counting(one, withdrawn(one, at=NOON + HOUR), keyring=before) == []
    late = withdrawn(one, at=NOON + 2 * HOUR)
    assert counting(one, late, keyring=before) == [one.id]
    early = ring(revised={"who": "leo", "revoked": replace(lost, compromised_since=NOON + HOUR)})
    assert counting(two, keyring=early) == [two.id]


def test_a_key_out_of_its_time() -> None:
    day = timedelta(days=1)
    for changes in ({"not_after": NOON}, {"not_before": NOON + day}):
        assert counting(given(), keyring=ring(revised={"who": "ann", **changes})) == []


def test_the_file_is_the_same_whatever_the_order() -> None:
    one, two = given(), given()
    assert file.write([one, two]) == file.write([two, one, two])
    assert file.write([]) == b""
    assert file.read(b"") == ()


@pytest.mark.parametrize("kind", [EventKind.FROZEN, EventKind.VERDICT, EventKind.OVERRIDE])
def test_other_orders_do_not_belong_there(kind: EventKind) -> None:
    with pytest.raises(MalformedError) as caught:
        file.read(file.write([signed("ann", order(kind))]))
    assert caught.value.fault.rule == "approvals/malformed"


def _mutated(data: bytes) -> dict[str, bytes]:
    first, second, _ = data.split(b"\n")
    return {
        "order": second + b"\n" + first + b"\n",
        "twice": first + b"\n" + first + b"\n",
        "torn": data[:-1],
        "blank line": data + b"\n",
        "carriage return": data.replace(b"\n", b"\r\n"),
        "no object": b"[]\n",
        "unknown field": first[:-1] + b',"x":""}\n',
        "missing field": b'{"id":"x"}\n',
        "number": b'{"hint":1,"id":"","payload":"","signature":""}\n',
        "another id": first.replace(b"approval:0", b"approval:f") + b"\n",
        "spaces": first.replace(b",", b", ", 1) + b"\n",
        "lines": b"\n" * 5_000,
        "size": b"x" * (file.LIMIT + 1),
    }


@pytest.mark.parametrize("how", list(_mutated(b"\n\n")))
def test_a_file_that_is_none(how: str) -> None:
    good = file.write([given(), given()])
    assert len(file.read(good)) == 2
    with pytest.raises(MalformedError):
        file.read(_mutated(good)[how])


def test_a_record_is_read_as_it_is_in_the_ledger() -> None:
    one: Record = order(EventKind.APPROVAL)
    [found] = file.read(file.write([signed("ann", one)]))
    assert found.record == one
