"""Every committed bundle: the good ones are accepted, each defect is found by its own rule.

The bundles and what must find them are made by `tests/assets/make_bundles.py`.
"""

from __future__ import annotations

import contextlib
import json
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lanectl.checks import RULES
from lanectl.errors import UntrustedError
from lanectl.flows.apply import ApplyState, apply
from lanectl.flows.inspect import inspect
from lanectl.flows.verify import verify
from lanectl.model.decision import Decision
from lanectl.model.evidence import Trust
from lanectl.model.report import Outcome, RejectedError, StepState
from lanectl.model.settings import INFLATED
from lanectl.model.submission import Submission
from lanectl.model.trust import Role
from tests.assets import make_bundles
from tests.assets.bundles.workshop import bundle
from tests.assets.bundles.workshop.bundle import Made, Plan, make
from tests.checks.enforcer import Clock, Enforcer, SameEngine, rules
from tests.moment import calling
from tests.world import git, lanectl, snapshot

INDEX = json.loads((make_bundles.FOLDER / "index.json").read_bytes())
WANTED: dict[str, list[str]] = {n: entry["rules"] for n, entry in INDEX["bundles"].items()}
GOOD = [name for name, wanted in WANTED.items() if not wanted]
BROKEN = [name for name, wanted in WANTED.items() if wanted]
FAMILIES = sorted({name.partition("/")[0] for name in BROKEN})
DEFECTS = {d.name: d for d in make_bundles.defects()}

NEVER = {"paths/mode"}
"""git makes an ordinary mode of every odd one before a tree is written (replay/mode-*), so this
rule is a second line that no bundle reaches; `test_paths.py` holds it."""


@pytest.fixture(scope="module")
def enforcer(tmp_path_factory: pytest.TempPathFactory) -> Enforcer:
    return Enforcer(tmp_path_factory.mktemp("enforcer") / "root")


@pytest.fixture(scope="module")
def trust(enforcer: Enforcer) -> Trust:
    return enforcer.trust()


@dataclass(frozen=True)
class Watch:
    """One long-lived process that judges bundle after bundle, and the clone before the first."""

    repository: SameEngine
    before: dict[bytes, tuple[Any, ...]]


@pytest.fixture(scope="module")
def watch(enforcer: Enforcer) -> Watch:
    return Watch(enforcer.repository(), snapshot(enforcer.clone))


@pytest.fixture
def inflated() -> Iterator[list[None]]:
    """An entry for every inflation that was begun."""
    begun: list[None] = []
    with calling(zlib.decompressobj, lambda: begun.append(None)):
        yield begun


def load(name: str) -> Made:
    """Read a committed bundle."""
    folder = make_bundles.FOLDER / name
    signature = folder / make_bundles.SIGNATURE
    return Made(
        (folder / make_bundles.ARTIFACT).read_bytes(),
        signature.read_bytes() if signature.exists() else None,
    )


# the assets ---------------------------------------------------------------------------------------


@pytest.mark.e2e
def test_the_committed_bundles_are_current(tmp_path: Path) -> None:
    assert make_bundles.check(make_bundles.FOLDER) == []
    make_bundles.write(tmp_path)
    assert make_bundles.check(tmp_path) == []
    (tmp_path / "good/p256/artifact.tar.gz").write_bytes(b"other")
    (tmp_path / "index.json").unlink()
    (tmp_path / "more").mkdir()
    (tmp_path / "more/file").write_bytes(b"")
    differing = ["good/p256/artifact.tar.gz", "index.json", "more/file"]
    assert make_bundles.check(tmp_path) == differing
    make_bundles.write(tmp_path)
    assert make_bundles.check(tmp_path) == []
    assert not (tmp_path / "more").exists()


def test_every_rule_has_a_bundle_that_breaks_it() -> None:
    broken = {rule for wanted in WANTED.values() for rule in wanted}
    families = (
        "source/", "commit/", "admission/", "credential/", "lane/", "workflow/", "pull-request/",
        "protected/", "dependency/", "sql/", "limits/", "paths/collision", "paths/executable",
        "secrets/", "text/", "words/", "keyless/", "gpg/", "spiffe/", "signature/method",
        "signature/countersignature",
    )  # fmt: skip
    elsewhere = {r for r in RULES if r.startswith(families)} | {"sbom/lockfile"}
    assert set(RULES) - broken - elsewhere == NEVER
    assert broken <= set(RULES)


# good ones ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GOOD)
def test_a_good_bundle_is_accepted_and_applied(name: str, tmp_path: Path) -> None:
    enforcer = Enforcer(tmp_path / "root")
    trust, made = enforcer.trust(), load(name)
    repository = enforcer.repository()
    report = enforcer.verify(made, trust, repository=repository)
    assert (report.outcome, rules(report)) == (Outcome.ACCEPTED, [])
    assert {step.state for step in report.steps} == {StepState.PASSED}
    assert report.signer is not None
    assert report.signer.name == ("Test builder-p256" if "p256" in name else "Test builder-ed25519")
    done = apply(
        report.accept(), Submission(made.artifact, made.signature), trust=trust,
        repository=repository, store=enforcer.store(),
        enforcer=trust.keyring.in_role(Role.ENFORCER)[0],
    )  # fmt: skip
    assert done.state is ApplyState.CREATED
    tree = git(enforcer.clone, "rev-parse", f"{done.branch}^{{tree}}")
    assert report.statement is not None
    assert tree == report.statement.handoff.result_tree
    git(enforcer.clone, "fsck", "--strict")


