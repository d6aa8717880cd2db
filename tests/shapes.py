"""Shapes of repositories and changes that a Builder's work tree can have, one small function each.

A shape makes a repository below a folder of its own and returns the work tree to read. What lanectl
reads must be what `git add -A` makes of it, unless the shape says exactly what has `changed`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.world import fill, git, write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PROGRAM_RAN = "RAN"
"""A file in the shape's folder: some program of the repository's was started."""


@dataclass(frozen=True)
class Shape:
    """`changed` maps every path of the difference to its new content (None: deleted).

    `notes` are the rules of all remarks, `refused` the words of the error that reading ends with.
    """

    build: Callable[[Path], Path]
    changed: Mapping[str, bytes | None] | None
    notes: frozenset[str]
    refused: str

    @property
    def name(self) -> str:
        return self.build.__name__


SHAPES: list[Shape] = []


def shape(
    *, changed: Mapping[str, bytes | None] | None = None, notes: str = "", refused: str = ""
) -> Callable[[Callable[[Path], Path]], Callable[[Path], Path]]:
    """Enter a function into SHAPES."""

    def enter(build: Callable[[Path], Path]) -> Callable[[Path], Path]:
        SHAPES.append(Shape(build, changed, frozenset(notes.split()), refused))
        return build

    return enter


def start(
    folder: Path,
    name: str = "work",
    *,
    object_format: str = "sha1",
    attributes: bytes = b"",
    config: Mapping[str, str] | None = None,
) -> Path:
    """Make a repository with the usual first commit and return its work tree."""
    work = folder / name
    work.mkdir(parents=True)
    git(work, "init", "-q", "--template=", "-b", "main", f"--object-format={object_format}")
    for key, value in (config or {}).items():
        git(work, "config", key, value)
    fill(work)
    write(work / "tracked.log", b"tracked though ignored\n")
    if attributes:
        write(work / ".gitattributes", attributes)
    git(work, "add", "-A")
    git(work, "add", "-f", "tracked.log")
    git(work, "commit", "-q", "-m", "base")
    return work


def commit(work: Path, message: str = "more") -> None:
    """Commit all of a work tree."""
    git(work, "-c", "advice.addEmbeddedRepo=false", "add", "-A")
    git(work, "commit", "-q", "-m", message)


def raw(work: Path, name: bytes) -> bytes:
    """Return the path of a name that is no text."""
    return os.path.join(os.fsencode(work), name)


def planted(folder: Path) -> str:
    """Return a command that tells that it ran."""
    return f"touch '{folder}/{PROGRAM_RAN}'; cat"


# Plain changes ------------------------------------------------------------------------------------


@shape()
def nothing_at_all(folder: Path) -> Path:
    return start(folder)


@shape()
def everything_at_once(folder: Path) -> Path:
    work = start(folder)
    write(work / "src/f0.py", b"staged\n")
    git(work, "add", "src/f0.py")
    write(work / "src/f0.py", b"and edited again\n")
    write(work / "src/f1.py", b"edited\n")
    (work / "src/f2.py").unlink()
    git(work, "mv", "src/f3.py", "src/g3.py")
    (work / "run.sh").chmod(0o644)
    (work / "empty").chmod(0o755)
    write(work / "bin.dat", bytes(range(255, -1, -1)) * 40)
    write(work / "new/deep/file.txt")
    write(work / "ignored.log")
    write(work / "tracked.log", b"edited\n")
    (work / "abs").symlink_to("/etc/passwd")
    return work


@shape()
def renames_and_copies(folder: Path) -> Path:
    work = start(folder)
    git(work, "mv", "src/f0.py", "src/staged.py")
    (work / "src/f1.py").rename(work / "unstaged.py")
    (work / "src/f2.py").rename(work / "src/edited.py")
    write(work / "src/edited.py", (work / "src/edited.py").read_bytes() + b"more\n")
    shutil.copy(work / "src/f3.py", work / "copied.py")
    shutil.copytree(work / "docs", work / "docs2")
    (work / "bin.dat").rename(work / "moved.dat")
    return work


@shape()
def modes_both_ways(folder: Path) -> Path:
    work = start(folder)
    (work / "run.sh").chmod(0o644)
    (work / "src/f0.py").chmod(0o755)
    git(work, "update-index", "--chmod=+x", "src/f1.py")
    write(work / "new.sh", b"#!/bin/sh\n", 0o700)
    return work


@shape()
def file_and_link_swap(folder: Path) -> Path:
    work = start(folder)
    (work / "lnk").unlink()
    write(work / "lnk", b"a file now\n")
    (work / "src/f0.py").unlink()
    (work / "src/f0.py").symlink_to("f1.py")
    (work / "dangling").symlink_to("nowhere")
    os.symlink(b"\xff\xfe", raw(work, b"odd link"))
    return work


@shape()
def link_gets_another_target(folder: Path) -> Path:
    work = start(folder)
    (work / "lnk").unlink()
    (work / "lnk").symlink_to("src/f4.py")
    return work


@shape()
def file_becomes_folder(folder: Path) -> Path:
    work = start(folder)
    (work / "empty").unlink()
    write(work / "empty/a/b.txt")
    return work


@shape()
def file_becomes_empty_folder(folder: Path) -> Path:
    work = start(folder)
    (work / "empty").unlink()
    (work / "empty").mkdir()
    return work


@shape()
def folder_becomes_file(folder: Path) -> Path:
    work = start(folder)
    shutil.rmtree(work / "src")
    write(work / "src", b"a file now\n")
    return work


@shape()
def folder_becomes_link(folder: Path) -> Path:
    """`ls-files` follows the link and calls the files below it unchanged."""
    work = start(folder)
    (work / "src").rename(work / "moved")
    (work / "src").symlink_to("moved")
    return work


@shape()
def folder_becomes_ignored_link(folder: Path) -> Path:
    work = start(folder)
    write(work / ".gitignore", b"*.log\nsrc\n")
    commit(work)
    (work / "src").rename(work / "moved")
    (work / "src").symlink_to("moved")
    return work


@shape()
def folder_becomes_link_out(folder: Path) -> Path:
    work = start(folder)
    shutil.move(work / "docs", folder / "outside")
    (work / "docs").symlink_to(folder / "outside")
    return work


@shape()
def removed_from_the_index_only(folder: Path) -> Path:
    work = start(folder)
    git(work, "rm", "-q", "--cached", "src/f0.py")
    git(work, "rm", "-q", "--cached", "tracked.log")
    return work


@shape(changed={"src/f0.py": None, "src/F0.py": b"0\n", "src/f1.py": None, "src/F1.py": b"1\n"})
def case_only_rename(folder: Path) -> Path:
    """On a folder that minds case, whatever a copied setting claims."""
    work = start(folder)
    for name in ("f0", "f1"):
        write(work / f"src/{name}.py", name[1:].encode() + b"\n")
    commit(work)
    git(work, "config", "core.ignoreCase", "true")
    (work / "src/f0.py").rename(work / "src/F0.py")
    git(work, "mv", "src/f1.py", "src/F1.py")
    return work


# Contents -----------------------------------------------------------------------------------------


@shape()
def ends_and_lengths(folder: Path) -> Path:
    work = start(folder)
    write(work / "no newline", b"abc")
    write(work / "src/f0.py", (work / "src/f0.py").read_bytes()[:-1])
    write(work / "empty", b"not any more")
    write(work / "src/f1.py", b"")
    write(work / "another empty", b"")
    write(work / "nul", b"\0")
    write(work / "same", b"x\n")
    write(work / "and same", b"x\n")
    return work


@shape()
def edited_without_another_size_or_time(folder: Path) -> Path:
    """Only the time of the index tells that the file may have changed since ("racy git")."""
    work = start(folder, config={"core.trustctime": "false", "core.checkStat": "minimal"})
    moment = (1e9, 1e9)
    write(work / "racy", b"A\n")
    os.utime(work / "racy", moment)
    git(work, "add", "racy")
    write(work / "racy", b"B\n")
    os.utime(work / "racy", moment)
    os.utime(work / ".git/index", moment)
    return work


@shape()
def five_megabytes_in_a_line(folder: Path) -> Path:
    work = start(folder)
    write(work / "long", b"y" * 5_000_000 + b"\n")
    return work


@shape()
def two_thousand_files(folder: Path) -> Path:
    work = start(folder)
    for number in range(500):
        write(work / f"old/{number % 37}/f{number}.txt", b"one %d\n" % number)
    commit(work)
    for number in range(500):
        write(work / f"old/{number % 37}/f{number}.txt", b"two %d\n" % number)
    for number in range(1500):
        write(work / f"new/{number % 41}/g{number}.txt", b"new %d\n" % number)
    return work


@shape()
def more_folders_than_descriptors(folder: Path) -> Path:
    work = start(folder)
    for number in range(450):
        write(work / f"wide/{number}/file", b"%d\n" % number)
    write(work / ("deep/" * 100 + "file"), b"deep\n")
    return work


# Names --------------------------------------------------------------------------------------------

ODD_NAMES = (
    b"tab\there", b"new\nline", b'qu"ote', b"back\\slash", b"\xff\xfe.bin", b"sp ace", b" lead",
    b"trail ", b"-dash", b":colon", b":(glob)*", b"*star", b"[br]", b"!bang", b"#hash", b"~tilde",
    b"\xc3\xa9.txt", b"e\xcc\x81.txt", b"d\xe9r/x\ty", b"a\x01\x7f", b"...", b"HEAD", b"con ",
)  # fmt: skip


@shape()
def odd_names(folder: Path) -> Path:
    work = start(folder)
    for name in ODD_NAMES:
        write(raw(work, name), name)
    return work


@shape()
def odd_names_edited_and_deleted(folder: Path) -> Path:
    work = odd_names(folder)
    commit(work)
    for name in ODD_NAMES[::2]:
        write(raw(work, name), b"edited " + name)
    for name in ODD_NAMES[1::4]:
        os.unlink(raw(work, name))
    for name in ODD_NAMES[3::4]:
        os.chmod(raw(work, name), 0o700)
    return work


@shape()
def odd_path_of_the_work_tree(folder: Path) -> Path:
    """The path goes into `objects/info/alternates`, which has a quoting of its own."""
    work = start(folder / os.fsdecode(b'we ird\n"q\\#\xe9'), "#r,:x")
    write(work / "new.txt")
    write(work / "src/f1.py", b"edited\n")
    return work


# Flags of the index -------------------------------------------------------------------------------


@shape()
def intent_to_add(folder: Path) -> Path:
    work = start(folder)
    for name in ("text", "gone", "none"):
        write(work / name, b"" if name == "none" else b"x\n")
        git(work, "add", "-N", name)
    (work / "gone").unlink()
    return work


@shape(changed={"new": b"x\n"}, notes="assume-unchanged")
def assume_unchanged(folder: Path) -> Path:
    work = start(folder)
    for name in ("src/f0.py", "src/f1.py", "docs/a b/x b/y.txt"):
        git(work, "update-index", "--assume-unchanged", name)
    write(work / "src/f0.py", b"not seen\n")
    (work / "src/f1.py").unlink()
    shutil.rmtree(work / "docs")
    write(work / "new")
    return work


@shape(notes="assume-unchanged")
def assume_unchanged_below_a_folder_that_is_a_link(folder: Path) -> Path:
    work = start(folder)
    git(work, "update-index", "--assume-unchanged", "src/f0.py")
    (work / "src").rename(work / "moved")
    (work / "src").symlink_to("moved")
    return work


@shape(notes="assume-unchanged")
def assume_unchanged_below_a_folder_that_is_a_text_file(folder: Path) -> Path:
    work = start(folder, attributes=b"* ident\n")
    git(work, "update-index", "--assume-unchanged", "src/f0.py")
    shutil.rmtree(work / "src")
    write(work / "src", b"$Id: 1 $\n")
    return work


@shape()
def skip_worktree_by_hand(folder: Path) -> Path:
    work = start(folder)
    git(work, "update-index", "--skip-worktree", "src/f0.py", "src/f1.py")
    write(work / "src/f0.py", b"not seen\n")
    (work / "src/f1.py").unlink()
    write(work / "new")
    return work


@shape()
def sparse_cone(folder: Path) -> Path:
    work = start(folder)
    git(work, "sparse-checkout", "set", "docs")
    write(work / "docs/new.txt")
    return work


@shape()
def sparse_index(folder: Path) -> Path:
    work = start(folder)
    git(work, "sparse-checkout", "set", "--cone", "--sparse-index", "docs")
    write(work / "docs/new.txt")
    (work / "docs/a b/x b/y.txt").unlink()
    return work


@shape(changed={"src/f0.py": b"edited outside of the cone\n"})
def sparse_but_present(folder: Path) -> Path:
    """`git add -A` refuses this one; what is on disk is the Builder's work."""
    work = start(folder)
    git(work, "sparse-checkout", "set", "docs")
    write(work / "src/f0.py", b"edited outside of the cone\n")
    return work


