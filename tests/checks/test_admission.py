"""An admission: a good one keeps an old handoff provable, a bad one helps nobody.

The clock stands. The bundle is of January, admitted in January, and looked at in March, when it is
long over.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from lanectl.flows.admit import admit
from lanectl.flows.verify import verify
from lanectl.formats import admission as format_
from lanectl.formats import envelope, statement
from lanectl.formats.keys import read_public_key
from lanectl.model.admission import Admission
from lanectl.model.evidence import Trust
from lanectl.model.ledger import LedgerId
from lanectl.model.names import Digest, ObjectId, RepositoryId
from lanectl.model.report import Outcome, StepState, VerificationReport
from lanectl.model.submission import Submission
from lanectl.model.trust import Key, Keyring, PublicKey, Revocation
from tests.assets.bundles.workshop import bundle
from tests.assets.bundles.workshop.bundle import Plan, make
from tests.checks.enforcer import Clock, Enforcer, SameEngine, rules

ISSUED, AT = bundle.NOW - timedelta(days=1), bundle.NOW
MARCH = bundle.NOW + timedelta(days=60)
MADE = make(Plan(issued=ISSUED))
OUTER = envelope.read(MADE.signature or b"").payload
HANDOFF = statement.read(OUTER).handoff
COMMITS = bundle.history()[1]
GOOD = Admission(
    HANDOFF.repository, Digest.of(MADE.artifact), ObjectId("c" * 40), HANDOFF.result_tree,
    ObjectId(COMMITS["merge"]), LedgerId("1" * 32), 7, Digest("2" * 64), AT,
)  # fmt: skip


@dataclass(frozen=True)
class By:
    """Implements `ports.Signer` with a key of the committed bundles."""

    name: str = "enforcer"

    @property
    def public(self) -> PublicKey:
        return read_public_key(bundle.public(self.name, Encoding.PEM).decode())

    def sign(self, message: bytes) -> bytes:
        return bundle.sign(self.name, message)


class Judge:
    """One Enforcer; each test may give its keyring other facts about a key."""

    def __init__(self, enforcer: Enforcer) -> None:
        self.repository: SameEngine = enforcer.repository()
        self.trust = enforcer.trust()

    def __call__(
        self,
        file: bytes | None,
        now: datetime = MARCH,
        *,
        keys: Callable[[Key], Key] = lambda key: key,
        trusted: bool = True,
        required: bool = True,
        commit: str | None = None,
    ) -> VerificationReport:
        ring = Keyring(tuple(keys(key) for key in self.trust.keyring.keys))
        trust: Trust | None = replace(self.trust, keyring=ring) if trusted else None
        return verify(
            Submission(MADE.artifact, MADE.signature), trust=trust, untrusted=None,
            repository=self.repository, system=Clock(now), commit=commit,
            admission=file, admission_required=required,
        )  # fmt: skip


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return Judge(Enforcer(tmp_path_factory.mktemp("enforcer") / "root"))


def changed(key_of: str, **facts: Any) -> Callable[[Key], Key]:
    """Return what changes the keyring's entry of one key."""
    return lambda key: replace(key, **facts) if key.name == f"Test {key_of}" else key


def lost(since: datetime) -> Revocation:
    return Revocation(MARCH - timedelta(days=1), since, "lost")


SOON = timedelta(minutes=5)
SECOND = timedelta(seconds=1)


# a good one ---------------------------------------------------------------------------------------


def test_a_handoff_that_is_over_is_good_under_its_admission(judge: Judge) -> None:
    assert judge(None, AT, required=False).outcome is Outcome.ACCEPTED
    assert rules(judge(None, required=False)) == ["handoff/expired"]
    report = judge(admit(GOOD, By()))
    assert (report.outcome, report.findings) == (Outcome.ACCEPTED, ())
    assert report.admission == GOOD
    assert (report.steps[-1].title, report.steps[-1].state) == ("admission", StepState.PASSED)


def test_an_admission_after_the_end_is_no_cure(judge: Judge) -> None:
    late = admit(replace(GOOD, at=ISSUED + timedelta(days=7) + SOON + SECOND), By())
    assert rules(judge(late)) == ["handoff/expired"]


def test_the_present_tip_is_a_good_policy(judge: Judge) -> None:
    assert rules(judge(admit(replace(GOOD, policy=ObjectId(COMMITS["tip"])), By()))) == []


