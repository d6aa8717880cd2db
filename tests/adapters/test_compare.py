"""The raw difference and the canonical patch in one go: the same as each alone, and no lookalike."""

from __future__ import annotations

from pathlib import Path

import pytest

from lanectl.adapters.git.objects import Objects
from lanectl.model.names import ObjectId
from tests.checks.enforcer import Enforcer
from tests.world import git

HIDDEN = b"x" * 9000 + b"\n\0\0:100644 100644 a b M\0path\0\0\0diff --git a/q b/q\n"
"""A text to git, which looks for a NUL in the beginning only; what follows could be records."""


@pytest.fixture
def enforcer(tmp_path: Path) -> Enforcer:
    return Enforcer(tmp_path / "root")


def trees(enforcer: Enforcer, files: dict[str, bytes | None]) -> tuple[Objects, ObjectId, ObjectId]:
    before = ObjectId(git(enforcer.clone, "rev-parse", "refs/heads/main^{tree}"))
    commit = enforcer.advance(files)
    after = ObjectId(git(enforcer.clone, "rev-parse", f"{commit}^{{tree}}"))
    return enforcer.repository().objects, before, after


@pytest.mark.parametrize(
    "files",
    [
        {"new.txt": b"new\n", "lines.txt": b"other\n", "old.txt": None},
        {"new line\nin name": b"new\n", "\u202equoted\t": b"x", "b.bin": bytes(range(256))},
        {"hidden.txt": HIDDEN, "z": HIDDEN},
        {"empty": b"", "link": None, "lib": None},
        # The records take more than the patch.
        pytest.param({f"{n:04}": b"" for n in range(700)}, marks=pytest.mark.e2e),
    ],
    ids=["plain", "names", "hidden", "little", "many"],
)
def test_both_at_once_are_both_alone(enforcer: Enforcer, files: dict[str, bytes | None]) -> None:
    objects, before, after = trees(enforcer, files)
    patch = objects.patch(before, after, limit=1 << 24).result()
    alone = objects.files(before, after)
    assert len(alone) == len(files)
    assert objects.compare(before, after, memoryview(patch)) == (alone, True)
    cuts = [n for n in range(len(patch)) if patch[n : n + 2] == b"\0\0"]
    starts = [0, 1, len(patch) // 2, len(patch) - 1, *cuts[:6], *(n + 2 for n in cuts[:6])]
    lookalikes = [patch[n:] for n in starts[1:]] + [patch[:-1], b"", b"\n" + patch, patch + b"\n"]
    lookalikes += [patch + patch, b"\0" + patch]
    for lookalike in lookalikes:
        assert objects.compare(before, after, memoryview(lookalike)) == (alone, False)


def test_no_difference_is_no_patch(enforcer: Enforcer) -> None:
    objects, before, _ = trees(enforcer, {})
    assert objects.compare(before, before, memoryview(b"")) == ((), True)
    assert objects.compare(before, before, memoryview(b"x")) == ((), False)
