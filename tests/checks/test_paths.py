"""The path rules on the raw difference, with the paths too that git itself refuses to write.

A later or other git may write them, so these rules do not lean on it.
"""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.checks import paths
from lanectl.model import collision
from lanectl.model.change import FileChange, Mode
from lanectl.model.content import Content
from lanectl.model.decision import Decision
from lanectl.model.disguise import fold
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
        "gitmod~5", "gitmod~", "gi7eba~0", "gi7eba~12", "gi7ebb~1", "xgitmod~1", ".gitmodulesx", ".GitModules", ".gitAttributes",
        "sub/lanectl.toml", "sub/.lanectl/x", "lanectl.toml.txt", ".lanectlx/y", "CON", "a.",
    ],
)  # fmt: skip
def test_ordinary_names(path: str | bytes) -> None:
    assert broken(path) == []


@pytest.mark.parametrize(
    "path",
    [
        "lanectl.toml", "LANECTL.toml", "Lanectl.TOML/x", ".lanectl", ".lanectl/trust/keyring.json",
        ".LaneCTL/x", ".lanectl/outbox/x", "lanectl.toml.", ".lanectl /x", "lan\u200dectl.toml", "LANECT~1/trust/x",
        "lanect~2.tom",
    ],
)  # fmt: skip
def test_lanectls_own_files(path: str) -> None:
    assert broken(path) == ["paths/trust"]
    assert broken(path, Mode.ABSENT, old=Mode.FILE) == ["paths/trust"]


@pytest.mark.parametrize("mode", ["100664", "100777", "104755", "040000", "010644", "000644", ""])
def test_odd_modes(mode: str) -> None:
    assert broken("a", mode) == ["paths/mode"]


def test_an_odd_name_of_the_base_may_change_and_go() -> None:
    for odd in ("after:1986-05-28", "units/dev-disk\\x2dby.mount", "a\u202eb"):
        assert broken(odd) == ["paths/name"]
        assert broken(odd, old=Mode.FILE) == broken(odd, Mode.ABSENT, old=Mode.FILE) == []
    assert broken("git~1/x", Mode.ABSENT, old=Mode.FILE) == ["paths/dot-git"]


def test_a_submodule_may_move_and_go_but_not_come_unseen() -> None:
    assert {r.id: r.decision for r in paths.RULES}["paths/submodule"] is Decision.HOLD
    assert broken("-lib", Mode.SUBMODULE) == ["paths/submodule", "paths/modules"]
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


@settings(max_examples=40, deadline=None)
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


# what two names become on one disk ----------------------------------------------------------------


def collisions(before: list[str], after: list[str]) -> list[str]:
    """Return what of a change from these paths to those collides, and with what."""
    one, two = (sorted({p.encode() for p in paths}) for paths in (before, after))
    files = [FileChange(p, Mode.ABSENT, Mode.FILE, NULL, ID) for p in two if p not in one]
    files += [FileChange(p, Mode.FILE, Mode.ABSENT, ID, NULL) for p in one if p not in two]
    tree = b"".join(b"100644 %b 0\t%b\0" % (ID.encode(), p) for p in two)
    found = paths.check(Content(files=tuple(files), tree=tree))
    return [f"{f.where} {f.got}" for f in found if f.rule == "paths/collision"]


