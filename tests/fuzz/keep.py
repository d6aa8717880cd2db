"""Keep what a run found: `python -m tests.fuzz.keep TARGET…`, smallest first, new lines only."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from tests.fuzz.seeds import CORPUS, LONGEST, ROOT, corpus, seeds
from tests.fuzz.targets import TARGETS

MOST_BYTES = 8000
"""Of one target, so that all stay below 200 kB."""


def lines(target: str, data: bytes) -> set[tuple[str, int, int]]:
    """Return the steps from line to line of lanectl that an input takes."""
    found: set[tuple[str, int, int]] = set()
    last: dict[int, int] = {}

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if "lanectl" not in frame.f_code.co_filename:
            return None
        if event == "line":
            found.add((frame.f_code.co_filename, last.get(id(frame), 0), frame.f_lineno))
        last[id(frame)] = frame.f_lineno if event == "line" else 0
        return trace

    sys.settrace(trace)
    try:
        TARGETS[target](data)
    finally:
        sys.settrace(None)
    return found


def keep(target: str) -> None:
    (CORPUS / target).mkdir(parents=True, exist_ok=True)
    known: set[tuple[str, int, int]] = set()
    for data in (b"", *seeds(target), *(p.read_bytes() for p in corpus(target))):
        known |= lines(target, data)
    room = MOST_BYTES - sum(p.stat().st_size for p in corpus(target))
    found = (ROOT / ".fuzz" / target / "found").glob("*")
    for path in sorted(found, key=lambda p: (p.stat().st_size, p.name)):
        size = path.stat().st_size
        if size > min(room, LONGEST):
            break
        new = lines(target, path.read_bytes()) - known
        if new:
            known |= new
            room -= size
            (CORPUS / target / path.name[:12]).write_bytes(path.read_bytes())


if __name__ == "__main__":
    for name in sys.argv[1:]:
        keep(name)
