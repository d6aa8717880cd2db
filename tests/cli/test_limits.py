"""A change that no bundle can hold: refused early, with little memory; and one that just fits."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Sequence

import pytest

from bench.bench import LANECTL, peak
from lanectl.formats import archive
from lanectl.model.settings import INFLATED
from tests.moment import at
from tests.world import Ran, World, lanectl, write


def started(world: World) -> tuple[Ran, int]:
    """Pack, and return how often a program was started to make the patch."""
    patches: list[object] = []

    def look(_program: object, arguments: Sequence[str | bytes], *_: object) -> None:
        words = {os.fsencode(word) for word in arguments}
        patches.extend([arguments] if {b"diff-tree", b"--binary"} <= words else [])

    with at("subprocess.Popen", look):
        return lanectl("pack", "--slug", "x", "--repo", world.builder), len(patches)


def test_new_text_over_the_limit_is_refused_before_anything_is_diffed(world: World) -> None:
    write(world.builder / "small.txt")
    assert started(world)[1] == 1
    shutil.rmtree(world.builder / ".lanectl/outbox")
    write(world.builder / "one.txt", b"a line of text\n" * (INFLATED // 30))
    write(world.builder / "two.txt", b"another of them\n" * (INFLATED // 30))
    refused, patches = started(world)
    assert (refused.code, patches) == (1, 0)
    assert "archive/limit" in refused.err
    assert not (world.builder / ".lanectl/outbox").exists()


@pytest.mark.e2e
def test_more_files_than_the_limit_allows_are_refused_before_they_are_looked_into(
    world: World,
) -> None:
    most = archive.most_files(INFLATED)
    for number in range(most + 1):
        write(world.builder / f"new/{number % 97}/{number}.txt", b"")
    refused = lanectl("pack", "--slug", "x", "--repo", world.builder, "--json")
    assert (refused.code, refused.rules) == (1, ["archive/limit"])
    assert f"{most + 1} changed files" in refused.err
    (world.builder / "new/0/0.txt").unlink()
    assert lanectl("verify", world.pack(), "--repo", world.enforcer).code == 4  # limits/files holds


@pytest.mark.e2e
def test_a_patch_over_the_limit_is_given_up(world: World) -> None:
    write(world.builder / "noise", random.Random(1).randbytes(INFLATED))
    refused = lanectl("pack", "--slug", "x", "--repo", world.builder)
    assert (refused.code, "archive/limit" in refused.err) == (1, True)
    assert "Traceback" not in refused.err


@pytest.mark.e2e
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="no /proc: memory is not told")
@pytest.mark.parametrize("kind", ["text", "noise"])
def test_no_bundle_up_to_the_limit_takes_128_mib(world: World, kind: str) -> None:
    with (world.person / "lanectl.toml").open("a") as rules:  # more than is looked into
        rules.write('\n[rules."limits/unread"]\nallow = ["big"]\n')
    world.commit("rules")
    world.fetch()
    size = 32_000_000
    text = b"".join(b"line %d of something\n" % n for n in range(size // 24))
    write(world.builder / "big", text if kind == "text" else random.Random(1).randbytes(size))
    bundle = world.builder / ".lanectl/outbox/x/artifact.tar.gz"
    for _ in range(2):  # the second time beside the first one's bundle
        assert peak([*LANECTL, "pack", "--slug", "x"], world.builder, os.environ) < 128
    for command in ("inspect", "verify", "apply"):
        assert peak([*LANECTL, command, str(bundle)], world.enforcer, os.environ) < 128
