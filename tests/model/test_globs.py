"""Globs over repository paths."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.model.globs import matches


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.sql", "a.sql", True),
        ("*.sql", "x/a.sql", False),
        ("*.sql", ".sql", True),
        ("*.sql", "a.sqlx", False),
        ("*.sql", "A.SQL", False),
        ("**/*.sql", "a.sql", True),
        ("**/*.sql", "x/y/a.sql", True),
        ("**/migrations/*.sql", "migrations/a.sql", True),
        ("**/migrations/*.sql", "x/migrations/a.sql", True),
        ("**/migrations/*.sql", "xmigrations/a.sql", False),
        ("**/migrations/*.sql", "migrations/x/a.sql", False),
        ("db/**", "db/a/b", True),
        ("db/**", "db", False),
        ("db/**/x", "db/x", True),
        ("db/**/x", "db/a/b/x", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("a.c", "abc", False),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("a+(b)$", "a+(b)$", True),
        ("", "", True),
        ("", "a", False),
        ("a", "a\n", False),
        ("*", "a\nb", True),
    ],
)
def test_globs(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path.encode()) is expected


def test_raw_bytes_match_too() -> None:
    assert matches("*.sql", b"\xff\xfe.sql")
    assert not matches("?.sql", b"\xff\xfe.sql")
    assert matches("\u00fc.sql", "\u00fc.sql".encode())


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=20))
def test_a_pattern_without_wildcards_matches_itself_only(text: str) -> None:
    plain = re.sub(r"[*?\ud800-\udfff]", "", text)
    assert matches(plain, plain.encode())
    assert not matches(plain, plain.encode() + b"x")