# broken ones --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_bundle_is_refused_by_its_rule(
    name: str, enforcer: Enforcer, trust: Trust, watch: Watch, inflated: list[None]
) -> None:
    report = enforcer.verify(load(name), trust, repository=watch.repository)
    found = rules(report)
    # A later git may refuse by itself what this one leaves to the rules.
    by_git = (
        name.startswith(("replay/", "paths/")) and watch.repository.real_engine != INDEX["engine"]
    )
    assert found == WANTED[name] or (by_git and found == ["replay/does-not-apply"])
    is_held = all(RULES[rule].decision is Decision.HOLD for rule in found)
    assert report.outcome is (Outcome.HELD if is_held else Outcome.REJECTED)
    with pytest.raises(ValueError, match="only an accepted report"):
        report.accept()
    assert snapshot(enforcer.clone) == watch.before
    assert not (enforcer.root / "state").exists()
    authenticated = all(step.state is StepState.PASSED for step in report.steps[:4])
    assert not inflated or authenticated or name.startswith("statement/inner-")


@pytest.mark.parametrize("family", FAMILIES)
def test_without_trust_nothing_crashes_and_nothing_is_accepted(family: str) -> None:
    why = UntrustedError("nothing is pinned")
    for name in BROKEN:
        if not name.startswith(f"{family}/"):
            continue
        submission = Submission(*vars(load(name)).values())
        report = verify(submission, trust=None, untrusted=why, repository=None, system=Clock())
        assert report.outcome is not Outcome.ACCEPTED, name
        assert report.signer is None, name
        with contextlib.suppress(RejectedError):
            inspect(submission, limit=INFLATED)


@pytest.mark.parametrize("name", ["gzip/bomb", "gzip/bomb-in-a-member"])
@pytest.mark.parametrize("key", ["unregistered", "enforcer", "expired", "future", "revoked"])
def test_who_may_not_sign_gets_nothing_inflated(
    name: str, key: str, enforcer: Enforcer, trust: Trust, inflated: list[None]
) -> None:
    bomb = make(replace(DEFECTS[name].plan, key=key))
    assert not [r for r in rules(enforcer.verify(bomb, trust)) if r.startswith("archive/")]
    assert not inflated
    signed = make(DEFECTS[name].plan)
    assert rules(enforcer.verify(signed, trust)) == ["archive/limit"]
    assert len(inflated) == 1


def test_time_decides_at_its_edges(enforcer: Enforcer, trust: Trust) -> None:
    made = load("good/ed25519")
    issued = bundle.NOW - timedelta(days=1)
    minutes = timedelta(minutes=1)
    for now, wanted in (
        (issued - 5 * minutes, []),
        (issued - 6 * minutes, ["handoff/time"]),
        (issued + timedelta(days=7) + 5 * minutes, []),
        (issued + timedelta(days=7) + 6 * minutes, ["handoff/expired"]),
    ):
        assert rules(enforcer.verify(made, trust, now=now)) == wanted, now
    other = make(Plan(key="expired", issued=datetime(2020, 12, 31, tzinfo=UTC)))
    end = datetime(2021, 1, 1, tzinfo=UTC)
    assert rules(enforcer.verify(other, trust, now=end - minutes)) == []
    assert rules(enforcer.verify(other, trust, now=end)) == ["signature/not-valid-now"]


# the command line, with fresh bundles -------------------------------------------------------------

THROUGH_THE_COMMAND_LINE = [
    "archive/traversal", "archive/symlink", "envelope/missing", "envelope/duplicate-key", "gzip/bomb",
    "handoff/other-repository", "handoff/base-not-an-ancestor", "members/outer-extra-hostile-name",
    "paths/escape", "paths/trust-keyring", "provenance/base-an-option", "replay/result-tree",
    "rollback/missing", "sbom/escape-in-a-name", "signature/changed-payload",
    "statement/slug-with-newline", "text/title-escape",
]  # fmt: skip


@pytest.fixture
def machine(tmp_path: Path) -> Enforcer:
    return Enforcer(tmp_path / "root").settle()


@pytest.mark.parametrize("name", THROUGH_THE_COMMAND_LINE)
def test_verify_and_apply_refuse_and_leave_nothing_behind(name: str, machine: Enforcer) -> None:
    path = machine.deliver(DEFECTS[name].plan)
    before = without_ledger(machine)
    for command in ("verify", "apply"):
        done = lanectl(command, path, "--repo", machine.clone, "--json")
        assert (done.code, sorted(set(done.rules))) == (1, WANTED[name]), done.err
        assert done.json["outcome"] == "rejected"
        assert "Traceback" not in done.err
        assert all(c.isprintable() or c == "\n" for c in done.out + done.err)
    assert without_ledger(machine) == before


@pytest.mark.parametrize("key", ["builder-ed25519", "builder-p256"])
def test_a_fresh_good_bundle_goes_through_the_command_line(key: str, machine: Enforcer) -> None:
    path = machine.deliver(Plan(key=key))
    verified = lanectl("verify", path, "--repo", machine.clone, "--json")
    assert (verified.code, verified.json["outcome"]) == (0, "accepted"), verified.err
    applied = lanectl("apply", path, "--repo", machine.clone, "--json")
    assert (applied.code, applied.json["state"]) == (0, "created"), applied.err


def without_ledger(machine: Enforcer) -> dict[bytes, tuple[Any, ...]]:
    """Everything but the Enforcer's state, where the refusal is recorded."""
    return {path: what for path, what in files(machine).items() if b"/.local/state/" not in path}


def files(machine: Enforcer) -> dict[bytes, tuple[Any, ...]]:
    """Everything in the clone, and every file of the whole machine with its inbox and HOME."""
    everything = snapshot(machine.root.parent)
    is_file = lambda path: not stat.S_ISDIR(everything[path][0])
    return {p: v for p, v in everything.items() if is_file(p)} | snapshot(machine.clone)
