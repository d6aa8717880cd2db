"""A lane's profile: `VARIABLE=value` lines, by python-dotenv. Nothing is interpolated or guessed."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Final, NoReturn

from lanectl.errors import Remedy, UsageError
from lanectl.model.display import display
from lanectl.model.lane import VARIABLE, Lane, Profile

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT: Final = 1 << 20
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_GAP: Final = re.compile(r"[^\S\r\n]{256}")
"""python-dotenv takes quadratic time in a run of blanks."""


def read(data: bytes, path: str) -> Profile:
    """Return the profile in these bytes; `path` is for messages.

    Raises UsageError: not UTF-8, a line that is no assignment, a variable twice, no LANECTL_LANE,
    an unknown lane.
    """
    variables = _variables(data, path)
    if VARIABLE not in variables:
        _refuse(path, f"it does not say {VARIABLE}")
    return Profile(path, lane_named(variables[VARIABLE], path), variables)


def lane_named(name: str, place: str) -> Lane:
    """Return the lane of this name. Raises UsageError that says where the name stands."""
    try:
        return Lane(name)
    except ValueError as error:
        raise UsageError(
            f"{display(place)}: {VARIABLE} names no lane",
            why="it must be codex (the Builder) or claude (the Enforcer)",
            remedies=(Remedy(f"Set {VARIABLE}=codex or {VARIABLE}=claude."),),
        ) from error


def _variables(data: bytes, path: str) -> Mapping[str, str]:
    from dotenv.parser import parse_stream

    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(path, f"byte {error.start} is not UTF-8")
    if _GAP.search(text):
        _refuse(path, "it has a run of more than 255 blanks")
    found: dict[str, str] = {}
    for line in parse_stream(io.StringIO(text)):
        if line.key is None and not line.error:
            continue  # blank or a comment
        where = f"line {line.original.line}"
        if line.error or line.key is None or line.value is None or "\0" in line.value:
            _refuse(path, f"{where} is no VARIABLE=value")
        if not _NAME.fullmatch(line.key):
            _refuse(path, f"{where} has a name that no shell would take")
        if line.key in found:
            _refuse(path, f"{where} sets {display(line.key)} a second time")
        found[line.key] = line.value
    return found


def _refuse(path: str, why: str) -> NoReturn:
    raise UsageError(
        f"{display(path)} is no profile of a lane",
        why=why,
        remedies=(Remedy("See .env.codex.example and .env.claude.example."),),
    )
