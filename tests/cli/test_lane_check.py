"""`lane check` tries what is forbidden: each thing is really possible here once, and is reported."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from lanectl.adapters.probes.remote import Remote
from lanectl.model.lane import Act
from tests.cli.test_lane_exec import sandboxed
from tests.world import Ran, World, git, lanectl_process, write

pytestmark = pytest.mark.thorough

SECRET = "ghp_" + "s3cret" * 6
ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/schemas/lane-check.schema.json").read_bytes())


@contextlib.contextmanager
def listener() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def closed_port() -> int:
    with listener() as port:
        return port


@pytest.fixture
def world(bare_world: World) -> World:
    """A Builder's clone whose remote takes nothing; HOME lies in it (in a sandbox /tmp is another one)."""
    bare_world.monkeypatch.setenv("HOME", str(bare_world.builder / "home"))
    bare_world.monkeypatch.setenv("NO_PROXY", "*")
    bare_world.monkeypatch.delenv("LANECTL_BUILDER_KEY")
    bare_world.monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    git(bare_world.builder, "remote", "set-url", "origin", "/no/such/hub.git")
    write(bare_world.builder / ".git/info/exclude", b"/home/\n.env.codex\n.env.claude\n")
    return bare_world


def check(world: World, lane: str = "codex", *options: str, **extra: str) -> Ran:
    """Check a lane in a process of its own, for the connections that it tries; validate what it says."""
    reach = ("--reach", f"127.0.0.1:{closed_port()}") if "--reach" not in options else ()
    done = lanectl_process(
        "lane", "check", "--lane", lane, "--json", *reach, *options, cwd=world.builder, **extra
    )
    assert done.code in {0, 6}, done.err
    jsonschema.validate(done.json, SCHEMA)
    assert "s3cret" not in done.out + done.err
    assert (done.code == 6) == bool(done.json["findings"]) == (done.json["outcome"] == "violated")
    return done


def states(done: Ran, act: Act) -> dict[str, str]:
    return {a["where"]: a["state"] for a in done.json["attempts"] if a["rule"] == act.rule}


def broken(done: Ran, act: Act) -> list[str]:
    """The places where an act succeeded; each is a finding with a remedy, too."""
    places = [f["where"] for f in done.json["findings"] if f["rule"] == act.rule]
    assert places == [w for w, state in states(done, act).items() if state == "violated"]
    return places


@pytest.mark.e2e
def test_a_clean_lane(world: World) -> None:
    done = check(world)
    found = {f["rule"] for f in done.json["findings"]}
    assert found <= {Act.ENVIRONMENT.rule}, "at most what this test run itself was started with"
    tried = {a["rule"] for a in done.json["attempts"]}
    never = {Act.SUPABASE_ROLE, Act.FILE_MODE, Act.NOT_IGNORED}  # there is none to look at
    assert tried == {act.rule for act in Act if act not in never}


@pytest.mark.e2e
def test_a_remote_that_takes_a_push(world: World) -> None:
    assert broken(check(world), Act.PUSH) == []
    git(world.builder, "remote", "add", "hub", str(world.hub))
    before = git(world.hub, "for-each-ref")
    assert broken(check(world), Act.PUSH) == ["remote hub"]
    assert git(world.hub, "for-each-ref") == before


@pytest.mark.e2e
def test_a_push_by_the_users_own_rewriting(world: World) -> None:
    git(world.builder, "config", f"url.{world.hub}.pushInsteadOf", "/no/such/hub.git")
    assert broken(check(world), Act.PUSH) == ["remote origin"]


@pytest.mark.e2e
def test_no_hook_runs(world: World) -> None:
    hook = world.builder / ".git/hooks/pre-push"
    write(hook, b"#!/bin/sh\ntouch ran\n", 0o755)
    git(world.builder, "remote", "add", "hub", str(world.hub))
    check(world)
    assert not (world.builder / "ran").exists()


