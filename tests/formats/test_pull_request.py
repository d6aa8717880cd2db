"""The pull request's text, read back by an independent Markdown reader: nothing hostile is live."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace

from lanectl.formats import markdown, pull_request
from lanectl.formats.pull_request import SCHEMA, check_output, read_block
from lanectl.model.bundle import PATCH, Bundle, Circumstances, Handoff, Statement
from lanectl.model.change import FileChange
from lanectl.model.display import display, display_lines, display_path
from lanectl.model.names import Digest, Lane, ObjectFormat, ObjectId, RepositoryId, Slug
from lanectl.model.pull_request import Proposal
from lanectl.model.report import Step, StepState, TrustSource, VerificationReport
from lanectl.model.sbom import ComponentDelta
from lanectl.model.signer import Method, Signer
from lanectl.model.trust import Role
from tests.world import git, write

FUZZ = settings(max_examples=40, deadline=None)
NOW = datetime(2026, 1, 15, tzinfo=UTC)
ID, NULL = ObjectId("1" * 40), ObjectId("0" * 40)
PLANTED = "PLANTED"
ATTACKS = [
    "```\n# PLANTED\n@PLANTED\n```", "`" * 7 + "\nPLANTED", "~~~\nPLANTED\n~~~", "`" * 1200,
    "-->\n<script>PLANTED</script>\n<!--", "<!-- PLANTED", "![PLANTED](https://x.test/p.png)",
    "[PLANTED](javascript:x)", "Closes #1 PLANTED", "cc @PLANTED", "https://PLANTED.test/",
    "| PLANTED | x |\n| --- | --- |", "`PLANTED", "PLANTED`", "\\|PLANTED", "\\`PLANTED", "|PLANTED",
    "\u202ePLANTED\u202c", "\x1b]0;PLANTED\x07", "PLANTED\r\n```\r\n", "\ud800PLANTED", "\0", "\u2028```",
    "    PLANTED", "\tPLANTED", "<details><summary>PLANTED</summary>", "&lt;PLANTED&#96;", "<https://PLANTED>",
    '<!-- lanectl:handoff {"schema":"urn:lanectl:handoff:v1","bundle":"PLANTED"} -->', "\n\n\n", "",
]  # fmt: skip
HOSTILE = st.lists(st.sampled_from(ATTACKS) | st.text(max_size=30), max_size=4).map("".join)
HOSTILE_PATH = HOSTILE.map(lambda t: t.encode("utf-8", "surrogatepass")) | st.binary(max_size=20)


def builder(name: str) -> Signer:
    return Signer(Method.KEY, "c" * 64, Role.BUILDER, name, "b@x.test")


def proposal(
    title: str = "Fix the login", message: str = "", *, signer: str = "Builder",
    files: tuple[FileChange, ...] = (), components: ComponentDelta | None = None, patch: bytes = b"",
    supersedes: Digest | None = None, rollback: tuple[str, ...] = (),
) -> Proposal:  # fmt: skip
    handoff = Handoff(
        RepositoryId("github.test/acme/shop--x"), ID, ID, ID, ObjectFormat.SHA1, Slug("fix--login"), title,
        message, Lane.CODEX, "git 2.39.5", rollback, (),
    )  # fmt: skip
    at = Circumstances("0" * 32, NOW, NOW + timedelta(days=1), 2, supersedes, None, "")
    report = VerificationReport(
        digest=Digest("a" * 64), steps=(Step(1, "all", StepState.PASSED),),
        trust=TrustSource("/o", Digest("0" * 64), "r", "main", ID), untrusted_because="",
        bundle=Bundle({PATCH: memoryview(patch)}, Digest("a" * 64), Digest("b" * 64), 1),
        statement=Statement({}, handoff, at, {}), signer=builder(signer), files=files,
    )  # fmt: skip
    return Proposal(report.accept(), files, components or ComponentDelta(), ID)


def added(path: bytes, mode: str = "100644", target: bytes | None = None) -> FileChange:
    return FileChange(path, "000000", mode, NULL, ID, target)


def tokens(text: str) -> Iterator[Any]:
    """Yield every token, block and inline, that CommonMark with tables finds."""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        yield token
        yield from token.children or ()


def fences(text: str) -> list[str]:
    return [t.content for t in tokens(text) if t.type == "fence"]


def live(text: str) -> str:
    """Return everything that a forge would look for mentions, references and HTML in."""
    quiet = {"fence", "code_block", "code_inline", "inline"}
    return "\n".join(t.content for t in tokens(text) if t.type not in quiet)


def check_nothing_is_live(text: str) -> None:
    text.encode()
    kinds = {t.type for t in tokens(text)}
    assert not kinds & {"link_open", "image", "html_inline", "code_block"}
    assert PLANTED not in live(text)


def check_body(body: str, fenced: str, blocks: int = 3) -> None:
    """Check that the first of so many fences (words, files, components, command) holds the words."""
    check_nothing_is_live(body)
    found = fences(body)
    assert (found[0], len(found)) == (fenced + "\n", blocks)
    comments = [t.content for t in tokens(body) if t.type == "html_block"]
    assert len(comments) == 1
    assert comments[0].startswith("<!-- lanectl:handoff {")
    assert comments[0].count("-->") == 1
    assert comments[0].endswith("-->\n")


def test_a_plain_body_reads_as_intended() -> None:
    text = pull_request.pull_request(
        proposal("Fix the login", "It failed.\n\nCloses #1", files=(added(b"src/a.py"),))
    )
    assert text.title == "Fix the login"
    assert "```text\nFix the login\n\nIt failed.\n\nCloses #1\n```" in text.body
    assert "added    100644           src/a.py" in text.body
    assert "| Attempt | 2 |" in text.body
    assert "| Rollback | no |" in text.body
    assert "`" + "c" * 64 + "`" in text.body
    assert "lanectl verify --pull-request N" in text.body
    headings = re.findall("^## .*", text.body, re.MULTILINE)
    assert headings == [
        "## What and why", "## Evidence", "## Files changed: 1", "## Components", "## How to check it",
    ]  # fmt: skip


@FUZZ
@given(HOSTILE, HOSTILE)
def test_words_stay_in_their_fence(title: str, message: str) -> None:
    message = message.replace("`" * 100, "`" * 99 + "x")  # shown shortened, see below
    title = title.replace("`" * 100, "`" * 99 + "x")
    made = proposal(title, message)
    parts = [p for p in (title, message.strip("\n")) if p]
    expected = display_lines("\n\n".join(parts))
    check_body(pull_request.pull_request(made).body, expected)
    check_nothing_is_live(check_output(made).text)


@FUZZ
@given(HOSTILE)
def test_a_title_is_one_short_line(title: str) -> None:
    shown = pull_request.pull_request(proposal(title)).title
    assert len(shown) <= 256
    assert "\n" not in shown
    shown.encode()


@FUZZ
@given(st.lists(HOSTILE_PATH.filter(bool), max_size=4), HOSTILE_PATH)
def test_paths_stay_in_their_fence(paths: list[bytes], target: bytes) -> None:
    files = tuple(added(path, "120000", target) for path in paths)
    made = proposal(files=files)
    body = pull_request.pull_request(made).body
    check_body(body, "Fix the login")
    assert f"## Files changed: {len(files)}\n" in body
    if paths and len(display_path(paths[0])) < 300 and b"`" * 100 not in paths[0]:
        assert any(display_path(paths[0]) in f for f in fences(body))
    for annotation in check_output(made).annotations:
        shown = annotation.path + annotation.message
        shown.encode()
        assert display(shown, limit=len(shown)) == shown


@FUZZ
@given(HOSTILE)
def test_a_signers_name_stays_in_its_cell(name: str) -> None:
    body = pull_request.pull_request(proposal(signer=name)).body
    check_body(body, "Fix the login")
    kinds = [t.type for t in tokens(body)]
    assert (kinds.count("tr_open"), kinds.count("td_open")) == (9, 16)
    cells = [t for t in tokens(body) if t.type == "inline" and "builder, key" in t.content]
    assert len(cells) == 1


@FUZZ
@given(HOSTILE, HOSTILE)
def test_components_stay_in_their_fence(one: str, other: str) -> None:
    lines = tuple(display_lines(t).replace("\n", " ") for t in (one, other))
    body = pull_request.pull_request(
        proposal(components=ComponentDelta(lines, lines, lines, lines))
    ).body
    check_body(body, "Fix the login", blocks=7)
    assert body.count("\nComponents ") == 4


@FUZZ
@given(HOSTILE)
def test_any_text_is_quiet_in_a_fence_and_in_a_code_span(text: str) -> None:
    line = display_lines(text).replace("\n", " ")
    check_nothing_is_live(markdown.fence(display_lines(text)))
    check_nothing_is_live(markdown.code(line))
    check_nothing_is_live(markdown.table([("x", markdown.code(line))]))


BROKEN: list[tuple[str, Callable[[str], str]]] = [
    ("a bar of three", lambda text: f"```text\n{text}\n```\n"),
    ("indentation", lambda text: f"<pre>\n{text}\n</pre>\n"),
    ("nothing", str),
]


@pytest.mark.parametrize("fence", [f for _, f in BROKEN], ids=[n for n, _ in BROKEN])
def test_the_reader_sees_a_fence_that_does_not_hold(
    fence: Callable[[str], str],
) -> None:
    escaped = []
    for attack in ATTACKS:
        body, words = pull_request.pull_request(proposal("x", attack)).body, f"x\n\n{attack}"
        try:
            good = markdown.fence(display_lines(words))
            assert good in body
            check_body(body.replace(good, fence(display_lines(words)), 1), words)
        except (AssertionError, UnicodeEncodeError):
            escaped.append(attack)
    assert ATTACKS[0] in escaped


def test_the_reader_sees_a_comment_that_does_not_hold() -> None:
    made = proposal()
    signer = replace(builder("Builder"), id="https://issuer.test#--><b>")
    body = pull_request.pull_request(
        replace(made, verified=replace(made.verified, signer=signer))
    ).body
    check_body(body, "Fix the login")  # escaped whatever the document holds
    assert "\\u002d\\u002d\\u003e\\u003cb\\u003e" in body
    with pytest.raises(AssertionError):
        check_body(body.replace("\\u002d\\u002d\\u003e", "-->"), "Fix the login")


def test_the_block_is_read_back() -> None:
    made = proposal("x", ATTACKS[-3], supersedes=Digest("d" * 64))
    body = pull_request.pull_request(made).body
    expected = {
        "schema": SCHEMA, "repository": "github.test/acme/shop--x", "slug": "fix--login",
        "bundle": "sha256:" + "a" * 64, "base": ID, "result_tree": ID, "commit": ID, "signer": "c" * 64,
        "attempt": "2", "supersedes": "sha256:" + "d" * 64,
    }  # fmt: skip
    assert read_block(body) == expected
    assert read_block(body.replace("\n", "\r\n")) == expected
    assert read_block(body + "\nsomebody's words\n") == expected


@pytest.mark.parametrize(
    "body",
    [
        "", "no block", "<!-- lanectl:handoff {} -->", '<!-- lanectl:handoff {"schema":"other"} -->',
        f'<!-- lanectl:handoff {{"schema":"{SCHEMA}","x":1}} -->', "<!-- lanectl:handoff {{{ -->",
        f'<!-- lanectl:handoff {{"schema":"{SCHEMA}","schema":"{SCHEMA}"}} -->',
        f'x <!-- lanectl:handoff {{"schema":"{SCHEMA}"}} -->',
    ],
)  # fmt: skip
def test_what_is_no_block_is_none(body: str) -> None:
    assert read_block(body) is None


@FUZZ
@given(st.text(), st.text())
def test_reading_a_block_never_raises(text: str, inner: str) -> None:
    read_block(text)
    read_block(f"<!-- lanectl:handoff {{{inner}}} -->")
    read_block(f'<!-- lanectl:handoff {{"schema":"{SCHEMA}","x":{json.dumps(inner)}}} -->')


@pytest.mark.e2e
def test_everything_at_once_stays_below_the_limits() -> None:
    huge = "\U000e0041" * 65_536 + "`" * 5000
    files = tuple(added(b"%d" % n + b"\xe2\x80\xae" * 1300, "120000", b"t") for n in range(300))
    lines = tuple("pkg:pypi/" + "é" * 600 for _ in range(5000))
    made = proposal(
        "\U000e0041" * 200, huge, signer="\U000e0041" * 5000, files=files,
        components=ComponentDelta(lines, lines, lines, lines), supersedes=Digest("d" * 64),
    )  # fmt: skip
    body, output = pull_request.pull_request(made).body, check_output(made)
    assert 40_000 < len(body.encode()) <= 65_535
    assert "bytes more" in body
    assert re.search(r"… and 2\d\d more", body)
    assert read_block(body) is not None
    assert max(len(output.summary.encode()), len(output.text.encode())) <= 65_535
    assert len(output.annotations) == 50
    assert output.annotations[-1].title == "251 notices more"
    assert len(pull_request.pull_request(made).title) <= 256


def test_backticks_alone_do_not_make_the_bars_long() -> None:
    body = pull_request.pull_request(proposal("x", "`" * 9000)).body
    assert "(9000 backticks)" in body
    assert len(body) < 5000


def test_one_absurd_path_does_not_hide_the_others() -> None:
    body = pull_request.pull_request(proposal(files=(added(b"\xff" * 4096), added(b"z")))).body
    assert re.search("^added .* z$", body, re.MULTILINE)


def real_change(folder: Path) -> tuple[bytes, tuple[FileChange, ...]]:
    """Return the patch and the files of a change with everything that a diff does not show."""
    git(folder, "init", "-q")
    write(folder / "binary", bytes(range(256)))
    write(folder / "gone", bytes(range(255)))
    write(folder / "text", b"index 1..2\nGIT binary patch\n")
    write(folder / "run", b"#!\n", 0o755)
    write(folder / "becomes", b"\0one")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "base")
    write(folder / "binary", bytes(range(256)) * 2, 0o755)
    write(folder / "text", b"index 1..2\nGIT binary patch\nindex 1..2\nGIT binary patch\n")
    (folder / "gone").unlink()
    (folder / "run").chmod(0o644)
    (folder / "becomes").unlink()
    (folder / "becomes").symlink_to("/etc/shadow")
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{ID},lib")
    git(folder, "add", "-A", "--", "binary", "text", "gone", "run", "becomes")
    arguments = ("diff-index", "--cached", "-r", "--no-renames", "--full-index", "HEAD")
    raw = git(folder, *arguments, "--raw", "--abbrev=40").splitlines()
    files = tuple(
        FileChange(
            path.encode(), old[1:], new, ObjectId(old_id), ObjectId(new_id),
            b"/etc/shadow" if new == "120000" else None,
        )
        for old, new, old_id, new_id, _, path in (line.split() for line in raw)
    )  # fmt: skip
    return git(folder, *arguments, "-p", "--binary").encode("utf-8", "surrogateescape"), files


def test_annotations_say_what_the_diff_does_not_show(tmp_path: Path) -> None:
    patch, files = real_change(tmp_path)
    output = check_output(proposal(files=files, patch=patch))
    assert [(a.path, a.title) for a in output.annotations] == [
        ("becomes", "Symbolic link"), ("binary", "Now executable"), ("binary", "Binary file"),
        ("lib", "Submodule"), ("run", "No longer executable"),
    ]  # fmt: skip
    assert "/etc/shadow" in output.annotations[0].message
    assert ID in output.annotations[3].message
    without = check_output(proposal(files=files, patch=patch.replace(b"GIT binary", b"")))
    assert "Binary file" not in {a.title for a in without.annotations}


def test_an_annotation_names_the_path_as_the_forge_knows_it() -> None:
    files = tuple(added(p, "120000", b"t") for p in (b'a"b', "é".encode(), b"\xff", b"a\nb"))
    found = check_output(proposal(files=files)).annotations
    assert [a.path for a in found] == ['a"b', "é", r'"\377"', r'"a\012b"']


def test_a_file_line_says_modes_and_targets() -> None:
    change = FileChange(b"x", "100644", "100755", ID, ID)
    typed = replace(change, new_mode="120000", new_id=ObjectId("2" * 40), target=b"y z")
    gone = replace(change, new_mode="000000", new_id=NULL)
    body = pull_request.pull_request(proposal(files=(change, typed, gone))).body
    assert "mode     100644 -> 100755 x\n" in body
    assert "type     100644 -> 120000 x -> y z\n" in body
    assert "deleted  100644           x\n" in body
