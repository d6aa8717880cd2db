"""The strict YAML reader: texts only, and nothing that could be read in two ways or without end."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lanectl.formats import yaml
from lanectl.model.report import MalformedError


def load(data: bytes) -> object:
    return yaml.load(data, rule="x/y", limit=10_000)


def laughs(levels: int) -> bytes:
    lines = ["a0: &a0 lol"] + [
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)
    ]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"on: push\nyes: 010\nd: 2020-01-01\nn: ~\n", {"on": "push", "yes": "010", "d": "2020-01-01", "n": "~"}),
        (b"a:\nb: ''\n", {"a": "", "b": ""}), (b"", ""), (b"x: &x [1]\ny: *x\n", {"x": ["1"], "y": ["1"]}),
        (b"!!python/object/apply:os.system [id]", ["id"]), (b"a: |\n  x\n  y\n", {"a": "x\ny\n"}),
        (b"x: &x {k: v}\nl: [*x, *x]", {"x": {"k": "v"}, "l": [{"k": "v"}, {"k": "v"}]}),
    ],
)  # fmt: skip
def test_what_is_read(data: bytes, expected: object) -> None:
    assert load(data) == expected


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a: 1\na: 2\n", "duplicate key"), (b"a: {b: 1, b: 2}", "duplicate key"), (b"x: &x {a: 1}\n<<: *x\n", "merge"),
        (b"--- 1\n--- 2\n", "more than one"), (b"? [a]\n: b\n", "no text"), (b"a: &a [*a]\n", "alias"), (b"*a", "alias"),
        (b"[" * 65 + b"]" * 65, "deeper"), (b"[" * 9000, "deeper"), (b"a: [", "in line 2"), (b"\xff\xfea\0", "UTF-8"),
        (laughs(9), "stand for too much"), (b"x" * 10_001, "10001 bytes"), (b"a:\t\x01", "not YAML"),
    ],
)  # fmt: skip
def test_what_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(MalformedError) as raised:
        load(data)
    assert reason in raised.value.fault.got
    assert raised.value.fault.rule == "x/y"


def test_a_few_aliases_are_no_bomb() -> None:
    assert load(laughs(3))


def test_every_text_is_found() -> None:
    assert sorted(yaml.texts({"a": ["b", {"c": "d"}]})) == ["a", "b", "c", "d"]


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200) | st.text("ab:-[]{}&*!|>'\"#%@,?\n \t<~.0").map(str.encode))
@example(b"%YAML 9.9\n---\n")
@example(b"&a a: *a")
@example(b"- &a\n- *a")
def test_any_bytes_give_a_value_or_a_refusal(data: bytes) -> None:
    with contextlib.suppress(MalformedError):
        load(data)
