"""What somebody may plant in a work tree: no program of it runs, nothing is written through it,
nothing outside of it gets into a bundle.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lanectl.adapters.git.placeholders import is_placeholder
from lanectl.adapters.nofollow import FolderTree, open_regular
from lanectl.errors import UnreadableError
from lanectl.ports import ChangeRequest
from lanectl.wiring import codex
from tests.shapes import PROGRAM_RAN, plant, planted
from tests.world import GIT, Ran, World, git, lanectl, snapshot, write

pytestmark = pytest.mark.thorough

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = b"-----BEGIN OPENSSH PRIVATE KEY-----\nnobody may read this\n"
OUTBOX = ".lanectl/outbox"
ARTIFACT = f"{OUTBOX}/x/artifact.tar.gz"


def pack(world: World, *extra: str | Path) -> Ran:
    """Pack the Builder's work tree as handoff `x`, unsigned."""
    return lanectl("pack", "--repo", world.builder, "--slug", "x", "--unsigned", "--json", *extra)


def ran(world: World) -> bool:
    """Whether a planted program was started."""
    return (world.root / PROGRAM_RAN).exists()


def members(bundle: Path) -> dict[str, bytes]:
    """Return the members of a bundle, read by Python's own tar."""
    with tarfile.open(bundle) as tar:
        return {m.name: getattr(tar.extractfile(m), "read", bytes)() for m in tar}


# Programs ---------------------------------------------------------------------------------------------


def nested_untracked(world: World) -> None:
    plant(world.builder / "sub", world.root)


def nested_in_a_tracked_folder(world: World) -> None:
    plant(world.builder / "src", world.root)
    os.utime(world.builder / "src/f0.py", (1, 1))


def nested_as_a_link_in_the_index(world: World) -> None:
    inner = plant(world.builder / "sub", world.root)
    head = git(inner, "rev-parse", "HEAD")
    git(world.builder, "update-index", "--add", "--cacheinfo", f"160000,{head},sub")


def outer_settings(world: World) -> None:
    program = planted(world.root)
    write(world.builder / ".gitattributes", b"* diff=evil\n*.py filter=evil\n")
    for hook in ("post-index-change", "reference-transaction", "pre-commit", "fsmonitor-watchman"):
        write(world.builder / f".git/planted/{hook}", f"#!/bin/sh\n{program}\n".encode(), 0o755)
    for key in (
        "filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "core.fsmonitor",
        "diff.external", "diff.evil.textconv", "diff.evil.command", "core.pager", "pager.config",
        "core.editor", "core.sshCommand", "core.askPass", "core.alternateRefsCommand", "gpg.program",
        "credential.helper", "uploadpack.packObjectsHook", "interactive.diffFilter",
    ):  # fmt: skip
        git(world.builder, "config", "--file", ".git/config", key, program)
    for alias in ("ls-files", "config", "diff-tree", "rev-parse", "update-index"):
        git(world.builder, "config", "--file", ".git/config", f"alias.{alias}", f"!{program}")
    for key, value in (
        ("core.hooksPath", str(world.builder / ".git/planted")), ("core.worktree", "/etc"),
        ("filter.evil.required", "true"), ("core.gitProxy", program),
    ):  # fmt: skip
        git(world.builder, "config", "--file", ".git/config", key, value)


def others(world: World) -> dict[bytes, tuple[Any, ...]]:
    """The Builder's folder without the outbox, which `pack` writes to."""
    return {p: f for p, f in snapshot(world.builder).items() if b"/.lanectl" not in p}