@shape()
def split_index(folder: Path) -> Path:
    work = start(folder)
    git(work, "update-index", "--split-index")
    write(work / "new")
    git(work, "add", "new")
    write(work / "src/f1.py", b"edited\n")
    return work


@shape()
def index_version_4(folder: Path) -> Path:
    work = start(folder, config={"feature.manyFiles": "true"})
    git(work, "update-index", "--index-version", "4", "--untracked-cache")
    git(work, "status")
    write(work / "new")
    write(work / "src/f1.py", b"edited\n")
    return work


# Settings of the work tree ------------------------------------------------------------------------


@shape()
def modes_are_not_believed(folder: Path) -> Path:
    work = start(folder, config={"core.fileMode": "false"})
    (work / "run.sh").chmod(0o644)
    (work / "src/f0.py").chmod(0o755)
    write(work / "src/f1.py", b"edited\n", 0o755)
    write(work / "run.sh", b"edited\n", 0o644)
    write(work / "new", mode=0o755)
    return work


@shape()
def links_are_not_believed(folder: Path) -> Path:
    work = start(folder, config={"core.symlinks": "false"})
    (work / "lnk").unlink()
    write(work / "lnk", b"src/f1.py")
    return work


@shape()
def links_are_not_believed_and_line_ends_converted(folder: Path) -> Path:
    work = start(folder, config={"core.symlinks": "false", "core.autocrlf": "input"})
    (work / "lnk").unlink()
    write(work / "lnk", b"src/f1.py\r\n")
    return work


