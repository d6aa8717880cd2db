"""What a restored ledger is reconciled with: trust, ledger, the pinned remote, the state folder."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from lanectl.wiring.ledger import Missing, open_ledger
from lanectl.wiring.neutral import enforcer_side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.flows.authority import Registry
    from lanectl.flows.reconcile import Sources


@contextlib.contextmanager
def reconciling(start: str) -> Iterator[tuple[Registry, Sources]]:
    """Yield what the clone at or above `start` reconciles with; the trust is the remote's present tip."""
    from lanectl.flows.authority import Registry
    from lanectl.flows.fetch import fetch_trust
    from lanectl.flows.reconcile import Sources
    from lanectl.flows.trust import read_operator
    from lanectl.wiring import claude

    with enforcer_side(start) as side:
        repository, operator = side.require_repository(), read_operator(side.operator_file)
        remote = claude.remote(operator, repository) if operator.api_root else None
        trust = fetch_trust(side.operator_file, operator, remote, repository, side.store)
        with open_ledger(operator, Missing.MADE_ANEW) as ledger:
            registry = Registry(trust, ledger, side.system)
            yield registry, Sources(remote, repository, side.store)
