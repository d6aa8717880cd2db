"""The path rules on the raw difference, with the paths too that git itself refuses to write.

A later or other git may write them, so these rules do not lean on it.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.checks import paths
from lanectl.model.change import FileChange, Mode
from lanectl.model.content import Content
from lanectl.model.names import ObjectId

ID, NULL = ObjectId("1" * 40), ObjectId("0" * 40)


def broken(
    path: str | bytes, mode: str = Mode.FILE, target: bytes | None = None, old: str = Mode.ABSENT
) -> list[str]:
    """Return the rules that one changed path breaks."""
    raw = path.encode() if isinstance(path, str) else path
    change = FileChange(raw, old, mode, ID, ID, target)
    return [fault.rule for fault in paths.check(Content(files=(change,)))]


@pytest.mark.parametrize(
    "path",
    [
        ".git", ".git/x", ".GIT/x", ".gIt", "a/.git", "a/.git/b", ".git./x", ".git /x", ".git . ./x",
        "git~1", "GIT~1/x", "git~2/x", "git~10/x", ".git:x", ".git::$INDEX_ALLOCATION/x", ".git :x/y",
        "git~1:x", ".g\u200cit/config", ".\u200dgit", "\ufeff.git/x", ".gi\u206ft", "a\\.git\\x", "a\\.GIT",
        "..\\.git/x", ".git\u200e", ".git/",
    ],
)  # fmt: skip
def test_every_disguise_of_dot_git(path: str) -> None:
    assert broken(path) == ["paths/dot-git"]


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "/etc/x", "a//b", "a/", ".", "./a", "a/.", "..", "../a", "a/../b", "a\nb", "a\r", "\t",
        "\x1b[31m", "\x7f", "a\u009b", "a\u202eb", "\u2066a", "a\u200b", "\u200ea", "\ufeffa",
        "a\u00ad", "a\u2028b", "a\U000e0041", "..\\x", "a\\b", "C:/x", "c:x", "a:ads", "a/b:c",
        b"a\x80\x07", b"\xff\n",
    ],
)  # fmt: skip
def test_names_that_no_path_should_have(path: str | bytes) -> None:
    assert broken(path) == ["paths/name"]


@pytest.mark.parametrize(
    "path",
    [
        "a", "a b/c d.txt", ".github/x", ".gitignore", ".gitattributes", ".gitmodules", "git/x", "git~x",
        "a.git/x", ".gitx", "..a/b", "a..", "...", "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc", "a\u200db",
        "\U0001f468\u200d\U0001f4bb.md", b"\xff\xfe.txt", "$(id)", "'\"`;|&", "-rf", "--help", "x" * 4000,
        "sub/lanectl.toml", "sub/.lanectl/x", "lanectl.toml.txt", ".lanectlx/y", "CON", "a.",
    ],
)  # fmt: skip
def test_ordinary_names(path: str | bytes) -> None:
    assert broken(path) == []


@pytest.mark.parametrize(
    "path",
    [
        "lanectl.toml", "LANECTL.toml", "Lanectl.TOML/x", ".lanectl", ".lanectl/trust/keyring.json",
        ".LaneCTL/x", ".lanectl/outbox/x",
    ],
)  # fmt: skip
def test_lanectls_own_files(path: str) -> None:
    assert broken(path) == ["paths/trust"]
    assert broken(path, Mode.ABSENT, old=Mode.FILE) == ["paths/trust"]


@pytest.mark.parametrize("mode", ["100664", "100777", "104755", "040000", "010644", "000644", ""])
def test_odd_modes(mode: str) -> None:
    assert broken("a", mode) == ["paths/mode"]


def test_a_submodule_may_move_and_go_but_not_come() -> None:
    assert broken("lib", Mode.SUBMODULE) == ["paths/submodule"]
    assert broken("lib", Mode.SUBMODULE, old=Mode.FILE) == ["paths/submodule"]
    assert broken("lib", Mode.SUBMODULE, old=Mode.SUBMODULE) == []
    assert broken("lib", Mode.ABSENT, old=Mode.SUBMODULE) == []
    assert broken("lib", Mode.FILE, old=Mode.SUBMODULE) == []


# links --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("l", b"a"), ("l", b"a/b"), ("l", b"."), ("l", b"./a"), ("l", b"a//b"), ("l", b"a/"), ("d/l", b"../a"),
        ("d/l", b".."), ("d/e/l", b"../../a/b"), ("d/e/l", b"./.././../a"), ("l", b"..a"), ("l", b"a b"),
        ("l", b"\xff"), ("l", "\u00fc".encode()), ("l", b".gitignore"), ("l", b"a.git"),
        ("l", b"lanectl.toml.txt"),
    ],
)  # fmt: skip
def test_links_that_stay_inside(path: str, target: bytes) -> None:
    assert broken(path, Mode.LINK, target) == []


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("l", b""), ("l", b"/"), ("l", b"/etc/passwd"), ("l", b"//x"), ("l", b".."), ("l", b"../x"),
        ("d/l", b"../.."), ("d/l", b"../../x"), ("d/l", b"./../../x"), ("l", b"a/.."), ("l", b"a/../b"),
        ("d/e/f/l", b"../a/../../b"), ("l", b"\\x"), ("l", b"..\\x"), ("l", b"C:/x"), ("l", b"c:x"),
        ("l", b".git"), ("l", b".git/hooks/x"), ("d/l", b"../.GIT"), ("l", b"lib/.git"), ("l", b"GIT~1"),
        ("l", ".g\u200cit".encode()), ("l", b".git./x"), ("l", b"a\n"), ("l", b"a\r"), ("l", b"\0"),
        ("l", b"\x1b[2J"), ("l", "\u202ea".encode()), ("l", b"lanectl.toml"), ("d/l", b"../lanectl.toml"),
        ("l", b".lanectl"), ("l", b".LANECTL/trust"), ("l", b"./.lanectl/trust"), ("l", b"top/lanectl.toml"),
    ],
)  # fmt: skip
def test_links_that_lead_astray(path: str, target: bytes) -> None:
    assert broken(path, Mode.LINK, target) == ["paths/link"]


PARTS = st.sampled_from(["a", "b", "..", ".", "", "d"])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b", "d"]), max_size=3),
    st.dictionaries(
        st.lists(st.sampled_from(["a", "b", "d"]), min_size=1, max_size=3).map("/".join),
        st.lists(PARTS, min_size=1, max_size=5).map("/".join), min_size=1, max_size=4,
    ),
)  # fmt: skip
def test_no_number_of_allowed_links_leads_out_of_the_tree(
    start: list[str], links: dict[str, str]
) -> None:
    """Follow allowed links as a file system does, from anywhere in the tree."""
    allowed = {p: t for p, t in links.items() if not broken(p, Mode.LINK, t.encode())}
    here: list[str] = []
    todo = list(start)
    for _ in range(200):
        if not todo:
            return
        part = todo.pop(0)
        if part in {"", "."}:
            continue
        if part == "..":
            assert here, (allowed, start)
            here.pop()
            continue
        target = allowed.get("/".join([*here, part]))
        if target is None:
            here.append(part)
        else:
            todo = target.split("/") + todo
