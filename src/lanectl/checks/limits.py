"""Limits: a change that is too large for a person to read, or a file too large to be looked into, waits."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING, Final

from lanectl.errors import Remedy
from lanectl.model.bundle import PATCH
from lanectl.model.change import Mode
from lanectl.model.content import BLOB_LIMIT
from lanectl.model.decision import Decision, Kind, Subject
from lanectl.model.display import display_path
from lanectl.model.report import Fault, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.content import Content

FILES: Final = 5_000
"""Changed paths, more than any honest change has."""
LINES: Final = 50_000
"""Added lines of text."""

_SPLIT: Final = Remedy("Split the change into parts that a person can read.")

RULES = (
    Rule(
        "limits/files",
        "The change touches too many files to be read",
        "What nobody can read, nobody has reviewed.",
        _SPLIT,
        Decision.HOLD,
        "5,001 changed files",
    ),
    Rule(
        "limits/lines",
        "The change adds too many lines to be read",
        "What nobody can read, nobody has reviewed. Lines that only moved do not count.",
        _SPLIT,
        Decision.HOLD,
        "50,001 added lines",
    ),
    Rule(
        "limits/unread",
        "A changed file is too large to be looked into",
        "No rule of content has seen what it holds.",
        Remedy("Keep large files out of the repository, or store them with Git LFS."),
        Decision.HOLD,
        "a file of 17 MiB",
    ),
)

_FILES: Final = frozenset({Mode.FILE, Mode.EXECUTABLE})
_CHANGE: Final = Subject(Kind.MEMBER, PATCH.encode())
_COMPARED: Final = 300_000
"""Lines before and after that are compared one by one; of more, all are taken for added."""
_SNIFFED: Final = 8_000
"""Bytes in which a NUL makes a file binary, as git says."""


def check(content: Content) -> Iterator[Fault]:
    """Yield what is too large about a change."""
    if len(content.files) > FILES:
        yield Fault(
            "limits/files", PATCH, f"{len(content.files)} files", f"at most {FILES}", _CHANGE
        )
    if (lines := _added(content)) > LINES:
        yield Fault("limits/lines", PATCH, f"{lines} added lines", f"at most {LINES}", _CHANGE)
    for file in content.files:
        is_new = file.new_mode in _FILES and file.new_id != file.old_id
        if is_new and content.new(file) is None:
            yield Fault(
                "limits/unread", display_path(file.path), "a file that was not looked into",
                f"at most {BLOB_LIMIT >> 20} MiB", Subject(Kind.PATH, file.path),
            )  # fmt: skip


def _added(content: Content) -> int:
    """Return how many lines the changed files hold that none of them held before.

    They are compared only where it may matter, and where that takes no more than a moment; by
    their hashes, whose key nobody else knows, as the lines themselves would fill the memory.
    """
    new = [b for f in content.files if _is_text(b := content.new(f))]
    old = [b for f in content.files if _is_text(b := content.old(f))]
    after, before = (sum(blob.count(b"\n") for blob in side if blob) for side in (new, old))
    if after <= LINES or after + before > _COMPARED:
        return after
    lines = (Counter(hash(x) for b in side if b for x in io.BytesIO(b)) for side in (new, old))
    return (next(lines) - next(lines)).total()


def _is_text(blob: bytes | None) -> bool:
    return bool(blob) and b"\0" not in (blob or b"")[:_SNIFFED]
