"""What is too large to be read waits for a person; what only moved, or is small, does not."""

from __future__ import annotations

import time

import pytest

from lanectl.checks import judge_change, limits
from lanectl.model.change import ChangeSet, FileChange, Mode
from lanectl.model.content import Content
from lanectl.model.decision import Decision, Kind
from lanectl.model.names import ObjectFormat, ObjectId

NULL = ObjectId("0" * 40)


def blob(number: int) -> ObjectId:
    return ObjectId(f"{number + 1:040x}")


def added(number: int) -> FileChange:
    return FileChange(b"f%d" % number, Mode.ABSENT, Mode.FILE, NULL, blob(number))


def broken(content: Content) -> list[tuple[str, bytes]]:
    """Return the rules that a change breaks, and about what."""
    return [(f.rule, f.subject.name) for f in limits.check(content) if f.subject]


@pytest.mark.parametrize(("count", "found"), [(limits.FILES, 0), (limits.FILES + 1, 1)])
def test_too_many_files(count: int, found: int) -> None:
    files = tuple(added(n) for n in range(count))
    blobs = {f.new_id: b"x\n" for f in files}
    assert broken(Content(files=files, blobs=blobs)) == [("limits/files", b"changes.patch")] * found


def test_too_many_added_lines() -> None:
    text = b"".join(b"%d\n" % n for n in range(limits.LINES + 1))
    wanted = [("limits/lines", b"changes.patch")]
    assert broken(Content(files=(added(0),), blobs={blob(0): text})) == wanted
    two = {blob(0): text[: len(text) // 2], blob(1): text[len(text) // 2 :]}
    assert broken(Content(files=(added(0), added(1)), blobs=two)) == wanted
    assert broken(Content(files=(added(0),), blobs={blob(0): text[:-6]})) == []


def test_what_moved_or_is_binary_is_not_added() -> None:
    text = b"".join(b"%d\n" % n for n in range(2 * limits.LINES))
    gone = FileChange(b"old", Mode.FILE, Mode.ABSENT, blob(0), NULL)
    assert broken(Content(files=(gone, added(1)), blobs={blob(0): text, blob(1): text})) == []
    assert broken(Content(files=(gone,), blobs={blob(0): text})) == []
    assert broken(Content(files=(added(0),), blobs={blob(0): b"\0" + text})) == []


def test_a_file_that_was_not_looked_into() -> None:
    changed = FileChange(b"a\x1b", Mode.FILE, Mode.EXECUTABLE, blob(0), blob(1))
    assert broken(Content(files=(changed,))) == [("limits/unread", b"a\x1b")]
    [fault] = limits.check(Content(files=(changed,)))
    assert fault.subject
    assert (fault.where, fault.subject.kind) == ('"a\\033"', Kind.PATH)
    for mode, old, new in (
        (Mode.ABSENT, blob(0), NULL),
        (Mode.LINK, NULL, blob(1)),
        (Mode.SUBMODULE, blob(0), blob(1)),
        (Mode.EXECUTABLE, blob(0), blob(0)),
    ):
        assert broken(Content(files=(FileChange(b"a", Mode.FILE, mode, old, new),))) == []
    assert broken(Content(files=(added(0),), blobs={blob(0): b""})) == []


def test_the_builder_is_told_and_not_stopped() -> None:
    change = ChangeSet(NULL, NULL, NULL, ObjectFormat.SHA1, "git", b"", (added(0),))
    found = judge_change(change, Content(files=(added(0),)), (), {})
    assert [f.decision for f in found if f.rule.id == "limits/unread"] == [Decision.HOLD]


def test_the_largest_change_that_is_looked_into_takes_a_moment() -> None:
    text = b"".join(b"%d\n" % n for n in range(290_000))
    changed = FileChange(b"f", Mode.FILE, Mode.FILE, blob(0), blob(1))
    begun = time.process_time()
    assert broken(Content(files=(changed,), blobs={blob(0): b"", blob(1): text}))
    assert broken(Content(files=(changed,), blobs={blob(0): b"", blob(1): text * 9}))
    assert time.process_time() - begun < 6
