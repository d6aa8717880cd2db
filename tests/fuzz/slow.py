"""Inputs of 64 KiB whose cost once grew with the square of their size, most to seconds, by reader."""

from __future__ import annotations

from tests.fuzz.seeds import LONGEST

_SAFE = b"on: pull_request\npermissions: {}\n"


def filled(
    pattern: bytes, *, before: bytes = b"", after: bytes = b"", size: int = LONGEST
) -> bytes:
    """Return the pattern as often as it fits between two ends."""
    return before + pattern * ((size - len(before) - len(after)) // len(pattern)) + after


def _script(text: bytes, *, env: bytes = b"", on: bytes = _SAFE) -> bytes:
    return on + env + b"jobs: {a: {runs-on: ubuntu-latest, steps: [{run: '" + text + b"'}]}}\n"


_HALF = LONGEST // 2 - 200
_NAMES = b", ".join(b"k%d: x" % n for n in range(3000))

SLOW: dict[str, tuple[str, bytes]] = {
    "newlines-before-a-trailer": ("message", filled(b"\n")),
    "pull-in-pull": (
        "workflow",
        _script(filled(b"pull/", before=b"git ", size=LONGEST - 200), on=b"on: pull_request_target\n"),
    ),
    "one-variable-named-often": (
        "workflow",
        _script(
            filled(b"${{env.q}}", size=_HALF),
            env=filled(b"${{github.q}}", before=b"env: {q: '", after=b"'}\n", size=_HALF),
        ),
    ),
    "labels-times-matrix": (
        "workflow",
        _SAFE
        + filled(b"x,", before=b"jobs: {a: {strategy: {matrix: {o: [", after=b"]}}, runs-on: [", size=_HALF)
        + filled(b"'${{matrix.o}}',", after=b"]}}\n", size=_HALF),
    ),
    "variables-times-steps": (
        "workflow",
        _SAFE
        + b"env: {" + _NAMES + b"}\njobs: {a: {runs-on: ubuntu-latest, steps: ["
        + filled(b"{env: {a: b}, run: '${{env.z}}'},", after=b"]}}\n", size=_HALF),
    ),
    "hash-in-hash": ("requirements", filled(b"--hash=", before=b"a==1 ")),
    "blanks-before-no-comment": (
        "env",
        filled(b" ", before=b"LANECTL_LANE=codex\nA=x", after=b"y\n"),
    ),
}  # fmt: skip
