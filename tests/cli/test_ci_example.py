"""The workflow that users copy: three linters and lanectl's own rules pass, and fail on broken copies."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lanectl.checks.workflow import check
from lanectl.formats.workflow import read
from tests.gotool import built
from tests.world import World, git

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/ci/verify.yml"
TEXT = EXAMPLE.read_text(encoding="utf-8")
NAME = ".github/workflows/lanectl-verify.yml"

ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.7"


def rules(text: str) -> set[str]:
    return {fault.rule for fault in check({NAME: text.encode()}, target="main")}


def test_lanectls_own_rules_have_nothing_to_say() -> None:
    assert rules(TEXT) == set()
    assert list(check({NAME: EXAMPLE.read_bytes()})) == []


HEAD = "fetch-depth: 0\n          ref: ${{ github.event.pull_request.head.sha }}"
OWN_RULES = {
    "workflow/self-verified": ("pull_request_target:", "pull_request:"),
    "workflow/head": ("fetch-depth: 0", HEAD),
    "workflow/injection": ('verify --pull-request "$NUMBER"', "verify ${{ github.event.pull_request.title }}"),
    "workflow/malformed": ("permissions: {}", "permissions: {}\npermissions: {}"),
}  # fmt: skip


@pytest.mark.parametrize("rule", OWN_RULES)
def test_lanectls_own_rules_see_a_broken_copy(rule: str) -> None:
    assert rule in rules(broken(*OWN_RULES[rule]))


def broken(old: str, new: str) -> str:
    """Return a copy with one place changed."""
    assert old in TEXT
    return TEXT.replace(old, new, 1)


def copy(folder: Path, text: str) -> Path:
    """Put a workflow where the linters look for one."""
    path = folder / NAME
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_every_action_is_pinned_by_a_commit_with_its_version() -> None:
    lines = re.findall(r"uses: (.*)", TEXT)
    assert len(lines) == 2
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line) for line in lines)


def test_no_script_holds_an_expression_and_only_one_step_sees_the_token() -> None:
    (job,) = read(NAME, EXAMPLE.read_bytes()).jobs
    assert not any("${{" in step.run for step in job.steps)
    holders = [s.run for s in job.steps if any("token" in v for v in s.env.values())]
    assert len(holders) == 1
    assert "verify --pull-request" in holders[0]


def test_the_pins_are_made_as_the_script_says(world: World, tmp_path: Path) -> None:
    """Run the step's own script in a clean clone, as the runner does."""
    (job,) = read(NAME, EXAMPLE.read_bytes()).jobs
    (script,) = [s.run for s in job.steps if "init --enforcer" in s.run]
    place = tmp_path / "runner/lanectl/bin/lanectl"
    place.parent.mkdir(parents=True)
    place.symlink_to(Path(sys.executable).parent / "lanectl")
    url = world.url.removesuffix("/")
    git(tmp_path, "clone", "-q", url, "checkout")
    server, _, name = url.rpartition("/")
    done = subprocess.run(
        ["/bin/bash", "-e", "-o", "pipefail", "-c", script], cwd=tmp_path / "checkout",
        env={**os.environ, "RUNNER_TEMP": str(tmp_path / "runner"), "GITHUB_SERVER_URL": server,
             "GITHUB_REPOSITORY": name, "BASE": "main", "LANECTL_OPERATOR_CONFIG": str(tmp_path / "o.toml")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    tip = git(tmp_path / "checkout", "rev-parse", "origin/main")
    assert f'pinned = "{tip}"' in (tmp_path / "o.toml").read_text()


def run(*command: str | Path, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(c) for c in command], env={**os.environ, **extra}, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


def installed(name: str) -> Path:
    """Return a tool of this environment, or skip."""
    tool = Path(sys.executable).parent / name
    if not tool.exists():
        pytest.skip(f"{name} is not installed: requirements/e2e.txt")
    return tool


@pytest.fixture(scope="session")
def actionlint() -> Path:
    return built(ACTIONLINT)


ZIZMOR = {
    "excessive-permissions": ("permissions: {}", "permissions: write-all"),
    "unpinned-uses": ("@8e8c483db84b4bee98b60c0593521ed34d9990e8", "@v6"),
    "artipacked": ("persist-credentials: false", "persist-credentials: true"),
    "template-injection": ('"$NUMBER"', "${{ github.event.pull_request.title }}"),
    "dangerous-triggers": (" # zizmor: ignore[dangerous-triggers]", " # or:"),
    "self-hosted-runner": ("runs-on: ubuntu-24.04", "runs-on: [self-hosted]"),
}


def zizmor(path: Path) -> subprocess.CompletedProcess[str]:
    options = (
        "--offline",
        "--no-config",
        "--no-progress",
        "--strict-collection",
        "--persona",
        "auditor",
    )
    return run(installed("zizmor"), *options, path)  # fmt: skip


@pytest.mark.e2e
def test_zizmor_passes() -> None:
    done = zizmor(EXAMPLE)
    assert done.returncode == 0, done.stdout
    assert "No findings" in done.stdout


@pytest.mark.e2e
@pytest.mark.parametrize("audit", ZIZMOR)
def test_zizmor_sees_a_broken_copy(audit: str, tmp_path: Path) -> None:
    done = zizmor(copy(tmp_path, broken(*ZIZMOR[audit])))
    assert done.returncode != 0
    assert f"[{audit}]" in done.stdout


@pytest.mark.e2e
def test_actionlint_passes(actionlint: Path) -> None:
    done = run(actionlint, "-no-color", "-shellcheck=", "-pyflakes=", EXAMPLE)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("github.event.pull_request.number }}\n  cancel", "github.evnt.number }}\n  cancel"),
        ("runs-on: ubuntu-24.04", "runs-on: ubuntu-1.04"),
        ("        shell: bash\n        run: |\n          python", "        shell: cobol\n        run: |\n          python"),
        ("types: [opened,", "types: [oppened,"),
    ],
    ids=["context", "runner", "shell", "activity"],
)  # fmt: skip
def test_actionlint_sees_a_broken_copy(
    actionlint: Path, old: str, new: str, tmp_path: Path
) -> None:
    path = copy(tmp_path, broken(old, new))
    assert run(actionlint, "-no-color", "-shellcheck=", "-pyflakes=", path).returncode == 1


def schema(path: Path) -> int:
    tool = installed("check-jsonschema")
    return run(tool, "--builtin-schema", "vendor.github-workflows", path).returncode


@pytest.mark.e2e
def test_the_schema_of_workflows_passes_and_sees_a_broken_copy(tmp_path: Path) -> None:
    assert schema(EXAMPLE) == 0
    for number, (old, new) in enumerate(
        [("timeout-minutes: 10", "timeout: 10"), ("contents: read", "contents: reads")]
    ):
        assert schema(copy(tmp_path / str(number), broken(old, new))) == 1
