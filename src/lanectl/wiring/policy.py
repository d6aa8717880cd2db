"""What the trust policy is shown, signed and set up with."""

from __future__ import annotations

import contextlib
import os
from pathlib import PurePath
from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.errors import LaneError, UnreadableError
from lanectl.model.root import ROOT_PATH, SIGNATURES_PATH
from lanectl.wiring.common import OPERATOR_LIMIT, pinned_by
from lanectl.wiring.neutral import enforcer_side

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lanectl.adapters.git.target import GitTargetRepository
    from lanectl.flows.endorse import Endorsed
    from lanectl.flows.init import PlannedFile
    from lanectl.flows.policy import Warned
    from lanectl.flows.root import RootState
    from lanectl.model.evidence import Trust
    from lanectl.model.settings import Operator


_PAST = 16
"""Former states of the root that are looked at: who must hand it on may hold a key of one."""


class Shown(Struct, frozen=True):
    """The trust at the target's tip, the present time, and what of it ends soon."""

    trust: Trust
    now: datetime
    warned: tuple[Warned, ...]


def load(start: str, operator: str | None) -> Shown:
    """Return the trust that the operator pins, in the clone at or above `start`."""
    from lanectl.flows.policy import warnings
    from lanectl.flows.trust import load_trust

    with enforcer_side(start, operator=operator) as side:
        trust = load_trust(side.operator_file, side.require_repository(), side.store)
        now = side.system.now()
        return Shown(trust, now, warnings(trust, now, side.gpg))


def plan_root(start: str, keys: Sequence[str], threshold: int, *, write: bool) -> PlannedFile:
    """Plan, and write, the work tree's `root.json` for the public keys in these files."""
    from lanectl.adapters import files, trust_folder
    from lanectl.flows import endorse as flow

    with enforcer_side(start) as side:
        top = _top(side.require_repository())
        named = [
            (_name(key), files.read(key, limit=OPERATOR_LIMIT).decode("utf-8", "replace"))
            for key in keys
        ]
        planned = flow.plan_root(trust_folder.read(top, limit=OPERATOR_LIMIT), named, threshold)
        _write(top, planned, write=write)
        return planned


def endorse(start: str, key: str, *, write: bool) -> Endorsed:
    """Sign, and write, what vouches for the trust files of the work tree at or above `start`."""
    from lanectl.adapters import keys, trust_folder
    from lanectl.flows import endorse as flow

    with enforcer_side(start) as side:
        repository, pinned = side.require_repository(), pinned_by(side.operator_file)
        top = _top(repository)
        done = flow.endorse(
            trust_folder.read(top, limit=OPERATOR_LIMIT), _known(repository, pinned),
            keys.load(key), pinned.repository if pinned else None,
        )  # fmt: skip
        _write(top, done.file, write=write)
        return done


def _known(repository: GitTargetRepository, pinned: Operator | None) -> list[RootState]:
    """Return what the checked-out commit, the target's tip and the past say of the root, newest first."""
    from lanectl.flows.root import state_at

    states: list[RootState] = []
    refs = ["refs/remotes/origin/HEAD", *([pinned.ref] if pinned else [])]
    head = repository.find_commit("HEAD")
    tips = [head.id if head else None, *(repository.resolve(ref) for ref in refs)]
    past = repository.touching((ROOT_PATH, SIGNATURES_PATH), None, head.id) if head else ()
    for tip in dict.fromkeys(tip for tip in (*tips, *past[:-_PAST:-1]) if tip):
        with contextlib.suppress(LaneError):  # what cannot be read there is mended here
            states.append(state_at(repository, tip))
    return states


def _top(repository: GitTargetRepository) -> str:
    top = repository.repository.top
    if top is None:
        raise UnreadableError("a bare repository has no work tree to write the trust files into")
    return os.fsdecode(top)


def _name(path: str) -> str:
    """Return whose key a file is, by its name: `alice.pem.pub` is alice's."""
    return PurePath(path).name.removesuffix(".pub").removesuffix(".pem")


def _write(top: str, planned: PlannedFile, *, write: bool) -> None:
    from lanectl.adapters import files

    if write and planned.changes:
        files.replace(f"{top}/{planned.path}", planned.after)
