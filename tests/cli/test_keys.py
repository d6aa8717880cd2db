"""`lanectl keys`: passphrases, rotation, export, what ends soon, and signers that are no keys."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from lanectl.adapters import system
from lanectl.formats import keyring
from lanectl.model.trust import Key, Keyring, Role
from tests.ledger.forging import forge_applied, with_ledger
from tests.orders import key_id, register_people
from tests.ssh import needs_ssh, tool
from tests.world import Ran, World, git, lanectl, snapshot, write

SECRET = "correct horse – é"  # noqa: S105 - of keys that end with the test


def with_lines(*lines: str) -> int:
    """Return a descriptor that these lines can be read from; the last has no newline."""
    reading, writing = os.pipe()
    os.write(writing, "\n".join(lines).encode())
    os.close(writing)
    return reading


def encrypted(path: Path, secret: str = SECRET, *more: str) -> Path:
    """Make an encrypted key."""
    fd = with_lines(secret)
    made = lanectl("keys", "new", "--role", "builder", "--out", path, "--passphrase-fd", fd, *more)
    os.close(fd)
    assert made.code == 0, made.err
    return path


def child(*words: str | Path, terminal: int | None = None, **extra: str) -> subprocess.Popen[str]:
    """Start a command in a session of its own, with or without a terminal."""
    take = (
        "import fcntl, os, sys, termios\n"
        "if sys.argv[1] == 'yes': fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'lanectl', *sys.argv[2:]])"
    )
    has = "no" if terminal is None else "yes"
    return subprocess.Popen(
        [sys.executable, "-c", take, has, *map(str, words)], start_new_session=True, text=True,
        stdin=subprocess.DEVNULL if terminal is None else terminal, env={**os.environ, **extra},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def typing(answers: list[str], *words: str | Path) -> tuple[Ran, str]:
    """Run a command whose terminal's user types these answers; return also what the terminal showed."""
    leader, follower = pty.openpty()
    process = child(*words, terminal=follower)
    os.close(follower)
    shown = ""
    for answer in answers:
        while not shown.endswith(": "):
            shown += os.read(leader, 4096).decode()
        os.write(leader, f"{answer}\n".encode())
        shown += "\n"
    out, err = process.communicate(timeout=60)
    os.close(leader)
    return Ran(process.returncode, out, err), shown


# passphrases --------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ed25519"])
def test_an_encrypted_key_signs_with_its_passphrase_alone(
    algorithm: str, bare_world: World
) -> None:
    world = bare_world
    for name in ("builder", "enforcer"):
        path = encrypted(world.keys / f"{name}.pem", SECRET, "--algorithm", algorithm)
        assert b"BEGIN ENCRYPTED PRIVATE KEY" in path.read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600
    world.bootstrap()
    world.change()
    before = snapshot(world.builder)
    words = ["pack", "--repo", world.builder, "--slug", "fix-login"]
    wrong = with_lines("another")
    refused = lanectl(*words, "--passphrase-fd", wrong)
    assert (refused.code, "does not open with this passphrase" in refused.err) == (3, True)
    assert "another" not in refused.out + refused.err.replace("another one", "")
    assert snapshot(world.builder) == before
    packed = lanectl(*words, "--passphrase-fd", with_lines(SECRET, "unread"))
    assert packed.code == 0, packed.err
    bundle = Path(packed.out.strip())
    world.monkeypatch.setenv("LANECTL_PASSPHRASE_FD", str(with_lines(SECRET)))
    assert world.apply(bundle).code == 0


def test_each_key_of_one_command_takes_a_line(bare_world: World) -> None:
    """A lead's order is signed with one key, and anchored with the Enforcer's, which has another."""
    world = bare_world
    for name in ("ann", "enforcer"):
        encrypted(world.keys / f"{name}.pem", name)
    register_people(world.bootstrap())
    done = lanectl(
        "freeze", "--repo", world.enforcer, "--reason", "x", "--key", world.key("ann"),
        "--passphrase-fd", with_lines("ann", "enforcer"),
    )  # fmt: skip
    assert done.code == 0, done.err
    assert world.state("anchors.jsonl")
    # without the second line the order is given all the same
    lift = [
        "freeze",
        "--lift",
        "--repo",
        world.enforcer,
        "--reason",
        "x",
        "--key",
        world.key("leo"),
    ]
    assert lanectl(*lift, "--passphrase-fd", with_lines("")).code == 0


