"""The archive: one canonical form, read by everybody's tools, and no other form by ours.

Every attack that we know of is a committed bundle (tests/checks/test_broken_bundles.py).
"""

from __future__ import annotations

import base64
import gzip
import random
import subprocess
import tarfile
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.formats import archive
from lanectl.model.bundle import MEMBERS, REQUIRED
from lanectl.model.names import Digest
from lanectl.model.report import MalformedError
from lanectl.model.settings import INFLATED
from tests.assets.bundles.workshop import archive as other_writer

FUZZ = settings(max_examples=40, deadline=None)

SMALL = {name: name.encode() * 40 for name in MEMBERS}
CONTENT = st.binary(max_size=2000) | st.sampled_from([b"\0" * 512, b"x" * 511, b"x" * 513, b""])
BUNDLES = st.fixed_dictionaries(
    {name: CONTENT for name in MEMBERS if name in REQUIRED}, optional={"rollback.sql": CONTENT}
)


def refusal(data: bytes, limit: int = INFLATED) -> str:
    with pytest.raises(MalformedError) as caught:
        archive.read(data, limit=limit)
    return caught.value.fault.rule


def packed(tar: bytes) -> bytes:
    """Return the canonical gzip stream of any bytes."""
    return other_writer.gzip(tar)


@FUZZ
@given(BUNDLES)
def test_what_is_written_is_read(members: dict[str, bytes]) -> None:
    written = archive.write(members)
    read = archive.read(written.data)
    assert {name: bytes(content) for name, content in read.members.items()} == members
    assert list(read.members) == [name for name in MEMBERS if name in members]
    tar = gzip.decompress(written.data)
    assert read.digest == written.bundle.digest == Digest.of(written.data)
    assert read.tar_digest == written.bundle.tar_digest == Digest.of(tar)
    assert read.size == written.bundle.size == len(tar)
    assert written.bundle.members == read.members


@FUZZ
@given(BUNDLES)
def test_two_writers_of_the_format_agree(members: dict[str, bytes]) -> None:
    ordered = {name: members[name] for name in MEMBERS if name in members}
    assert gzip.decompress(archive.write(members).data) == other_writer.tar(ordered)


def test_the_order_of_the_mapping_does_not_matter() -> None:
    backwards = dict(reversed(SMALL.items()))
    assert archive.write(backwards).data == archive.write(SMALL).data


def test_everybodys_tools_read_it(tmp_path: Path) -> None:
    path = tmp_path / "artifact.tar.gz"
    path.write_bytes(archive.write(SMALL).data)
    listed = subprocess.run(
        ["tar", "tvf", path], capture_output=True, check=True, text=True, env={"TZ": "UTC", "PATH": "/usr/bin:/bin"}
    )  # fmt: skip
    rows = [line.split() for line in listed.stdout.splitlines()]
    assert [row[-1] for row in rows] == list(MEMBERS)
    assert {(row[0], row[1], row[3], row[4]) for row in rows} == {
        ("-rw-r--r--", "0/0", "1970-01-01", "00:00")
    }
    assert listed.stderr == ""
    checked = subprocess.run(["gzip", "-t", path], capture_output=True, check=True)
    assert checked.stderr == b""
    with tarfile.open(path) as opened:
        found = {m.name: opened.extractfile(m) for m in opened.getmembers()}
        assert {n: f.read() for n, f in found.items() if f is not None} == SMALL


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, (3 << 20) + 7])
def test_members_longer_than_one_piece(size: int) -> None:
    members = {**SMALL, "changes.patch": bytes(size - 1) + b"x"}
    read = archive.read(archive.write(members).data)
    assert read.members["changes.patch"] == members["changes.patch"]
    tar = bytearray(gzip.decompress(archive.write(members).data))
    tar[-1] = 1
    assert refusal(_fast(bytes(tar))) == ("archive/not-canonical")


@pytest.mark.parametrize("level", [0, 1, 9])
def test_another_deflate_library_is_as_good(level: int) -> None:
    tar = gzip.decompress(archive.write(SMALL).data)
    data = _fast(tar, level)
    assert data != archive.write(SMALL).data
    assert archive.read(data).tar_digest == archive.write(SMALL).bundle.tar_digest


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown members"):
        archive.write({**SMALL, "install.sh": b""})
    with pytest.raises(ValueError, match="do not fit"):
        archive._header("changes.patch", 8 << 30)
    assert len(archive._header("changes.patch", (8 << 30) - 1)) == 512


def test_the_limit_is_exact_and_bounds_the_memory() -> None:
    data = archive.write(SMALL).data
    size = archive.read(data).size
    assert archive.write(SMALL, limit=size).data == data
    with pytest.raises(MalformedError) as caught:
        archive.write(SMALL, limit=size - 1)
    assert caught.value.fault.rule == "archive/limit"
    assert archive.read(data, limit=size).size == size
    assert refusal(data, limit=size - 1) == "archive/limit"
    bomb = _fast(bytes(200 << 20), 9)
    tracemalloc.start()
    assert refusal(bomb, limit=1 << 20) == "archive/limit"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


def test_reading_keeps_no_second_copy() -> None:
    data = archive.write({**SMALL, "changes.patch": bytes(16 << 20)}).data
    tracemalloc.start()
    kept = archive.read(data)
    now, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept.size <= now < kept.size + (1 << 20)


