"""How long a bundle is good: as long as it says, and no longer than the target's tip allows."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from lanectl.checks import handoff
from lanectl.formats import envelope, statement
from lanectl.model.evidence import Evidence
from lanectl.model.names import Digest
from tests.assets.bundles.workshop import bundle
from tests.assets.bundles.workshop.bundle import Plan, make
from tests.checks.enforcer import Enforcer, rules

NOW = bundle.NOW
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def judged(folder: Path, section: str, plan: Plan, now: datetime = NOW) -> list[str]:
    """Return the broken rules of a bundle under the tip's `[trust]`."""
    machine = Enforcer(folder / "root")
    machine.advance({"lanectl.toml": bundle.rules() + b"[trust]\n" + section.encode()})
    return rules(machine.verify(make(plan), machine.trust(), now=now))


@pytest.mark.parametrize(
    ("section", "age", "broken"),
    [
        ("", 7 * DAY + 4 * MINUTE, []),
        ("", 7 * DAY + 6 * MINUTE, ["handoff/expired"]),
        ("validity_days = 7", 7 * DAY, []),
        ("validity_days = 1", DAY + 4 * MINUTE, []),
        ("validity_days = 1", DAY + 6 * MINUTE, ["handoff/expired"]),
        ("validity_days = 1\nskew_minutes = 0", DAY + MINUTE, ["handoff/expired"]),
        ("skew_minutes = 60", 7 * DAY + 59 * MINUTE, []),
    ],
)
def test_an_old_bundle(section: str, age: timedelta, broken: list[str], tmp_path: Path) -> None:
    assert judged(tmp_path, section, Plan(issued=NOW - age)) == broken


@pytest.mark.parametrize(
    ("section", "ahead", "broken"),
    [
        ("", 4 * MINUTE, []),
        ("", 6 * MINUTE, ["handoff/time"]),
        ("skew_minutes = 0", MINUTE, ["handoff/time"]),
        ("skew_minutes = 60", 59 * MINUTE, []),
    ],
)
def test_a_bundle_of_a_clock_that_is_ahead(
    section: str, ahead: timedelta, broken: list[str], tmp_path: Path
) -> None:
    assert judged(tmp_path, section, Plan(issued=NOW + ahead)) == broken


def test_the_policy_never_makes_a_bundle_last_longer(tmp_path: Path) -> None:
    plan = Plan(issued=NOW - 2 * DAY, expires=NOW - DAY)
    assert judged(tmp_path, "validity_days = 7", plan) == ["handoff/expired"]


def test_who_is_refused_learns_that_the_policy_shortened_it(tmp_path: Path) -> None:
    machine = Enforcer(tmp_path / "root")
    machine.advance({"lanectl.toml": bundle.rules() + b"[trust]\nvalidity_days = 1\n"})
    report = machine.verify(make(Plan(issued=NOW - 2 * DAY)), machine.trust())
    [finding] = report.findings
    assert finding.got == "expired 2026-01-14 12:00Z ([trust] validity_days: 1)"


def test_what_was_admitted_in_time_is_not_refused_by_a_shorter_policy(tmp_path: Path) -> None:
    machine = Enforcer(tmp_path / "root")
    machine.advance({"lanectl.toml": bundle.rules() + b"[trust]\nvalidity_days = 1\n"})
    made = make(Plan(issued=NOW - 2 * DAY))
    assert made.signature
    outer = statement.read(envelope.read(made.signature).payload)
    evidence = Evidence(
        now=NOW, artifact=Digest.of(made.artifact), trust=machine.trust(), outer=outer
    )
    assert [f.rule for f in handoff.check(evidence)] == ["handoff/expired"]
    assert list(handoff.check(replace(evidence, admitted=NOW))) == []
