"""Untrusted text on a screen: it cannot move, hide or reorder anything."""

from __future__ import annotations

import shlex
import subprocess
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.model.display import display, display_command, display_lines, display_path
from tests.assets.bundles.workshop.objects import quote

FUZZ = settings(max_examples=40, deadline=None)
HOSTILE = st.text(max_size=60) | st.text(
    '\0\x07\x1b\x7f\x9b\n\r\t\u200b\u200e\u202e\u2066\u2028\ufeff\U000e0041\ud800\udcff[;m\\"', max_size=30
)  # fmt: skip
DANGEROUS = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def is_safe(text: str) -> bool:
    return not any(unicodedata.category(c) in DANGEROUS for c in text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        (
            "\u0646\u0627\u0645 \u00fc \u6f22 \U0001f600",
            "\u0646\u0627\u0645 \u00fc \u6f22 \U0001f600",
        ),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\tc\r", "a\\x0ab\\x09c\\x0d"),
        ("\x9b", "\\x9b"),
        ("\u202eabc", "\\u202eabc"),
        ("\U000e0041", "\\U000e0041"),
        ("\udcff", "\\xff"),
        ("\ud800", "\\ud800"),
        ("", ""),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert display(text) == shown


def test_long_text_is_cut() -> None:
    assert display("x" * 2001) == "x" * 2000 + "\u2026"
    assert display("x" * 2000) == "x" * 2000
    assert display("\x1b" * 10, limit=3) == "\\x1b" * 3 + "\u2026"


@FUZZ
@given(HOSTILE)
def test_nothing_dangerous_is_shown(text: str) -> None:
    for shown in (display(text), display_path(text.encode("utf-8", "surrogatepass"))):
        assert is_safe(shown)
        shown.encode("utf-8")
    assert display(display(text)) == display(text)
    assert all(is_safe(line) for line in display_lines(text).split("\n"))
    assert display_lines(text).count("\n") == text.count("\n")


@FUZZ
@given(st.binary(min_size=1, max_size=40))
def test_no_two_paths_look_the_same(path: bytes) -> None:
    shown = display_path(path)
    if not shown.startswith('"'):
        assert shown.encode() == path
        return
    inside = shown[1:-1].encode()
    assert inside.decode("utf-8") == shown[1:-1]
    read = unquoted(inside)
    assert read == path


def unquoted(text: bytes) -> bytes:
    """Undo C quoting."""
    out, at = b"", 0
    while at < len(text):
        if text[at : at + 1] != b"\\":
            out += text[at : at + 1]
            at += 1
        elif text[at + 1 : at + 2] in (b'"', b"\\"):
            out += text[at + 1 : at + 2]
            at += 2
        else:
            out += bytes([int(text[at + 1 : at + 4], 8)])
            at += 4
    return out


def test_ordinary_paths_stay_readable() -> None:
    for path in ("src/app.py", "docs/a b.txt", "\u00fc/\u0646.txt", "it's", "$(id)"):
        assert display_path(path.encode()) == path
    assert display_path(b"a\nb") == '"a\\012b"'
    assert display_path(b'say "hi"') == '"say \\"hi\\""' == quote(b'say "hi"').decode()
    assert display_path(b"\xff") == '"\\377"' == quote(b"\xff").decode()


@FUZZ
@given(st.lists(HOSTILE, min_size=1, max_size=4))
def test_a_command_is_safe_to_paste(arguments: list[str]) -> None:
    line = display_command(arguments)
    assert is_safe(line)
    assert shlex.split(line) == [display(a) for a in arguments]


def test_a_real_shell_reads_it_as_arguments() -> None:
    arguments = ["a b", "$(touch x)", "`id`", "it's", "-n", "*", ";ls", "\x1b[31m"]
    done = subprocess.run(
        ["/bin/sh", "-c", f"printf '%s\\n' {display_command(arguments)}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == [display(a) for a in arguments]
