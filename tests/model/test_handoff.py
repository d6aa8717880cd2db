"""Markers and messages: written in one place, parsed back, and not to be forged by a text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lanectl.formats import statement
from lanectl.model.bundle import Handoff
from lanectl.model.handoff import (
    APPLIED,
    READY,
    commit_message,
    feature_branch,
    message_problem,
    parse_message,
    staging_branch,
    title_problem,
)
from lanectl.model.names import Digest, Slug
from tests.assets.bundles.workshop.bundle import Plan, make
from tests.world import git

FUZZ = settings(max_examples=40, deadline=None)
BUNDLE = Digest("b" * 64)


def _handoff() -> Handoff:
    found: list[bytes] = []
    make(Plan(payload=found.append))
    return statement.read(found[0]).handoff


HANDOFF = _handoff()
LINES = st.sampled_from(
    [
        "", " ", "text", "Signed-off-by: A <a@b>", "Lanectl-Bundle: sha256:" + "0" * 64, "\t- x",
        "lanectl-base:", "  Lanectl-Result-Tree : x", "[CLAUDE-APPLIED:x] y", "[codex-ready:x] y",
        "Lanectl-Signer", "key: value", "---", "# comment", "\u0130Lanectl-X: y", "diff --git a/x b/x",
    ]
) | st.text(max_size=30)  # fmt: skip
TITLES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=60)
PLAIN = st.lists(
    st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=30)
    | st.sampled_from(["", "\t- x", "Signed-off-by: A <a@b>", "key: value", "---", "[x] y", "# c"]),
    max_size=6,
).map("\n".join)
MESSAGES = st.lists(LINES, max_size=6).map("\n".join)


def test_branches() -> None:
    assert staging_branch(Slug("x")) == "staging/codex-x"
    assert feature_branch(Slug("x")) == "feature/x"


@FUZZ
@given(st.sampled_from([READY, APPLIED]), TITLES, PLAIN, st.booleans())
def test_what_is_allowed_is_parsed_back_as_it_was_meant(
    kind: str, title: str, message: str, signed: bool
) -> None:
    assume(not title_problem(title) and not message_problem(message))
    handoff = replace(HANDOFF, title=title, message=message)
    signer = "key:sha256:" + "c" * 64 if signed else None
    marker = parse_message(commit_message(kind, handoff, BUNDLE, signer))
    assert marker is not None
    assert (marker.kind, marker.slug, marker.title) == (kind, handoff.slug, title)
    assert (marker.trailers.bundle, marker.trailers.signer) == (BUNDLE, signer)
    assert (marker.trailers.base, marker.trailers.result_tree) == (
        handoff.base,
        handoff.result_tree,
    )


@pytest.mark.parametrize(
    ("title", "says"),
    [
        ("", "empty"),
        (" ", "empty"),
        (" x", "surrounded"),
        ("x ", "surrounded"),
        ("x\ny", "control"),
        ("x\ry", "control"),
        ("x\ty", "control"),
        ("\x1b[31m", "control"),
        ("\u202ex", "control"),
        ("a\u200bb", "control"),
        ("a\u2028b", "control"),
        ("a\x85b", "control"),
        ("x" * 201, "201 characters"),
        ("[CLAUDE-APPLIED:x] y", "marker"),
        ("x [codex-", "marker"),
        ("x [ClAuDe-Applied", "marker"),
    ],
)
def test_titles_that_cannot_be(title: str, says: str) -> None:
    assert says in title_problem(title)


@pytest.mark.parametrize("title", ["x", "Fix the login (#12)", "[x] y", "\u00fc \u6f22", "x" * 200])
def test_titles_that_can_be(title: str) -> None:
    assert title_problem(title) == ""


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("x\r\ny", "control"),
        ("\x1b]0;x\x07", "control"),
        ("a\0b", "control"),
        ("\u2066", "control"),
        ("x" * 65_537, "65537 characters"),
        ("see [CLAUDE-APPLIED:x]", "marker"),
        ("Lanectl-Bundle: x", "trailer"),
        ("x\n  lanectl-base : y", "trailer"),
        ("x\n\n\tLANECTL-anything:", "trailer"),
    ],
)
def test_messages_that_cannot_be(message: str, says: str) -> None:
    assert says in message_problem(message)


@pytest.mark.parametrize(
    "message", ["", "x\n\ty", "Signed-off-by: A <a@b>", "about Lanectl-Bundle: x"]
)
def test_messages_that_can_be(message: str) -> None:
    assert message_problem(message) == ""


GOOD = commit_message(APPLIED, HANDOFF, BUNDLE, "key:sha256:" + "c" * 64)


@pytest.mark.parametrize(
    "message",
    [
        "", "\n", "Fix", GOOD.split("\n\n")[0], GOOD.replace("CLAUDE-APPLIED", "CLAUDE-REJECTED"),
        GOOD.replace("[CLAUDE", "x [CLAUDE"), GOOD.replace(":fix-login]", ":Fix]"),
        GOOD.replace("Lanectl-Base: ", "Lanectl-Other: "), GOOD.replace("Lanectl-Base: ", "Lanectl-Base:"),
        GOOD + "\nSigned-off-by: A <a@b>\n", GOOD + "Lanectl-Base: " + "0" * 40 + "\n",
        GOOD.replace("sha256:b", "sha256:B"), GOOD.replace("Lanectl-Bundle: sha256:", "Lanectl-Bundle: sha1:"),
        GOOD.replace("\n\nBecause.\n\n", "\nBecause.\n\n"),
    ],
)  # fmt: skip
def test_what_is_no_marker(message: str) -> None:
    assert parse_message(GOOD) is not None
    assert message != GOOD
    assert parse_message(message) is None


@FUZZ
@given(st.text(max_size=200) | MESSAGES)
def test_parsing_never_raises(message: str) -> None:
    assert parse_message(message) is None
    parse_message(GOOD.replace("Because.", message))


def test_git_sees_the_same_trailers_and_keeps_the_message(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    tree = git(tmp_path, "mktree", data=b"")
    message = commit_message(
        APPLIED, replace(HANDOFF, message="Why.\n\nReviewed-by: A <a@b>"), BUNDLE, None
    )
    commit = git(tmp_path, "commit-tree", tree, "-F", "-", data=message.encode())
    assert git(tmp_path, "show", "-s", "--format=%B", commit) == message.strip()
    trailers = git(tmp_path, "show", "-s", "--format=%(trailers:only)", commit)
    assert [line.partition(":")[0] for line in trailers.splitlines()] == [
        "Lanectl-Bundle", "Lanectl-Base", "Lanectl-Result-Tree",
    ]  # fmt: skip
