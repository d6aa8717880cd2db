# ruff: noqa: INP001 - a program, no package
"""Names every requirement with extras without them, too: pip 23 takes the two for different ones.

    python requirements/bare.py FILE ...

Else it resolves the one that is not named to the newest release, and misses its hash.
"""

import re
import sys
from pathlib import Path

_WITH_EXTRAS = re.compile(
    r"^([a-z0-9-]+)\[[^\n]*?\](==[^\n]*\n(?:    --hash[^\n]*\n)+)", re.MULTILINE
)


def name_bare(locked: str) -> str:
    """Return locked requirements with a bare twin before each one with extras."""
    return _WITH_EXTRAS.sub(lambda m: f"{m[1]}{m[2]}{m[0]}", locked)


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        path.write_text(name_bare(path.read_text()))