@shape()
def autocrlf_of_the_person(folder: Path) -> Path:
    write(Path(os.environ["HOME"]) / ".gitconfig", b"[core]\n\tautocrlf = true\n")
    work = start(folder)
    shutil.rmtree(work / "src")
    git(work, "checkout", "--", ".")
    assert b"\r\n" in (work / "src/f0.py").read_bytes()
    write(work / "src/f0.py", (work / "src/f0.py").read_bytes() + b"added\r\n")
    os.utime(work / "src/f1.py")
    write(work / "new", b"a\r\nb\r\n")
    write(work / "mixed", b"a\r\nb\n")
    return work


@shape()
def autocrlf_input(folder: Path) -> Path:
    work = start(folder, config={"core.autocrlf": "input"})
    write(work / "new", b"a\r\nb\r\n")
    write(work / "bin", b"a\r\n\0")
    return work


@shape(notes="personal-ignore")
def personal_ignore_files(folder: Path) -> Path:
    work = start(folder)
    write(work / ".git/info/exclude", b"secret.env\n")
    write(Path(os.environ["HOME"]) / ".config/git/ignore", b"*.swp\n!secret.env\n")
    for name in ("secret.env", "x.swp", "new"):
        write(work / name)
    return work


@shape(notes="personal-ignore")
def ignore_file_named_relative_to_the_work_tree(folder: Path) -> Path:
    work = start(folder, config={"core.excludesFile": "docs/mine"})
    write(work / "docs/mine", b"*.swp\n")
    write(work / "x.swp")
    return work


