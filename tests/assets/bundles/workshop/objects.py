"""git objects and canonical patches written by hand, so that every byte is the same everywhere.

No git runs here. That real git reads the repository and regenerates the patches is what the tests
prove.
"""

from __future__ import annotations

import difflib
import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NULL = "0" * 40
_ESCAPES = {7: b"a", 8: b"b", 9: b"t", 10: b"n", 11: b"v", 12: b"f", 13: b"r", 34: b'"', 92: b"\\"}


@dataclass(frozen=True)
class File:
    """A leaf of a tree; a link's data is its target, a submodule's the commit it points to."""

    data: bytes = b"x\n"
    mode: str = "100644"

    @property
    def id(self) -> str:
        return self.data.decode() if self.mode == "160000" else name_of("blob", self.data)

    @property
    def shown(self) -> bytes:
        """What a patch shows as content."""
        return b"Subproject commit %b\n" % self.data if self.mode == "160000" else self.data


Files = dict[bytes, File]


def name_of(kind: str, data: bytes) -> str:
    """Return the id of an object."""
    return hashlib.sha1(b"%b %d\0%b" % (kind.encode(), len(data), data)).hexdigest()  # noqa: S324 - git's


class Objects:
    """A collection of objects that can be written as a repository."""

    def __init__(self) -> None:
        self.stored: dict[str, tuple[str, bytes]] = {}

    def add(self, kind: str, data: bytes) -> str:
        name = name_of(kind, data)
        self.stored[name] = (kind, data)
        return name

    def tree(self, files: Mapping[bytes, File]) -> str:
        """Add a tree with everything below it; return its id."""
        below: dict[bytes, Files] = {}
        entries: list[tuple[bytes, bytes, str]] = []
        for path, file in files.items():
            first, _, rest = path.partition(b"/")
            if rest:
                below.setdefault(first, {})[rest] = file
            else:
                if file.mode != "160000":
                    self.add("blob", file.data)
                entries.append((first, file.mode.encode(), file.id))
        entries += [(name, b"40000", self.tree(inside)) for name, inside in below.items()]
        entries.sort(key=lambda e: e[0] + (b"/" if e[1] == b"40000" else b""))
        return self.add(
            "tree", b"".join(b"%b %b\0%b" % (m, n, bytes.fromhex(i)) for n, m, i in entries)
        )

    def commit(self, tree: str, parents: list[str], subject: str, when: int) -> str:
        """Add a commit by a fixed person; return its id."""
        who = f"Person <person@example.test> {when} +0000"
        lines = [f"tree {tree}", *(f"parent {p}" for p in parents)]
        lines += [f"author {who}", f"committer {who}", "", subject, ""]
        return self.add("commit", "\n".join(lines).encode())

    def write(self, folder: Path, refs: Mapping[str, str], remote: str) -> None:
        """Write a repository without a checkout into a new folder."""
        git = folder / ".git"
        for ref, commit in refs.items():
            (git / ref).parent.mkdir(parents=True, exist_ok=True)
            (git / ref).write_text(f"{commit}\n")
        (git / "HEAD").write_text("ref: refs/heads/main\n")
        (git / "config").write_text(
            "[core]\n\trepositoryformatversion = 0\n\tbare = false\n"
            f'[remote "origin"]\n\turl = {remote}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n'
        )
        for name, (kind, data) in self.stored.items():
            path = git / "objects" / name[:2] / name[2:]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(zlib.compress(b"%b %d\0%b" % (kind.encode(), len(data), data)))


def patch(before: Mapping[bytes, File], after: Mapping[bytes, File]) -> bytes:
    """Return the canonical patch between two sets of files."""
    paths = sorted(before.keys() | after.keys())
    return b"".join(
        section(p, before.get(p), after.get(p)) for p in paths if before.get(p) != after.get(p)
    )


def section(path: bytes, old: File | None, new: File | None) -> bytes:
    """Return what a patch says of one path."""
    if old and new and old.mode[:3] != new.mode[:3]:
        return section(path, old, None) + section(path, None, new)
    lines = [b"diff --git %b %b" % (quote(b"a/" + path), quote(b"b/" + path))]
    mode = ""
    if old is None and new is not None:
        lines.append(f"new file mode {new.mode}".encode())
    elif new is None and old is not None:
        lines.append(f"deleted file mode {old.mode}".encode())
    elif old and new and old.mode != new.mode:
        lines += [f"old mode {old.mode}".encode(), f"new mode {new.mode}".encode()]
    elif old and new:
        mode = f" {new.mode}"
    ids = (old.id if old else NULL, new.id if new else NULL)
    if ids[0] != ids[1]:
        lines.append(f"index {ids[0]}..{ids[1]}{mode}".encode())
    text = b"\n".join(lines) + b"\n"
    one, two = (old.shown if old else b""), (new.shown if new else b"")
    if one == two:
        return text
    tab = b"\t" if b" " in path and quote(path) == path else b""
    names = [
        (quote(b"a/" + path) + tab) if old else b"/dev/null",
        (quote(b"b/" + path) + tab) if new else b"/dev/null",
    ]
    return text + b"--- %b\n+++ %b\n" % tuple(names) + hunks(one, two)


def hunks(one: bytes, two: bytes, context: int = 3) -> bytes:
    """Return the hunks between two contents (without headings: use lines that start none)."""
    a, b = one.splitlines(keepends=True), two.splitlines(keepends=True)
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    out = b""
    for group in matcher.get_grouped_opcodes(context):
        spans = (group[0][1], group[-1][2]), (group[0][3], group[-1][4])
        out += b"@@ -%b +%b @@\n" % (_span(*spans[0]), _span(*spans[1]))
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                out += b"".join(_line(b" ", x) for x in a[i1:i2])
                continue
            out += b"".join(_line(b"-", x) for x in a[i1:i2])
            out += b"".join(_line(b"+", x) for x in b[j1:j2])
    return out


def quote(path: bytes) -> bytes:
    """Return a path as git writes it with core.quotePath."""
    if all(0x20 <= c < 0x7F and c not in b'"\\' for c in path):
        return path
    plain = b"".join(
        b"\\" + _ESCAPES[c]
        if c in _ESCAPES
        else (bytes([c]) if 0x20 <= c < 0x7F else b"\\%03o" % c)
        for c in path
    )
    return b'"' + plain + b'"'


def _span(start: int, end: int) -> bytes:
    count = end - start
    first = start + 1 if count else start
    return b"%d" % first if count == 1 else b"%d,%d" % (first, count)


def _line(sign: bytes, line: bytes) -> bytes:
    return (
        sign + line if line.endswith(b"\n") else sign + line + b"\n\\ No newline at end of file\n"
    )