MUTANTS = {
    nested_untracked: (1, "source/nested-repository"),
    nested_in_a_tracked_folder: (1, "source/nested-repository"),
    nested_as_a_link_in_the_index: (0, "paths/submodule"),
    outer_settings: (1, "source/external-filter"),
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.__name__)
def test_no_program_of_the_work_tree_runs(world: World, mutant: Callable[[World], None]) -> None:
    mutant(world)
    (world.root / PROGRAM_RAN).unlink(missing_ok=True)
    write(world.builder / "src/f0.py", b"edited\n")
    write(world.builder / "new.txt")
    before = others(world)
    done = pack(world)
    assert not ran(world)
    code, rule = MUTANTS[mutant]
    assert (done.code, rule in done.rules) == (code, True), done.out
    assert others(world) == before
    with codex.builder_side(str(world.builder)) as side:
        side.repository.read_change(ChangeRequest("HEAD", "HEAD"))
        side.repository.subject(side.repository.read_change(ChangeRequest("HEAD")).base)
        side.repository.current_branch()
        side.repository.identity()
    assert not ran(world)

    for words in (["add", "-A"], ["status"], ["diff", "HEAD"]):  # these do run them
        git(world.builder, "--work-tree=.", *words, check=False)
    assert ran(world) or mutant is nested_in_a_tracked_folder


def test_no_hook_of_the_builder_runs_when_its_ready_commit_is_made(world: World) -> None:
    world.change()
    outer_settings(world)
    (world.builder / ".gitattributes").unlink()
    done = pack(world, "--commit")
    assert done.code == 0, done.err
    assert not ran(world)
    git(world.builder, "update-ref", "refs/heads/other", "HEAD")
    assert ran(world)


def test_no_hook_of_the_enforcer_runs(world: World) -> None:
    """Hooks are the machine's set-up, not the target's; a hook could also undo the promise."""
    bundle = world.packed()
    program = planted(world.root)
    for hook in ("reference-transaction", "post-index-change", "pre-receive", "update"):
        write(world.enforcer / f".git/hooks/{hook}", f"#!/bin/sh\n{program}\n".encode(), 0o755)
    done = world.apply(bundle)
    assert done.code == 0, done.err
    assert not ran(world)
    git(world.enforcer, "branch", "other")
    assert ran(world)