WRONG_DESCRIPTORS: list[tuple[str, str]] = [
    ("seven", "holds no number of a file descriptor"),
    ("²", "holds no number of a file descriptor"),
    (SECRET, "the passphrase itself belongs into no variable"),
    ("999", "gives no passphrase"),
    ("EMPTY", "the passphrase is empty"),
    ("LONG", "longer than 1023 bytes"),
]


def test_a_descriptor_that_gives_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encrypted(tmp_path / "k.pem")
    new = ["keys", "new", "--role", "lead", "--passphrase", "--out", tmp_path / "n.pem"]
    for value, says in WRONG_DESCRIPTORS:
        for words in (["keys", "export", path], new):
            lines = {"EMPTY": "", "LONG": "x" * 2000}
            number = with_lines(lines[value]) if value in lines else value
            monkeypatch.setenv("LANECTL_PASSPHRASE_FD", str(number))
            done = lanectl(*words)
            assert (done.code, says in done.err) == (2, True), done.err
            assert SECRET not in done.err
    assert sorted(p.name for p in tmp_path.glob("*.pem*")) == ["k.pem", "k.pem.pub"]


def test_without_a_terminal_nobody_is_asked(tmp_path: Path) -> None:
    path = encrypted(tmp_path / "k.pem")
    new = ["keys", "new", "--role", "lead", "--passphrase", "--out", tmp_path / "n.pem"]
    for words in (["keys", "export", path], new):
        process = child(*words)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (2, "")
        assert "no terminal to ask on" in err
        assert "LANECTL_PASSPHRASE_FD=3 lanectl … 3< FILE" in err
    assert not (tmp_path / "n.pem").exists()


def test_on_a_terminal_a_passphrase_is_typed_unseen(tmp_path: Path) -> None:
    path = tmp_path / "k.pem"
    new = ["keys", "new", "--role", "builder", "--passphrase", "--out", path]
    differs, _ = typing([SECRET, "tpyo"], *new)
    assert (differs.code, "the two passphrases differ" in differs.err) == (2, True)
    empty, _ = typing([""], *new)
    assert (empty.code, "the passphrase is empty" in empty.err) == (2, True)
    assert not path.exists()
    made, shown = typing([SECRET, SECRET], *new)
    assert made.code == 0, made.err
    assert SECRET not in shown
    assert f"New passphrase for {path}: " in shown
    opened, shown = typing([SECRET], "keys", "export", path)
    assert (opened.code, opened.out) == (0, (tmp_path / "k.pem.pub").read_text())
    assert SECRET not in shown + opened.err
    wrong, _ = typing(["x"], "keys", "export", path)
    assert (wrong.code, "does not open" in wrong.err) == (3, True)
    taken, _ = typing([], *new)  # before anybody types for nothing
    assert (taken.code, "not overwritten" in taken.err) == (2, True)


def test_no_passphrase_is_taken_as_an_argument(tmp_path: Path) -> None:
    words = ["keys", "new", "--role", "lead", "--out", tmp_path / "n.pem"]
    assert lanectl(*words, "--passphrase", SECRET).code == 2
    assert lanectl(*words, "--passphrase-fd", SECRET).code == 2
    assert not (tmp_path / "n.pem").exists()
    assert lanectl(*words).code == 0
    assert "LANECTL_PASSPHRASE_FD" not in system.environment()  # the option ends with its command


def test_an_open_key_file_is_refused_before_its_passphrase_is_read(tmp_path: Path) -> None:
    path = encrypted(tmp_path / "k.pem")
    path.chmod(0o640)
    fd = with_lines(SECRET)
    refused = lanectl("keys", "export", path, "--passphrase-fd", fd)
    assert (refused.code, "can be read by others" in refused.err) == (3, True)
    assert os.read(fd, 100) == SECRET.encode()