@pytest.mark.e2e
def test_a_push_that_nobody_answers_is_not_called_good(world: World) -> None:
    git(world.builder, "remote", "remove", "origin")
    assert states(check(world), Act.PUSH) == {"remote": "could not try"}


@pytest.mark.e2e
@pytest.mark.parametrize("by", ["remote", "address"])
def test_the_network(world: World, by: str) -> None:
    with listener() as port:
        place = f"127.0.0.1:{port}"
        if by == "remote":
            git(world.builder, "remote", "set-url", "origin", f"git://{place}/x.git")
            environment = {"GIT_ALLOW_PROTOCOL": "file"}  # the listener answers no git
            assert broken(check(world, **environment), Act.NETWORK) == [place]
        else:
            assert broken(check(world, "codex", "--reach", place), Act.NETWORK) == [place]


@pytest.mark.parametrize(
    "name",
    [
        ".env.claude",
        "../.env.claude",
        "home/.config/lanectl/enforcer.toml",
        "home/.local/state/lanectl/x",
    ],
)
def test_the_other_lanes_files(world: World, name: str) -> None:
    assert broken(check(world), Act.OTHER_FILES) == []
    path = world.builder / name
    write(path, SECRET.encode(), 0o600)
    (place,) = broken(check(world), Act.OTHER_FILES)
    assert str(path.resolve()).startswith(place)


@pytest.mark.e2e
@pytest.mark.parametrize("lane", ["codex", "claude"])
@pytest.mark.parametrize("role", ["builder", "enforcer", "supervisor", "lead"])
def test_the_signing_keys(world: World, lane: str, role: str) -> None:
    path = world.builder / f"home/.config/lanectl/keys/{role}.pem"
    write(path, b"key", 0o600)
    wanted = [] if (lane, role) == ("claude", "enforcer") else [str(path)]
    assert broken(check(world, lane), Act.SIGNING_KEY) == wanted


@pytest.mark.e2e
@pytest.mark.parametrize("role", ["BUILDER", "SUPERVISOR", "LEAD"])
def test_a_signing_key_that_a_variable_names(world: World, role: str) -> None:
    path = world.root / "b.pem"
    write(path, b"key", 0o600)
    done = check(world, **{f"LANECTL_{role}_KEY": str(path)})
    assert broken(done, Act.SIGNING_KEY) == [str(path)]


@pytest.mark.e2e
def test_the_environment(world: World) -> None:
    assert broken(check(world, GH_TOKEN=SECRET), Act.ENVIRONMENT)[0] == "this process: GH_TOKEN"
    done = check(world, "claude", LANECTL_BUILDER_KEY="/k", GH_TOKEN=SECRET)
    assert broken(done, Act.ENVIRONMENT)[0] == "this process: LANECTL_BUILDER_KEY"


@pytest.mark.e2e
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc here")
def test_the_environment_of_a_parent(world: World) -> None:
    line = [
        sys.executable,
        "-m",
        "lanectl",
        "lane",
        "check",
        "--lane",
        "codex",
        "--json",
        "--reach",
        f"127.0.0.1:{closed_port()}",
    ]
    done = subprocess.run(
        ["/bin/sh", "-c", 'env -u GH_TOKEN "$@"; exit $?', "sh", *line], cwd=world.builder,
        env={**os.environ, "GH_TOKEN": SECRET}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = broken(Ran(done.returncode, done.stdout, done.stderr), Act.ENVIRONMENT)
    assert found[0].startswith("process ")
    assert found[0].endswith(": GH_TOKEN")
    assert "s3cret" not in done.stdout + done.stderr


@pytest.mark.e2e
def test_the_lanes_own_profile(world: World) -> None:
    write(world.builder / ".env.codex", f"LANECTL_LANE=codex\nGH_TOKEN={SECRET}\n".encode(), 0o600)
    place = f"profile {world.builder}/.env.codex"
    assert f"{place}: GH_TOKEN" in broken(check(world), Act.ENVIRONMENT)
    write(world.builder / ".env.codex", b"nonsense", 0o600)
    assert states(check(world), Act.ENVIRONMENT)[place] == "ok"


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("http.extraHeader", "Authorization: Basic eDp5", "http.extraheader"),
        (
            "http.https://f.example/.extraHeader",
            "PRIVATE-TOKEN: x",
            "http.https://f.example/.extraheader",
        ),
        ("remote.other.url", f"https://x:{SECRET}@127.0.0.1:9/a.git", "remote.other.url"),
        (f"url.https://x:{SECRET}@f.example/.insteadOf", "https://f.example/", "url.….insteadof"),
    ],
)
@pytest.mark.parametrize("where", ["--local", "--global"])
def test_gits_configuration(world: World, key: str, value: str, shown: str, where: str) -> None:
    assert broken(check(world), Act.GIT_CONFIG) == []
    (world.builder / "home").mkdir(exist_ok=True)
    git(world.builder, "config", where, key, value)
    (place,) = broken(check(world), Act.GIT_CONFIG)
    assert place.endswith(f": {shown}")