def test_variables_of_the_environment_are_not_obeyed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.change()
    assert pack(world).code == 0
    expected = (world.builder / ARTIFACT).read_bytes()
    program = planted(world.root)
    for name, value in {
        "GIT_DIR": str(world.enforcer / ".git"), "GIT_WORK_TREE": "/etc",
        "GIT_INDEX_FILE": "/nonexistent", "GIT_OBJECT_DIRECTORY": "/nonexistent",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": "/nonexistent", "GIT_NAMESPACE": "other",
        "GIT_EXTERNAL_DIFF": program, "GIT_DIFF_OPTS": "-u0", "GIT_PAGER": program, "PAGER": program,
        "GIT_SSH_COMMAND": program, "GIT_ASKPASS": program, "GIT_EDITOR": program,
        "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "core.fsmonitor", "GIT_CONFIG_VALUE_0": program,
        "GIT_CONFIG_KEY_1": "diff.noprefix", "GIT_CONFIG_VALUE_1": "true",
        "GIT_CONFIG_PARAMETERS": "'diff.noprefix'='true'", "GIT_EXEC_PATH": str(world.root),
        "GIT_TEMPLATE_DIR": str(world.root), "GIT_TRACE": str(world.root / PROGRAM_RAN),
        "GIT_GLOB_PATHSPECS": "1", "GIT_DEFAULT_HASH": "sha256", "GIT_CEILING_DIRECTORIES": "/",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    done = pack(world)
    assert done.code == 0, done.err
    assert (world.builder / ARTIFACT).read_bytes() == expected
    assert not ran(world)


# What a whole process starts, opens and connects ------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """One system call of a trace that names files."""

    name: str
    paths: tuple[str, ...]
    writes: bool

    def touches(self, folder: str) -> bool:
        return any(path == folder or path.startswith(f"{folder}/") for path in self.paths)


_READING = ("execve", "execveat", "socket", "connect")
_TRACED = (
    *_READING, "open", "openat", "openat2", "creat", "rename", "renameat", "renameat2", "unlink",
    "unlinkat", "mkdir", "mkdirat", "link", "linkat", "symlink", "symlinkat", "truncate", "chmod",
    "fchmodat", "rmdir", "mknod", "mknodat",
)  # fmt: skip


def calls(trace: str, cwd: Path) -> list[Call]:
    """Parse a trace of `strace -f -y`; a relative name belongs to the folder that `-y` shows."""
    found = []
    for line in trace.splitlines():
        match = re.match(r"\d+ +(\w+)\((.*)\) += (?!-1 )", line)
        if match:
            name, arguments = match.groups()
            named = re.findall(r'(?:[\w]+<([^>]*)>, )?"([^"]*)"', arguments)
            writes = name not in _READING and (
                not name.startswith("open") or bool(re.search("O_WRONLY|O_RDWR|O_CREAT", arguments))
            )
            paths = [os.path.normpath(os.path.join(folder or cwd, path)) for folder, path in named]
            found.append(Call(name, tuple(paths), writes))
    return found


@pytest.fixture
def traced_pack(world: World) -> str:
    """The system calls of `python -m lanectl pack` in a work tree with a `git` of its own."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed: programs, sockets and writes are NOT traced")
    program = f"#!/bin/sh\n{planted(world.root)}\n".encode()
    for name in ("git", "bin/git", "bin/python3", "git-ls-files", "sh"):
        write(world.builder / name, program, 0o755)
    write(
        world.builder / "lanectl/__init__.py", b"raise SystemExit('the work tree was imported')\n"
    )
    world.change()
    world.key("builder")
    log = world.root / "strace.log"
    done = subprocess.run(
        [strace, "-f", "-qq", "-y", "-s", "4096", "-e", "trace=" + ",".join(_TRACED), "-o", str(log),
         sys.executable, "-P", "-m", "lanectl", "pack", "--slug", "x"],
        cwd=world.builder, capture_output=True, text=True, check=False,
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")},  # it writes
            "PATH": f"{world.builder}/bin:{world.builder}:{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )  # fmt: skip
    if "ptrace" in done.stderr and not log.exists():
        pytest.skip("this machine lets nobody trace: programs, sockets and writes are NOT traced")
    assert done.returncode == 0, done.stderr
    return log.read_text(errors="surrogateescape")


def test_a_whole_pack_starts_only_git_and_connects_to_nothing(
    world: World, traced_pack: str
) -> None:
    started = re.findall(r'execve\("([^"]*)".*= 0$', traced_pack, re.MULTILINE)
    assert set(started[1:]) == {GIT}
    assert len(started) > 5
    assert "execveat(" not in traced_pack
    assert "socket(" not in traced_pack
    assert not ran(world)

    dot_git = f"{world.builder}/.git"
    touched = [call for call in calls(traced_pack, world.builder) if call.touches(dot_git)]
    opened = [call for call in touched if call.name.startswith("open")]
    assert any(f"{dot_git}/index" in call.paths for call in opened)
    assert [call for call in opened if call.writes] == []
    assert {call.name for call in touched} <= {"open", "openat", "execve"}


def test_a_whole_pack_writes_only_into_its_outbox_and_its_scratch_folder(
    world: World, traced_pack: str
) -> None:
    allowed = (f"{world.builder}/.lanectl", f"{os.environ['HOME']}/.cache", "/dev/null", "/proc/")
    written = {p for c in calls(traced_pack, world.builder) if c.writes for p in c.paths}
    assert f"{world.builder}/{ARTIFACT}" in written
    assert [path for path in written if not path.startswith(allowed)] == []


# Names that lead elsewhere ----------------------------------------------------------------------------


@pytest.fixture
def elsewhere(world: World) -> Path:
    """A folder outside of the work tree with a key in it."""
    folder = world.root / "elsewhere"
    write(folder / "id_ed25519", SECRET)
    write(folder / "other", b"other\n")
    return folder


def test_a_link_where_a_rollback_belongs_brings_in_no_secret(world: World, elsewhere: Path) -> None:
    write(world.builder / "supabase/migrations/x.sql", b"create table t();\n")
    (world.builder / "supabase/rollbacks").mkdir()
    link = world.builder / "supabase/rollbacks/x.sql"
    link.symlink_to(elsewhere / "id_ed25519")
    done = pack(world)
    assert (done.code, set(done.rules)) == (1, {"rollback/missing", "paths/link"})
    assert not (world.builder / ARTIFACT).exists()
    shutil.rmtree(link.parent)
    link.parent.symlink_to(elsewhere)
    write(elsewhere / "x.sql", SECRET)
    done = pack(world)
    assert (done.code, set(done.rules)) == (1, {"rollback/missing", "paths/link"})
    named = pack(world, "--rollback", "supabase/rollbacks/x.sql")
    assert (named.code, "rollback/missing" in named.rules) == (1, True)
    assert not (world.builder / ARTIFACT).exists()


def test_a_link_is_packed_as_a_link_and_never_followed(world: World, elsewhere: Path) -> None:
    write(world.builder / "real/inner.txt")
    (world.builder / "inside").symlink_to("real/inner.txt")
    (world.builder / "docs/a b/x b/y.txt").unlink()
    (world.builder / "docs/a b/x b/y.txt").symlink_to("../../../src/f0.py")
    done = pack(world)
    assert done.code == 0, done.err
    patch = members(world.builder / ARTIFACT)["changes.patch"]
    assert b"+real/inner.txt\n\\ No newline" in patch
    assert b"line 0 1" not in patch
    (world.builder / "key").symlink_to(elsewhere / "id_ed25519")
    assert pack(world).rules == ["paths/link"]


@pytest.mark.parametrize("place", [".lanectl", OUTBOX, f"{OUTBOX}/x"])
def test_a_link_on_the_way_to_the_outbox_is_refused(
    world: World, elsewhere: Path, place: str
) -> None:
    world.change()
    write(world.builder / ".git/info/exclude", b"/.lanectl\n")
    link = world.builder / place
    shutil.rmtree(link, ignore_errors=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere)
    (elsewhere / "outbox/x").mkdir(parents=True)
    before = snapshot(elsewhere)
    if place == ".lanectl":  # it hides the keyring, which is of the change otherwise
        git(world.builder, "update-index", "--assume-unchanged", ".lanectl/trust/keyring.json")
    done = pack(world)
    assert (done.code, "where a folder must be" in done.err) == (3, True), done.err
    assert snapshot(elsewhere) == before


@pytest.mark.parametrize(
    "place",
    ["artifact.tar.gz", ".artifact.tar.gz.new", "artifact.tar.gz.intoto.json",
     ".artifact.tar.gz.intoto.json.new", "artifact.tar.gz.sigstore.json", "../.gitignore",
     "../..gitignore.new"],
)  # fmt: skip
@pytest.mark.parametrize("signed", [True, False])
def test_a_link_where_a_file_of_the_bundle_belongs_is_replaced(
    world: World, elsewhere: Path, place: str, signed: bool
) -> None:
    world.change()
    key = world.key("builder")
    folder = world.builder / OUTBOX / "x"
    folder.mkdir(parents=True)
    link = folder / place
    link.symlink_to(elsewhere / "id_ed25519")
    before = snapshot(elsewhere)
    done = lanectl("pack", "--repo", world.builder, "--slug", "x", *(["--key", key] if signed else ["--unsigned"]))  # fmt: skip
    assert done.code == 0, done.err
    assert snapshot(elsewhere) == before
    suffix = "sigstore" if signed else "intoto"
    made = [folder / "artifact.tar.gz", folder / f"artifact.tar.gz.{suffix}.json"]
    assert sorted(folder.glob("artifact*")) == made
    assert not any(path.is_symlink() for path in (*made, folder.parent / ".gitignore"))


@pytest.mark.parametrize(
    "place", ["artifact.tar.gz", ".artifact.tar.gz.new", "artifact.tar.gz.sigstore.json"]
)
def test_a_folder_where_a_file_of_the_bundle_belongs_is_an_error(world: World, place: str) -> None:
    world.change()
    write(world.builder / OUTBOX / "x" / place / "precious")
    done = pack(world)
    assert (done.code, "cannot be" in done.err) == (3, True), done.err
    assert (world.builder / OUTBOX / "x" / place / "precious").exists()


def test_a_named_output_is_never_written_through_a_link(world: World, elsewhere: Path) -> None:
    world.change()
    (world.builder / "dist").symlink_to(elsewhere)
    (world.builder / ".git/info/exclude").write_text("/dist\n/out.tar.gz*\n")
    for name in ("out.tar.gz", "out.tar.gz.sigstore.json", "out.tar.gz.intoto.json"):
        (world.builder / name).symlink_to(elsewhere / "new")
        done = pack(world, "--output", world.builder / "out.tar.gz")
        assert (done.code, "not overwritten" in done.err) == (2, True), done.err
        (world.builder / name).unlink()
    before = snapshot(elsewhere)
    inside = pack(world, "--output", world.builder / "dist/out.tar.gz")
    assert (inside.code, "a link inside the work tree" in inside.err) == (3, True)
    (world.root / "alias").symlink_to(world.builder)  # the person's own name for the work tree
    aliased = pack(world, "--output", world.root / "alias/dist/out.tar.gz")
    assert (aliased.code, "a link inside the work tree" in aliased.err) == (3, True), aliased.err
    assert snapshot(elsewhere) == before
    fine = pack(world, "--output", world.root / "alias/out.tar.gz")
    assert fine.code == 0, fine.err
    assert (world.builder / "out.tar.gz").exists()
    (world.root / "mine").symlink_to(elsewhere)  # a link of the person's, outside
    assert pack(world, "--output", world.root / "mine/.out").code == 0
    assert (elsewhere / ".out").exists()


# A .git that leads astray -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("link", "is a link or a special file"),
        ("fifo", "is a link or a special file"),
        ("text", "is no pointer"),
        ("nowhere", "points to no git directory"),
        ("borrowed worktree", "leads elsewhere"),
        ("long", "larger than"),
    ],
)
def test_a_dot_git_that_leads_astray_is_refused(
    world: World, tmp_path: Path, kind: str, says: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    dot = folder / ".git"
    if kind == "link":
        dot.symlink_to(world.builder / ".git")
    elif kind == "fifo":
        os.mkfifo(dot)
    elif kind == "borrowed worktree":
        git(world.builder, "worktree", "add", "-q", str(tmp_path / "linked"))
        shutil.copy(tmp_path / "linked/.git", dot)
    else:
        text = {"text": "hello\n", "nowhere": "gitdir: /etc\n", "long": "gitdir: /" + "x" * 9000}
        dot.write_text(text[kind])
    done = lanectl("pack", "--repo", folder, "--slug", "x", "--unsigned")
    assert (done.code, says in done.err) == (3, True), done.err


def test_an_empty_dot_git_is_what_a_sandbox_leaves_and_no_repository(world: World) -> None:
    (world.builder / "sub/.git").mkdir(parents=True)
    write(world.builder / "sub/file")
    with contextlib.chdir(world.builder / "sub"):
        done = lanectl("pack", "--slug", "x", "--unsigned", "--json")
    assert (done.code, done.rules) == (1, ["source/nested-repository"])  # found from above


def borrow(world: World, line: str) -> None:
    """Move the Builder's objects away and borrow them from there."""
    objects = world.builder / ".git/objects"
    write(objects / "info/alternates", f"{line}\n".encode())


@pytest.mark.parametrize("way", ["plain", "relative", "quoted", "through another", "link", "many"])
def test_objects_from_inside_the_work_tree_are_refused(world: World, way: str) -> None:
    world.change()
    objects, inside = world.builder / ".git/objects", world.builder / "planted/objects"
    git(world.builder, "init", "-q", "--bare", "planted")
    outside = world.root / "outside/objects"
    if way == "through another":
        write(outside / "info/alternates", f"{inside}\n".encode())
    lines = {
        "plain": [inside], "relative": ["../../planted/objects"], "quoted": [f'"{inside}"'],
        "through another": [outside], "many": [world.root / f"o{n}" for n in range(101)],
    }  # fmt: skip
    if way == "link":
        shutil.move(objects, world.builder / "kept")
        objects.symlink_to("../kept")
    else:
        write(objects / "info/alternates", "".join(f"{p}\n" for p in lines[way]).encode())
    done = pack(world)
    says = {"quoted": "in quotes", "many": "more than"}.get(way, "from inside the work tree")
    assert (done.code, says in done.err) == (3, True), done.err


# What sandboxes leave -----------------------------------------------------------------------------


def test_placeholders_are_not_packed_and_are_named(world: World) -> None:
    world.change()
    for name in (".mcp.json", ".env", ".codex", "AGENTS.md"):
        write(world.builder / name, b"")
    (world.builder / ".github").mkdir()
    done = pack(world)
    assert done.code == 0, done.err
    assert not {".mcp.json", ".env", ".codex", "AGENTS.md"} & {
        f["path"] for f in done.json["files"]
    }
    noted = {n["path"] for n in done.json["notes"] if n["note"] == "placeholder"}
    assert noted == {".mcp.json", ".env", ".codex", "AGENTS.md"}
    write(world.builder / "AGENTS.md", b"written by somebody\n")
    write(world.builder / "sub/AGENTS.md", b"")
    packed = {f["path"] for f in pack(world).json["files"]}
    assert {"AGENTS.md", "sub/AGENTS.md"} <= packed


def test_an_emptied_file_of_the_base_is_a_change_and_no_placeholder(world: World) -> None:
    write(world.person / "AGENTS.md", b"rules\n")
    world.commit("rules")
    world.fetch()
    write(world.builder / "AGENTS.md", b"")
    assert [f["path"] for f in pack(world).json["files"]] == ["AGENTS.md"]


def pack_behind_mounts(world: World, mounts: str) -> Ran:
    """Pack in a mount namespace of its own, after a script that knows the work tree as $1."""
    script = f'{{ {mounts}; }} && shift && exec "$@"'
    command = [sys.executable, "-m", "lanectl", "pack", "--repo", str(world.builder)]
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", str(world.builder),
         *command, "--slug", "x", "--unsigned", "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("this machine lets nobody mount: what a sandbox mounts is NOT tested")
    return Ran(done.returncode, done.stdout, done.stderr)


def test_pack_needs_no_more_than_a_sandbox_gives(world: World) -> None:
    """A read-only `.git` and home, as Codex has them; the temporary folder is what is left."""
    world.change()
    before = snapshot(world.builder / ".git"), snapshot(Path(os.environ["HOME"]))
    done = pack_behind_mounts(
        world,
        'for d in "$1/.git" "$HOME"; do mount --bind "$d" "$d" && mount -o remount,ro,bind "$d"; done'
        ' && ! touch "$1/.git/x" 2>/dev/null && ! touch "$HOME/x" 2>/dev/null',
    )
    assert done.code == 0, done.err
    assert (snapshot(world.builder / ".git"), snapshot(Path(os.environ["HOME"]))) == before
    assert list(Path(os.environ["TMPDIR"]).iterdir()) == []
    inside = (world.builder / ARTIFACT).read_bytes()
    assert pack(world).code == 0
    assert (world.builder / ARTIFACT).read_bytes() == inside


def test_a_mount_point_is_a_placeholder_while_the_sandbox_runs(world: World) -> None:
    """Codex mounts an empty file over a protected path that does not exist."""
    world.change()
    write(world.builder / "protected", b"")
    ended = pack_behind_mounts(world, 'mount --bind /dev/null "$1/protected"')
    assert ended.code == 0, ended.err
    assert {"note": "placeholder", "path": "protected"} in ended.json["notes"]
    status = (world.builder / "protected").lstat()
    top = os.fsencode(world.builder)
    assert not is_placeholder(top, b"protected", status, frozenset())
    assert is_placeholder(top, b"protected", status, frozenset({top + b"/protected"}))


# Files without links, one by one ------------------------------------------------------------------------


def test_every_component_is_opened_without_following_a_link(tmp_path: Path) -> None:
    write(tmp_path / "top/a/file", b"inside")
    write(tmp_path / "out/file", SECRET)
    (tmp_path / "top/link").symlink_to(tmp_path / "out")
    (tmp_path / "top/a/key").symlink_to(tmp_path / "out/file")
    os.mkfifo(tmp_path / "top/fifo")
    with FolderTree(os.fsencode(tmp_path / "top")) as tree:
        fd, status = tree.open(b"a/file")
        os.close(fd)
        assert status.st_size == 6
        assert tree.folder(b"link") is None
        assert tree.status(b"link/file") is None
        assert tree.status(b"a/file/below") is None
        for path in (b"link/file", b"a/key", b"fifo", b"a", b"a/gone", b"gone/file"):
            with pytest.raises(UnreadableError):
                tree.open(path)
        with pytest.raises(UnreadableError):
            tree.read_link(b"a/gone")
        with pytest.raises(UnreadableError):
            tree.status(b"x" * 300)
        for path in (b"link/new", b"a/file/new"):
            with pytest.raises(UnreadableError, match="a folder must be"):
                tree.make_folder(path)
        os.close(os.dup(tree.make_folder(b"a/b/c")))
    assert (tmp_path / "top/a/b/c").is_dir()
    assert list((tmp_path / "out").iterdir()) == [tmp_path / "out/file"]
    with pytest.raises(UnreadableError):
        FolderTree(os.fsencode(tmp_path / "top/link"))
    with FolderTree(b"/proc/%d" % os.getpid()) as tree, pytest.raises(UnreadableError):
        tree.make_folder(b"no folder can be made here")


def test_a_folder_swapped_for_a_link_after_it_was_listed_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "top/a/b/file", b"inside")
    write(tmp_path / "out/file", SECRET)
    with FolderTree(os.fsencode(tmp_path / "top")) as tree:
        assert tree.status(b"a/b/file")
        (tmp_path / "top/a/b").rename(tmp_path / "top/moved")
        (tmp_path / "top/a/b").symlink_to(tmp_path / "out")
        fd, _ = tree.open(b"a/b/file")  # of the folder that was looked at
        with os.fdopen(fd, "rb") as file:
            assert file.read() == b"inside"
    with FolderTree(os.fsencode(tmp_path / "top")) as tree, pytest.raises(UnreadableError):
        tree.open(b"a/b/file")