@needs_ssh
def test_what_is_damaged_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    damaged = encrypted(tmp_path / "k.pem")
    lines = damaged.read_text().splitlines()
    write(damaged, "\n".join([lines[0], *lines[2:]]).encode(), 0o600)
    refused = lanectl("keys", "export", damaged, "--passphrase-fd", with_lines(SECRET))
    assert (refused.code, "the file is damaged" in refused.err) == (3, True)
    rsa = tmp_path / "rsa"
    for secret in ("", "12345678"):
        rsa.unlink(missing_ok=True)
        tool("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", "PKCS8", "-N", secret, "-f", rsa)
        refused = lanectl("keys", "export", rsa, "--passphrase-fd", with_lines(secret))
        assert (refused.code, "ECDSA P-256 or Ed25519" in refused.err) == (3, True), refused.err


def test_lane_check_asks_for_no_passphrase(bare_world: World) -> None:
    bare_world.bootstrap()
    path = Path(os.environ["HOME"]) / ".config/lanectl/keys/enforcer.pem"
    path.unlink()
    encrypted(path)
    fd = with_lines(SECRET)
    bare_world.monkeypatch.setenv("LANECTL_PASSPHRASE_FD", str(fd))
    bare_world.monkeypatch.setenv("LANECTL_LANE", "claude")
    done = lanectl("lane", "check", "--repo", bare_world.enforcer, "--json")
    assert "same-key" in done.out  # it was looked at, by the public part beside it
    assert os.read(fd, 100) == SECRET.encode()


def test_an_enforcer_is_asked_once(bare_world: World) -> None:
    """Before anything is shown, although the key signs the admission, the journal and the anchor."""
    encrypted(bare_world.keys / "enforcer.pem")
    bundle = bare_world.bootstrap().packed()
    done, shown = typing([SECRET], "apply", bundle, "--repo", bare_world.enforcer)
    assert done.code == 0, done.err
    assert shown.count("Passphrase of ") == 1
    assert bare_world.state("anchors.jsonl")
    wrong, _ = typing(["x"], "apply", bundle, "--repo", bare_world.enforcer)
    assert (wrong.code, "does not open with this passphrase" in wrong.err) == (3, True)


# rotation -----------------------------------------------------------------------------------------


def rotate(world: World, *words: str | Path) -> Ran:
    return lanectl("keys", "rotate", "--repo", world.person, *words)


def ring(world: World) -> Keyring:
    return keyring.read((world.person / keyring.PATH).read_bytes())


def rewrite(world: World, role: Role, **fields: object) -> Key:
    """Change the registered key of a role; return it as it is now."""
    changed = [replace(k, **fields) if k.role is role else k for k in ring(world).keys]
    write(world.person / keyring.PATH, keyring.write(Keyring(tuple(changed))))
    return next(k for k in changed if k.role is role)


def test_a_rotated_key_overlaps_with_its_successor(world: World) -> None:
    before, now = ring(world), datetime.now(UTC)
    in_flight = world.packed("one")
    done = rotate(world, "--role", "builder", "--days", "90", "--overlap-days", "3")
    assert done.code == 0, done.err
    new_path = world.keys / f"builder-{now:%Y%m%d}.pem"
    assert f"private  {new_path}" in done.err
    assert "git add -- .lanectl/trust/keyring.json" in done.err
    assert "+++ b/.lanectl/trust/keyring.json" in done.out
    assert new_path.stat().st_mode & 0o777 == 0o600
    assert git(world.person, "status", "--porcelain") == f"M {keyring.PATH}"
    old, other, new = ring(world).keys
    assert old.public.id == key_id(world, "builder")
    assert other == before.keys[1]
    assert (new.role, new.name, new.email) == (old.role, old.name, old.email)
    assert new.public.algorithm is old.public.algorithm
    minute = timedelta(minutes=1)
    assert now - minute < old.not_after - timedelta(days=3) < now + minute
    assert now - minute < new.not_before < now + minute
    assert new.not_after == new.not_before + timedelta(days=90)
    # what was signed before, and what is signed now, is good once it is merged
    world.commit("rotate")
    git(world.enforcer, "fetch", "-q", "origin")
    assert world.verify(in_flight).code == 0
    world.monkeypatch.setenv("LANECTL_BUILDER_KEY", str(new_path))
    write(world.builder / "two.txt")
    done = lanectl("pack", "--repo", world.builder, "--slug", "two")
    assert world.verify(Path(done.out.strip())).code == 0
    # two are valid now: which one is meant has to be said
    again = rotate(world, "--role", "builder")
    assert (again.code, "2 keys of the role builder are valid" in again.err) == (2, True)
    third = rotate(world, new.public.id[:8], "--out", world.root / "third.pem", "--json")
    assert third.code == 0, third.err
    assert third.json["private"] == str(world.root / "third.pem")
    assert third.json["old"]["id"] == new.public.id
    assert third.json["new"]["id"] == ring(world).keys[-1].public.id


