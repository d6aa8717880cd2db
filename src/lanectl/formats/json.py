"""The one strict JSON reader and the one canonical writer. Refuses what `json.loads` lets through.

Refused: anything but UTF-8, a byte order mark, duplicate keys, NaN and infinities, lone
surrogates, numbers of absurd length, nesting deeper than 64, trailing data, too many bytes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from lanectl.model.report import Fault, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_DEPTH = 64
_MAX_DIGITS = 32


def load(data: bytes | memoryview, *, rule: str, limit: int) -> Any:
    """Return the value of one JSON document of at most `limit` bytes.

    Raises MalformedError with `rule` and the reason. Follows RFC 8259 and the narrower I-JSON
    (RFC 7493): what two readers could understand differently is refused.
    """
    if len(data) > limit:
        _refuse(rule, f"{len(data)} bytes", f"at most {limit} bytes")
    try:
        text = str(data, "utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_int=_short_int,
            parse_float=_short_float,
        )
        _walk(value)
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
    import rfc8785

    _no_numbers(value)
    return rfc8785.dumps(value)


def _refuse(rule: str, got: str, expected: str) -> NoReturn:
    raise MalformedError(Fault(rule, got=got, expected=expected))


def _malformed(rule: str, got: str) -> MalformedError:
    return MalformedError(Fault(rule, got=got, expected="one strict JSON document"))


def _no_duplicates(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"duplicate key {key[:80]!r}")
        result[key] = value
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


def _walk(value: Any) -> None:
    """Refuse depth and lone surrogates, level by level: no recursion on untrusted depth."""
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                item.encode("utf-8")  # a lone surrogate raises UnicodeEncodeError, a ValueError
            elif isinstance(item, dict):
                below += item.keys()
                below += item.values()
            elif isinstance(item, list):
                below += item
        if not below:
            return
        level = below
    raise ValueError(f"nested deeper than {MAX_DEPTH}")


def _no_numbers(value: Any) -> None:
    if isinstance(value, dict):
        for item in value.values():
            _no_numbers(item)
    elif isinstance(value, list):
        for item in value:
            _no_numbers(item)
    elif not isinstance(value, str | bool):
        raise ValueError(f"a canonical document holds no {type(value).__name__}")  # noqa: TRY004 - documented as ValueError
