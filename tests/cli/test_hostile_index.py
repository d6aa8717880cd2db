"""An index made by hand: its paths must not lead lanectl out of the work tree."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.world import World, git, lanectl, snapshot, write


def forge(index: Path, old: bytes, new: bytes) -> None:
    """Replace a path in an index file and make its checksum right again."""
    assert len(old) == len(new)
    data = index.read_bytes()[:-20]
    assert old in data
    data = data.replace(old, new)
    index.write_bytes(data + hashlib.sha1(data).digest())  # noqa: S324 - git's own format


@pytest.mark.parametrize(
    "path", [b"../secret", b"a/../../s", b"/etc/pass", b"aa//bb/cc", b"./secrets"]
)
def test_a_path_that_leads_out_is_refused(world: World, path: bytes) -> None:
    write(world.root / "secret", b"do not read this\n")
    write(world.builder / "zz/secret", b"x\n")
    git(world.builder, "add", "-A")
    forge(world.builder / ".git/index", b"zz/secret", path)
    assert path.decode() in git(world.builder, "ls-files"), "git itself does not mind"
    before = snapshot(world.root)
    done = lanectl("pack", "--repo", world.builder, "--slug", "x", "--unsigned")
    assert done.code == 3
    assert "leads out of the work tree" in done.err
    assert snapshot(world.root) == before


def test_dot_files_are_ordinary(world: World) -> None:
    for name in (".github/a.yml", "a/.b/.c", "...", "a/..b", ".a..b"):
        write(world.builder / name)
    done = lanectl("pack", "--repo", world.builder, "--slug", "x", "--unsigned", "--json")
    assert {f["path"] for f in done.json["files"]} == {
        ".github/a.yml",
        "a/.b/.c",
        "...",
        "a/..b",
        ".a..b",
    }