def test_an_earlier_end_stays(world: World) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    rewrite(world, Role.BUILDER, not_after=end)
    done = rotate(world, "--role", "builder", "--algorithm", "ed25519")
    assert done.code == 0, done.err
    assert ring(world).keys[0].not_after == end
    assert ring(world).keys[-1].public.algorithm == "ed25519"


def test_a_dry_run_makes_nothing(world: World) -> None:
    before = snapshot(world.root)
    done = rotate(world, "--role", "enforcer", "--dry-run")
    assert (done.code, "would make" in done.err) == (0, True)
    assert "notAfter" in done.out
    assert snapshot(world.root) == before


def test_an_existing_key_can_be_the_next(world: World) -> None:
    done = rotate(world, "--role", "builder", "--to", f"{world.key('next')}.pub")
    assert done.code == 0, done.err
    assert ring(world).keys[-1].public.id == key_id(world, "next")
    assert not [*world.keys.glob("builder-*")]
    again = rotate(world, key_id(world, "builder"), "--to", f"{world.key('next')}.pub")
    assert (again.code, "is in the keyring already" in again.err) == (2, True)


def test_a_rotation_that_cannot_be_leaves_nothing(world: World) -> None:
    builder, past = key_id(world, "builder"), datetime(2020, 1, 1, tzinfo=UTC)
    taken = world.root / "taken.pem"
    write(taken)
    before = snapshot(world.root)
    for words, says in (
        ([], "name the key by its id, or by --role"),
        ([builder, "--role", "builder"], "name the key by its id, or by --role"),
        (["0" * 64], "is not in the keyring of this work tree"),
        (["0" * 8], "0 keys of the keyring begin"),
        (["--role", "lead"], "0 keys of the role lead are valid"),
        (["--role", "builder", "--out", taken], "not overwritten"),
        (["--role", "builder", "--out", taken, "--to", "x.pub"], "--to names a key that is there"),
        (["--role", "builder", "--to", taken], "not a PEM public key"),
        (["--role", "builder", "--passphrase-fd", with_lines("")], "the passphrase is empty"),
    ):
        done = rotate(world, *map(str, words))
        assert (done.code, says in done.err) == (2, True), (words, done.err)
        assert snapshot(world.root) == before
    for fields, says in (
        ({"not_before": datetime(2999, 1, 1, tzinfo=UTC), "not_after": datetime(2999, 1, 2, tzinfo=UTC)},
         "is not valid before 2999-01-01"),
        ({"not_before": past, "revoked": keyring.Revocation(past, past, "lost")}, "is revoked"),
    ):  # fmt: skip
        rewrite(world, Role.BUILDER, **fields)
        done = rotate(world, builder)
        assert (done.code, says in done.err) == (2, True), done.err
    (world.person / keyring.PATH).unlink()
    done = rotate(world, builder)
    assert (done.code, "there is no .lanectl/trust/keyring.json" in done.err) == (3, True)
    assert not [*world.keys.glob("builder-*")]


def test_a_successor_never_takes_another_roles_identity(world: World) -> None:
    """The enforcer was given the builder's name for the time after the builder's key: that time moves."""
    builder = ring(world).keys[0]
    rewrite(world, Role.ENFORCER, name=builder.name, not_before=builder.not_after,
            not_after=builder.not_after + timedelta(days=9))  # fmt: skip
    done = rotate(world, "--role", "builder", "--days", "400")
    assert (done.code, "is the identity of the enforcer already" in done.err) == (2, True)
    assert not [*world.keys.glob("builder-*")]


# export -------------------------------------------------------------------------------------------


