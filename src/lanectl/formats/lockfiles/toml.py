"""The one strict TOML reader of lockfiles. Refuses what `tomli` lets through or chokes on."""

from __future__ import annotations

import math
import re
from typing import Any

from lanectl.formats.lockfiles.fields import decode, refuse

_LIMIT = 4 << 20
"""Bytes of a document: reading one takes 0.7 s and 45 MiB for each MiB."""

# tomllib and tomli take quadratic time in the parts of one dotted key (CPython gh-149231).
_ENDLESS_KEY = re.compile(
    r"""(?:(?:(?<![\w-])[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}"""
)


def load(data: bytes) -> dict[str, Any]:
    """Return the document in these bytes.

    Raises MalformedError: over 4 MiB, not UTF-8, not TOML, nested too deeply, keys of 32 parts and more,
    NaN and infinities, integers beyond the 64 bits that TOML has.
    """
    import tomli

    if len(data) > _LIMIT:
        refuse(f"{len(data)} bytes", f"at most {_LIMIT} bytes")
    source = decode(data)
    if any(line.count(".") > 30 and _ENDLESS_KEY.search(line) for line in source.split("\n")):
        refuse("a key of more than 32 parts", "TOML")
    try:
        document = tomli.loads(source, parse_float=_finite)
    except RecursionError:
        refuse("nested too deeply", "TOML")
    except ValueError as error:  # TOMLDecodeError, and integers of absurd length
        refuse(str(error), "TOML")
    _check_integers(document)
    return document


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:20]} is no finite number")
    return value


def _check_integers(document: Any) -> None:
    """Refuse integers that do not fit, with a list of what is to do: depth costs no recursion."""
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, int) and value.bit_length() > 63:
            refuse(f"an integer of {value.bit_length()} bits", "64 bits at most")