def test_a_large_binary_patch_is_written_without_looking_for_repetition() -> None:
    """Literals are deflated already: looking takes three times as long and gives nothing."""
    noise = base64.b85encode(random.Random(1).randbytes(4 << 20))
    for patch, same in ((noise, False), (b"+a line of text\n" * (400 << 10), True)):
        written = archive.write({**SMALL, "changes.patch": patch})
        assert archive.read(bytes(written.data)).members["changes.patch"] == patch
        searched = _fast(gzip.decompress(written.data), 6)
        assert (bytes(written.data) == searched) is same
        assert len(written.data) <= len(searched) * 1.02


# any bytes at all ---------------------------------------------------------------------------------


@FUZZ
@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data: bytes) -> None:
    assert refusal(data).startswith("archive/")
    assert refusal(archive._GZIP_HEADER + data).startswith("archive/")
    assert refusal(packed(data)).startswith("archive/")


@FUZZ
@given(st.data())
def test_one_changed_byte_is_refused_or_is_content(data: st.DataObject) -> None:
    tar = bytearray(gzip.decompress(archive.write(SMALL).data))
    at = data.draw(st.integers(0, len(tar) - 1))
    tar[at] ^= data.draw(st.integers(1, 255))
    try:
        members = archive.read(_fast(bytes(tar))).members
    except MalformedError:
        return
    changed = [name for name in MEMBERS if members[name] != SMALL[name]]
    assert len(changed) == 1


@FUZZ
@given(st.data())
def test_a_cut_or_longer_stream_is_refused(data: st.DataObject) -> None:
    good = bytes(archive.write(SMALL).data)
    cut = good[: data.draw(st.integers(0, len(good) - 1))]
    assert refusal(cut) == "archive/gzip"
    assert refusal(good + data.draw(st.binary(min_size=1, max_size=40))) == "archive/gzip"


@FUZZ
@given(st.data())
def test_one_changed_byte_of_the_stream_never_goes_unseen(data: st.DataObject) -> None:
    good = bytearray(archive.write(SMALL).data)
    at = data.draw(st.integers(0, len(good) - 1))
    good[at] ^= data.draw(st.integers(1, 255))
    try:
        read = archive.read(bytes(good))
    except MalformedError:
        return
    assert {n: bytes(c) for n, c in read.members.items()} == SMALL  # another spelling of the same


def _fast(tar: bytes, level: int = 1) -> bytes:
    """Return a canonical gzip stream made with zlib."""
    inside = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return archive._GZIP_HEADER + inside.compress(tar) + inside.flush() + other_writer.trailer(tar)


@pytest.mark.parametrize(
    ("line", "is_fine"),
    [
        (b"literal 3000", True),
        (b"literal 3001", False),
        (b"delta 3001", False),
        (b"literal +9", False),  # git's strtoul reads it
        (b"literal  9", False),
        (b"literal 99999999999999999999", False),
        (b"+literal 99999", True),  # a line of a text
    ],
)
def test_binary_files_that_git_would_inflate_to_too_much(line: bytes, is_fine: bool) -> None:
    limit = 10 * 1024  # one record: what these members inflate to
    most = line.replace(b"300", b"%d" % (3 * limit // 10))
    members = {**SMALL, "changes.patch": b"GIT binary patch\n" + most + b"\nHcmV?d00001\n"}
    data = archive.write(members, limit=1 << 20).data if is_fine else None
    if data is not None:
        archive.read(data, limit=limit)
        return
    with pytest.raises(MalformedError) as caught:
        archive.write(members, limit=limit)
    assert caught.value.fault.rule == "archive/limit"
    assert refusal(other_writer.gzip(other_writer.tar(members)), limit) == "archive/limit"


def of_files(count: int, before: bytes = b"") -> dict[str, bytes]:
    entry = b"diff --git a/x b/x\nnew file mode 100644\nindex 0000000..e69de29\n"
    return {**SMALL, "changes.patch": before + entry * count}


@pytest.mark.parametrize("start", [b"", b"\n", b"+" * 1000 + b"\n+diff --git a/x b/x\n"])
def test_a_patch_of_too_many_files_is_refused(start: bytes) -> None:
    limit = 40 * 2048
    archive.read(archive.write(of_files(40, start), limit=limit).data, limit=limit)
    for members in (of_files(41, start), of_files(500, start)):
        with pytest.raises(MalformedError) as caught:
            archive.write(members, limit=limit)
        assert caught.value.fault.rule == "archive/limit"
        data = other_writer.gzip(other_writer.tar(members))
        assert refusal(data, limit) == "archive/limit"
    assert "500 changed files" in caught.value.fault.got


def test_files_are_counted_once_wherever_their_line_is_divided() -> None:
    step = archive._CHUNK
    for at in range(-12, 2):
        patch = b"+" * (step + at) + b"\ndiff --git a/x b/x\n" + b"+" * 100
        members = {**SMALL, "changes.patch": patch}
        assert archive.write(members, limit=2 << 20)
        with pytest.raises(MalformedError):
            archive.check_patch(memoryview(patch), 2047)
        archive.check_patch(memoryview(patch), 2048)