@pytest.mark.parametrize(
    ("before", "new", "wanted"),
    [
        (["readme.md"], ["README.md"], ["README.md beside readme.md"]),
        (["z", "a/b", "readme.md"], ["a/B"], ["a/B beside a/b"]),
        (["src/a"], ["Src/b"], ["Src/b beside src"]),
        (["src/a/b/c"], ["src/A/d/e"], ["src/A/d/e beside src/a/b"]),
        (["src"], ["SRC/a"], ["SRC/a beside src"]),
        (["src/a/b"], ["src/A"], ["src/A beside src/a"]),
        (["caf\u00e9"], ["cafe\u0301"], ["cafe\u0301 beside caf\u00e9"]),
        (["\u0416/x"], ["\u0436/y"], ["\u0436/y beside \u0416"]),
        (["strasse"], ["stra\u00dfe"], ["stra\u00dfe beside strasse"]),
        (["kelvin"], ["\u212aelvin"], ["\u212aelvin beside kelvin"]),
        (["ab"], ["a\u200cb"], ['"a\\342\\200\\214b" beside ab']),
        (["a"], ["a."], ["a. beside a"]),
        ([], ["x", "X"], ["X beside x", "x beside X"]),
        (["src/a", "Src/b"], ["src/B"], ["src/B beside Src/b"]),
    ],
)  # fmt: skip
def test_two_names_that_are_one_on_some_disk(
    before: list[str], new: list[str], wanted: list[str]
) -> None:
    assert collisions(before, before + new) == wanted


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["readme.md"], ["README.md"]), (["src/a", "src/b"], ["Src/a", "Src/b"]), (["a", "A"], ["a", "A", "b"]),
        (["src/a", "Src/b"], ["src/a", "Src/b", "src/c", "Src/d"]), (["src/x", "Src/b"], ["src/y", "Src/b"]),
        (["a/b"], ["a/b", "b/B", "ab"]), (["x/a", "y"], ["x/a", "y", "x/y"]), (["src"], ["src/a"]), (["a", "A"], ["a"]),
        (["caf\u00e9"], ["cafe\u0301"]), (["a"], ["a", "a.txt"]),
    ],
)  # fmt: skip
def test_a_rename_in_case_and_old_twins_are_free(before: list[str], after: list[str]) -> None:
    assert collisions(before, after) == []


def test_a_link_in_the_place_of_an_old_twin_collides() -> None:
    change = FileChange(b"a", Mode.FILE, Mode.LINK, ID, ID, b"b")
    tree = b"100644 %b 0\tA/x\0120000 %b 0\ta\0" % (ID.encode(), ID.encode())
    assert [f.rule for f in paths.check(Content(files=(change,), tree=tree))] == ["paths/collision"]


NAMES = st.lists(st.sampled_from(["a", "A", "b", "\u00e9", "e\u0301"]), min_size=1, max_size=3)


@settings(max_examples=40, deadline=None)
@given(st.lists(NAMES, max_size=5), st.lists(NAMES, max_size=5))
def test_a_new_path_whose_folded_name_is_taken_collides(
    before: list[list[str]], new: list[list[str]]
) -> None:
    old, added = ({"/".join(n).encode() for n in names} for names in (before, new))
    added -= old
    tree = b"".join(b"100644 1 0\t%b\0" % p for p in sorted(old | added))
    taken = lambda p: {
        q
        for q in old | added
        if q != p and list(map(fold, q.split(b"/"))) == list(map(fold, p.split(b"/")))
    }
    found = collision.find(added, (), tree)
    assert {p for p in added if taken(p)} <= found.keys() <= added


