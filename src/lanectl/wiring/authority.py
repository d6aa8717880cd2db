"""What signed orders are given with: the trust at the tip, the ledger, and a person's key."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.adapters.system import environment
from lanectl.model.root import ROOT_PATH
from lanectl.model.trust import Role
from lanectl.wiring.common import OPERATOR_LIMIT
from lanectl.wiring.ledger import open_ledger
from lanectl.wiring.neutral import enforcer_side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.flows.authority import Registry
    from lanectl.flows.init import PlannedFile
    from lanectl.ports import Signer
    from lanectl.ports.publishing import Remote
    from lanectl.wiring.neutral import EnforcerSide

FREEZERS = (Role.LEAD, Role.SUPERVISOR, Role.ENFORCER)


class Desk(Struct, frozen=True):
    """A registry, the clone, and the top of the work tree beside it (empty: a bare repository)."""

    registry: Registry
    top: str
    side: EnforcerSide

    def remote(self) -> Remote | None:
        """Return the pinned repository over the network; None: its address belongs to no forge."""
        from lanectl.wiring import claude

        operator = self.registry.trust.operator
        if not operator.api_root:
            return None
        return claude.remote(operator, self.side.require_repository())

    def read(self, path: str) -> bytes | None:
        """Return a file of the work tree, or None."""
        from lanectl.adapters import files

        return files.read_optional(f"{self.top}/{path}", limit=OPERATOR_LIMIT) if self.top else None

    @property
    def has_root(self) -> bool:
        """Whether a root must sign the trust files of the work tree."""
        return bool(self.top) and os.path.lexists(f"{self.top}/{ROOT_PATH}")

    def write(self, planned: PlannedFile) -> None:
        """Write a planned file into the work tree."""
        from lanectl.adapters import files

        files.replace(f"{self.top}/{planned.path}", planned.after)


@contextlib.contextmanager
def desk(start: str) -> Iterator[Desk]:
    """Yield what orders are given with, in the clone at or above `start`; what was given is anchored.

    It is if an Enforcer's key is at hand; elsewhere the next command of an Enforcer does it.
    """
    from lanectl.errors import LaneError
    from lanectl.flows.authority import Registry
    from lanectl.flows.restored import anchor_orders
    from lanectl.flows.trust import load_trust
    from lanectl.wiring import claude

    with enforcer_side(start) as side:
        repository = side.require_repository()
        trust = load_trust(side.operator_file, repository, side.store)
        with open_ledger(trust.operator) as ledger:
            top, begun = repository.repository.top, ledger.head()
            registry = Registry(trust, ledger, side.system)
            yield Desk(registry, os.fsdecode(top) if top else "", side)
            if ledger.head() != begun:
                with contextlib.suppress(LaneError):  # the order is given, whatever the key here is
                    anchor_orders(registry, side.store, claude.signer())


def signer(named: str | None, *roles: Role) -> Signer:
    """Return the named key, or of these roles the first whose variable or default place has one.

    Raises UsageError if there is none.
    """
    from lanectl.adapters import keys
    from lanectl.adapters.places import key_places, key_variable
    from lanectl.errors import Remedy, UsageError

    variables = environment()
    for role in roles:
        if not named and variables.get(key_variable(role)):
            named = variables[key_variable(role)]
        default = key_places(role, variables)[-1]
        if not named and Path(default).exists():
            named = default
    if not named:
        names, role = " or ".join(key_variable(role) for role in roles), roles[0]
        public = key_places(role, variables)[-1] + ".pub"
        raise UsageError(
            "there is no key to sign with",
            why=f"neither --key nor {names} names one, and none lies at its default place",
            remedies=(
                Remedy("Name it with `--key FILE`."),
                Remedy("Or make one.", ("lanectl", "keys", "new", "--role", role.value)),
                Remedy(
                    "Then register it, and let that be merged into the target branch.",
                    ("lanectl", "init", f"--{role.value}-key", public),
                ),
            ),
        )
    return keys.load(named)
