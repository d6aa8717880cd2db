"""Every shape of a work tree: read as git would, nothing touched, and replayed to the same tree."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lanectl.adapters.git.blob_pack import hash_blob
from lanectl.errors import LaneError
from lanectl.model.bundle import Handoff
from lanectl.model.change import ChangeSet
from lanectl.model.names import Lane, ObjectFormat, ObjectId, RepositoryId, Slug
from lanectl.ports import ChangeRequest, Identity, NewCommit
from lanectl.wiring import codex, neutral
from tests.shapes import PROGRAM_RAN, SHAPES, Shape, commit, start
from tests.world import git, snapshot, write

pytestmark = pytest.mark.thorough

if TYPE_CHECKING:
    from collections.abc import Mapping


def read(work: Path, base: str | None = "HEAD", branch: str | None = None) -> ChangeSet:
    """Read a change with the real wiring; nothing of the user's may change, also not elsewhere."""
    around = work.parent
    before = snapshot(around)
    try:
        with codex.builder_side(str(work)) as side:
            return side.repository.read_change(ChangeRequest(base, branch))
    finally:
        assert snapshot(around) == before


def handoff(base: ObjectId, base_tree: ObjectId, result_tree: ObjectId) -> Handoff:
    """Return what a bundle would say of a change."""
    return Handoff(
        repository=RepositoryId("localhost/x"), base=base, base_tree=base_tree, result_tree=result_tree,
        object_format=base.object_format, slug=Slug("x"), title="x", message="", lane=Lane.CODEX,
        diff_engine="", rollback=(), lockfiles=(),
    )  # fmt: skip


def replayed(change: ChangeSet, work: Path, target: Path) -> str:
    """Replay a change in a bare clone, commit and publish it there; return the commit."""
    git(
        work,
        "clone",
        "-q",
        "--template=",
        "--bare",
        "--no-local",
        ".",
        str(target),
        GIT_NO_REPLACE_OBJECTS="1",
    )
    with neutral.enforcer_side(str(target)) as side:
        repository = side.require_repository()
        replay = repository.replay(
            handoff(change.base, change.base_tree, change.result_tree), memoryview(change.patch)
        )
        assert (replay.problem, replay.result_tree) == ("", change.result_tree)
        assert replay.canonical
        assert replay.files == change.files
        who = Identity("T", "t@example.test", side.system.now())
        new = NewCommit(change.result_tree, (change.base,), "x\n", who, who)
        made = repository.commit(new)
        repository.publish("feature/x", made, None, change.base)
    return made


def contents(repository: Path, made: str) -> Mapping[str, bytes | None]:
    """Return what a commit changed: path to new content, or None."""
    out = git(repository, "diff-tree", "-r", "--no-renames", "--name-status", "-z", f"{made}^", made)  # fmt: skip
    fields = out.split("\0")[:-1]
    return {
        path: None
        if status == "D"
        else git(repository, "cat-file", "blob", f"{made}:{path}").encode()
        for status, path in zip(fields[::2], fields[1::2], strict=True)
    }


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s.name)
def test_a_work_tree_is_read_as_git_would_and_replayed_exactly(
    shape: Shape, tmp_path: Path
) -> None:
    folder = tmp_path / "shape"
    folder.mkdir()
    work = shape.build(folder)
    if shape.refused:
        began = time.monotonic()
        with pytest.raises(LaneError) as caught:
            read(work)
        assert shape.refused in f"{caught.value.what} {caught.value.why}"
        assert time.monotonic() - began < 20
        return
    change = read(work)
    assert not (folder / PROGRAM_RAN).exists()
    assert {note.rule for note in change.notes} == shape.notes
    if change.patch:
        target = tmp_path / "target.git"
        made = replayed(change, work, target)
        assert git(target, "rev-parse", "feature/x^{tree}") == change.result_tree
        assert git(target, "rev-parse", "feature/x") == made
        git(target, "fsck", "--strict", "--no-dangling")
        if shape.changed is not None:
            trimmed = {path: data.strip() if data else data for path, data in shape.changed.items()}
            assert contents(target, made) == trimmed
    if shape.changed is None:
        git(work, "add", "-A")
        assert change.result_tree == git(work, "write-tree")
    else:
        assert shape.changed == {} or change.patch