def test_collisions_are_found_fast_and_in_linear_time() -> None:
    tree = [b"pkg%d/src/sub%d/file%d.ts" % (n // 450, n % 7, n) for n in range(18_000)]
    listing = b"".join(b"100644 %b 0\t%b\0" % (ID.encode(), p) for p in sorted(tree))

    def seconds(added: list[bytes]) -> float:
        begin = time.perf_counter()
        assert collision.find(added, (), listing) == {}
        return time.perf_counter() - begin

    assert min(seconds(tree[:1]) for _ in range(5)) < 0.1
    assert seconds(tree[:2000]) < 1
    deep = [b"a/" * 2000 + b"%d" % n for n in range(2000)]
    assert seconds(deep) < 10


# what a file holds --------------------------------------------------------------------------------


def held(path: str, data: bytes, mode: str = Mode.FILE, old: bytes | None = None) -> list[str]:
    """Return the rules that a file with this content breaks."""
    former = ObjectId("2" * 40)
    change = FileChange(path.encode(), Mode.FILE if old else Mode.ABSENT, mode, former, ID)
    blobs = {ID: data} | ({former: old} if old else {})
    return [f.rule for f in paths.check(Content(files=(change,), blobs=blobs))]


PROGRAMS = [
    b"\x7fELF\2\1\1", b"MZ" + b"\0" * 62 + b"PE\0\0", b"\xcf\xfa\xed\xfe\x07", b"\xfe\xed\xfa\xce\0",
    b"\xca\xfe\xba\xbe\0\0\0\2",
]  # fmt: skip


@pytest.mark.parametrize("data", PROGRAMS)
def test_a_compiled_program_is_held_when_it_can_be_run(data: bytes) -> None:
    assert held("tools/x", data, Mode.EXECUTABLE) == ["paths/executable"]
    assert held("tools/x", data, Mode.EXECUTABLE, old=b"other") == ["paths/executable"]
    assert held("tools/x", data) == []


@pytest.mark.parametrize(
    "data",
    [
        b"#!/bin/sh\n",
        b"",
        b"MZ is how it begins",
        b"\x89PNG",
        b"\xca\xfe\xba\xbe\0\0\0\x3d",
        b"ELF",
        b" \x7fELF",
    ],
)
def test_a_script_or_data_may_be_executable(data: bytes) -> None:
    assert held("run.sh", data, Mode.EXECUTABLE) == []


BAD_MODULES = [
    'url = "-u./x"', "url = ext::sh -c true", "url = EXT::sh", 'url = "e"xt::x', "url = fd::7", "url = file:///etc", "URL = File:/x",
    "url = \\\next::x", "url = ::x", 'url = "https://a/\\nb"', "url = https://a/%0ahost=b", "path = ../x", "path = a/../../x",
    "path = /etc", "path = -x", 'path = "lib\r"', "path = .git/hooks", "path = a\\\\..\\\\b", "update = !touch x", "branch = --x",
    "path =", "path = sub/GIT~1",
]  # fmt: skip


@pytest.mark.parametrize("setting", BAD_MODULES)
def test_a_submodule_setting_that_does_more_than_name_a_place(setting: str) -> None:
    text = f'# x\n[submodule "lib"] path = lib\n\t{setting}\n'.encode()
    assert held(".gitmodules", text) == held(".GitModules", text) == ["paths/modules"]
    assert held(".gitmodules", text, old=b"[submodule]\n") == ["paths/modules"]
    assert held(".gitmodules", text + b'[submodule "b"]\nurl = ../b\n', old=text) == []
    assert held(".gitmodules", b"#" * (1 << 21)) == ["paths/modules"]
    assert held(".gitmodules", b"\xef\xbb\xbf" + text[4:]) == ["paths/modules"]
    assert held("sub/.gitmodules", text) == []


@pytest.mark.parametrize(
    "head",
    ['[submodule "../x"]', '[submodule "a/../../x"]', '[submodule "-x"]', '[submodule ""]', "[submodule.]",
     '[SUBMODULE "a\\\\..\\\\b"]', '[submodule "a\x1bb"]', '[submodule "..\\/x"]'],
)  # fmt: skip
def test_a_submodule_name_that_leaves_its_folder(head: str) -> None:
    assert held(".gitmodules", f"{head}\n url = ../b\n".encode()) == ["paths/modules"]


@pytest.mark.parametrize(
    "text",
    [
        '[submodule "lib"]\n\tpath = lib\n\turl = https://example.test/lib.git\n\tbranch = main\n',
        '[submodule "a b"]\r\n\tpath = "a b"\r\n\turl = ../a.git ; near\r\n\tupdate = rebase\r\n\tshallow\r\n',
        '[submodule "x"]\nurl = git@example.test:a/b.git # ext::\n', '[submodule "x"]\nurl = ssh://a@example.test:22/b\npath = libs/x/\n',
        "", "# ext::sh\n", "[other]\nurl = ext::x\n", '[submodule "unfinished', '[submodule "x"]\nurl = "open\n', "\0\xff[[]",
    ],
)  # fmt: skip
def test_ordinary_submodules(text: str) -> None:
    assert held(".gitmodules", text.encode()) == []