@pytest.mark.e2e
def test_a_credential_helper_that_answers(world: World) -> None:
    port = closed_port()
    git(world.builder, "remote", "set-url", "origin", f"http://127.0.0.1:{port}/a.git")
    assert broken(check(world), Act.CREDENTIAL_HELPER) == []
    helper = f"!f() {{ test $1 = get && printf 'username=x\\npassword={SECRET}\\n'; }}; f"
    git(world.builder, "config", "credential.helper", helper)
    assert broken(check(world), Act.CREDENTIAL_HELPER) == [f"http://127.0.0.1:{port}"]


@pytest.mark.e2e
@pytest.mark.parametrize(
    "name",
    [
        ".netrc",
        ".pgpass",
        ".git-credentials",
        ".config/git/credentials",
        ".config/gh/hosts.yml",
        ".config/glab-cli/config.yml",
        ".ssh/id_ed25519",
        ".ssh/id_rsa",
        ".ssh/id_ecdsa",
    ],
)
def test_files_with_log_ins(world: World, name: str) -> None:
    write(world.builder / "home" / name, SECRET.encode(), 0o600)
    assert broken(check(world), Act.LOGIN_FILE) == [str(world.builder / "home" / name)]


@pytest.mark.e2e
@pytest.mark.skipif(not shutil.which("ssh-agent"), reason="there is no ssh-agent here")
def test_an_ssh_agent_with_an_identity(world: World) -> None:
    sock, key = world.root / "a.sock", world.root / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    with subprocess.Popen(["ssh-agent", "-D", "-a", sock], stdout=subprocess.PIPE) as agent:
        try:
            assert agent.stdout is not None
            agent.stdout.readline()
            variables = {"SSH_AUTH_SOCK": str(sock)}
            assert broken(check(world, **variables), Act.SSH_AGENT) == []
            subprocess.run(["ssh-add", "-q", key], env={**os.environ, **variables}, check=True)
            assert broken(check(world, **variables), Act.SSH_AGENT) == ["SSH_AUTH_SOCK"]
        finally:
            agent.terminate()


@pytest.mark.parametrize("lane", ["codex", "claude"])
@pytest.mark.parametrize(
    "name",
    [
        ".env.codex",
        ".env.claude",
        "home/.config/lanectl/keys/builder.pem",
        "home/.config/lanectl/keys/enforcer.pem",
    ],
)
@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_modes(world: World, name: str, mode: int, lane: str) -> None:
    path = world.builder / name
    write(path, b"LANECTL_LANE=x", 0o600)
    assert broken(check(world, lane), Act.FILE_MODE) == []
    path.chmod(mode)
    assert broken(check(world, lane), Act.FILE_MODE) == [str(path)]


@pytest.mark.e2e
@pytest.mark.parametrize("lane", ["codex", "claude"])
@pytest.mark.parametrize("name", [".env.codex", ".env.claude"])
def test_a_profile_that_git_does_not_ignore(world: World, name: str, lane: str) -> None:
    write(world.builder / name, b"x", 0o600)
    assert broken(check(world, lane), Act.NOT_IGNORED) == []
    write(world.builder / ".git/info/exclude", b"/home/\n")
    assert broken(check(world, lane), Act.NOT_IGNORED) == [name]


