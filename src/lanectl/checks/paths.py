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
from lanectl.model import collision
from lanectl.model.change import Mode
from lanectl.model.decision import Decision, Kind, Subject
from lanectl.model.disguise import HFS_IGNORED, as_short, fold, gits_file, short_name
from lanectl.model.display import display, display_path
from lanectl.model.report import Fault, Rule
from lanectl.model.settings import RULES_PATH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lanectl.formats.gitmodules import Setting
    from lanectl.model.change import FileChange
    from lanectl.model.content import Content

_LEAVE_OUT = Remedy("Leave the path out of the change, or give it an ordinary name.")

RULES = (
    Rule(
        "paths/dot-git",
        "A path names git's own folder, or a file that git reads for itself, in some disguise",
        "A checkout on some system would write into `.git`, which runs code, or would make a "
        "`.gitmodules` or `.gitattributes` that nobody saw.",
        _LEAVE_OUT,
        example="sub/GIT~1/config, .git::$INDEX_ALLOCATION/x, GITMOD~1",
    ),
    Rule(
        "paths/name",
        "A new path is absolute, steps out of the tree, or holds a character that no path should",
        "Control, bidirectional and invisible characters deceive people and terminals; drive "
        "letters, streams and backslashes leave the tree on other systems.",
        _LEAVE_OUT,
        example="C:/x, ..\\\\x, a:stream, an escape byte",
    ),
    Rule(
        "paths/link",
        "A symbolic link leads out of the tree, into `.git` or into lanectl's own files",
        "Whoever writes through the link later writes somewhere else.",
        Remedy("Make the link relative and keep its target inside the repository."),
        example="alias -> ../../etc/passwd",
    ),
    Rule(
        "paths/submodule",
        "A new submodule",
        "It brings in code that is not in this bundle; lanectl fetches none of it. The pointer of a "
        "submodule of the base may move.",
        Remedy(
            "Leave it out, or let a person whose role the trust policy names look at the repository "
            "behind it and approve it; the bundle waits."
        ),
        Decision.HOLD,
        "a new entry `vendor` of mode 160000",
    ),
    Rule(
        "paths/modules",
        "A new setting in `.gitmodules` that runs a program or leaves the repository",
        "git would take an address as an option (`-…`), run a transport's program (`ext::…`), read "
        "this machine's files (`file:…`), or write outside the submodule's folder.",
        Remedy(
            "Give the submodule an https or ssh address, and a plain name and path; anything else "
            "is set by a person with write access on the target branch."
        ),
        example="url = ext::sh -c true",
    ),
    Rule(
        "paths/mode",
        "A file mode that git trees should not hold",
        "Only 100644, 100755, 120000 and 160000 are ordinary.",
        Remedy("Give the file an ordinary mode.", ("chmod", "644", "FILE")),
        example="100777",
    ),
    Rule(
        "paths/trust",
        "The change touches lanectl's own rules or trust",
        "Who is judged does not choose the judge; no policy can allow this to a Builder.",
        Remedy(
            "Let a person with write access change lanectl.toml and .lanectl/ on the target branch."
        ),
        example=".lanectl/trust/keyring.json",
    ),
    Rule(
        "paths/collision",
        "A new path differs from another of the result only in case, normal form or invisible characters",
        "Where a disk ignores these, one replaces the other at checkout, and a link takes the place "
        "of a folder.",
        Remedy(
            "Name the file otherwise, or spell its folder as the folder that is there; a rename "
            "in case only leaves nothing under the old name."
        ),
        Decision.HOLD,
        example="src/Login.py beside src/login.py",
    ),
    Rule(
        "paths/executable",
        "A compiled program that can be run",
        "Nobody can read what an ELF, PE or Mach-O file does. Scripts may be executable.",
        Remedy(
            "Leave the program out and build it from its source, or take its executable bit away."
        ),
        Decision.HOLD,
        example="tools/run of mode 100755, an ELF file",
    ),
)

_DOT_GIT = re.compile(r"(\.git|git~[0-9]+)[. ]*(:.*)?", re.IGNORECASE | re.DOTALL)
_HIDDEN = {"Cc", "Cf", "Zl", "Zp"}
_OWN = {RULES_PATH, ".lanectl"}
_OWN_SHORT = {short_name(name) for name in _OWN}
_MODULES = ".gitmodules"
_MODULES_LIMIT = 1 << 20
_PROGRAM = re.compile(
    rb"\x7fELF|MZ(?=[\s\S]{0,4096}PE\0\0)|\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe"
    rb"|\xca\xfe\xba[\xbe\xbf]\0\0\0[\0-\x1f]"  # at most 31 machines; a Java class says 45 or more
)
_NOTHING = re.compile(r"(?!)")
_RUNS = {
    "url": re.compile(r"[a-z0-9+.-]*::|file:|[\s\S]*%0[ad]", re.IGNORECASE),
    "update": re.compile("!"),
}
"""Values of `.gitmodules` that do more than to name a place."""