def test_few_folders_stay_open_however_many_there_are(tmp_path: Path) -> None:
    for number in range(450):
        write(tmp_path / f"top/{number}/inner/file", b"%d" % number)
    with FolderTree(os.fsencode(tmp_path / "top")) as tree:
        for number in (*range(450), *range(450)):
            fd, _ = tree.open(b"%d/inner/file" % number)
            with os.fdopen(fd, "rb") as file:
                assert file.read() == b"%d" % number
        assert len(tree._open) < 120
    assert len(os.listdir("/proc/self/fd")) < 100


def test_a_device_is_no_regular_file() -> None:
    with pytest.raises(UnreadableError, match="not a regular file"):
        open_regular(b"/dev/zero")


@pytest.mark.parametrize(("depth", "code"), [(50, 0), (300, 3)])
def test_many_folders_need_few_descriptors(world: World, depth: int, code: int) -> None:
    """Some systems allow 256. Wide trees are read all the same, absurdly deep ones end clearly."""
    for number in range(300):
        write(world.builder / f"wide/{number}/file", b"%d\n" % number)
    write(world.builder / ("d/" * depth + "file"))
    command = [
        sys.executable,
        "-m",
        "lanectl",
        "pack",
        "--repo",
        str(world.builder),
        "--slug",
        "x",
        "--unsigned",
    ]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -n 200; exec "$@"', "sh", *command], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert (done.returncode, "Too many open files" in done.stderr) == (code, code == 3), done.stderr