@pytest.mark.parametrize(
    ("now", "at", "good"),
    [
        (AT, AT + SOON, True), (AT, AT + SOON + SECOND, False),
        (AT, ISSUED - SOON, True), (AT, ISSUED - SOON - SECOND, False),
    ],
    ids=["in 5 min", "later", "5 min before", "earlier"],
)  # fmt: skip
def test_clocks_may_differ_by_five_minutes(
    judge: Judge, now: datetime, at: datetime, good: bool
) -> None:
    found = rules(judge(admit(replace(GOOD, at=at), By()), now))
    assert found == ([] if good else ["admission/future"])


# keys that end ------------------------------------------------------------------------------------

BUILDER = "builder-ed25519"
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("key", "facts"),
    [
        (BUILDER, {"not_after": AT + HOUR}), (BUILDER, {"revoked": lost(AT + SECOND)}),
        ("enforcer", {"not_after": AT + SECOND}), ("enforcer", {"not_before": AT}),
        ("enforcer", {"revoked": lost(AT + SECOND)}),
    ],
    ids=["builder-expired", "builder-revoked", "enforcer-expired", "enforcer-new", "enforcer-revoked"],
)  # fmt: skip
def test_what_happened_to_a_key_later_changes_nothing(
    judge: Judge, key: str, facts: dict[str, Any]
) -> None:
    assert rules(judge(admit(GOOD, By()), keys=changed(key, **facts))) == []


@pytest.mark.parametrize(
    ("key", "facts", "rule"),
    [
        (BUILDER, {"not_after": AT}, "signature/not-valid-now"),
        (BUILDER, {"not_before": AT + SECOND}, "signature/not-valid-now"),
        (BUILDER, {"revoked": lost(AT)}, "signature/revoked"),
        ("enforcer", {"not_after": AT}, "admission/not-valid-then"),
        ("enforcer", {"not_before": AT + SECOND}, "admission/not-valid-then"),
        ("enforcer", {"revoked": lost(AT)}, "admission/compromised"),
    ],
)  # fmt: skip
def test_a_key_that_was_not_good_then_is_caught(
    judge: Judge, key: str, facts: dict[str, Any], rule: str
) -> None:
    assert rule in rules(judge(admit(GOOD, By()), keys=changed(key, **facts)))


def test_without_an_admission_any_revocation_blocks(judge: Judge) -> None:
    keys = changed(BUILDER, revoked=lost(AT + HOUR))
    assert rules(judge(None, AT, keys=keys, required=False)) == ["signature/revoked"]


# bad ones -----------------------------------------------------------------------------------------

Change = Callable[[dict[str, Any]], object]


def resigned(change: Change) -> bytes:
    """Return an admission whose statement was changed before it was signed."""
    value = json.loads(format_.write(GOOD))
    change(value)
    return signed(bundle.canonical(value))


def signed(payload: bytes) -> bytes:
    signature = bundle.sign("enforcer", bundle.pae(payload))
    return envelope.write(payload, signature, By().public)


def refiled(change: Change) -> bytes:
    """Return a good admission whose file was changed."""
    value = json.loads(admit(GOOD, By()))
    change(value)
    return json.dumps(value).encode()


def _two_signatures(value: dict[str, Any]) -> None:
    value["dsseEnvelope"]["signatures"] *= 2


def _other_payload(value: dict[str, Any]) -> None:
    said = format_.write(replace(GOOD, at=AT - HOUR))
    value["dsseEnvelope"]["payload"] = base64.b64encode(said).decode()


