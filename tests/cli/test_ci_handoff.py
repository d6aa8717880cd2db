"""The Builder's workflow that users copy: its scripts run, its rights are apart, broken copies are seen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lanectl.checks.workflow import check
from lanectl.formats.workflow import read
from lanectl.model.workflow import Job
from tests.cli import test_ci_example as judge
from tests.cli.test_signing_methods import keyless
from tests.sigstore.simulator import WORKFLOW, Simulator
from tests.world import World, git

EXAMPLE = judge.ROOT / "examples/ci/handoff.yml"
TEXT = EXAMPLE.read_text(encoding="utf-8")
NAME = ".github/workflows/handoff.yml"
BUILD, SIGN = read(NAME, TEXT.encode()).jobs

actionlint = judge.actionlint


def broken(old: str, new: str) -> str:
    """Return a copy with one place changed."""
    assert old in TEXT
    return TEXT.replace(old, new, 1)


def rules(text: str) -> set[str]:
    return {fault.rule for fault in check({NAME: text.encode()}, target="main")}


def test_lanectls_own_rules_have_nothing_to_say() -> None:
    assert rules(TEXT) == set()


def test_started_by_a_change_it_would_give_its_identity_away() -> None:
    assert "workflow/id-token" in rules(broken("workflow_dispatch:", "pull_request:"))


def test_every_action_is_pinned_as_in_the_other_example() -> None:
    pinned = re.findall(r"uses: (.*)", TEXT)
    assert len(pinned) == 7
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line) for line in pinned)
    assert set(re.findall(r"uses: (.*)", judge.TEXT)) < set(pinned)
    assert len({line.partition("@")[0] for line in pinned}) == len(set(pinned))


def test_who_runs_the_agent_cannot_sign_and_who_signs_runs_nothing_of_it() -> None:
    assert BUILD.permissions == {"contents": "read"}
    assert SIGN.permissions == {"contents": "read", "id-token": "write"}
    (checkout,) = [step for step in SIGN.steps if "checkout" in step.uses]
    assert checkout.inputs["sparse-checkout"] == "/.github/lanectl-requirements.txt"
    assert "secrets" not in TEXT
    scripts = [step.run for job in (BUILD, SIGN) for step in job.steps]
    assert not any("${{" in script for script in scripts)
    installs = [script for script in scripts if "--require-hashes" in script]
    assert len(installs) == 2
    assert len(set(installs)) == 1


def script(job: Job, words: str) -> str:
    (found,) = [step.run for step in job.steps if words in step.run]
    return found


def test_its_scripts_pack_in_one_job_and_sign_in_the_other(
    world: World, simulator: Simulator, tmp_path: Path
) -> None:
    """Run both scripts as the runner does, in a clone as the checkout action leaves it."""
    how = keyless(world, simulator, WORKFLOW)
    runner, checkout = tmp_path / "runner", tmp_path / "checkout"
    (runner / "lanectl/bin").mkdir(parents=True)
    (runner / "lanectl/bin/lanectl").symlink_to(Path(sys.executable).parent / "lanectl")
    git(tmp_path, "init", "-q", "checkout")
    git(checkout, "remote", "add", "origin", world.url)
    git(checkout, "fetch", "-q", "--depth=1", "origin", "+refs/heads/main:refs/remotes/origin/main")
    git(checkout, "checkout", "-q", "-B", "main", "refs/remotes/origin/main")
    (checkout / "new.txt").write_text("new\n")

    def job(text: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/bash", "-e", "-o", "pipefail", "-c", text], cwd=checkout, capture_output=True,
            env={**os.environ, "RUNNER_TEMP": str(runner), **environment}, text=True, check=False,
        )  # fmt: skip

    packed = job(
        script(BUILD, 'lanectl" pack'), LANECTL_LANE="codex", SLUG="fix-login", TITLE="A $(title)",
        GITHUB_SHA=git(checkout, "rev-parse", "HEAD"),
    )  # fmt: skip
    assert packed.returncode == 0, packed.stderr
    folder = runner / "handoff"
    names = {"artifact.tar.gz", "artifact.tar.gz.intoto.json"}
    assert {path.name for path in folder.iterdir()} == names
    signing = script(SIGN, "--with keyless")
    own = signing.replace("--with keyless", f"--with keyless --sigstore {how[3]}")
    refused = job(own, **simulator.github_job(), LANECTL_LANE="codex")
    assert (refused.returncode, "must not hold" in refused.stderr) == (6, True)
    signed = job(own, **simulator.github_job())
    assert signed.returncode == 0, signed.stderr
    assert world.verify(folder / "artifact.tar.gz").json["signer"]["id"].endswith(WORKFLOW)
    laid = {Path(line).name for line in SIGN.steps[-1].inputs["path"].splitlines()}
    assert laid == {path.name for path in folder.iterdir()} == {"artifact.tar.gz", "artifact.tar.gz.sigstore.json"}  # fmt: skip


ZIZMOR = {
    "excessive-permissions": ("permissions: {}", "permissions: write-all"),
    "unpinned-uses": ("@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c", "@v8"),
    "artipacked": ("persist-credentials: false", "persist-credentials: true"),
    "template-injection": ('"$SLUG"', "${{ inputs.slug }}"),
    "undocumented-permissions": (" # to sign as this workflow", ""),
}


@pytest.mark.e2e
def test_zizmor_passes() -> None:
    done = judge.zizmor(EXAMPLE)
    assert done.returncode == 0, done.stdout
    assert "No findings" in done.stdout


@pytest.mark.e2e
@pytest.mark.parametrize("audit", ZIZMOR)
def test_zizmor_sees_a_broken_copy(audit: str, tmp_path: Path) -> None:
    done = judge.zizmor(judge.copy(tmp_path, broken(*ZIZMOR[audit])))
    assert done.returncode != 0
    assert f"[{audit}]" in done.stdout


@pytest.mark.e2e
def test_actionlint_passes_and_sees_a_broken_copy(actionlint: Path, tmp_path: Path) -> None:
    options = ("-no-color", "-shellcheck=", "-pyflakes=")
    done = judge.run(actionlint, *options, EXAMPLE)
    assert (done.returncode, done.stdout) == (0, "")
    other = judge.copy(tmp_path, broken("needs: build", "needs: built"))
    assert judge.run(actionlint, *options, other).returncode == 1


@pytest.mark.e2e
def test_the_schema_of_workflows_passes_and_sees_a_broken_copy(tmp_path: Path) -> None:
    assert judge.schema(EXAMPLE) == 0
    assert judge.schema(judge.copy(tmp_path, broken("id-token: write", "id-token: sign"))) == 1
