"""`lane exec codex`: an environment from the profile alone, and a real sandbox where one can be made."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from lanectl.adapters.sandbox import CommandRunner
from lanectl.errors import LaneViolation
from lanectl.flows.lane_exec import NOT_ENFORCED, environment_of, execute
from lanectl.model.lane import Lane
from lanectl.ports.running import Enclosure
from tests.world import Ran, World, git, lanectl, lanectl_process, write

pytestmark = pytest.mark.thorough

SECRET = "ghp_" + "s3cret" * 6
WHY_NOT = CommandRunner().why_not(Enclosure(str(Path(__file__).resolve().parent)))
# ruff: noqa: ARG002, S108 - a runner takes what its port says; /tmp is what is tested
HIDDEN = Path(sys.prefix).is_relative_to("/tmp")
sandboxed = pytest.mark.skipif(
    bool(WHY_NOT) or HIDDEN,
    reason=f"no sandbox can be made here: {WHY_NOT or 'the tests lie in /tmp, which it hides'}",
)


@pytest.fixture
def tree(bare_world: World) -> Path:
    """The Builder's work tree. HOME lies in it, for /tmp is another one in a sandbox."""
    home = bare_world.builder / "home"
    bare_world.monkeypatch.setenv("HOME", str(home))
    bare_world.monkeypatch.delenv("LANECTL_BUILDER_KEY")
    write(bare_world.builder / ".env.codex", b"LANECTL_LANE=codex\nFROM_PROFILE=yes\n", 0o600)
    return bare_world.builder


def run_in(tree: Path, *command: str, options: Sequence[str] = (), **extra: str) -> Ran:
    profile = ("--profile", str(tree / ".env.codex"))
    return lanectl_process(
        *profile, "lane", "exec", "codex", *options, "--", *command, cwd=tree, **extra
    )


def test_nothing_is_inherited(tree: Path) -> None:
    write(tree / ".env.codex", b"LANECTL_LANE=codex\nLANECTL_BUILDER_KEY=/k.pem\nA=1\n", 0o600)
    done = run_in(tree, "env", GH_TOKEN=SECRET, INNOCENT=SECRET, LANECTL_LANE="codex")
    assert done.code == 0, done.err
    seen = dict(line.split("=", 1) for line in done.out.splitlines())
    assert seen["A"] == "1"
    assert seen["LANECTL_LANE"] == "codex"
    basics = {
        "PATH",
        "HOME",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "TERM",
        "USER",
        "LOGNAME",
        "TMPDIR",
        "TZ",
    }
    assert seen.keys() - basics <= {"A", "LANECTL_LANE", "PWD"}
    assert "s3cret" not in done.out + done.err


def test_without_a_profile_there_are_only_basics() -> None:
    found = environment_of(Lane.CODEX, None, {"PATH": "/bin", "GH_TOKEN": SECRET, "X": "1"})
    assert found == {"PATH": "/bin", "LANECTL_LANE": "codex"}


def test_the_plain_command_gets_the_environment_alone() -> None:
    code = "from lanectl.adapters.sandbox import CommandRunner as R\nR().run(['env'], {'A': '1'}, None)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "A=1\n"


@pytest.mark.parametrize(
    "line", [f"GH_TOKEN={SECRET}", "SUPABASE_KEY=sb_secret_x", "LANECTL_ENFORCER_KEY=/k"]
)
def test_a_profile_with_the_other_lanes_credentials_is_refused(tree: Path, line: str) -> None:
    write(tree / ".env.codex", f"LANECTL_LANE=codex\n{line}\n".encode(), 0o600)
    done = run_in(tree, "env")
    assert (done.code, done.out) == (6, "")
    assert line.partition("=")[0] in done.err
    assert line.partition("=")[2] not in done.err


def test_the_other_lane_is_refused(tree: Path) -> None:
    write(tree / ".env.claude", b"LANECTL_LANE=claude\n", 0o600)
    for profile in ((), ("--profile", tree / ".env.claude")):
        done = lanectl(*profile, "lane", "exec", "claude", "--repo", tree, "--", "env")
        assert done.code == 2
    done = lanectl("--profile", tree / ".env.claude", "lane", "exec", "codex", "--", "env")
    assert done.code == 6


