"""Random work trees against git itself: what the named shapes do not think of."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from pathlib import Path

import pytest

from lanectl.errors import LaneError
from tests.adapters.test_shapes import read, replayed
from tests.shapes import commit, start
from tests.world import git

PATHS = (
    "a", "b", "d", "d/e", "d/g", "d/g/h", "src", "src/f0.py", "src/f1.py", "docs", "empty", "lnk",
    "run.sh", "x.txt", "y.bat", "d/x.bat", "é", "!z", "-q", "k.log", "build/o", "bin.dat",
    ".gitattributes", "d/.gitattributes", ".gitignore", "d/.gitignore",
)  # fmt: skip
CONTENTS = (
    b"x\n", b"", b"a\r\nb\r\n", b"a\nb\n", b"a\r\nb\n", b"\0\1", b"no newline", b"$Id$\n",
    b"$Id: 12 $\r\n", b"q" * 3000,
)  # fmt: skip
ATTRIBUTES = (
    b"", b"* text=auto\n", b"*.txt text\n*.bat text eol=crlf\n", b"*.bat -text\n", b"* ident\n",
    b"[attr]mine text\n*.txt mine\n", b"*.py text eol=lf\n", b"d/* -text\n", b"!*.x text\n",
)  # fmt: skip
IGNORED = (b"*.log\nbuild/\n", b"a\n", b"d/\n!d/e\n", b"/src\n", b"*\n!*.txt\n", b"lnk\n")
SETTINGS = (
    {}, {}, {}, {"core.autocrlf": "true"}, {"core.autocrlf": "input"}, {"core.eol": "crlf"},
    {"core.fileMode": "false"}, {"core.symlinks": "false"}, {"core.splitIndex": "true"},
)  # fmt: skip


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def make_room(work: Path, path: Path) -> None:
    """Make the folders above a path, whatever stood there."""
    for folder in [p for p in reversed(path.parents) if work in p.parents]:
        if folder.is_symlink() or not folder.is_dir():
            remove(folder)
            folder.mkdir()
    if path.is_symlink() or path.is_dir():
        remove(path)


def put(dice: random.Random, work: Path, name: str) -> None:
    make_room(work, work / name)
    if name.endswith("attributes"):
        content = dice.choice(ATTRIBUTES)
    else:
        content = dice.choice(IGNORED if name.endswith("ignore") else CONTENTS)
    (work / name).write_bytes(content)


def step(dice: random.Random, work: Path) -> None:
    """Do one thing that a person, a tool or an attacker may do; it may fail."""
    name, other = dice.choice(PATHS), dice.choice(PATHS)
    path = work / name
    match dice.randrange(15):
        case 0 | 1 | 2 | 3:
            put(dice, work, name)
        case 4:
            remove(path)
        case 5:
            make_room(work, path)
            remove(path)
            path.symlink_to(dice.choice(["a", "src", "nowhere", "d/g", "../x"]))
        case 6 | 7:
            path.chmod(
                0o755 if path.is_dir() else dice.choice([0o755, 0o644]), follow_symlinks=True
            )
        case 8:
            path.rename(work / other)
        case 9:
            git(work, "add", "-A", "--", name, check=False)
        case 10:
            git(work, "rm", "-q", "-r", "--cached", "--", name, check=False)
        case 11:
            git(work, "add", "-N", "--", name, check=False)
        case 12:
            git(work, "mv", name, other, check=False)
        case 13 if dice.random() < 0.3:
            commit(work)
        case _ if dice.random() < 0.3:
            flag = dice.choice(["--assume-unchanged", "--skip-worktree", "--chmod=+x"])
            git(work, "update-index", flag, name, check=False)


def entries(work: Path) -> dict[str, str]:
    """Return the index: path to mode and blob."""
    records = git(work, "ls-files", "-s", "-z").split("\0")[:-1]
    return {path: head[:-2] for head, _, path in (record.partition("\t") for record in records)}


def unchanged(work: Path, path: str, staged: str) -> bool:
    """Whether a file holds the very bytes of its index entry, which lanectl then keeps."""
    blob = git(work, "hash-object", "--no-filters", "--", path)
    return staged.split(" ")[1] == blob


def compare(seed: int, folder: Path) -> None:
    dice = random.Random(seed)
    work = start(folder, config=dice.choice(SETTINGS), attributes=dice.choice(ATTRIBUTES))
    for _ in range(dice.randrange(1, 16)):
        with contextlib.suppress(OSError, AssertionError):
            step(dice, work)
    staged = entries(work)
    try:
        change = read(work)
    except LaneError as error:
        assert "gitattributesBlob" in error.why, (seed, error)  # noqa: PT017 - a folder of that name
        return
    if change.patch:
        replayed(change, work, folder / "target.git")
    git(work, "add", "-A")
    wanted = git(work, "write-tree")
    if change.result_tree == wanted:
        return
    expected = entries(work)
    git(work, "read-tree", change.base_tree)
    got = entries(work)
    for file in change.files:
        path = os.fsdecode(file.path)
        got[path] = f"{file.new_mode} {file.new_id}"
        if file.kind == "deleted":
            del got[path]
    odd = {path for path, _ in expected.items() ^ got.items()}
    kept = {p for p in odd if p in staged and unchanged(work, p, staged[p])}
    assert (seed, odd - kept) == (seed, set())


def run(seeds: range, folder: Path) -> None:
    for seed in seeds:
        compare(seed, folder / str(seed))
        shutil.rmtree(folder / str(seed))


def test_random_changes_are_read_as_git_would(tmp_path: Path) -> None:
    run(range(8), tmp_path)


@pytest.mark.e2e
@pytest.mark.parametrize("part", range(4))
def test_many_random_changes_are_read_as_git_would(tmp_path: Path, part: int) -> None:
    first = int(os.environ.get("SEED", "1000")) + 100 * part
    run(range(first, first + 100), tmp_path)
