"""The one strict JSON reader and the one canonical writer. Refuses what `json.loads` lets through.

Refused: anything but UTF-8, a byte order mark, duplicate keys, NaN and infinities, lone
surrogates, numbers of absurd length, nesting deeper than 64, trailing data, too many bytes.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import msgspec

from lanectl.model.report import Fault, MalformedError

MAX_DEPTH = 64
_MAX_DIGITS = 32
_PLAIN = msgspec.json.Encoder(order="deterministic", enc_hook=str)  # the hook: a subclass of `str`


def load(data: bytes | memoryview, *, rule: str, limit: int) -> Any:
    """Return the value of one JSON document of at most `limit` bytes.

    Raises MalformedError with `rule` and the reason. Follows RFC 8259 and the narrower I-JSON
    (RFC 7493): what two readers could understand differently is refused.
    """
    if len(data) > limit:
        _refuse(rule, f"{len(data)} bytes", f"at most {limit} bytes")
    try:
        text = str(data, "utf-8")
        if text.startswith("\ufeff"):
            _refuse(rule, "a byte order mark (BOM)", "one strict JSON document")
        value = _STRICT.decode(text)
        _refuse_depth(value, text)
        if "\\u" in text:  # the only way to write half of a surrogate pair
            _refuse_surrogates(value)
    except UnicodeDecodeError as error:
        raise _malformed(rule, f"not UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise _malformed(rule, "nested too deeply") from error
    except ValueError as error:  # includes json.JSONDecodeError
        raise _malformed(rule, str(error)) from error
    return value


def dump(value: Any) -> bytes:
    """Return the canonical encoding (RFC 8785) of strings, booleans, lists and objects.

    Raises ValueError for anything else, numbers included: they would not survive in-toto's
    protobuf unchanged.
    """
    if _has_plain_keys(value):
        # msgspec writes the same bytes, a hundred times as fast; only the order of keys
        # beyond ASCII differs (UTF-16 there, code points here).
        return _PLAIN.encode(value)
    import rfc8785

    return rfc8785.dumps(value)


def _refuse(rule: str, got: str, expected: str) -> NoReturn:
    raise MalformedError(Fault(rule, got=got, expected=expected))


def _malformed(rule: str, got: str) -> MalformedError:
    return MalformedError(Fault(rule, got=got, expected="one strict JSON document"))


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"duplicate key {key[:80]!r}")
            seen.add(key)
    return result


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _short_int(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _short_float(digits: str) -> float:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number out of range")
    return value


_STRICT = json.JSONDecoder(
    object_pairs_hook=_no_duplicates,
    parse_constant=_no_constant,
    parse_int=_short_int,
    parse_float=_short_float,
)


def _refuse_depth(value: Any, text: str) -> None:
    """Refuse depth, level by level: no recursion on untrusted depth."""
    if text.count("{") + text.count("[") < MAX_DEPTH:
        return
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below += item.values()
            elif isinstance(item, list):
                below += item
        if not below:
            return
        level = below
    raise ValueError(f"nested deeper than {MAX_DEPTH}")


def _refuse_surrogates(value: Any) -> None:
    """Refuse a lone surrogate in any string: encoding it raises UnicodeEncodeError, a ValueError."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, str):
            item.encode("utf-8")
        elif isinstance(item, dict):
            left += item.keys()
            left += item.values()
        elif isinstance(item, list):
            left += item


def _has_plain_keys(value: Any) -> bool:
    """Whether every key is in ASCII. Raises ValueError for what a canonical document never holds."""
    plain, seen = True, [value]
    for item in seen:  # it grows
        if isinstance(item, str):
            continue
        if isinstance(item, dict):
            plain = plain and "".join(item).isascii()
            seen += item.values()
        elif isinstance(item, list):
            seen += item
        elif not isinstance(item, bool):
            raise ValueError(f"a canonical document holds no {type(item).__name__}")  # noqa: TRY004 - documented as ValueError
    return plain