class NoSandbox:
    """A runner on a machine without bubblewrap."""

    def why_not(self, enclosure: Enclosure) -> str:
        return "bwrap is not here"

    def run(self, command: Sequence[str], variables: object, enclosure: Enclosure | None) -> int:
        assert enclosure is None
        return 42


def test_what_cannot_be_enforced_is_said_line_by_line() -> None:
    said: list[str] = []
    arguments = {
        "variables": {},
        "runner": NoSandbox(),
        "enclosure": Enclosure("/"),
    }
    assert execute(["x"], **arguments, required=False, say=said.append) == 42
    assert said == ["no sandbox: bwrap is not here", *(f"NOT enforced: {n}" for n in NOT_ENFORCED)]
    with pytest.raises(LaneViolation, match="no sandbox can be made here"):
        execute(["x"], **arguments, required=True, say=said.append)


def test_a_sandbox_that_cannot_be_made_is_seen(tree: Path) -> None:
    assert CommandRunner().why_not(Enclosure(str(tree), read_only=("/no/such/folder",)))


def test_a_missing_command(tree: Path) -> None:
    done = run_in(tree, "no-such-command")
    assert (done.code, "no command no-such-command" in done.err) == (2, True)


def test_the_exit_code_is_passed_on(tree: Path) -> None:
    assert run_in(tree, "sh", "-c", "exit 42").code == 42


@sandboxed
def test_only_the_work_tree_can_be_written(tree: Path) -> None:
    outside = tree.parent / "outside"
    script = f"echo x > written; for f in {outside} .git/x .env.codex /etc/x /usr/x; do (echo x > $f) 2>/dev/null && echo wrote $f; done; mv .git gone 2>/dev/null && echo moved; true"
    done = run_in(tree, "sh", "-c", script, options=["--require-sandbox"])
    assert (done.code, done.err) == (0, "")
    assert done.out in {"", f"wrote {outside}\n"}  # in its own /tmp
    assert not outside.exists()
    assert (tree / "written").read_text() == "x\n"
    assert b"FROM_PROFILE" in (tree / ".env.codex").read_bytes()


PRIVATE = (
    "home/.config/lanectl/keys/builder.pem", "home/.config/lanectl/enforcer.toml",
    "home/.local/state/lanectl/x/tip", "home/.ssh/id_ed25519", "home/.config/gh/hosts.yml",
    "home/.netrc", "home/.pgpass", "home/.git-credentials", "home/.gnupg/x", "home/.aws/credentials",
    ".env.claude", "elsewhere/builder.pem",
)  # fmt: skip


@sandboxed
def test_keys_and_log_ins_cannot_be_read(tree: Path) -> None:
    for name in PRIVATE:
        write(tree / name, SECRET.encode(), 0o600)
    with (tree / ".env.codex").open("a") as file:
        file.write(f"LANECTL_BUILDER_KEY={tree}/elsewhere/builder.pem\n")
    script = "for f; do cat $f 2>/dev/null && echo read $f; done; grep -r s3cret . 2>/dev/null; cat .env.codex"
    plain = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *PRIVATE],
        cwd=tree,
        capture_output=True,
        text=True,
        check=True,
    )
    assert plain.stdout.count("read ") == len(PRIVATE), "the same is possible outside"
    done = run_in(tree, "sh", "-c", script, "sh", *PRIVATE, options=["--require-sandbox"])
    assert done.code == 0, done.err
    assert done.out == (tree / ".env.codex").read_text()


@sandboxed
def test_a_ledger_that_the_operator_put_elsewhere_cannot_be_read(tree: Path) -> None:
    ledger = tree / "elsewhere/ledger.sqlite"
    for end in ("", "-wal"):
        write(Path(f"{ledger}{end}"), SECRET.encode(), 0o600)
    operator = (
        f'version = 1\n[target]\nrepository = "https://host.test/a/b"\nbranch = "main"\n'
        f'ref = "refs/remotes/origin/main"\npinned = "{"a" * 40}"\n[ledger]\npath = "{ledger}"\n'
    )
    write(tree / "home/.config/lanectl/enforcer.toml", operator.encode(), 0o600)
    script = f"cat {ledger} {ledger}-wal 2>/dev/null; echo done"
    done = run_in(tree, "sh", "-c", script, options=["--require-sandbox"])
    assert (done.code, done.out) == (0, "done\n"), done.err