@shape()
def ignore_file_is_nothing(folder: Path) -> Path:
    work = start(folder, config={"core.excludesFile": ""})
    write(work / "new")
    return work


@shape()
def ignore_file_is_the_null_device(folder: Path) -> Path:
    work = start(folder, config={"core.excludesFile": "/dev/null"})
    write(work / "new")
    return work


@shape()
def ignore_file_is_a_link(folder: Path) -> Path:
    """git does not follow it, so what it leads to does not count."""
    work = start(folder)
    write(folder / "outside", b"new\n")
    (work / ".gitignore").unlink()
    (work / ".gitignore").symlink_to(folder / "outside")
    write(work / "new")
    return work


@shape(changed={"src/f0.py": b"edited\n"})
def hostile_settings(folder: Path) -> Path:
    """Aliases, programs and a work tree elsewhere: nothing of it is obeyed."""
    work = start(folder)
    program = planted(folder)
    write(work / "hooks/post-index-change", f"#!/bin/sh\n{program}\n".encode(), 0o755)
    commit(work)
    for key, value in {
        "core.worktree": "/etc", "core.hooksPath": str(work / "hooks"), "core.fsmonitor": program,
        "core.pager": program, "core.editor": program, "core.sshCommand": program,
        "core.alternateRefsCommand": program, "core.attributesFile": str(folder / "attributes"),
        "alias.ls-files": f"!{program}", "alias.diff-tree": f"!{program}",
        "diff.external": program, "diff.noprefix": "true", "diff.mnemonicPrefix": "true",
        "diff.context": "0", "core.compression": "0", "core.quotePath": "false",
        "include.path": "/dev/zero/none", "index.sparse": "true", "core.splitIndex": "true",
        "core.ignoreCase": "true", "core.precomposeUnicode": "true", "status.renames": "copies",
    }.items():  # fmt: skip
        git(work, "config", "--file", ".git/config", key, value)
    write(folder / "attributes", b"* text -diff eol=crlf\n")
    write(work / ".git/info/attributes", b"* -text -diff\n")
    write(work / "src/f0.py", b"edited\n")
    return work


