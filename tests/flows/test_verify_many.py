"""Many bundles in one process: each judged as if it were alone, whatever another one holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from lanectl.adapters.git.apart import SharedTarget, share
from lanectl.adapters.inbox import Inbox
from lanectl.adapters.workers import in_order
from lanectl.errors import ExitCode, UntrustedError
from lanectl.flows.verify import verify
from lanectl.flows.verify_many import Court, judge, worst
from lanectl.formats import report as formats
from lanectl.model.names import ObjectId
from lanectl.model.report import Outcome
from lanectl.model.submission import Submission
from lanectl.ports import Identity, NewCommit
from tests.assets import make_bundles
from tests.assets.bundles.workshop import bundle
from tests.assets.bundles.workshop.bundle import GOOD, Made, Plan, make
from tests.assets.bundles.workshop.objects import NULL, File
from tests.checks.enforcer import Clock, Enforcer, rules
from tests.checks.test_broken_bundles import FAMILIES, load

BLOB = File(b"only in another bundle\n")


@pytest.fixture
def enforcer(tmp_path: Path) -> Enforcer:
    return Enforcer(tmp_path / "enforcer")


@pytest.fixture
def shared(enforcer: Enforcer) -> SharedTarget:
    return share(enforcer.repository())


def court(enforcer: Enforcer, target: SharedTarget | None, *, replay: bool = True) -> Court:
    trust = enforcer.trust()
    return Court(trust, None, target, Clock(), trust.operator.limits, replay)


def deliver(folder: Path, name: str, made: Made) -> None:
    place = folder / name
    place.mkdir(parents=True)
    (place / "artifact.tar.gz").write_bytes(made.artifact)
    if made.signature is not None:
        (place / "artifact.tar.gz.sigstore.json").write_bytes(made.signature)


def borrowing() -> Made:
    """A bundle that names a blob which it does not bring; made by a git that nobody compares with."""
    head = b"diff --git a/x b/x\nnew file mode 100644\nindex "
    placeholder = (
        head + f"{NULL}..{BLOB.id}".encode() + b"\nBinary files /dev/null and b/x differ\n"
    )

    def without_x(patch: bytes) -> bytes:
        return patch[: patch.index(b"diff --git a/x b/x")] + placeholder

    def other_engine(predicate: dict[str, dict[str, dict[str, str]]]) -> None:
        predicate["invocation"]["parameters"]["diff_engine"] = "git 9.9.9"

    return make(Plan(edits={**GOOD, b"x": BLOB}, patch=without_x, predicate=other_engine))


def lending() -> Made:
    """A good bundle that brings this blob."""
    return make(Plan(edits={**GOOD, b"other": BLOB}))


def test_what_one_bundle_brings_is_not_there_for_the_next(
    enforcer: Enforcer, shared: SharedTarget, tmp_path: Path
) -> None:
    trust = enforcer.trust()
    one_git_dir = enforcer.repository()
    assert rules(enforcer.verify(borrowing(), trust, repository=one_git_dir)) == [
        "replay/does-not-apply"
    ]
    assert rules(enforcer.verify(lending(), trust, repository=one_git_dir)) == []
    # This is what must not happen, and does with one object folder for all:
    assert rules(enforcer.verify(borrowing(), trust, repository=one_git_dir)) == []
    deliver(tmp_path / "in", "1", lending())
    deliver(tmp_path / "in", "2", borrowing())
    with Inbox(bytes(tmp_path / "in")) as inbox:
        places = inbox.listing().places
        judged = [judge(place, inbox, court(enforcer, shared)) for place in places * 2]
    found = [rules(one.report) for one in judged if one.report]
    assert found == [[], ["replay/does-not-apply"]] * 2


def test_a_base_that_only_another_bundles_folder_holds_is_no_base(
    enforcer: Enforcer, shared: SharedTarget
) -> None:
    tip = ObjectId(bundle.history()[1]["tip"])
    who = Identity("A", "a@a.test", datetime(2026, 1, 1, tzinfo=UTC))
    with shared.apart() as first:
        tree = first.commit_tree(tip)
        assert tree is not None
        base = first.commit(NewCommit(tree, (tip,), "a base of its own", who, who))
        assert first.objects.commit_tree(base) == tree
        assert first.commit_tree(base) is None  # not even for the one that holds it
        with pytest.raises(FileExistsError), shared.apart() as second:
            assert second.objects  # one bundle at a time
    with shared.apart() as next_one:
        assert next_one.commit_tree(base) is None
        assert next_one.objects.commit_tree(base) is None
    assert list(shared.clone.scratch.glob("apart*")) == []


def test_the_clone_that_is_asked_is_never_written_to(
    enforcer: Enforcer, shared: SharedTarget, tmp_path: Path
) -> None:
    deliver(tmp_path / "in", "1", lending())
    with Inbox(bytes(tmp_path / "in")) as inbox:
        assert judge(b"1/artifact.tar.gz", inbox, court(enforcer, shared)).code is ExitCode.OK
    objects = Path(shared.clone.objects.git_dir.decode()) / "objects"
    assert [p for p in objects.rglob("*") if p.is_file()] == [objects / "info/alternates"]


def test_many_bases_are_judged_and_few_indexes_kept(
    enforcer: Enforcer, shared: SharedTarget
) -> None:
    trees = [shared.clone.commit_tree(ObjectId(c)) for c in bundle.history()[1].values()]
    some = [shared.index_of(tree) for tree in trees if tree]
    assert len({path.name for path in some}) > 4
    assert all(path.is_file() for path in some)
    shared.most_kept = 2
    again = [shared.index_of(tree) for tree in trees if tree]
    assert again == some
    empty = ObjectId("4b825dc642cb6eb9a060e54bf8d69288fbee4904")
    newest = shared.index_of(empty)
    assert [path for path in (*some, newest) if path.is_file()][-1] == newest
    assert sum(path.is_file() for path in {*some, newest}) == 2


def test_without_replay_nothing_is_accepted_and_git_makes_nothing(
    enforcer: Enforcer, shared: SharedTarget, tmp_path: Path
) -> None:
    deliver(tmp_path / "in", "1", make(Plan()))
    deliver(tmp_path / "in", "2", make(Plan(outer=lambda s: s["subject"].pop())))
    with Inbox(bytes(tmp_path / "in")) as inbox:
        signature_only = court(enforcer, shared, replay=False)
        good, bad = (judge(p, inbox, signature_only) for p in inbox.listing().places)
    assert (good.outcome, bad.outcome) == (Outcome.UNVERIFIED, Outcome.REJECTED)
    assert good.report
    states = [step.state.value for step in good.report.steps]
    assert states[:7] == ["passed"] * 7
    assert states[7:10] == ["not-judged"] * 3
    assert good.report.signer is not None


def test_without_trust_all_are_unverified(enforcer: Enforcer, tmp_path: Path) -> None:
    deliver(tmp_path / "in", "1", make(Plan()))
    blind = Court(
        None, UntrustedError("nothing is pinned"), None, Clock(), enforcer.trust().operator.limits
    )
    with Inbox(bytes(tmp_path / "in")) as inbox:
        judged = judge(b"1/artifact.tar.gz", inbox, blind)
    assert (judged.outcome, judged.code) == (Outcome.UNVERIFIED, ExitCode.UNJUDGED)


def test_the_worst_exit_code_counts() -> None:
    good, bad, unjudged, bug = ExitCode.OK, ExitCode.FINDINGS, ExitCode.UNJUDGED, ExitCode.BUG
    assert worst([good, good]) is good
    assert worst([good, unjudged]) is unjudged
    assert worst([bad, unjudged, good]) is bad
    assert worst([bad, bug, unjudged]) is bug
    assert worst([good, ExitCode.UNAVAILABLE]) is ExitCode.UNAVAILABLE


@pytest.mark.thorough
@pytest.mark.parametrize("family", ["good", *FAMILIES])
def test_every_committed_bundle_is_judged_as_if_it_were_alone(
    family: str, enforcer: Enforcer
) -> None:
    folder = make_bundles.FOLDER / family
    ours, clone = court(enforcer, None), enforcer.repository()
    with Inbox(bytes(folder)) as inbox:
        places = inbox.listing().places

    def prepare() -> Callable[[int], bytes]:
        here, mine = Inbox(bytes(folder)), replace(ours, target=share(clone))

        def work(number: int) -> bytes:
            report = judge(places[number], here, mine).report
            assert report
            return json.dumps(formats.to_json(report)).encode()

        return work

    def alone() -> Iterator[bytes]:
        for place in places:
            made = load(f"{family}/{place.decode().removesuffix('/artifact.tar.gz')}")
            report = verify(
                Submission(made.artifact, made.signature), trust=ours.trust, untrusted=None,
                repository=share(clone).clone, system=ours.system,
            )  # fmt: skip
            yield json.dumps(formats.to_json(report)).encode()

    assert len(places) == len(list(folder.iterdir()))
    assert list(in_order(len(places), prepare, workers=2)) == list(alone())