@pytest.mark.e2e
@pytest.mark.parametrize("lane", ["codex", "claude"])
@pytest.mark.parametrize(
    "how", ["committed", "deleted again", "on a branch", "in a folder", "staged"]
)
def test_a_profile_that_was_committed(world: World, how: str, lane: str) -> None:
    folder = world.builder
    path = folder / ("sub/.env.codex" if how == "in a folder" else ".env.codex")
    assert broken(check(world, lane), Act.COMMITTED) == []
    if how == "on a branch":
        git(folder, "checkout", "-q", "-b", "side")
    write(path, b"x", 0o600)
    git(folder, "add", "-f", str(path))
    if how != "staged":
        git(folder, "commit", "-qm", "x")
    if how == "deleted again":
        git(folder, "rm", "-q", str(path))
        git(folder, "commit", "-qm", "y")
    if how == "on a branch":
        git(folder, "checkout", "-q", "main")
    assert broken(check(world, lane), Act.COMMITTED) == [".env.codex"]


@pytest.mark.parametrize("lane", ["codex", "claude"])
def test_one_key_for_both(world: World, lane: str) -> None:
    folder = world.builder / "home/.config/lanectl/keys"
    key, other = world.key("one"), world.key("two")
    for role, source in (("builder", key), ("enforcer", other)):
        write(folder / f"{role}.pem", source.read_bytes(), 0o600)
    assert states(check(world, lane), Act.SAME_KEY) == {"Builder and Enforcer": "ok"}
    write(folder / "enforcer.pem", key.read_bytes(), 0o600)
    assert broken(check(world, lane), Act.SAME_KEY) == ["Builder and Enforcer"]
    for role in (
        "builder",
        "enforcer",
    ):  # the private parts are out of reach, the public ones are not
        (folder / f"{role}.pem").unlink()
        write(folder / f"{role}.pem.pub", Path(f"{key}.pub").read_bytes())
    assert broken(check(world, lane), Act.SAME_KEY) == ["Builder and Enforcer"]


@pytest.mark.e2e
def test_one_key_for_both_in_the_keyring(world: World) -> None:
    pem = Path(f"{world.key('one')}.pub").read_text()
    ring = {"keys": [{"role": r, "publicKey": pem} for r in ("builder", "enforcer")]}
    write(world.builder / ".lanectl/trust/keyring.json", json.dumps(ring).encode())
    git(world.builder, "add", "-A", "--", ".lanectl")
    git(world.builder, "commit", "-qm", "trust")
    assert broken(check(world), Act.SAME_KEY) == ["Builder and Enforcer"]


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, []),
        ({"SUPABASE_URL": "https://x.example"}, ["SUPABASE_…"]),
        ({"SUPABASE_URL": "https://x.example", "SUPABASE_KEY": "sb_secret_x"}, []),
        ({"SUPABASE_SERVICE_ROLE_KEY": "sb_publishable_x"}, ["SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_…"]),
    ],
)  # fmt: skip
def test_the_enforcers_supabase_key(
    world: World, variables: dict[str, str], wanted: list[str]
) -> None:
    assert broken(check(world, "claude", **variables), Act.SUPABASE_ROLE) == wanted


@pytest.mark.e2e
def test_the_claude_lane_may_push_and_reach_the_network(world: World) -> None:
    tried = {a["rule"] for a in check(world, "claude", GH_TOKEN=SECRET).json["attempts"]}
    assert not tried & {Act.PUSH.rule, Act.NETWORK.rule, Act.LOGIN_FILE.rule}


