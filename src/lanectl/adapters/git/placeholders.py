"""Empty files that a sandbox leaves where it protects a path that did not exist. Not a change.

Codex mounts an empty file over a protected path; while the sandbox runs it is a mount point, and
afterwards an empty file may stay on disk.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from typing import Final

PROTECTED: Final = frozenset(
    {
        b".agents", b".aws", b".claude", b".codex", b".cursor", b".env", b".env.claude",
        b".env.codex", b".git", b".github", b".mcp.json", b"AGENTS.md", b"CLAUDE.md",
    }
)  # fmt: skip
"""Top-level names that sandboxes are told to protect."""

_MOUNTS: Final = "/proc/self/mountinfo"


def mount_points() -> frozenset[bytes]:
    """Return every mount point of this process, or none where the system does not tell."""
    found: set[bytes] = set()
    with contextlib.suppress(OSError), open(_MOUNTS, "rb") as file:
        for line in file:
            fields = line.split(b" ")
            if len(fields) > 4:
                found.add(re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8)]), fields[4]))
    return frozenset(found)


def is_placeholder(
    top: bytes, path: bytes, status: os.stat_result, mounts: frozenset[bytes]
) -> bool:
    """Whether an untracked entry is what a sandbox left, not what somebody wrote."""
    if os.path.join(top, path) in mounts:
        return status.st_size == 0 or not stat.S_ISREG(status.st_mode)
    return path in PROTECTED and stat.S_ISREG(status.st_mode) and status.st_size == 0