@needs_ssh
def test_a_key_is_exported_from_wherever_it_is(world: World) -> None:
    public = Path(f"{world.key('builder')}.pub").read_text()
    found = key_id(world, "builder")
    for named in (
        found,
        found[:8],
        f"sha256:{found}",
        world.key("builder"),
        f"{world.key('builder')}.pub",
    ):
        done = lanectl("keys", "export", named, "--repo", world.enforcer)
        assert (done.code, done.out) == (0, public), done.err
        document = lanectl("keys", "export", named, "--repo", world.enforcer, "--json").json
        assert (document["id"], document["pem"]) == (found, public)
        assert "PRIVATE" not in str(document) + done.err
    line = lanectl("keys", "export", world.key("builder"), "--format", "ssh").out
    write(world.root / "line.pub", line.encode())
    assert (
        tool("ssh-keygen", "-l", "-f", world.root / "line.pub").split()[1]
        == document["fingerprint"]
    )
    assert document["ssh"] == line.strip()
    assert line.startswith("ecdsa-sha2-nistp256 ")


def test_what_cannot_be_exported(world: World) -> None:
    write(world.root / "text", b"hello\n")
    for named, code, says in (
        ("0123456", 3, "does not exist"),
        ("01234567", 2, "0 keys of the keyring begin"),
        ("0" * 64, 2, "is not in the keyring at the target's tip"),
        (world.root / "text", 2, "not a PEM public key"),
        (world.root / "none", 3, "does not exist"),
        (world.root, 3, ""),
    ):
        done = lanectl("keys", "export", named, "--repo", world.enforcer)
        assert (done.code, says in done.err, done.out) == (code, True, ""), (named, done.err)


# list and impact ----------------------------------------------------------------------------------


def test_the_list_warns_of_what_ends_soon(world: World) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    rewrite(world, Role.BUILDER, not_after=now + timedelta(days=13))
    rewrite(world, Role.ENFORCER, not_before=now + timedelta(days=1))
    world.commit("times")
    world.fetch()
    listed = lanectl("keys", "list", "--repo", world.enforcer)
    assert re.search(r"^builder .* ends soon$", listed.out, re.MULTILINE)
    assert re.search(r"^enforcer .* not valid yet$", listed.out, re.MULTILINE)
    builder = key_id(world, "builder")
    assert f"lanectl keys rotate {builder}" in listed.err
    document = lanectl("keys", "list", "--repo", world.enforcer, "--json").json
    assert [k["state"] for k in document["keys"]] == ["expiring", "not-yet"]
    assert document["expiring"] == [builder]
    # as it says
    assert rotate(world, builder).code == 0
    rewrite(world, Role.ENFORCER, not_before=now - timedelta(days=2), not_after=now)
    world.commit("rotated")
    world.fetch()
    document = lanectl("keys", "list", "--repo", world.enforcer, "--json")
    assert [k["state"] for k in document.json["keys"]] == ["expiring", "expired", "good"]
    assert (document.json["expiring"], document.err) == ([], "")


OTHERS = (
    "keyless:https://token.actions.githubusercontent.com#https://github.com/acme/shop/.github/workflows/pack.yml@refs/heads/main",
    "gpg:0123456789ABCDEF0123456789ABCDEF01234567",
    "spiffe://acme.example/builder",
)


def test_what_another_signer_brought_in_is_found(world: World) -> None:
    """The ledger names other signers by their whole ids: what `applied` says is all that is asked."""
    with_ledger(world)
    for number, signer in enumerate(OTHERS):
        write(world.builder / f"{number}.txt")
        forge_applied(world, world.pack(f"other-{number}"), signer=signer)

    def impact(*words: str) -> Ran:
        return lanectl("keys", "impact", *words, "--repo", world.enforcer)

    for number, signer in enumerate(OTHERS):
        found = impact(signer, "--json")
        assert found.code == 1, found.err
        assert (found.json["signer"], found.json["key"]) == (signer, None)
        assert [s["slug"] for s in found.json["suspects"]] == [f"other-{number}"]
        assert impact(signer).out.startswith(f"{signer}\nlooked at all\n")
        later = impact(signer, "--since", "2999-01-01T00:00:00Z")
        assert (later.code, "nothing depends on it" in later.out) == (0, True)
        assert impact(f"{signer}x").code == 0
    for wrong in ("gpg:", "gpg:\x1b[31m", "keyless:a b", "spiffe:/x"):
        done = impact(wrong)
        assert done.code == 2, wrong
        assert "\x1b" not in done.err