# Attributes ---------------------------------------------------------------------------------------


@shape()
def line_ends_and_encodings(folder: Path) -> Path:
    work = start(folder, attributes=(
        b"*.bat text eol=crlf\n*.sh text eol=lf\n*.id ident\n"
        b"*.u16 text working-tree-encoding=UTF-16LE-BOM eol=crlf\n"
    ))  # fmt: skip
    write(work / "a.bat", b"x\r\ny\r\n")
    write(work / "b.sh", b"x\r\n")
    write(work / "c.u16", "\ufeffhé\r\n".encode("utf-16-le"))
    write(work / "d.id", b"$Id: deadbeef $\n")
    write(work / "sub/.gitattributes", b"*.bat -text\n")
    write(work / "sub/a.bat", b"x\r\n")
    return work


@shape()
def text_auto_with_crlf_in_the_index(folder: Path) -> Path:
    work = start(folder)
    write(work / "old.txt", b"a\r\nb\r\n")
    commit(work)
    write(work / ".gitattributes", b"* text=auto\n")
    commit(work)
    write(work / "old.txt", b"a\r\nb\r\nc\r\n")
    write(work / "new.txt", b"x\r\ny\r\n")
    return work


@shape()
def attributes_edited(folder: Path) -> Path:
    work = start(folder, attributes=b"*.bat -text\n")
    write(work / ".gitattributes", b"*.bat text\n")
    write(work / "x.bat", b"1\r\n")
    return work


@shape()
def attributes_deleted(folder: Path) -> Path:
    work = start(folder, attributes=b"*.bat text\n")
    (work / ".gitattributes").unlink()
    write(work / "!first.bat", b"1\r\n")
    write(work / "z.bat", b"1\r\n")
    return work


@shape()
def attributes_that_git_warns_of(folder: Path) -> Path:
    work = start(folder, attributes=b"!*.txt text\n*.bat text ident\n")
    write(work / "sub/.gitattributes", b"[attr]mine text\n-bad- text\n*.sh text\n")
    write(work / "sub/a.bat", b"1\r\n")
    write(work / "sub/a.sh", b"1\r\n")
    return work


@shape(notes="personal-ignore")
def attributes_ignored_and_untracked(folder: Path) -> Path:
    work = start(folder)
    write(work / ".git/info/exclude", b".gitattributes\n")
    write(work / ".gitattributes", b"*.bat text\n")
    write(work / "z.bat", b"1\r\n")
    return work


@shape()
def attributes_are_a_link(folder: Path) -> Path:
    work = start(folder)
    write(folder / "outside", b"* text\n")
    (work / ".gitattributes").symlink_to(folder / "outside")
    write(work / "z.bat", b"1\r\n")
    return work


def _crlf_that_attributes_forbid(folder: Path) -> Path:
    work = start(folder)
    write(work / "crlf.txt", b"a\r\nb\r\n")
    os.utime(work / "crlf.txt", (1e9, 1e9))
    commit(work)
    write(work / ".gitattributes", b"*.txt text\n")
    git(work, "add", ".gitattributes")
    git(work, "commit", "-q", "-m", "attributes")
    write(work / "new")
    return work


@shape(changed={"new": b"x\n"})
def crlf_untouched(folder: Path) -> Path:
    """`git add -A` would or would not renormalise it, by the times of the files."""
    return _crlf_that_attributes_forbid(folder)


