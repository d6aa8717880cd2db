"""What judges a folder of bundles: worker processes, each with a clone's GIT_DIR of its own."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.adapters.git.apart import share
from lanectl.adapters.inbox import Inbox
from lanectl.adapters.workers import in_order, usable_cpus
from lanectl.errors import Remedy, UsageError
from lanectl.flows.trust import try_trust
from lanectl.flows.verify_many import Court, judge
from lanectl.model.display import display
from lanectl.wiring import neutral
from lanectl.wiring.common import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from lanectl.errors import LaneError
    from lanectl.flows.verify_many import Judged

    Say = Callable[[bytes, Callable[[], Judged]], bytes]


class Session(Struct, frozen=True):
    """A folder's bundles and what they are judged by.

    `answers` yields, place by place, what a `Say` made of the judgement in a worker process; None
    where that process died. `skipped` are links, which are not followed.
    """

    places: tuple[bytes, ...]
    skipped: tuple[bytes, ...]
    untrusted: LaneError | None
    answers: Callable[[Say], Generator[bytes | None]]


@contextlib.contextmanager
def session(folder: str, repo: str, operator: str | None, *, replay: bool) -> Iterator[Session]:
    """Yield what is needed to judge the bundles below a folder. Raises UsageError if there are none."""
    top = os.fsencode(folder)
    with Inbox(top) as inbox:
        found = inbox.listing()
    if not found.places:
        raise UsageError(
            f"there is no artifact.tar.gz below {display(folder)}",
            why=f"{len(found.links)} links were not followed" if found.links else "",
            remedies=(Remedy("Name a bundle, or a folder of bundles.", ("lanectl", "verify", "DIR")),),
        )  # fmt: skip
    with neutral.enforcer_side(repo, operator=operator, need_repository=False) as side:
        trust, why = try_trust(side.operator_file, side.repository, side.store, side.absent)
        most, repository = limits(operator), side.repository

        def answers(say: Say) -> Generator[bytes | None]:
            def prepare() -> Callable[[int], bytes]:
                target = share(repository) if repository else None
                court = Court(trust, why, target, side.system, most, replay, side.gpg)
                inbox, places = Inbox(top), found.places
                return lambda n: say(places[n], lambda: judge(places[n], inbox, court))

            return in_order(len(found.places), prepare, workers=usable_cpus())

        yield Session(found.places, found.links, why, answers)
