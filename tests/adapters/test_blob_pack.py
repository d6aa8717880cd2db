"""The pack that Python writes, read by git: every blob, in both hashes, and places beyond 2 GiB."""

from __future__ import annotations

import io
import random
import subprocess
from pathlib import Path

import pytest

from lanectl.adapters.git.blob_pack import BlobPack
from lanectl.errors import UnreadableError
from lanectl.model.names import ObjectFormat
from tests.world import git


def packed(
    tmp_path: Path, blobs: list[bytes], kind: ObjectFormat = ObjectFormat.SHA1
) -> tuple[Path, list[str]]:
    git(tmp_path, "init", "-q", f"--object-format={kind}", "r")
    path = tmp_path / "r/.git/objects/pack" / f"pack-{'0' * kind.hex_length}.pack"
    path.parent.mkdir(exist_ok=True)
    with BlobPack(bytes(path), kind) as pack:
        ids = [pack.add(io.BytesIO(blob), len(blob)).id for blob in blobs]
        pack.complete()
    return path, [str(name) for name in ids]


@pytest.mark.parametrize("kind", list(ObjectFormat))
def test_git_reads_every_blob(tmp_path: Path, kind: ObjectFormat) -> None:
    noise = random.Random(1)
    blobs = [
        b"",
        b"x",
        b"x",
        bytes(2 << 20),
        *(noise.randbytes(noise.randrange(7_000)) for _ in range(300)),
    ]
    path, ids = packed(tmp_path, blobs, kind)
    git(tmp_path / "r", "verify-pack", str(path))
    git(tmp_path / "r", "fsck", "--strict", "--no-dangling")
    made = subprocess.run(
        ["git", "hash-object", "--stdin"], cwd=tmp_path / "r", input=blobs[3], capture_output=True, check=True
    )  # fmt: skip
    assert made.stdout.decode().strip() == ids[3]
    for number in (0, 1, 3, 5, 303):
        read = subprocess.run(
            ["git", "cat-file", "blob", ids[number]], cwd=tmp_path / "r", capture_output=True, check=True
        )  # fmt: skip
        assert read.stdout == blobs[number]
    again = path.with_name("again.idx")
    git(tmp_path / "r", "index-pack", "-o", str(again), str(path))
    assert again.read_bytes() == path.with_suffix(".idx").read_bytes()


def test_an_empty_pack_leaves_nothing(tmp_path: Path) -> None:
    path, _ = packed(tmp_path, [])
    assert list(path.parent.iterdir()) == []


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    with (
        BlobPack(bytes(tmp_path / "x.pack"), ObjectFormat.SHA1) as pack,
        pytest.raises(UnreadableError, match="changed while it was read"),
    ):
        pack.add(io.BytesIO(b"longer"), 3)


@pytest.mark.e2e
def test_places_beyond_2_gib(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "r")
    path = tmp_path / "r/.git/objects/pack" / f"pack-{'0' * 40}.pack"
    path.parent.mkdir(exist_ok=True)
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate((2 << 30) + 1)
    with BlobPack(bytes(path), ObjectFormat.SHA1) as pack, large.open("rb") as source:
        pack.add(source, (2 << 30) + 1)
        behind = [pack.add(io.BytesIO(data), len(data)).id for data in (b"one", b"two")]
        pack.complete()
    large.unlink()
    for name, data in zip(behind, ("one", "two"), strict=True):
        assert git(tmp_path / "r", "cat-file", "blob", name) == data
    path.unlink()