@shape(changed={"new": b"x\n", "crlf.txt": b"a\r\nb\r\n"})
def crlf_with_another_mode(folder: Path) -> Path:
    """Its content is unchanged, so it is kept; `git add -A` renormalises it."""
    work = _crlf_that_attributes_forbid(folder)
    (work / "crlf.txt").chmod(0o755)
    return work


@shape(changed={"new": b"x\n", "crlf.txt": b"a\nb\nc\n"})
def crlf_edited(folder: Path) -> Path:
    work = _crlf_that_attributes_forbid(folder)
    write(work / "crlf.txt", b"a\r\nb\r\nc\r\n")
    return work


# Git LFS and other filters ------------------------------------------------------------------------

_LARGE = b"B" * 5000
_POINTER = (
    b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 5000\n"
    % hashlib.sha256(_LARGE).hexdigest().encode()
)


def _lfs(folder: Path) -> Path:
    work = start(folder, attributes=b"*.big filter=lfs diff=lfs merge=lfs -text\n")
    for name in ("pointer.big", "checked-out.big", "edited.big"):
        write(work / name, _POINTER)
    commit(work)
    for part in ("clean", "smudge"):
        git(work, "config", f"filter.lfs.{part}", planted(folder))
    git(work, "config", "filter.lfs.required", "true")
    write(work / "checked-out.big", _LARGE)
    write(work / "new")
    return work


@shape(changed={"new": b"x\n"})
def lfs_untouched(folder: Path) -> Path:
    return _lfs(folder)


@shape(changed={"new": b"x\n"}, notes="source/external-filter")
def lfs_edited(folder: Path) -> Path:
    work = _lfs(folder)
    write(work / "edited.big", b"edited")
    return work


@shape(changed={"new": b"x\n"}, notes="source/external-filter")
def lfs_new(folder: Path) -> Path:
    work = _lfs(folder)
    write(work / "new.big", b"new")
    return work


@shape(changed={"new": b"x\n"}, notes="source/external-filter")
def lfs_intended_and_empty(folder: Path) -> Path:
    """Its entry names the empty blob, but nobody knows what the filter makes of an empty file."""
    work = _lfs(folder)
    write(work / "new.big", b"")
    git(work, "-c", "filter.lfs.clean=cat", "add", "-N", "new.big")
    return work


@shape(changed={"new": b"x\n", "edited.big": None})
def lfs_deleted(folder: Path) -> Path:
    work = _lfs(folder)
    (work / "edited.big").unlink()
    return work


# Repositories in the work tree --------------------------------------------------------------------


def plant(inner: Path, folder: Path) -> Path:
    """Make a repository whose set-up starts a program whenever git enters it with its config."""
    inner.mkdir(parents=True, exist_ok=True)
    git(inner, "init", "-q", "--template=")
    write(inner / "f.txt")
    write(inner / ".gitattributes", b"* filter=evil diff=evil\n")
    git(inner, "add", "-A")
    git(inner, "commit", "-q", "-m", "inner")
    program = planted(folder)
    for hook in ("post-index-change", "pre-commit", "post-checkout", "reference-transaction"):
        write(inner / f".git/hooks/{hook}", f"#!/bin/sh\n{program}\n".encode(), 0o755)
    for part in ("clean", "smudge", "process"):
        git(inner, "config", "--file", ".git/config", f"filter.evil.{part}", program)
    for key in ("core.fsmonitor", "diff.external", "diff.evil.textconv", "core.pager"):
        git(inner, "config", "--file", ".git/config", key, program)
    write(inner / "f.txt", b"y\n")
    os.utime(inner / "f.txt", (1, 1))
    return inner


@shape(changed={"new": b"x\n"}, notes="source/nested-repository")
def nested_untracked(folder: Path) -> Path:
    work = start(folder)
    plant(work / "sub", folder)
    write(work / "new")
    return work


@shape(changed={"new": b"x\n"}, notes="submodule-not-read")
def nested_as_a_link_in_the_index(folder: Path) -> Path:
    """With such an entry `add -A`, `status` and `diff HEAD` ran the inner filter."""
    work = start(folder)
    inner = plant(work / "sub", folder)
    (inner / ".git/config").rename(folder / "planted")
    git(inner, "init", "-q", "--template=")
    commit(work)
    git(inner, "commit", "-q", "-a", "--no-verify", "-m", "moved")
    write(inner / "f.txt", b"dirty\n")
    (folder / "planted").replace(inner / ".git/config")
    (folder / PROGRAM_RAN).unlink(missing_ok=True)
    write(work / "new")
    return work


