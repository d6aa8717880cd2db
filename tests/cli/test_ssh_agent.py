"""A key that an SSH agent holds signs bundles as one in a file does, or says why not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lanectl.adapters import ssh_agent
from lanectl.errors import RefusedError, UnavailableError, UsageError
from lanectl.formats.keys import describe, fingerprint, is_valid_signature
from tests.ssh import Agent, misbehaving, needs_ssh, running, string
from tests.world import World, lanectl, lanectl_process, snapshot

ED25519, P256 = ("-t", "ed25519"), ("-t", "ecdsa", "-b", "256")


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    with running() as one:
        monkeypatch.setenv("SSH_AUTH_SOCK", one.socket)
        yield one


@pytest.mark.thorough
@needs_ssh
@pytest.mark.parametrize("kind", [ED25519, P256], ids=["ed25519", "p256"])
def test_a_key_of_an_agent_goes_the_whole_way(
    kind: tuple[str, ...], agent: Agent, bare_world: World
) -> None:
    agent.add("-t", "rsa", "-b", "2048")  # of a kind that does not matter
    line, found = agent.add(*kind)
    exported = lanectl("keys", "export", f"agent:{found}")
    assert exported.code == 0, exported.err
    assert found in exported.err
    assert lanectl("keys", "export", f"agent:{found}", "--format", "ssh").out.strip() == line
    public = bare_world.root / "agent.pub"
    public.write_text(exported.out)
    key_id = lanectl("keys", "export", public, "--json").json["id"]
    done = lanectl(
        "init", "--repo", bare_world.person,
        "--builder-key", public, "--enforcer-key", f"{bare_world.key('enforcer')}.pub",
    )  # fmt: skip
    assert done.code == 0, done.err
    bare_world.commit("trust")
    bare_world.fetch()
    bare_world.pin()
    bare_world.change()
    for named in (f"agent:{found}", f"agent:{key_id[:8]}"):
        bare_world.monkeypatch.setenv("LANECTL_BUILDER_KEY", named)
        packed = lanectl("pack", "--repo", bare_world.builder, "--slug", "fix", "--json")
        assert packed.code == 0, packed.err
        assert packed.json["signed_by"] == f"key {key_id}"
        bundle = Path(packed.json["path"])
        verified = bare_world.verify(bundle)
        assert verified.code == 0, verified.err
    Path(f"{bundle}.sigstore.json").unlink()
    signed = lanectl("sign", bundle, "--key", f"agent:{found}")
    assert signed.code == 0, signed.err
    assert bare_world.apply(bundle).code == 0


@needs_ssh
def test_what_an_agent_refuses_leaves_nothing_signed(agent: Agent, world: World) -> None:
    _, other = agent.add(*ED25519)
    _, guarded = agent.add(*P256, confirm=True)  # and nobody is there to confirm
    world.change()
    before = snapshot(world.builder)
    for named, code, says in (
        (f"agent:SHA256:{'A' * 43}", 2, f"it holds {other}, {guarded}"),
        ("agent:0123abcd", 2, "holds no such key"),
        ("agent:0123", 2, "names no key of an SSH agent"),
        ("agent:", 2, "names no key of an SSH agent"),
        ("agent:\x1b[31m", 2, "names no key of an SSH agent"),
        (f"agent:{guarded}", 3, "the SSH agent does not sign with this key"),
    ):
        done = lanectl("pack", "--repo", world.builder, "--slug", "fix", "--key", named)
        assert (done.code, says in done.err) == (code, True), done.err
        assert "\x1b" not in done.err
        if code == 2:
            assert snapshot(world.builder) == before
    kept = world.builder / ".lanectl/outbox/fix"  # what was packed is not lost
    assert {p.name for p in kept.iterdir()} == {"artifact.tar.gz", "artifact.tar.gz.intoto.json"}


def test_without_an_agent(world: World, tmp_path: Path) -> None:
    world.monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    done = lanectl("keys", "export", "agent:0123abcd")
    assert (done.code, "it is not set" in done.err) == (2, True)
    # as a process: paramiko leaves the socket open that could not connect
    nobody = str(tmp_path / "nobody")
    done = lanectl_process("keys", "export", "agent:0123abcd", SSH_AUTH_SOCK=nobody)
    assert (done.code, "no agent answers there" in done.err) == (2, True)


def test_without_paramiko_there_is_one_clear_message() -> None:
    code = (
        "import sys\nsys.modules['paramiko'] = None  # as if it were not installed\n"
        "from lanectl.cli.app import run\nsys.exit(run(['keys', 'export', 'agent:0123abcd']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'lanectl[agent]'" in done.stderr
    assert "Traceback" not in done.stderr


# agents that lie or sleep -------------------------------------------------------------------------

PRIVATE = Ed25519PrivateKey.generate()
PUBLIC = describe(PRIVATE.public_key())
NAMED = f"agent:{fingerprint(PUBLIC)}"
BLOB = string(b"ssh-ed25519") + string(
    PRIVATE.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
)
LIST = b"\x0c" + (1).to_bytes(4, "big") + string(BLOB) + string(b"comment")


def signed(request: bytes) -> bytes:
    """Return a good answer to a request to sign: type, key, data, flags."""
    data = request[1 + 4 + len(BLOB) + 4 : -4]
    return b"\x0e" + string(string(b"ssh-ed25519") + string(PRIVATE.sign(data)))


def use(answers: dict[int, bytes | None], monkeypatch: pytest.MonkeyPatch) -> bytes:
    """List and sign with an agent that gives these answers, its own good ones for the others."""

    def answer(request: bytes) -> bytes | None:
        good = LIST if request[0] == 11 else signed(request)
        return answers.get(request[0], good)

    with misbehaving(answer) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        return ssh_agent.find(NAMED, list_seconds=0.3, sign_seconds=0.3).sign(b"message")


def test_the_stand_in_is_an_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_valid_signature(PUBLIC, use({}, monkeypatch), b"message")


@pytest.mark.parametrize(
    "answer",
    [
        b"\x05",  # SSH_AGENT_FAILURE
        b"",
        b"\x0e",
        b"\x0e" + string(b""),
        b"\x0e" + string(string(b"ssh-ed25519")),
        b"\x0e" + string(string(b"ssh-ed25519") + b"\0\0\0\x40cut"),
        b"\x0e" + string(string(b"ssh-rsa") + string(bytes(64))),
        b"\x0e" + string(string(b"ssh-ed25519") + string(bytes(64))),
        b"\x0e" + string(string(b"ssh-ed25519") + string(PRIVATE.sign(b"another"))),
    ],
    ids=[
        "failure", "nothing", "no-signature", "empty", "no-bytes", "cut", "another-kind", "zeros",
        "of-something-else",
    ],
)  # fmt: skip
def test_what_is_no_good_signature_is_refused(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RefusedError):
        use({13: answer}, monkeypatch)


@pytest.mark.parametrize("answer", [b"", b"\x05", b"\x0c", LIST[:20]])
def test_what_is_no_list_of_keys_is_refused(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises((RefusedError, UsageError)):
        use({11: answer}, monkeypatch)


@pytest.mark.parametrize("request_type", [11, 13])
def test_an_agent_that_sleeps_is_not_waited_for(
    request_type: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = time.monotonic()
    with pytest.raises(UnavailableError, match="does not answer"):
        use({request_type: None}, monkeypatch)
    assert time.monotonic() - begun < 10  # the stand-in alone would wait for thirty


def test_an_agent_is_not_passed_on_to_the_codex_lane() -> None:
    from lanectl.flows.lane_exec import environment_of
    from lanectl.model.lane import Lane, Profile

    said = {"SSH_AUTH_SOCK": "/run/a", "LANECTL_BUILDER_KEY": NAMED, "LANECTL_PASSPHRASE_FD": "3"}
    profile = Profile(".env.codex", Lane.CODEX, said)
    given = environment_of(Lane.CODEX, profile, {"SSH_AUTH_SOCK": "/run/b", "HOME": "/h"})
    assert given == {"HOME": "/h", "LANECTL_LANE": "codex"}


def test_a_key_of_an_agent_lies_at_no_place() -> None:
    from lanectl.adapters.places import key_places
    from lanectl.model.trust import Role

    variables = {"LANECTL_BUILDER_KEY": NAMED, "HOME": os.environ["HOME"]}
    assert [Path(p).name for p in key_places(Role.BUILDER, variables)] == ["builder.pem"]