def test_which_lane(world: World) -> None:
    def plain(*words: str, **extra: str) -> int:
        reach = f"127.0.0.1:{closed_port()}"
        line = ("lane", "check", "--reach", reach, *words)
        return lanectl_process(*line, cwd=world.builder, **extra).code

    assert plain() == 2
    assert plain("--lane", "claude", LANECTL_LANE="codex") == 6
    assert plain("--lane", "claude") == plain(LANECTL_LANE="claude") == 0
    assert plain("--lane", "claude", "--reach", "nonsense") == 2
    assert plain("--lane", "claude", "--repo", "/") == 3


@pytest.mark.e2e
def test_the_table_and_the_remedy(world: World) -> None:
    write(world.builder / ".env.claude", b"x", 0o644)
    done = lanectl_process("lane", "check", "--lane", "claude", cwd=world.builder)
    assert done.code == 6
    assert any(line.split()[:2] == ["violated", "lane/file-mode"] for line in done.out.splitlines())
    assert done.out.endswith("claude lane: violated\n")
    assert "chmod 600 FILE" in done.err


@sandboxed
def test_in_the_sandbox_everything_holds(world: World) -> None:
    """The same things that break the lane outside are out of reach of what `lane exec` runs."""
    home = world.builder / "home"
    for name in (
        ".netrc",
        ".ssh/id_rsa",
        ".config/gh/hosts.yml",
        ".config/lanectl/keys/builder.pem",
        ".local/state/lanectl/x",
    ):
        write(home / name, SECRET.encode(), 0o600)
    write(world.builder / ".env.claude", SECRET.encode(), 0o600)
    git(world.builder, "remote", "set-url", "origin", str(world.hub))
    with listener() as port:
        line = ("lane", "check", "--lane", "codex", "--json", "--reach", f"127.0.0.1:{port}")
        outside = check(world, *line[3:], GH_TOKEN=SECRET)
        inside = lanectl_process(
            "lane", "exec", "codex", "--require-sandbox", "--", sys.executable, "-m", "lanectl", *line,
            cwd=world.builder, GH_TOKEN=SECRET,
        )  # fmt: skip
    rules: set[Any] = {f["rule"] for f in outside.json["findings"]}
    assert rules >= {
        a.rule
        for a in (
            Act.PUSH,
            Act.NETWORK,
            Act.OTHER_FILES,
            Act.SIGNING_KEY,
            Act.ENVIRONMENT,
            Act.LOGIN_FILE,
        )
    }
    assert inside.json["findings"] == []
    assert inside.code == 0


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("url", "endpoint", "folder"),
    [
        ("https://f.example/a.git", ("https", "f.example", 443), None),
        ("http://f.example:81/a.git", ("http", "f.example", 81), None),
        ("git@f.example:a/b.git", ("ssh", "f.example", 22), None),
        ("ssh://git@f.example:2222/a", ("ssh", "f.example", 2222), None),
        ("git@[::1]:a", ("ssh", "::1", 22), None),
        ("/srv/a.git", None, "/srv/a.git"),
        ("file:///srv/a.git", None, "/srv/a.git"),
        ("../a.git", None, "../a.git"),
    ],
)
def test_where_a_remote_lies(url: str, endpoint: object, folder: str | None) -> None:
    assert (Remote("x", url).endpoint, Remote("x", url).folder) == (endpoint, folder)


WORKFLOW = b"""\
on: {push: {branches: ["feature/**"]}}
permissions: {}
jobs:
  build:
    runs-on: ubuntu-24.04
    steps:
      - run: make
        env: {KEY: "${{ secrets.DEPLOY_KEY }}"}
"""


@pytest.mark.parametrize("branches", [b"feature/**", b"main"])
def test_workflows_within_reach_are_reported(world: World, branches: bytes) -> None:
    write(world.builder / ".github/workflows/ci.yml", WORKFLOW.replace(b"feature/**", branches))
    git(world.builder, "add", "-A")
    git(world.builder, "commit", "-q", "-m", "ci")
    found = [f for f in check(world).json["findings"] if f["rule"].startswith("workflow/")]
    assert [f["rule"] for f in found] == ["workflow/secret"] * (branches == b"feature/**")