@shape(changed={"new": b"x\n"}, notes="source/nested-repository source/external-filter")
def nested_in_a_tracked_folder(folder: Path) -> Path:
    work = start(folder)
    plant(work / "src", folder)
    write(work / "src/f0.py", b"edited\n")
    write(work / "new")
    return work


@shape(changed={"new": b"x\n"}, notes="source/nested-repository")
def nested_linked_worktree(folder: Path) -> Path:
    work = start(folder)
    git(work, "worktree", "add", "-q", str(work / "wt"), "-b", "other")
    write(work / "new")
    return work


@shape(changed={"new": b"x\n"}, notes="source/nested-repository")
def nested_without_a_commit(folder: Path) -> Path:
    work = start(folder)
    git(work, "init", "-q", "sub")
    write(work / "sub/x")
    write(work / "new")
    return work


@shape()
def nested_bare(folder: Path) -> Path:
    """A bare repository is a folder of files; git adds them."""
    work = start(folder)
    git(work, "init", "-q", "--bare", "--template=", "bare")
    write(work / "bare/hooks/post-index-change", b"#!/bin/sh\nexit 1\n", 0o755)
    return work


@shape(changed={"empty": None}, notes="source/nested-repository")
def nested_where_a_file_was(folder: Path) -> Path:
    work = start(folder)
    (work / "empty").unlink()
    git(work, "init", "-q", "empty")
    git(work / "empty", "commit", "-q", "--allow-empty", "-m", "inner")
    return work


