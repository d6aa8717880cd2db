"""The same change gives the same bytes, whoever packs it, wherever and under whatever settings."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.world import World, git, needs_ascii_path, write

HOSTILE = """\
[diff]
    noprefix = true
    mnemonicPrefix = true
    context = 0
    interHunkContext = 9
    algorithm = patience
    external = /bin/false
    renames = copies
    indentHeuristic = false
    suppressBlankEmpty = true
    wsErrorHighlight = all
    orderFile = /nonexistent
[diff "python"]
    xfuncname = "^.*$"
    textconv = /bin/false
[color]
    ui = always
[core]
    compression = 0
    looseCompression = 9
    quotePath = false
    attributesFile = /nonexistent
    abbrev = 5
    pager = /bin/false
    fsmonitor = /bin/false
[i18n]
    logOutputEncoding = utf-16
"""


def change(clone: Path) -> None:
    write(
        clone / "src/f0.py",
        b"".join(b"changed %d\n" % n if n % 7 == 0 else b"line 0 %d\n" % n for n in range(30)),
    )
    write(clone / "bin.dat", bytes(range(256)) * 41)
    (clone / "src/f1.py").rename(clone / "src/g1.py")
    write(clone / "näme.txt", b"a\n\n\nb\n")
    (clone / "run.sh").chmod(0o644)


def pack(clone: Path, home: Path, umask: int, **extra: str) -> bytes:
    environment = {**os.environ, "HOME": str(home), **extra}
    done = subprocess.run(
        [sys.executable, "-m", "lanectl", "pack", "--slug", "x", "--unsigned"],
        cwd=clone, env=environment, umask=umask, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return (clone / ".lanectl/outbox/x/artifact.tar.gz").read_bytes()


@needs_ascii_path
def test_path_user_locale_umask_time_zone_and_hash_seed_do_not_matter(world: World) -> None:
    write(world.person / ".gitattributes", b"*.py diff=python\n")
    world.commit("attributes")
    world.fetch()
    other = world.root / "fär away" / "clone"
    other.parent.mkdir()
    git(world.root, "clone", "-q", "hub.git", str(other))
    for name in ("one", "two"):
        (world.root / name).mkdir()
    write(world.root / "two/.gitconfig", HOSTILE.encode())
    for clone in (world.builder, other):
        change(clone)
    git(other, "config", "diff.context", "17")

    plain = [
        subprocess.run(
            ["/usr/bin/git", "--no-pager", "diff", "--no-ext-diff"], cwd=clone, capture_output=True, check=False,
            env={"HOME": str(world.root / home), "PATH": "/usr/bin:/bin"},
        ).stdout
        for clone, home in ((world.builder, "one"), (other, "two"))
    ]  # fmt: skip
    assert plain[0] != plain[1], "these settings do change a plain diff"

    one = pack(world.builder, world.root / "one", 0o022, LC_ALL="C", TZ="UTC", PYTHONHASHSEED="1")
    two = pack(
        other, world.root / "two", 0o077, LC_ALL="C.UTF-8", TZ="Asia/Tokyo", PYTHONHASHSEED="2"
    )
    assert one == two


def test_from_a_branch_and_from_the_work_tree_is_the_same_bundle(world: World) -> None:
    change(world.builder)
    home = world.root
    from_tree = pack(world.builder, home, 0o022)
    git(world.builder, "checkout", "-q", "-b", "work")
    git(world.builder, "add", "-A")
    from_index = pack(world.builder, home, 0o022)
    git(world.builder, "commit", "-q", "-m", "x")
    done = subprocess.run(
        [sys.executable, "-m", "lanectl", "pack", "--slug", "x", "--from", "work", "--unsigned"],
        cwd=world.builder, env={**os.environ, "HOME": str(home)}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (
        from_tree
        == from_index
        == (world.builder / ".lanectl/outbox/x/artifact.tar.gz").read_bytes()
    )


def test_a_different_change_is_a_different_bundle(world: World) -> None:
    change(world.builder)
    one = pack(world.builder, world.root, 0o022)
    write(world.builder / "more.txt")
    assert pack(world.builder, world.root, 0o022) != one


def test_others_read_the_archive(world: World) -> None:
    bundle = world.packed()
    assert subprocess.run(["gzip", "-t", bundle], check=False).returncode == 0
    listed = subprocess.run(
        ["tar", "tvf", bundle], capture_output=True, text=True, check=True
    ).stdout
    assert [line.split()[0] for line in listed.splitlines()] == ["-rw-r--r--"] * 4
    with tarfile.open(bundle) as tar:
        patch = tar.extractfile("changes.patch")
        assert patch
        data = patch.read()
    git(world.enforcer, "apply", "--check", data=data)
