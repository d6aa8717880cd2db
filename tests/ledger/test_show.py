"""`ledger show`: what happened to a handoff, when, by whom, why refused, for a person to read."""

from __future__ import annotations

import contextlib
import os
import pty
import re
from pathlib import Path

import pytest

from lanectl.cli import ledger_show
from lanectl.errors import UsageError
from lanectl.flows.ledger_show import SHORTEST, find_handoffs, tell_all
from lanectl.model.ledger import EventKind, HandoffKey
from lanectl.model.trust import Role
from tests.ledger.incident import REPOSITORY, Incident
from tests.ledger.signers import Signers, make

KEY = HandoffKey(f"{1:064x}")


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> Signers:
    return make(tmp_path_factory.mktemp("show keys"))


@pytest.fixture
def incident(tmp_path: Path, signers: Signers) -> Incident:
    made = Incident(tmp_path, signers)
    builder = f"key:sha256:{signers.key(Role.BUILDER).public.id}"
    queued = {
        "slug": "fix-login", "bundle": f"{7:064x}", "base": "1" * 40, "result_tree": "2" * 40,
    }  # fmt: skip
    made.record(EventKind.QUEUED, KEY, actor=builder, **queued)
    made.record(EventKind.REFUSED, KEY, rules="paths/dot-git, sbom/malformed", path="a\x1b[2J b")
    made.record(EventKind.QUEUED, KEY, actor=builder, **queued | {"bundle": f"{8:064x}"})
    made.record(EventKind.STEP_INTENDED, KEY, step="push", branch="feature/fix-login")
    made.record(EventKind.STEP_DONE, KEY, step="push", commit="c" * 40)
    made.record(EventKind.STEP_INTENDED, KEY, step="pull-request")
    made.order(
        EventKind.VERDICT, Role.SUPERVISOR, bundle=f"{8:064x}", verdict="PASS", confidence="91"
    )
    made.order(EventKind.VERDICT, bundle=f"{8:064x}", verdict="FAIL", confidence="50")
    made.record(EventKind.CLAIMED, KEY, claim="5ec2e7" * 5 + "aa")
    made.apply(2)
    return made


def told(incident: Incident, name: str, capsys: pytest.CaptureFixture[str]) -> str:
    with incident.ledger() as ledger:
        ring = incident.signers.keyring
        for story in tell_all(name, ledger, ring, repository=REPOSITORY, now=incident.at):
            ledger_show.show_story(story, incident.at)
    return capsys.readouterr().out


def test_a_story_reads_well(incident: Incident, capsys: pytest.CaptureFixture[str]) -> None:
    out = told(incident, "fix-login", capsys)
    assert out.startswith(f"handoff   fix-login, queued\nbundle    sha256:{8:064x}\n")
    assert "2026-01-31 12:01:00Z  queued by The builder (builder)\n" in out
    assert "REFUSED by somebody\n" in out
    assert re.search(r"✗ paths/dot-git: \w", out)
    assert "verdict PASS (91 %) by The supervisor (supervisor)\n" in out
    assert "Z  feature/fix-login pushed\n" in out
    assert "step pull-request: begun, not known to be done\n" in out
    assert out.count("✗ ") == 2
    assert "read docs/rules.md#paths/dot-git\n" in out
    assert "counts as absent: signed by a key of the role lead\n" in out


def test_a_story_holds_no_token_and_no_escape(
    incident: Incident, capsys: pytest.CaptureFixture[str]
) -> None:
    out = told(incident, "fix-login", capsys)
    assert "5ec2e7" not in out
    assert "\x1b" not in out
    assert r"a\x1b[2J b" in out


def test_no_digest_is_cut(
    incident: Incident, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    leader, follower = pty.openpty()
    with open(follower, "w") as terminal, contextlib.redirect_stdout(terminal):
        told(incident, "fix-login", capsys)
        terminal.flush()
        out = os.read(leader, 1 << 16).decode().replace("\r\n", "\n")
    os.close(leader)
    assert f"{8:064x}" in out
    assert re.search(r"\d min\s+ago\)", out)


@pytest.mark.parametrize(
    "name",
    ["fix-login", f"{8:064x}", f"sha256:{8:064x}", f"{7:064x}", KEY, KEY[:60] + "0001"],
)
def test_a_handoff_is_found_by_what_a_person_has(incident: Incident, name: str) -> None:
    with incident.ledger() as ledger:
        assert [row.key for row in find_handoffs(name, ledger)] == [KEY]


def test_a_prefix_of_eight_digits_is_enough(incident: Incident) -> None:
    with incident.ledger() as ledger:
        assert [r.slug for r in find_handoffs("c" * SHORTEST, ledger)] == ["change-2"]
        for unknown in ("c" * (SHORTEST - 1), "fix", "0" * 65, "%", "x\x1b"):
            with pytest.raises(UsageError):
                find_handoffs(unknown, ledger)
