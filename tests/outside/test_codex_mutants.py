"""What an agent plants from inside the real Codex sandbox never harms the trusted process outside.

A canary lies where the sandbox cannot write: whatever touches it ran, or was written, outside.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.outside.codex import LANECTL, Sandbox
from tests.world import Ran, World, git, snapshot, write

pytestmark = pytest.mark.e2e

SECRET = b"-----BEGIN OPENSSH PRIVATE KEY-----\nnobody may read this\n"


@dataclass(frozen=True)
class Scene:
    """A world, its sandbox, and a folder outside of it with the canary and a key."""

    world: World
    sandbox: Sandbox
    precious: Path

    @property
    def touching(self) -> str:
        """A program for the agent to plant."""
        return f"#!/bin/sh\necho ran >> {self.precious}/canary\ncat\n"

    def plant_program(self, *paths: str) -> None:
        """Let the agent write that program into its work tree."""
        for path in paths:
            write(self.world.builder / "program", self.touching.encode())
            self.sandbox.sh(f"mkdir -p $(dirname {path}); cp program {path}; chmod +x {path}")
        (self.world.builder / "program").unlink()

    def outside(self, *arguments: str | Path, path: str = "", cwd: Path | None = None) -> Ran:
        """Run the installed lanectl as the trusted process does, in the Builder's work tree."""
        search = f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"]
        key = str(self.world.key("builder"))
        done = subprocess.run(
            [LANECTL, *map(str, arguments)], cwd=cwd or self.world.builder, check=False, timeout=60,
            env={"HOME": os.environ["HOME"], "TMPDIR": os.environ["TMPDIR"], "PATH": search,
                 "LANECTL_BUILDER_KEY": key},
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    def pack(self, *extra: str | Path) -> Ran:
        return self.outside("pack", "--slug", "x", "--json", *extra)

    @contextlib.contextmanager
    def unharmed(self) -> Iterator[None]:
        before = snapshot(self.precious)
        yield
        assert snapshot(self.precious) == before

    def is_harmed_by(self, action: Callable[[], object]) -> bool:
        """Whether what was planted is real: an ordinary program does fall for it."""
        before = snapshot(self.precious)
        action()
        return snapshot(self.precious) != before


@pytest.fixture
def scene(far: World, sandbox: Sandbox) -> Scene:
    precious = far.root / "precious"
    write(precious / "canary", b"alive\n")
    write(precious / "id_ed25519", SECRET, 0o600)
    done = sandbox.run("/bin/sh", "-c", f"echo x > {precious}/canary")
    assert done.code != 0
    return Scene(far, sandbox, precious)


ARTIFACT = ".lanectl/outbox/x/artifact.tar.gz"
SIGNATURE = "artifact.tar.gz.sigstore.json"


@pytest.mark.parametrize("place", ["sub", "src"])
def test_a_nested_repository_with_a_filter(scene: Scene, place: str) -> None:
    scene.plant_program("evil")
    (scene.world.builder / "evil").rename(scene.world.builder / ".evil")
    program = scene.world.builder / ".evil"
    scene.sandbox.sh(
        f"""mkdir -p {place}; cd {place}; git init -q --template= .; echo x > f.txt
        git -c user.name=a -c user.email=b add f.txt; git -c user.name=a -c user.email=b commit -qm x
        echo '* filter=evil' > .gitattributes
        for part in clean smudge; do git config filter.evil.$part {program}; done
        git config core.fsmonitor {program}; echo y > f.txt"""
    )
    with scene.unharmed():
        done = scene.pack()
        assert (done.code, "source/nested-repository" in done.rules) == (1, True), done.err
        again = scene.pack("--unsigned")
        assert again.code == 1
    inner = scene.world.builder / place
    assert scene.is_harmed_by(lambda: git(inner, "status", check=False))


def test_attributes_that_name_a_persons_filter(scene: Scene) -> None:
    program = scene.precious.parent / "filter"
    write(program, scene.touching.encode(), 0o755)
    for part in ("filter.evil.clean", "filter.evil.smudge", "diff.evil.textconv"):
        git(scene.world.builder, "config", "--global", part, str(program))
    scene.sandbox.sh("echo '* filter=evil diff=evil' > .gitattributes; echo more > src/f0.py")
    with scene.unharmed():
        done = scene.pack()
        assert (done.code, "source/external-filter" in done.rules) == (1, True), done.err
    assert scene.is_harmed_by(lambda: git(scene.world.builder, "add", "-A"))


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_link_where_the_rollback_belongs(scene: Scene, kind: str) -> None:
    link = {
        "file": f"mkdir supabase/rollbacks; ln -s {scene.precious}/id_ed25519 supabase/rollbacks/1.sql",
        "folder": f"ln -s {scene.precious} supabase/rollbacks",
    }[kind]
    write(scene.precious / "1.sql", SECRET)
    scene.sandbox.sh(
        f"mkdir -p supabase/migrations; echo 'create table t();' > supabase/migrations/1.sql; {link}"
    )
    with scene.unharmed():
        done = scene.pack()
        assert (done.code, set(done.rules)) == (1, {"rollback/missing", "paths/link"})
        named = scene.pack("--rollback", "supabase/rollbacks/1.sql")
        assert named.code == 1
    assert not (scene.world.builder / ARTIFACT).exists()
    for ran in (done, named):
        assert "nobody may read" not in ran.out + ran.err


@pytest.mark.parametrize(
    "path", ["requirements.txt", "lanectl.toml", "package-lock.json", "uv.lock"]
)
def test_a_link_where_a_file_is_read_by_convention(scene: Scene, path: str) -> None:
    scene.sandbox.sh(f"rm -f {path}; ln -s {scene.precious}/id_ed25519 {path}")
    with scene.unharmed():
        done = scene.pack()
        rule = "paths/trust" if path == "lanectl.toml" else "paths/link"
        assert (done.code, rule in done.rules) == (1, True), done.out + done.err
        assert "nobody may read" not in done.out + done.err


@pytest.mark.parametrize("place", [".lanectl/outbox", ".lanectl/outbox/x"])
def test_a_link_where_the_output_folder_belongs(scene: Scene, place: str) -> None:
    scene.sandbox.sh(
        f"echo more > src/f0.py; mkdir -p $(dirname {place}); ln -s {scene.precious} {place}"
    )
    with scene.unharmed():
        done = scene.pack()
        assert (done.code, "where a folder must be" in done.err) == (3, True), done.err


@pytest.mark.parametrize("name", ["artifact.tar.gz", "artifact.tar.gz.intoto.json", SIGNATURE])
def test_a_link_where_a_file_of_the_bundle_belongs(scene: Scene, name: str) -> None:
    scene.sandbox.sh("echo more > src/f0.py")
    packed = scene.sandbox.lanectl("pack", "--slug", "x", "--unsigned")
    assert packed.code == 0, packed.err
    scene.sandbox.sh(
        f"cd .lanectl/outbox/x; rm -f {name}; ln -s {scene.precious}/id_ed25519 {name}"
    )
    with scene.unharmed():
        done = scene.outside("sign", ARTIFACT)
        replaced = name == SIGNATURE  # what it reads may be no link, what it writes takes its place
        assert (done.code, "is a symbolic link" in done.err) == (
            (0, False) if replaced else (3, True)
        )
        assert "nobody may read" not in done.out + done.err
        again = scene.pack()
        assert again.code == 0, again.err
    assert not (scene.world.builder / ".lanectl/outbox/x" / name).is_symlink()


@pytest.mark.parametrize("name", ["artifact.tar.gz", SIGNATURE])
def test_a_link_in_place_of_what_the_enforcer_reads(scene: Scene, name: str) -> None:
    """Put there between signing and fetching, for the outbox stays the agent's to write."""
    scene.sandbox.sh("echo more > src/f0.py")
    assert scene.pack().code == 0
    scene.sandbox.sh(f"cd .lanectl/outbox/x; rm {name}; ln -s {scene.precious}/id_ed25519 {name}")
    bundle, enforcer = scene.world.builder / ARTIFACT, scene.world.enforcer
    with scene.unharmed():
        for verb in ("inspect", "verify", "apply"):
            done = scene.outside(verb, bundle, "--repo", enforcer)
            assert (done.code, "is a symbolic link" in done.err) == (3, True), (verb, done)
            assert "nobody may read" not in done.out + done.err
    assert git(enforcer, "branch", "--list", "feature/*") == ""


def allowing(world: World, rule: str, *paths: str) -> None:
    """Let a person free these paths, so that the change gets past what would hold it."""
    with (world.person / "lanectl.toml").open("a") as rules:
        rules.write(f'\n[rules."{rule}"]\nallow = {list(paths)}\n')
    world.commit("rules")
    world.fetch()


def test_planted_programs_and_packages(scene: Scene) -> None:
    names = ("git", "python3", "sh", "lanectl", "cosign", "bwrap")
    scene.plant_program(*(f"{folder}/{name}" for folder in ("bin", ".") for name in names))
    allowing(scene.world, "protected/build", "sitecustomize.py", "usercustomize.py")
    scene.sandbox.sh(
        f"""echo more > src/f0.py
        for module in sitecustomize usercustomize git rich typer json; do
            echo "open('{scene.precious}/canary', 'a').write('ran')" > $module.py
        done"""
    )
    builder = scene.world.builder
    path = f"{builder}/bin:{builder}"
    with scene.unharmed():
        packed = scene.outside("pack", "--slug", "x", "--unsigned", path=path)
        assert packed.code == 0, packed.err
        signed = scene.outside("sign", ARTIFACT, path=path)
        assert signed.code == 0, signed.err
        for verb in ("verify", "apply"):
            line = (verb, builder / ARTIFACT, "--repo", scene.world.enforcer)
            done = scene.outside(*line, path=path)
            assert done.code == 0, done.err
    for line in (["/bin/sh", "-c", "git status"], [sys.executable, "-c", "import rich"]):
        assert scene.is_harmed_by(
            lambda line=line: subprocess.run(
                line, cwd=builder, env={"PATH": f"{path}:/usr/bin:/bin"}, check=False,
                stdin=subprocess.DEVNULL, capture_output=True,
            )
        )  # fmt: skip


def test_attributes_in_the_bundle_itself(scene: Scene) -> None:
    """The Enforcer has such drivers set up; nothing is checked out or diffed by them."""
    program, enforcer = scene.precious.parent / "driver", scene.world.enforcer
    write(program, scene.touching.encode(), 0o755)
    for key in ("diff.evil.textconv", "diff.evil.command", "merge.evil.driver"):
        git(enforcer, "config", key, str(program))
    allowing(scene.world, "protected/attributes", ".gitattributes")
    scene.sandbox.sh("echo '* diff=evil merge=evil' > .gitattributes; echo more > src/f0.py")
    with scene.unharmed():
        packed = scene.pack()
        assert packed.code == 0, packed.err
        for verb in ("inspect", "verify", "apply"):
            done = scene.outside(verb, scene.world.builder / ARTIFACT, "--repo", enforcer)
            assert done.code == 0, done.err
    git(enforcer, "checkout", "-q", "feature/x")
    assert scene.is_harmed_by(lambda: git(enforcer, "diff", "HEAD~", "HEAD", check=False))
