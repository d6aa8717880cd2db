"""Every member is read by a program or library that somebody else wrote, and each sees a broken one."""

from __future__ import annotations

import base64
import contextlib
import json
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import rfc8785
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as Message

from tests.world import GIT, World, git, write

PIN = b"requests==2.32.4 --hash=sha256:" + b"27" * 32 + b"\n"
MEMBERS = ["merge-base.sha", "changes.patch", "sbom.cdx.json", "rollback.sql", "attestation.intoto"]


def program(*command: str | Path) -> int:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, stdin=subprocess.DEVNULL, check=False
    )
    return done.returncode


@dataclass(frozen=True)
class Unpacked:
    """A bundle of every kind of change, its members laid out by `tar`, and the tree packed."""

    archive: Path
    members: Path
    world: World

    def member(self, name: str) -> bytes:
        return (self.members / name).read_bytes()

    @property
    def outer(self) -> bytes:
        signature = json.loads(
            self.archive.with_name(f"{self.archive.name}.sigstore.json").read_bytes()
        )
        return base64.b64decode(signature["dsseEnvelope"]["payload"])


@pytest.fixture
def bundle(world: World, tmp_path: Path) -> Unpacked:
    world.change()
    write(world.builder / "requirements.txt", PIN)
    write(world.builder / "supabase/migrations/1.sql", b"create table t (one int);\n")
    write(world.builder / "supabase/rollbacks/1.sql", b"drop table t;\n")
    archive = world.pack()
    (tmp_path / "members").mkdir()
    assert program("tar", "-xzf", archive, "-C", tmp_path / "members") == 0
    return Unpacked(archive, tmp_path / "members", world)


def test_tar_lists_the_members_in_their_order(bundle: Unpacked) -> None:
    listed = subprocess.run(["tar", "-tzf", bundle.archive], capture_output=True, check=True)
    assert listed.stdout.decode().split() == MEMBERS
    assert listed.stderr == b""


def test_gzip_tests_the_archive(bundle: Unpacked) -> None:
    assert program("gzip", "-t", bundle.archive) == 0
    data = bytearray(bundle.archive.read_bytes())
    data[-5] ^= 1  # of the length at the end
    bundle.archive.write_bytes(data)
    assert program("gzip", "-t", bundle.archive) == 1


def test_git_applies_the_patch_in_a_clean_checkout_of_the_base(
    bundle: Unpacked, tmp_path: Path
) -> None:
    clone, patch = tmp_path / "clone", bundle.members / "changes.patch"
    base = bundle.member("merge-base.sha").decode().strip()
    git(tmp_path, "clone", "-q", bundle.world.url, "clone")
    git(clone, "checkout", "-q", "--detach", base)
    assert program(GIT, "-C", clone, "apply", "--check", "--index", patch) == 0
    git(clone, "apply", "--index", str(patch))
    git(bundle.world.builder, "add", "-A")
    assert git(clone, "write-tree") == git(bundle.world.builder, "write-tree")
    assert program(GIT, "-C", clone, "apply", "--check", "--index", patch) == 1, "it is applied"


def test_the_base_is_a_commit_that_git_knows(bundle: Unpacked) -> None:
    base = bundle.member("merge-base.sha").decode().strip()
    assert git(bundle.world.enforcer, "cat-file", "-t", base) == "commit"


def test_cyclonedx_accepts_the_sbom_strictly(bundle: Unpacked) -> None:
    strict = JsonStrictValidator(SchemaVersion.V1_5)
    text = bundle.member("sbom.cdx.json").decode()
    assert strict.validate_str(text) is None
    assert json.loads(text)["components"]
    broken = {**json.loads(text), "unknown": 1}
    assert strict.validate_str(json.dumps(broken)) is not None


@pytest.mark.parametrize("which", ["inner", "outer"])
def test_in_toto_accepts_the_statements(bundle: Unpacked, which: str) -> None:
    data = bundle.member("attestation.intoto") if which == "inner" else bundle.outer
    Statement.copy_from_pb(json_format.Parse(data, Message())).validate()
    names = {s["name"] for s in json.loads(data)["subject"]}
    inner = set(MEMBERS) - {"attestation.intoto"}
    assert names == (inner if which == "inner" else {*MEMBERS, "artifact.tar.gz", "artifact.tar"})
    message = json_format.ParseDict({**json.loads(data), "subject": []}, Message())
    with pytest.raises(ValueError, match="subject"):
        Statement.copy_from_pb(message).validate()


def test_every_json_is_json_and_canonical(bundle: Unpacked, tmp_path: Path) -> None:
    sbom = bundle.member("sbom.cdx.json").removesuffix(b"\n")  # a line of its own
    texts = [sbom, bundle.member("attestation.intoto"), bundle.outer]
    for text in texts:
        file = tmp_path / "one.json"
        file.write_bytes(text)
        assert program(sys.executable, "-m", "json.tool", file) == 0
        assert rfc8785.dumps(json.loads(text)) == text
        file.write_bytes(text[:-1])
        assert program(sys.executable, "-m", "json.tool", file) == 1


def test_the_rollback_undoes_the_migration_in_a_database(bundle: Unpacked) -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.executescript("create table t (one int);")
        database.executescript(bundle.member("rollback.sql").decode())
        assert database.execute("select * from sqlite_master").fetchall() == []
