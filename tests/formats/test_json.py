"""The strict JSON reader and the canonical writer."""

from __future__ import annotations

import json as plain_json
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.formats import json
from lanectl.model.report import MalformedError

FUZZ = settings(max_examples=40, deadline=None)
LIMIT = 1 << 20

SCALARS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS,
    lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=8), v, max_size=4),
    max_leaves=20,
)
WORDS = st.recursive(
    st.booleans() | st.text(max_size=20),
    lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=8), v, max_size=4),
    max_leaves=20,
)


def load(data: bytes | memoryview, limit: int = LIMIT) -> Any:
    return json.load(data, rule="test/rule", limit=limit)


def refusal(data: bytes, limit: int = LIMIT) -> str:
    with pytest.raises(MalformedError) as caught:
        load(data, limit)
    assert caught.value.fault.rule == "test/rule"
    return caught.value.fault.got


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "Expecting value"),
        (b"nothing", "Expecting value"),
        (b"{'a': 1}", "property name"),
        (b'{"a": 1,}', "line 1 column"),
        (b"[1,]", "line 1 column"),
        (b"// x\n1", "Expecting value"),
        (b"1 2", "Extra data"),
        (b"{}\0", "Extra data"),
        (b'"\n"', "control character"),
        (b'"\\x41"', "escape"),
        (b"\xef\xbb\xbf{}", "BOM"),
        ("{}".encode("utf-16"), "not UTF-8 at byte 0"),
        ("{}".encode("utf-16-le"), "property name"),
        ("{}".encode("utf-32-be"), "Expecting value"),
        (b'"\xff"', "not UTF-8 at byte 1"),
        (b'"\xc0\x80"', "not UTF-8"),  # an overlong NUL
        (b'"\xed\xa0\x80"', "not UTF-8"),  # a surrogate in UTF-8
        (b'"\\ud800"', "surrogates not allowed"),
        (b'{"\\udfff": 1}', "surrogates not allowed"),
        (b'["\\udc00\\ud800"]', "surrogates not allowed"),
        (b'{"a": 1, "a": 2}', "duplicate key 'a'"),
        (b'{"a": 1, "\\u0061": 1}', "duplicate key 'a'"),
        (b'[{"b": {"a": 1, "a": 1}}]', "duplicate key 'a'"),
        (b"NaN", "NaN is not JSON"),
        (b"[Infinity]", "Infinity is not JSON"),
        (b"-Infinity", "-Infinity is not JSON"),
        (b"1e400", "out of range"),
        (b"-1e400", "out of range"),
        (b"1" * 33, "a number of 33 digits"),
        (b"9" * 100_000, "a number of 100000 digits"),
        (b"0." + b"1" * 100, "digits"),
        (b"01", "Extra data"),
        (b"+1", "Expecting value"),
        (b"0x1", "Extra data"),
    ],
)
def test_what_other_readers_let_through_is_refused(data: bytes, says: str) -> None:
    assert says in refusal(data)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
@pytest.mark.parametrize("closed", [True, False])
def test_any_depth_is_refused_and_none_crashes(opening: bytes, closed: bool) -> None:
    closing = {b"[": b"]", b'{"a":': b"}", b'[{"a":': b"}]"}[opening]
    for depth in (100, 1_000, 100_000):
        document = opening * depth + b"1" + (closing * depth if closed else b"")
        assert "nested" in refusal(document) or not closed


def test_depth_is_counted_exactly() -> None:
    inside = json.MAX_DEPTH - 1
    assert load(b"[" * inside + b"1" + b"]" * inside)
    assert load(b'{"a":' * inside + b"1" + b"}" * inside)
    assert "deeper than 64" in refusal(b"[" * (inside + 1) + b"1" + b"]" * (inside + 1))
    assert load(b"[" + b"[[1]]," * 10_000 + b"1]")[-1] == 1


def test_the_limit_is_exact() -> None:
    assert load(b'"abc"', 5) == "abc"
    assert refusal(b'"abc"', 4) == "5 bytes"
    assert load(memoryview(b'x"abc"x')[1:-1]) == "abc"


def test_numbers_keep_their_kind() -> None:
    assert load(b"[1, -0, 1.5, 1e2, 12345678901234567890]") == [
        1,
        0,
        1.5,
        100.0,
        12345678901234567890,
    ]


@FUZZ
@given(VALUES)
def test_what_python_writes_is_read(value: Any) -> None:
    for ascii_only in (True, False):
        assert load(plain_json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@FUZZ
@given(
    st.binary(max_size=200)
    | st.text(alphabet='[]{}":,\\u0123eE+-.NaInfty ', max_size=60).map(str.encode)
)
def test_any_bytes_are_refused_or_mean_what_python_reads(data: bytes) -> None:
    try:
        value = load(data)
    except MalformedError:
        return
    assert value == plain_json.loads(data.decode("utf-8"))


# the writer ---------------------------------------------------------------------------------------


def test_the_canonical_form_is_rfc_8785s() -> None:
    value = {"b": [True, False, '\u20ac$\n"\\/'], "a": {}, "\U00010000": "", "\ue000": []}
    # sorted by UTF-16 code units: the astral letter comes before U+E000
    expected = '{"a":{},"b":[true,false,"\u20ac$\\n\\"\\\\/"],"\U00010000":"","\ue000":[]}'
    assert json.dump(value) == expected.encode()


@pytest.mark.parametrize("value", [1, 1.0, None, float("nan"), [0], {"a": {"b": None}}, b"x", (1,)])
def test_numbers_and_nothing_cannot_be_written(value: Any) -> None:
    with pytest.raises(ValueError, match="a canonical document holds no"):
        json.dump(value)


@FUZZ
@given(WORDS)
def test_what_is_written_is_read_and_has_one_form(value: Any) -> None:
    data = json.dump(value)
    assert load(data) == value
    assert json.dump(load(data)) == data


@FUZZ
@given(WORDS)
def test_the_fast_encoding_is_the_canonical_one(value: Any) -> None:
    assert json.dump(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    "value",
    [
        {'\x00\x1f\x7f\b\t\n\f\r"\\/\u2028\U0001f600': '\x00\x1f\x7f\b\t\n\f\r"\\/\u2028\U0001f600'},
        {"\uffff": True, "\U00010000": False},  # UTF-16 sorts them the other way round
        {"b": [], "a": {}, "B": {"b": "", "a": ""}, "": [True, False]},
    ],
)  # fmt: skip
def test_what_encoders_differ_in_is_canonical(value: Any) -> None:
    assert json.dump(value) == rfc8785.dumps(value)
    assert json.dump({"x": list(value.values())}) == rfc8785.dumps({"x": list(value.values())})


@pytest.mark.parametrize("value", [{"a": "\ud800"}, {"\udfff": "a"}, {"a": None}, {"a": [1]}, 1.5])
def test_what_no_canonical_document_holds_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        json.dump(value)