@sandboxed
def test_no_network_and_no_other_process(tree: Path) -> None:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        code = (
            "import os, socket\n"
            f"print(socket.socket().connect_ex(('127.0.0.1', {listener.getsockname()[1]})) != 0)\n"
            "print(max(int(p) for p in os.listdir('/proc') if p.isdigit()) < 20)\n"
            "print(os.listdir('/tmp'), os.listdir('/run'))\n"
        )
        plain = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert plain.stdout.startswith("False\nFalse\n"), "the same is possible outside"
        done = run_in(tree, sys.executable, "-c", code, options=["--require-sandbox"])
    assert done.out.startswith("True\nTrue\n"), done.err
    top = Path(tree).parts[2] if str(tree).startswith("/tmp/") else ""
    assert done.out.endswith(f"{[top] if top else []} []\n")


@sandboxed
def test_inside_another_sandbox_it_says_what_it_cannot_enforce(tree: Path) -> None:
    inner = (sys.executable, "-m", "lanectl", "lane", "exec", "codex")
    done = run_in(tree, *inner, "--", "sh", "-c", "exit 3", options=["--require-sandbox"])
    if "no sandbox" not in done.err:
        pytest.skip("this machine lets one sandbox make another")
    assert done.code == 3
    assert done.err.count("NOT enforced: ") == len(NOT_ENFORCED)
    again = (*inner, "--require-sandbox", "--", "true")
    assert run_in(tree, *again, options=["--require-sandbox"]).code == 6


def test_a_bare_repository_is_no_work_tree(bare_world: World) -> None:
    done = lanectl("lane", "exec", "codex", "--repo", bare_world.hub, "--", "env")
    assert (done.code, "is no work tree" in done.err) == (3, True)


@sandboxed
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_command(tree: Path, number: signal.Signals) -> None:
    name = number.name.removeprefix("SIG")
    script = f"trap 'echo caught; exit 3' {name}; echo ready; while :; do sleep 0.05; done"
    with start(tree, "sh", "-c", script) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.stdout.read() == b"caught\n"
        assert process.wait(10) == 3


@sandboxed
def test_a_command_that_a_signal_ends(tree: Path) -> None:
    with start(tree, "sh", "-c", "echo ready; exec sleep 60") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        assert process.wait(10) == 128 + signal.SIGTERM


@sandboxed
def test_nothing_outlives_lanectl(tree: Path) -> None:
    with start(
        tree, "sh", "-c", "echo ready; while :; do echo x > beat; sleep 0.02; done"
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
        process.wait(10)
    time.sleep(0.3)
    (tree / "beat").unlink(missing_ok=True)
    time.sleep(0.2)
    assert not (tree / "beat").exists()


@sandboxed
def test_packing_works_inside(tree: Path) -> None:
    git(tree, "checkout", "-q", "--", ".")
    write(tree / "new.txt")
    write(tree / ".git/info/exclude", b"/home/\n.env.*\n")
    command = ["lanectl", "pack", "--slug", "x", "--repository", "localhost/a/b", "--unsigned"]
    done = run_in(tree, sys.executable, "-m", *command, options=["--require-sandbox"])
    assert done.code == 0, done.err


@contextlib.contextmanager
def start(tree: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A sandboxed command as a child; it ends after 20 seconds, whatever becomes of the test."""
    line = [sys.executable, "-m", "lanectl", "lane", "exec", "codex", "--require-sandbox", "--"]
    with subprocess.Popen([*line, *command], cwd=tree, stdout=subprocess.PIPE) as process:
        timer = threading.Timer(20, process.kill)
        timer.start()
        try:
            yield process
        finally:
            timer.cancel()
            process.kill()
