"""What a role may order, and what counts of it now. Refuses nothing but what a freeze forbids.

Whether a record counts is decided in `checks/authority.py`, how it is written in `formats/record.py`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lanectl.errors import HeldError, Remedy
from lanectl.model.display import display
from lanectl.model.ledger import EventKind
from lanectl.model.trust import Role

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lanectl.model.ledger import LedgerId
    from lanectl.model.names import Digest, RepositoryId
    from lanectl.model.signer import Signer
    from lanectl.model.trust import Key, Keyring

SIGNERS: Final[Mapping[EventKind, tuple[Role, ...]]] = {
    EventKind.VERDICT: (Role.SUPERVISOR,),
    EventKind.APPROVAL: (Role.LEAD,),
    EventKind.APPROVAL_WITHDRAWN: (Role.LEAD,),
    EventKind.OVERRIDE: (Role.LEAD,),
    EventKind.KEY_REVOKED: (Role.LEAD,),
    EventKind.FROZEN: (Role.ENFORCER, Role.SUPERVISOR, Role.LEAD),  # to stop is easy
    EventKind.LIFTED: (Role.LEAD,),
    EventKind.RESTORED: (Role.LEAD,),
}
"""Which roles may sign which kind of record; these are the kinds of events that carry one."""

OVERRIDE_LASTS: Final = timedelta(hours=24)
"""The longest that an exception may be good for."""

FREEZE: Final = "freeze"
"""What an override is an exception from."""


class Record(Struct, frozen=True):
    """What somebody orders, in one ledger and one repository; times are UTC, whole seconds.

    The keys of `subject` are those that `formats/record.py` lists for the kind. `nonce` is 32
    random hex digits: every record counts once.
    """

    kind: EventKind
    ledger: LedgerId
    repository: RepositoryId
    issued: datetime
    nonce: str
    reason: str
    subject: Mapping[str, str] = {}
    expires: datetime | None = None

    @property
    def id(self) -> str:
        """The only event id under which this record counts: so that a copy of the row is none."""
        return f"{self.kind.value}:{self.nonce}"


class Counted(Struct, frozen=True):
    """A record that counts: its place in the chain, the event's time, and who signed it."""

    seq: int
    at: datetime
    record: Record
    signer: Key


class Ignored(Struct, frozen=True):
    """An event that counts as absent, and why; `id` and `because` may hold untrusted text."""

    seq: int
    id: str
    kind: EventKind
    because: str


class Override(Struct, frozen=True):
    """An exception from the freeze for one bundle, signed by two leads; `until` the first expires."""

    first: Counted
    second: Counted
    until: datetime


class Standing(Struct, frozen=True):
    """What counts now.

    `keyring`: with the ledger's revocations. `frozen`: the newest freeze that nobody lifted.
    `overrides`: exceptions by bundle, made since then and in force. `half`: exceptions that still
    lack the second lead. `approvals`: in force. `verdicts`: the latest by bundle. `counted`: all
    that counts, in the chain's order.
    """

    keyring: Keyring
    frozen: Counted | None = None
    overrides: Mapping[Digest, Override] = {}
    half: tuple[Counted, ...] = ()
    approvals: tuple[Counted, ...] = ()
    verdicts: Mapping[Digest, Counted] = {}
    counted: tuple[Counted, ...] = ()
    ignored: tuple[Ignored, ...] = ()

    def approvals_of(self, bundle: Digest, builder: Signer) -> tuple[Counted, ...]:
        """Return the approvals of a bundle by somebody else than who signed it."""
        return tuple(
            c for c in self.approvals
            if c.record.subject["bundle"] == bundle and not builder.is_same_person(c.signer)
        )  # fmt: skip


def refuse_frozen(standing: Standing, bundle: Digest, now: datetime) -> None:
    """Raise HeldError while a freeze stands, unless two leads except this bundle from it."""
    frozen, override = standing.frozen, standing.overrides.get(bundle)
    if frozen is None or (override is not None and now < override.until):
        return
    by = frozen.signer
    raise HeldError(
        f"frozen since {frozen.at:%Y-%m-%d %H:%M}Z by {display(by.name)} ({by.role.value})",
        why=display(frozen.record.reason),
        remedies=(
            Remedy(
                "When the reason is gone, a lead lifts the freeze.",
                ("lanectl", "freeze", "--lift", "--reason", "TEXT", "--key", "LEADKEY"),
            ),
            Remedy(
                "For this bundle alone, two leads make an exception, each with the same reason.",
                (
                    "lanectl", "freeze", "--except", bundle, "--hours", "1", "--reason", "TEXT",
                    "--key", "LEADKEY",
                ),
            ),
        ),
    )  # fmt: skip
