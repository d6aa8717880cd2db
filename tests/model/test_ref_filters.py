"""Branch filters, against what GitHub documents and against trying names one by one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.model.ref_filters import RefFilter


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("main", "main", True), ("main", "mains", False), ("feature/*", "feature/a", True),
        ("feature/*", "feature/a/b", False), ("feature/**", "feature/a/b", True), ("*", "a/b", False),
        ("**", "a/b", True), ("**", "", True), ("Octoc?t", "Octoct", True), ("ab?", "a", True),
        ("v+", "vvv", True), ("v+", "", False), ("[CB]at", "Bat", True), ("[CB]at", "Rat", False),
        ("[1-2]00", "200", True), ("v[12].[0-9]+.[0-9]+", "v1.10.1", True), ("v2*", "v2.0", True),
        ("**/docs/**", "docs/a", True), ("**/docs/**", "x/y/docs/a", True), ("**/docs/**", "xdocs/a", False),
        ("a/**/b", "a/b", True), ("a/**/b", "a/x/b", True), ("a/**/b", "axb", False),
        (r"a\+b", "a+b", True), (r"a\*", "ab", False), ("a[", "a[", True), ("?", "?", True),
        ("releases/**-alpha", "releases/beta/3-alpha", True), ("a.b", "axb", False), ("[a-z]+", "abc", True),
    ],
)  # fmt: skip
def test_one_pattern(pattern: str, name: str, expected: bool) -> None:
    assert RefFilter((pattern,)).admits(name) is expected


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (("main",), False), (("**",), True), (("*",), False), (("feature/**",), True),
        (("feature/fix-login",), True), (("feature/Fix",), False), (("feature/a/b",), False),
        (("**", "!feature/**"), False), (("feature/**", "!feature/*"), False), (("!feature/**",), False),
        (("!feature/**", "**"), True), (("feature/**", "!feature/a**"), True), ((), False),
        (("feature/-x",), False), (("feature/_x",), False), (("*/*",), True), (("feature/[A-Z]*",), False),
        (("feature/[!a]*",), True), (("feature/" + "a" * 63,), True), (("feature/" + "a" * 64,), False),
        (("feature/" + "a" * 70 + "*",), False), (("feat*",), False), (("feat**",), True), (("f?eature/x",), True),
        (("feature/**", *(f"!feature/{c}**" for c in "abcdefghijklmnopqrstuvwxyz0123456789")), False),
        (("feature/**", *(f"!feature/{c}**" for c in "abcdefghijklmnopqrstuvwxyz012345678")), True),
        (("feature/**", "!feature/[a-z]*", "!feature/[0-9]*"), False),
    ],
)  # fmt: skip
def test_some_handoff(patterns: tuple[str, ...], expected: bool) -> None:
    assert RefFilter(patterns).admits_a_handoff() is expected


def test_ignoring() -> None:
    assert not RefFilter.ignoring(("feature/**",)).admits_a_handoff()
    assert RefFilter.ignoring(("main", "feature/x")).admits_a_handoff()
    assert RefFilter.ignoring(("main",)).admits("x")
    assert not RefFilter.ignoring(("main",)).admits("main")


def test_what_is_too_large_to_tell_gets_through() -> None:
    assert RefFilter(("a" * 5000,)).admits_a_handoff()
    assert RefFilter(
        tuple(f"feature/**{'a?' * n}[a-m]*x[b-y]?" for n in range(1, 20))
    ).admits_a_handoff()


PATTERNS = st.lists(
    st.text("ab-/*?+!", min_size=1, max_size=6).map(lambda t: f"feature/{t}")
    | st.sampled_from(["**", "!feature/**", "!feature/a*", "f**", "*/*b", "!**b"]),
    max_size=3,
).map(tuple)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(PATTERNS)
def test_the_answer_for_all_is_the_answer_for_each(patterns: tuple[str, ...]) -> None:
    found = RefFilter(patterns)
    level, names = ["a", "b", "0"], []
    for _ in range(4):
        names += level
        level = [n + c for n in level for c in "ab0-"]
    tried = any(found.admits(f"feature/{name}") for name in names)
    assert not tried or found.admits_a_handoff()
    if not found.admits_a_handoff():
        assert not tried


@settings(max_examples=50, deadline=None)
@given(st.text("ab/*", min_size=1, max_size=6), st.text("ab/", max_size=6))
def test_stars_are_those_of_a_regular_expression(pattern: str, name: str) -> None:
    if "***" in pattern or "**/" in pattern:
        return
    meaning = {"*": "[^/]*", "**": ".*"}
    parts = re.split(r"(\*+)", pattern)
    expression = "".join(meaning.get(p, re.escape(p)) for p in parts)
    assert RefFilter((pattern,)).admits(name) is (re.fullmatch(expression, name) is not None)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=20), max_size=4).map(tuple), st.text(max_size=20))
def test_any_pattern_has_an_answer(patterns: tuple[str, ...], name: str) -> None:
    RefFilter(patterns).admits(name)
    RefFilter(patterns).admits_a_handoff()