def _other_signature(value: dict[str, Any]) -> None:
    raw = bundle.sign("unregistered", bundle.pae(format_.write(GOOD)))
    value["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(raw).decode()


def about(**facts: Any) -> bytes:
    return admit(replace(GOOD, **facts), By())


TWICE = format_.write(GOOD).replace(b'"admitted"', b'"admitted":"2026-01-01T00:00:00Z","admitted"')
BAD: list[tuple[str, str, bytes | None]] = [
    ("missing", "none", None),
    ("malformed", "empty", b""),
    ("malformed", "two signatures", refiled(_two_signatures)),
    ("malformed", "keyid", refiled(lambda v: v["dsseEnvelope"]["signatures"][0].update(keyid="x"))),
    ("malformed", "media type", refiled(lambda v: v.update(mediaType="x"))),
    ("malformed", "key twice in the file", admit(GOOD, By()).replace(b'"mediaType"', b'"mediaType": "x", "mediaType"')),
    ("malformed", "key twice", signed(TWICE)),
    ("malformed", "white space", signed(format_.write(GOOD) + b"\n")),
    ("malformed", "more", resigned(lambda v: v["predicate"].update(x="y"))),
    ("malformed", "less", resigned(lambda v: v["predicate"].pop("policy"))),
    ("malformed", "the bundle's statement", signed(OUTER)),
    ("unknown-key", "unregistered", admit(GOOD, By("unregistered"))),
    ("wrong-role", "the bundle's signer", admit(GOOD, By(BUILDER))),
    ("wrong-role", "another Builder", admit(GOOD, By("builder-p256"))),
    ("invalid", "changed later", refiled(_other_payload)),
    ("invalid", "another's", refiled(_other_signature)),
    ("future", "tomorrow", about(at=MARCH + timedelta(days=1))),
    ("future", "before the bundle", about(at=ISSUED - timedelta(days=1))),
    ("mismatch", "bundle", about(bundle=Digest("3" * 64))),
    ("mismatch", "tree", about(result_tree=HANDOFF.base_tree)),
    ("mismatch", "repository", about(repository=RepositoryId("example.test/acme/other"))),
    ("policy", "elsewhere", about(policy=ObjectId(COMMITS["elsewhere"]))),
    ("policy", "unknown", about(policy=ObjectId("d" * 40))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "file"), [b[::2] for b in BAD], ids=[f"{b[0]}-{b[1]}" for b in BAD]
)
def test_a_bad_one_is_found_and_the_present_time_counts(
    judge: Judge, rule: str, file: bytes | None
) -> None:
    report = judge(file)
    assert rules(report) == sorted([f"admission/{rule}", "handoff/expired"])
    assert (report.outcome, report.admission) == (Outcome.REJECTED, None)


def test_a_bad_one_spoils_a_bundle_that_is_fresh(judge: Judge) -> None:
    assert rules(judge(about(bundle=Digest("3" * 64)), AT)) == ["admission/mismatch"]


@pytest.mark.parametrize(
    "facts",
    [{"name": f"TEST {BUILDER}"}, {"email": f"{BUILDER}@EXAMPLE.test"}],
    ids=["name", "email"],
)
def test_one_person_with_two_keys_is_one_person(judge: Judge, facts: dict[str, str]) -> None:
    report = judge(admit(GOOD, By()), keys=changed("enforcer", **facts))
    assert rules(report) == ["admission/wrong-role", "handoff/expired"]


def test_ids_of_another_object_format_are_of_nothing_here(judge: Judge) -> None:
    ids = dict.fromkeys(("commit", "result_tree", "policy"), ObjectId("1" * 64))
    assert rules(judge(about(**ids), AT)) == ["admission/mismatch", "admission/policy"]


def test_it_admits_one_commit(judge: Judge) -> None:
    other = COMMITS["tip"]
    report = judge(admit(GOOD, By()), commit=other)
    mismatches = [f for f in report.findings if f.rule.id == "admission/mismatch"]
    assert [(f.where, f.got, f.expected) for f in mismatches] == [("commit", GOOD.commit, other)]
    assert "admission/mismatch" not in rules(judge(about(commit=ObjectId(other)), commit=other))


def test_a_bad_signature_of_the_bundle_is_not_cured(judge: Judge) -> None:
    report = verify(
        Submission(MADE.artifact, None), trust=judge.trust, untrusted=None,
        repository=judge.repository, system=Clock(MARCH), admission=admit(GOOD, By()),
    )  # fmt: skip
    assert rules(report) == ["envelope/missing"]
    assert report.admission is None


def test_without_trust_it_is_nobodys_word(judge: Judge) -> None:
    report = judge(admit(GOOD, By()), AT, trusted=False)
    assert (report.outcome, report.admission) == (Outcome.UNVERIFIED, None)
    assert report.steps[-1].state is StepState.NOT_JUDGED
    assert rules(judge(refiled(_two_signatures), AT, trusted=False)) == ["admission/malformed"]


# before it is signed ------------------------------------------------------------------------------
