"""Paths: what makes applying a change safe at all, judged on the raw tree difference.

Never on diff text: both ends of a rename, real modes and raw bytes are seen here.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from typing import TYPE_CHECKING

from msgspec.structs import replace

from lanectl.errors import Remedy
from lanectl.model.change import Mode
from lanectl.model.decision import Kind, Subject
from lanectl.model.display import display_path
from lanectl.model.report import Fault, Rule
from lanectl.model.settings import RULES_PATH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lanectl.model.change import FileChange
    from lanectl.model.content import Content

_LEAVE_OUT = Remedy("Leave the path out of the change, or give it an ordinary name.")

RULES = (
    Rule(
        "paths/dot-git",
        "A path names git's own folder in some disguise",
        "A checkout on some system would write into `.git`, which runs code.",
        _LEAVE_OUT,
    ),
    Rule(
        "paths/name",
        "A path is absolute, steps out of the tree, or holds a character that no path should",
        "Control, bidirectional and invisible characters deceive people and terminals; drive "
        "letters, streams and backslashes leave the tree on other systems.",
        _LEAVE_OUT,
    ),
    Rule(
        "paths/link",
        "A symbolic link leads out of the tree, into `.git` or into lanectl's own files",
        "Whoever writes through the link later writes somewhere else.",
        Remedy("Make the link relative and keep its target inside the repository."),
    ),
    Rule(
        "paths/submodule",
        "A new submodule",
        "It brings in code that is not in this bundle. The pointer of a submodule of the base may move.",
        Remedy("Let a person with write access add the submodule to the target branch."),
    ),
    Rule(
        "paths/mode",
        "A file mode that git trees should not hold",
        "Only 100644, 100755, 120000 and 160000 are ordinary.",
        Remedy("Give the file an ordinary mode.", ("chmod", "644", "FILE")),
    ),
    Rule(
        "paths/trust",
        "The change touches lanectl's own rules or trust",
        "Who is judged does not choose the judge; no policy can allow this to a Builder.",
        Remedy(
            "Let a person with write access change lanectl.toml and .lanectl/ on the target branch."
        ),
    ),
)

_HFS_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_DOT_GIT = re.compile(r"(\.git|git~[0-9]+)[. ]*(:.*)?", re.IGNORECASE | re.DOTALL)
_HIDDEN = {"Cc", "Cf", "Zl", "Zp"}
_OWN = {RULES_PATH, ".lanectl"}


def check(content: Content) -> Iterator[Fault]:
    """Yield a fault for every path of the difference that breaks a rule."""
    for file in content.files:
        for fault in _check(file):
            yield replace(fault, subject=Subject(Kind.PATH, file.path))


def _check(file: FileChange) -> Iterator[Fault]:
    where = display_path(file.path)
    if problem := _name_problem(file.path):
        yield Fault(problem[0], where, problem[1], "an ordinary relative path")
    if _is_own(_components(file.path)[0]):
        yield Fault("paths/trust", where, file.kind, "unchanged")
    if file.new_mode not in set(Mode):
        yield Fault("paths/mode", where, file.new_mode, "100644, 100755 or 120000")
    if file.new_mode == Mode.SUBMODULE != file.old_mode:
        yield Fault("paths/submodule", where, f"{file.kind} submodule", "no new submodule")
    if file.target is not None and (reason := _link_problem(file.path, file.target)):
        yield Fault(
            "paths/link",
            where,
            f"-> {display_path(file.target)}: {reason}",
            "a target inside the tree",
        )


def _components(path: bytes) -> list[str]:
    return path.decode("utf-8", "surrogateescape").split("/")


def _name_problem(path: bytes) -> tuple[str, str] | None:
    """Return the broken rule and why, for names; the stricter one first."""
    parts = _components(path)
    pieces = [*parts, *(piece for part in parts for piece in part.split("\\"))]
    if any(_DOT_GIT.fullmatch(_HFS_IGNORED.sub("", piece)) for piece in pieces):
        return "paths/dot-git", "git's own folder"
    why = _odd_name(parts)
    return ("paths/name", why) if why else None


def _odd_name(parts: Sequence[str]) -> str:
    if any(part in {"", ".", ".."} for part in parts):
        return "an empty, `.` or `..` component"
    if hidden := [c for part in parts for c in part if _is_hidden(c)]:
        return f"the character U+{ord(hidden[0]):04X}"
    if any("\\" in part for part in parts):
        return "a backslash, which separates folders on Windows"
    if any(":" in part for part in parts):
        return "a colon, which names a drive or a stream on Windows"
    return ""


def _is_hidden(char: str) -> bool:
    """Whether a character deceives; ZWJ and ZWNJ are part of honest names in several scripts."""
    return unicodedata.category(char) in _HIDDEN and char not in "\u200c\u200d"


def _is_own(component: str) -> bool:
    """Whether a name is that of lanectl's rules or trust, in any case and normal form."""
    return unicodedata.normalize("NFC", component).casefold() in _OWN


def _link_problem(path: bytes, target: bytes) -> str:
    text = target.decode("utf-8", "surrogateescape")
    if not text or any(_is_hidden(c) for c in text):
        return "empty, too long, or with a character that no path should hold"
    if text.startswith("/") or "\\" in text or re.match(r"[A-Za-z]:", text):
        return "absolute, or so on another system"
    parts = [part for part in text.split("/") if part not in {"", "."}]
    return _way_problem(parts, depth=len(_components(path)) - 1)


def _way_problem(parts: Sequence[str], *, depth: int) -> str:
    """Return why a link `depth` folders deep must not go this way, or an empty string."""
    above = len(list(itertools.takewhile(lambda part: part == "..", parts)))
    if above > depth:
        return "leads out of the tree"
    if ".." in parts[above:]:
        return "turns back after a name, which may itself be a link to elsewhere"
    if any(_DOT_GIT.fullmatch(_HFS_IGNORED.sub("", part)) for part in parts):
        return "leads into git's own folder"
    if any(_is_own(part) for part in parts):  # at any depth: a link on the way may lead to the top
        return "leads to lanectl's own files"
    return ""
