"""A profile is read literally: nothing is interpolated, doubled or guessed."""

from __future__ import annotations

import re

import pytest

from lanectl.errors import UsageError
from lanectl.formats.profile import read
from lanectl.model.lane import Lane


def test_values_are_literal() -> None:
    profile = read(b"# c\n\nLANECTL_LANE=codex\nA=${HOME}$X\nexport B='x y' # c\nC=\n", "p")
    assert profile.lane is Lane.CODEX
    assert profile.variables == {"LANECTL_LANE": "codex", "A": "${HOME}$X", "B": "x y", "C": ""}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"A=1\n", "it does not say LANECTL_LANE"),
        (b"LANECTL_LANE=codex\nA=1\nA=2\n", "line 3 sets A a second time"),
        (b"LANECTL_LANE=codex\nLANECTL_LANE=claude\n", "line 2 sets LANECTL_LANE a second time"),
        (b"LANECTL_LANE=codex\nWORD\n", "line 2 is no VARIABLE=value"),
        (b"LANECTL_LANE=codex\nA='x\n", "line 2 is no VARIABLE=value"),
        (b"LANECTL_LANE=codex\nA=\0\n", "line 2 is no VARIABLE=value"),
        (b"LANECTL_LANE=codex\n'a b'=1\n", "line 2 has a name that no shell would take"),
        (b"LANECTL_LANE=codex\nA=x" + b" \t" * 128, "it has a run of more than 255 blanks"),
        (b"LANECTL_LANE=codex\nA=\xff\n", "byte 21 is not UTF-8"),
    ],
)
def test_what_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(UsageError, match="no profile of a lane") as caught:
        read(data, "p")
    assert caught.value.why == said


@pytest.mark.parametrize("name", [b"", b"Codex", b"builder", b"codex claude"])
def test_an_unknown_lane(name: bytes) -> None:
    with pytest.raises(UsageError, match=re.escape("p: LANECTL_LANE names no lane")):
        read(b"LANECTL_LANE=" + name + b"\n", "p")
