"""Replay: the patch leads from the signed base tree to the signed result tree, and is canonical."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.model.bundle import PATCH
from lanectl.model.report import Fault, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.evidence import Evidence

_PACK = Remedy(
    "Pack again with an unmodified lanectl; patches are never written by hand.", ("lanectl", "pack")
)

RULES = (
    Rule(
        "replay/does-not-apply",
        "The patch does not apply to the base",
        "git itself refuses it.",
        _PACK,
        example="a patch against a file that the base does not have",
    ),
    Rule(
        "replay/base-tree",
        "The base commit has another tree than the signed one",
        "The statement speaks of another repository or history.",
        _PACK,
        example="a statement whose base tree belongs to another commit",
    ),
    Rule(
        "replay/result-tree",
        "The patch gives another tree than the signed one",
        "What would be merged is not what was signed.",
        _PACK,
        example="a patch with one line more than what was signed",
    ),
    Rule(
        "replay/not-canonical",
        "The patch is not what this git makes of the two trees",
        "Prose, second diffs and wrong ids hide in what git silently accepts.",
        _PACK,
        example="a patch with an e-mail's header, or hunks at other lines",
    ),
    Rule(
        "replay/empty",
        "The patch changes nothing",
        "A handoff is a change.",
        Remedy("Make a change, then pack again."),
        example="a patch of zero bytes",
    ),
)


def check(evidence: Evidence) -> Iterator[Fault]:
    """Yield where the replay differs from what is signed."""
    statement, replay = evidence.outer or evidence.inner, evidence.replay
    if statement is None or replay is None:
        return
    handoff = statement.handoff
    if replay.base_tree != handoff.base_tree:
        yield Fault("replay/base-tree", "base_tree", replay.base_tree, handoff.base_tree)
    if replay.result_tree is None:
        yield Fault("replay/does-not-apply", PATCH, replay.problem, "a patch that applies")
        return
    if replay.result_tree != handoff.result_tree:
        yield Fault("replay/result-tree", "result_tree", replay.result_tree, handoff.result_tree)
    if replay.result_tree == replay.base_tree:
        yield Fault("replay/empty", PATCH, "no change", "a change")
    # Another git version may word the same difference differently; the trees are compared in any case.
    if not replay.canonical and replay.diff_engine == handoff.diff_engine:
        yield Fault(
            "replay/not-canonical",
            PATCH,
            "other bytes",
            f"the patch that {replay.diff_engine} makes",
        )