def check(content: Content) -> Iterator[Fault]:
    """Yield a fault for every path of the difference that breaks a rule."""
    for file in content.files:
        for fault in _check(file, content):
            yield replace(fault, subject=Subject(Kind.PATH, file.path))
    yield from _collisions(content)


def _check(file: FileChange, content: Content) -> Iterator[Fault]:
    where = display_path(file.path)
    if problem := _name_problem(file):
        yield Fault(problem[0], where, problem[1], "an ordinary relative path")
    if _is_own(file.path.partition(b"/")[0]):
        yield Fault("paths/trust", where, file.kind, "unchanged")
    if file.new_mode not in set(Mode):
        yield Fault("paths/mode", where, file.new_mode, "100644, 100755 or 120000")
    if file.new_mode == Mode.SUBMODULE != file.old_mode:
        yield Fault("paths/submodule", where, f"{file.kind} submodule", "no new submodule")
        if file.path.startswith(b"-"):
            yield Fault(
                "paths/modules", where, "a submodule's path that is an option", "a plain one"
            )
    if file.target is not None and (reason := _link_problem(file.path, file.target)):
        yield Fault(
            "paths/link",
            where,
            f"-> {display_path(file.target)}: {reason}",
            "a target inside the tree",
        )
    if fold(file.path) == _MODULES and (problem := _module_problem(file, content)):
        yield Fault("paths/modules", where, *problem)
    if file.new_mode == Mode.EXECUTABLE and _PROGRAM.match(content.new(file) or b""):
        yield Fault("paths/executable", where, f"{file.kind} program", "source, or a script")


def _collisions(content: Content) -> Iterator[Fault]:
    added = [f.path for f in content.files if f.kind in {"added", "type"}]
    removed = [f.path for f in content.files if f.kind == "deleted"]
    for path, other in collision.find(added, removed, content.tree).items():
        yield Fault(
            "paths/collision", display_path(path), f"beside {display_path(other)}",
            "a path of its own on every disk", Subject(Kind.PATH, path),
        )  # fmt: skip


def _components(path: bytes) -> list[str]:
    return path.decode("utf-8", "surrogateescape").split("/")


def _name_problem(file: FileChange) -> tuple[str, str] | None:
    """Return the broken rule and why, for names; the stricter one first.

    A name that is merely odd and stands in the base may stay, change and go.
    """
    parts = _components(file.path)
    pieces = [*parts, *(piece for part in parts for piece in part.split("\\"))]
    if any(_is_dot_git(piece) for piece in pieces):
        return "paths/dot-git", "git's own folder"
    if disguised := next(filter(None, map(gits_file, pieces)), ""):
        return "paths/dot-git", f"git's own {disguised}"
    why = _odd_name(parts) if file.old_mode == Mode.ABSENT else ""
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


def _is_dot_git(component: str) -> bool:
    return _DOT_GIT.fullmatch(HFS_IGNORED.sub("", component)) is not None


def _is_own(component: bytes) -> bool:
    """Whether a name is that of lanectl's rules or trust on any disk."""
    name = fold(component)
    return name in _OWN or as_short(name) in _OWN_SHORT


def _module_problem(file: FileChange, content: Content) -> tuple[str, str] | None:
    """Return what of a new setting is wrong, and what would be right, or None."""
    if len(content.new(file) or b"") > _MODULES_LIMIT:
        return "too large to look into", f"at most {_MODULES_LIMIT} bytes"
    from lanectl.formats import gitmodules

    former = set(gitmodules.read(content.old(file) or b""))
    for setting in gitmodules.read(content.new(file) or b""):
        if setting in former:
            continue
        if problem := _setting_problem(setting):
            return f"{display(setting.key)} = {display(setting.value)}: {problem}", "a plain one"
    return None


def _setting_problem(setting: Setting) -> str:
    key, value = setting.key, setting.value
    if any(unicodedata.category(c) == "Cc" for c in setting.module + value):
        return "a control character"
    if _leaves(setting.module) or (key == "path" and _leaves(value)):
        return f"submodule {display(setting.module)} leaves its folder"
    if key in {"url", "branch"} and value.startswith("-"):
        return "an option"
    if _RUNS.get(key, _NOTHING).match(value):
        return "a program, a line break or this machine's files"
    return ""


def _leaves(name: str) -> bool:
    """Whether a submodule's name or path is an option or lies outside of where it belongs."""
    parts = re.split(r"[/\\]", name)
    return not name or name[0] in "-/\\" or ".." in parts or any(map(_is_dot_git, parts))


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


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
    if any(_is_dot_git(part) for part in parts):
        return "leads into git's own folder"
    if any(
        _is_own(_raw(part)) for part in parts
    ):  # at any depth: a link on the way may lead to the top
        return "leads to lanectl's own files"
    return ""