def _with_submodule(folder: Path) -> Path:
    start(folder, "other")
    work = start(folder)
    git(work, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../other", "mod")
    commit(work)
    return work


@shape()
def submodule_dirty(folder: Path) -> Path:
    work = _with_submodule(folder)
    write(work / "mod/src/f0.py", b"dirty\n")
    write(work / "mod/new")
    write(work / "new")
    return work


@shape(changed={"new": b"x\n"}, notes="submodule-not-read")
def submodule_moved_but_not_staged(folder: Path) -> Path:
    """`git add -A` would ask the submodule where it stands; only its owner's `git add` counts."""
    work = _with_submodule(folder)
    git(work / "mod", "commit", "-q", "--allow-empty", "-m", "moved")
    write(work / "new")
    return work


@shape()
def submodule_pointer_staged(folder: Path) -> Path:
    work = _with_submodule(folder)
    git(work / "mod", "commit", "-q", "--allow-empty", "-m", "moved")
    git(work, "add", "mod")
    return work


@shape()
def submodule_removed(folder: Path) -> Path:
    work = _with_submodule(folder)
    shutil.rmtree(work / "mod")
    return work


@shape()
def submodule_becomes_file(folder: Path) -> Path:
    work = _with_submodule(folder)
    shutil.rmtree(work / "mod")
    write(work / "mod", b"a file now\n")
    return work


# Repositories of other kinds ----------------------------------------------------------------------


@shape()
def linked_worktree(folder: Path) -> Path:
    main = start(folder, "main")
    work = folder / "linked"
    git(main, "worktree", "add", "-q", str(work), "-b", "linked")
    git(work, "config", "extensions.worktreeConfig", "true")
    write(work / "new")
    write(work / "src/f1.py", b"edited\n")
    return work


@shape()
def submodule_itself(folder: Path) -> Path:
    work = _with_submodule(folder) / "mod"
    write(work / "new")
    return work


@shape()
def alternates_relative_and_chained(folder: Path) -> Path:
    start(folder, "a")
    for old, new in ("ab", "bc"):
        git(folder, "clone", "-q", "--shared", old, new)
        write(folder / new / ".git/objects/info/alternates", f"../../../{old}/.git/objects\n".encode())  # fmt: skip
    write(folder / "c/new")
    write(folder / "c/src/f1.py", b"edited\n")
    return folder / "c"


@shape()
def shallow_clone(folder: Path) -> Path:
    origin = start(folder, "origin")
    write(origin / "second")
    commit(origin)
    git(folder, "clone", "-q", "--depth", "1", f"file://{origin}", "work")
    write(folder / "work/new")
    (folder / "work/second").unlink()
    return folder / "work"


@shape()
def sha256_repository(folder: Path) -> Path:
    work = start(folder, object_format="sha256", attributes=b"*.bat text\n")
    write(work / "new")
    write(work / "x.bat", b"1\r\n")
    write(work / "src/f1.py", b"edited\n")
    (work / "src/f0.py").unlink()
    return work


@shape()
def replaced_objects(folder: Path) -> Path:
    work = start(folder)
    empty = git(work, "mktree", data=b"")
    other = git(work, "commit-tree", empty, "-m", "other")
    git(work, "replace", "HEAD", other)
    git(work, "replace", "HEAD:src/f0.py", "HEAD:bin.dat", GIT_NO_REPLACE_OBJECTS="1")
    write(work / "new")
    return work


# Refusals -----------------------------------------------------------------------------------------


@shape(refused="partial clone")
def partial_clone(folder: Path) -> Path:
    origin = start(folder, "origin", config={"uploadpack.allowFilter": "true"})
    git(folder, "clone", "-q", "--filter=blob:none", f"file://{origin}", "work")
    write(folder / "work/new")
    return folder / "work"


@shape(refused="src/f0.py is unmerged")
def unmerged_index(folder: Path) -> Path:
    work = start(folder)
    git(work, "checkout", "-q", "-b", "other")
    write(work / "src/f0.py", b"other\n")
    git(work, "commit", "-q", "-a", "-m", "other")
    git(work, "checkout", "-q", "main")
    write(work / "src/f0.py", b"main\n")
    git(work, "commit", "-q", "-a", "-m", "main")
    git(work, "merge", "other", check=False)
    return work


@shape(refused="has no index")
def no_index(folder: Path) -> Path:
    work = start(folder)
    (work / ".git/index").unlink()
    return work


@shape(refused="docs/.gitignore is a special file")
def fifo_as_ignore_file(folder: Path) -> Path:
    """`ls-files` would wait for ever for somebody to write into it."""
    work = start(folder)
    os.mkfifo(work / "docs/.gitignore")
    return work


@shape(refused=".gitignore is a special file")
def fifo_as_ignore_file_at_the_top(folder: Path) -> Path:
    work = start(folder)
    (work / ".gitignore").unlink()
    os.mkfifo(work / ".gitignore")
    return work


@shape(refused=".gitattributes is a special file")
def fifo_as_attributes_at_the_top(folder: Path) -> Path:
    work = start(folder)
    os.mkfifo(work / ".gitattributes")
    return work


@shape(refused="src/.gitattributes is a special file")
def fifo_as_attributes_beside_a_racy_file(folder: Path) -> Path:
    """Only a file whose times say nothing is read by `ls-files`, and then its attributes."""
    work = start(folder)
    data = (work / "src/f0.py").read_bytes()
    write(work / "src/f0.py", data[:-2] + b"!\n")
    times = (work / "src/f0.py").stat().st_mtime_ns
    os.utime(work / ".git/index", ns=(times, times))
    os.mkfifo(work / "src/.gitattributes")
    return work


@shape(refused="gitattributesBlob")
def folder_named_as_an_attribute_file(folder: Path) -> Path:
    """What `git fsck --strict` refuses would be refused at the very end, when it is brought in."""
    work = start(folder)
    write(work / ".gitattributes/file")
    return work


@shape(refused="gitmodulesUpdate")
def submodule_that_runs_a_program(folder: Path) -> Path:
    work = start(folder)
    text = '[submodule "x"]\n\tpath = x\n\turl = ./x\n\tupdate = !touch RAN\n'
    write(work / ".gitmodules", text.encode())
    return work


@shape(changed={"src/f1.py": None}, notes="source/special-file")
def fifos_elsewhere(folder: Path) -> Path:
    work = start(folder)
    (work / "src/f0.py").unlink()
    os.mkfifo(work / "src/f0.py")
    os.mkfifo(work / "untracked")
    (work / "src/f1.py").unlink()
    return work


@shape(refused="cannot hold")
def name_that_git_cannot_hold(folder: Path) -> Path:
    work = start(folder)
    write(work / "sub/.GIT/config", b"[core]\n\tfsmonitor = false\n")
    return work
