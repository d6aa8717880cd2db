"""The two configuration files: each bad value is one clear error that names its place."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lanectl.config import parse_operator, parse_rules, render_operator, render_rules
from lanectl.errors import ExitCode, UnreadableError
from lanectl.model.names import ObjectId, RepositoryId
from lanectl.model.settings import DEFAULT_MIGRATIONS, Limits, Operator, Rules

FUZZ = settings(max_examples=40, deadline=None)
PIN = ObjectId("a" * 40)
TARGET = f"""
[target]
repository = "https://example.test/acme/shop"
branch = "main"
ref = "refs/remotes/origin/main"
pinned = "{PIN}"
"""
OPERATOR = Operator(
    "https://example.test/acme/shop", "main", "refs/remotes/origin/main", PIN, Limits()
)


def rules_error(text: str | bytes) -> str:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(UnreadableError) as caught:
        parse_rules(data)
    return said(caught.value, "lanectl.toml: ")


def operator_error(text: str | bytes) -> str:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(UnreadableError) as caught:
        parse_operator(data, "/etc/x.toml")
    return said(caught.value, "/etc/x.toml: ")


def said(error: UnreadableError, start: str) -> str:
    """Return what an error says after its file, and that it says how to go on."""
    assert error.exit_code is ExitCode.UNJUDGED
    assert "docs/configuration.md" in error.remedies[0].text
    assert error.what.startswith(start)
    assert "\n" not in error.what
    return error.what.removeprefix(start)


# lanectl.toml -------------------------------------------------------------------------------------


def test_the_least_and_the_most_that_rules_say() -> None:
    assert parse_rules(b"version = 1\n") == Rules(None, DEFAULT_MIGRATIONS)
    assert parse_rules(
        b'version = 1\n[repository]\nid = "h/a/b"\n[migrations]\npaths = ["x/*.sql", "y"]\n'
    ) == Rules(RepositoryId("h/a/b"), ("x/*.sql", "y"))
    assert parse_rules(b"version = 1\nmigrations.paths = []\n").migrations == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "version missing"),
        ("version = 2", "version must be 1"),
        ('version = "1"', "version must be of type int"),
        ("version = true", "version must be of type int"),
        ("version = 1.0", "version must be of type int"),
        ("version = 1\nversion = 1", "the file is not TOML"),
        ("version 1", "the file is not TOML"),
        (b"version = 1 # \xff", "the file is not TOML"),
        (b"\xef\xbb\xbfversion = 1", "the file is not TOML"),
        ("a = " + "[" * 50_000, "the file is not TOML"),
        ("version = " + "9" * 5_000, "the file is not TOML"),
        ("version = 1\nmigration = 1", "migration is not a known key"),
        ("version = 1\nlimits.x = 1\nextra = 2", "extra is not a known key"),
        ("version = 1\nrepository = 1", "repository must be of type dict"),
        ("version = 1\n[repository]\nid = 1", "repository.id must be of type str"),
        ('version = 1\n[repository]\nid = "x"', "repository.id not a repository id"),
        ('version = 1\n[repository]\nid = "https://h/a"', "repository.id not a repository id"),
        ('version = 1\n[repository]\nurl = "x"', "repository.url is not a known key"),
        ('version = 1\n[migrations]\npaths = "x"', "migrations.paths must be of type list"),
        ("version = 1\n[migrations]\npaths = [1]", "migrations.paths must be a list of texts"),
        ('version = 1\n[migrations]\npaths = [""]', "migrations.paths must be a list of texts"),
        ("version = 1\n[migrations]\nPaths = []", "migrations.Paths is not a known key"),
        ("version = 1\n[[migrations]]\npaths = []", "migrations must be of type dict"),
    ],
)
def test_bad_rules(text: str | bytes, says: str) -> None:
    assert rules_error(text).startswith(says)


def test_the_rules_that_init_writes_are_read() -> None:
    written = render_rules(RepositoryId("h.test:8080/a~/b%20c"))
    assert parse_rules(written.encode()) == Rules(RepositoryId("h.test:8080/a~/b%20c"))


# enforcer.toml ------------------------------------------------------------------------------------


def test_the_least_and_the_most_that_an_operator_says() -> None:
    assert parse_operator(f"version = 1{TARGET}".encode(), "x") == OPERATOR
    full = (
        f"version = 1{TARGET}[limits]\ninflated_mib = 1\ngit_seconds = 86400\ngit_memory_mib = 64\n"
    )
    limits = Limits(inflated=1 << 20, git_seconds=86_400, git_memory=64 << 20)
    assert parse_operator(full.encode(), "x") == replace(OPERATOR, limits=limits)


def changed(old: str, new: str) -> str:
    text = f"version = 1{TARGET}"
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "version missing"),
        ("version = 1", "target.repository missing"),
        (changed("version = 1", "version = 0"), "version must be 1"),
        (changed('branch = "main"\n', ""), "target.branch missing"),
        (changed('branch = "main"', "branch = 1"), "target.branch must be of type str"),
        (
            changed('branch = "main"', 'branch = "main"\nremote = "x"'),
            "target.remote is not a known key",
        ),
        (changed("refs/remotes/origin/main", "origin/main"), "target.ref is not a full ref name"),
        (changed("refs/remotes/origin/main", "--all"), "target.ref is not a full ref name"),
        (changed(PIN, "HEAD"), "target not a full object id"),
        (changed(PIN, PIN[:12]), "target not a full object id"),
        (changed(PIN, ""), "target not a full object id"),
        (changed("https://example.test/acme/shop", "nowhere"), "target not a repository address"),
        (changed("https://example.test/acme/shop", ""), "target not a repository address"),
        (changed("https://example.test/acme/shop", "https://h"), "target not a repository address"),
        (changed("[target]", "[[target]]"), "target must be of type dict"),
    ],
)
def test_bad_pins(text: str, says: str) -> None:
    assert operator_error(text).startswith(says)


@pytest.mark.parametrize("key", ["inflated_mib", "git_seconds", "git_memory_mib"])
@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("0", "must lie between"), ("-1", "must lie between"), ("99999999", "must lie between"), ("true", "must be of type int"),
        ('"64"', "must be of type int"), ("1.5", "must be of type int"), ("[]", "must be of type int"),
    ],
)  # fmt: skip
def test_bad_limits(key: str, value: str, says: str) -> None:
    error = operator_error(f"version = 1{TARGET}[limits]\n{key} = {value}\n")
    assert error.startswith(f"limits.{key} {says}")


def test_a_misspelt_limit_is_not_ignored() -> None:
    text = f"version = 1{TARGET}[limits]\ninflated_mb = 1\n"
    assert operator_error(text) == "limits.inflated_mb is not a known key"


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@FUZZ
@given(
    WORDS, WORDS, WORDS,
    st.tuples(st.integers(1, 4096), st.integers(1, 86_400), st.integers(64, 1 << 20)),
)  # fmt: skip
def test_the_pins_that_init_writes_are_read(
    path: str, branch: str, ref: str, numbers: tuple[int, int, int]
) -> None:
    inflated, seconds, memory = numbers
    limits = Limits(inflated << 20, seconds, memory << 20)
    operator = Operator(f"/srv/x{path}", branch, f"refs/{ref}", PIN, limits)
    try:
        operator.repository  # noqa: B018 - a path that stands for no repository cannot be pinned
    except ValueError:
        return
    assert parse_operator(render_operator(operator).encode(), "x") == operator


# hostile ------------------------------------------------------------------------------------------


@FUZZ
@given(
    st.binary(max_size=100) | st.text("version=1[]{}\"'\n\\u#.target ", max_size=60).map(str.encode)
)
def test_any_bytes_are_refused_with_one_error(data: bytes) -> None:
    for prefix in (b"", b"version = 1\n"):
        with contextlib.suppress(UnreadableError):
            parse_rules(prefix + data)
        with pytest.raises(UnreadableError):
            parse_operator(prefix + data, "x")