# Where a change can stand ---------------------------------------------------------------------------


def edit(work: Path) -> None:
    """Make the change that is then staged, committed or left as it is."""
    write(work / "src/f0.py", b"edited\n")
    lines = (work / "src/f3.py").read_bytes().splitlines(keepends=True)
    write(
        work / "src/f3.py", b"".join([*lines[:9], b"one\n", *lines[10:17], b"two\n", *lines[18:]])
    )
    write(work / "new", b"new\n")
    write(work / "bin.dat", b"\0\1\2")
    (work / "run.sh").chmod(0o644)
    (work / "src/f1.py").rename(work / "src/g1.py")
    (work / "src/f2.py").unlink()
    (work / "lnk").unlink()
    (work / "lnk").symlink_to("new")


def test_a_change_is_the_same_wherever_it_stands(tmp_path: Path) -> None:
    work = start(tmp_path / "shape")
    base = git(work, "rev-parse", "HEAD")
    edit(work)
    unstaged = read(work, base)
    git(work, "add", "-A")
    staged = read(work, base)
    git(work, "commit", "-q", "-m", "committed")
    committed = read(work, base)
    branch = read(work, base, "main")
    assert len(unstaged.files) == 9
    assert unstaged == staged == committed == branch
    plain = git(
        work,
        "-c",
        "core.looseCompression=6",
        "diff",
        "--binary",
        "--full-index",
        "--no-renames",
        base,
        "HEAD",
    )
    assert branch.patch.decode().strip() == plain
    assert git(work, "rev-parse", "HEAD^{tree}") == branch.result_tree


def test_a_branch_is_read_without_its_work_tree(tmp_path: Path) -> None:
    work = start(tmp_path / "shape")
    base = git(work, "rev-parse", "HEAD")
    git(work, "checkout", "-q", "-b", "topic")
    edit(work)
    commit(work)
    git(work, "checkout", "-q", "main")
    expected = read(work, base, "topic")
    assert expected.result_tree == git(work, "rev-parse", "topic^{tree}")
    write(work / "src/f0.py", b"staged, not part of the branch\n")
    git(work, "add", "-A")
    write(work / "unstaged")
    (work / ".git/index").unlink()
    assert read(work, base, "topic") == expected
    assert read(work, base, "refs/heads/topic") == expected
    assert read(work, "topic", "main").files == tuple(
        type(f)(f.path, f.new_mode, f.old_mode, f.new_id, f.old_id, b"src/f0.py" if f.target else None)
        for f in expected.files
    )  # fmt: skip
    bare = tmp_path / "bare.git"
    git(work, "clone", "-q", "--bare", ".", str(bare))
    with codex.builder_side(str(bare)) as side:
        assert side.repository.read_change(ChangeRequest(base, "topic")) == expected
        with pytest.raises(LaneError, match="no work tree"):
            side.repository.read_change(ChangeRequest(base))


def test_the_base_is_found_by_the_remotes_default_branch(tmp_path: Path) -> None:
    origin = start(tmp_path / "shape", "origin")
    git(origin, "commit", "-q", "--allow-empty", "-m", "second: the clone has no first")
    work = tmp_path / "shape/work"
    git(tmp_path / "shape", "clone", "-q", "--depth", "1", f"file://{origin}", "work")
    base = git(work, "rev-parse", "HEAD")
    edit(work)
    commit(work)
    write(work / "later")
    assert read(work, None).base == base
    git(work, "symbolic-ref", "-d", "refs/remotes/origin/HEAD")
    assert read(work, None).base == base
    git(work, "update-ref", "-d", "refs/remotes/origin/main")
    with pytest.raises(LaneError, match="no default branch"):
        read(work, None)
    alone = git(work, "commit-tree", "HEAD^{tree}", "-m", "unrelated")
    git(work, "update-ref", "refs/remotes/origin/main", alone)
    with pytest.raises(LaneError, match="no common commit"):
        read(work, None)


