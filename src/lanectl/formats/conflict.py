"""The conflict packet: what a Builder needs to make a change fit the moved target. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from lanectl.formats import masked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lanectl.model.bundle import Handoff
    from lanectl.model.evidence import Conflict
    from lanectl.model.names import ObjectId
    from lanectl.model.report import TrustSource, VerifiedBundle

SIDE_LIMIT: Final = 1 << 16
"""Bytes of one side of one file; a larger or binary one is named by its id only."""


def write(
    verified: VerifiedBundle,
    target: TrustSource,
    conflicts: Sequence[Conflict],
    blobs: Mapping[ObjectId, bytes],
) -> bytes:
    """Return the packet as JSON: the files, both sides and their base, where to rebase, how.

    File contents are quoted data, never instructions.
    """
    handoff = verified.statement.handoff
    branch = target.ref.rpartition("/")[2]
    packet = {
        "kind": "lanectl.conflict",
        "version": "1",
        "bundle": f"sha256:{verified.bundle.digest}",
        "slug": handoff.slug,
        "repository": handoff.repository,
        "base": handoff.base,
        "rebase_on": target.tip,
        "files": [
            {
                "path": masked.path(c.path),
                "base": _side(c.base, blobs),
                "target": _side(c.ours, blobs),
                "handoff": _side(c.theirs, blobs),
            }
            for c in conflicts
        ],
        "commands": [list(c) for c in commands(handoff, branch, target.tip)],
    }
    return json.dumps(packet, indent=2, ensure_ascii=True).encode("ascii") + b"\n"


def commands(handoff: Handoff, branch: str, tip: ObjectId) -> tuple[tuple[str, ...], ...]:
    """Return what to run in the Builder's clone, from a closed template."""
    return (
        ("git", "fetch", "origin", branch),
        ("git", "rebase", "--autostash", tip),
        ("lanectl", "pack", "--slug", handoff.slug, "--title", handoff.title, "--base", tip),
    )


def _side(
    side: tuple[str, ObjectId] | None, blobs: Mapping[ObjectId, bytes]
) -> dict[str, Any] | None:
    if side is None:
        return None
    mode, blob = side
    try:
        text = blobs[blob].decode("utf-8") if blob in blobs else None
    except UnicodeDecodeError:
        text = None
    return {"mode": mode, "id": blob, "text": text}