def test_a_name_is_not_resolved_through_replaced_commits(tmp_path: Path) -> None:
    work = start(tmp_path / "shape")
    first = git(work, "rev-parse", "HEAD")
    edit(work)
    commit(work)
    other = git(work, "commit-tree", "HEAD^{tree}", "-m", "other")
    child = git(work, "commit-tree", "HEAD^{tree}", "-p", other, "-m", "child of other")
    git(work, "replace", "HEAD", child)
    assert git(work, "rev-parse", "HEAD~1") == other
    assert read(work, "HEAD~1").base == first


@pytest.mark.parametrize("name", ["no-such", "--all", "main:src/f0.py", "HEAD^{tree}", "", "@{-1}"])
def test_a_name_that_is_no_commit_is_refused(name: str, tmp_path: Path) -> None:
    work = start(tmp_path / "shape")
    with pytest.raises(LaneError, match="is no commit"):
        read(work, name or " ")
    with pytest.raises(LaneError, match="is no commit"):
        read(work, "HEAD", name or " ")


def test_an_edit_of_the_same_size_is_never_missed(tmp_path: Path) -> None:
    """git decides by times what to read again; a copied index must keep its own."""
    work = start(tmp_path / "shape")
    for number in range(20):
        write(work / "racy", b"A%02d\n" % number)
        git(work, "add", "racy")
        write(work / "racy", b"B%02d\n" % number)
        with codex.builder_side(str(work)) as side:
            change = side.repository.read_change(ChangeRequest("HEAD"))
        assert b"+B%02d\n" % number in change.patch, number


def test_personal_ignore_files_are_named(tmp_path: Path) -> None:
    work = start(tmp_path / "shape")
    exclude = work / ".git/info/exclude"
    write(exclude, b"# only a remark\n\n")
    assert read(work).notes == ()
    write(exclude, b"*.tmp\n")
    assert [note.path for note in read(work).notes] == [os.fsencode(exclude)]


def test_a_forced_file_is_read_although_it_is_ignored(tmp_path: Path) -> None:
    work = start(tmp_path / "shape")
    write(work / "build/out", b"\0")
    assert read(work).files == ()
    with codex.builder_side(str(work)) as side:
        forced = side.repository.read_change(ChangeRequest("HEAD", None, (b"build/out",)))
        assert [f.path for f in forced.files] == [b"build/out"]
    for path, says in ((b"build", "no file"), (b"nope", "no file"), (b"lnk/x", "no file")):
        with (
            codex.builder_side(str(work)) as side,
            pytest.raises(LaneError, match=says),
        ):
            side.repository.read_change(ChangeRequest("HEAD", None, (path,)))


def test_lanectls_own_folders_are_never_part_of_a_change(tmp_path: Path) -> None:
    work = start(tmp_path / "shape")
    for name in ("outbox/x/artifact.tar.gz", "inbox/y/artifact.tar.gz", "tmp/z"):
        write(work / ".lanectl" / name)
    write(work / ".lanectl/other")
    assert [f.path for f in read(work).files] == [b".lanectl/other"]
    commit(work)  # by somebody who added them all
    write(work / ".lanectl/outbox/x/artifact.tar.gz", b"edited\n")
    (work / ".lanectl/inbox/y/artifact.tar.gz").unlink()
    assert read(work).files == ()


def test_a_large_file_that_grows_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    """The size is told first and hashed with the bytes: both must be of one moment."""
    path = tmp_path / "file"
    write(path, b"12345")
    with path.open("rb") as file, pytest.raises(LaneError, match="changed while it was read"):
        hash_blob(file, 4, ObjectFormat.SHA1)
