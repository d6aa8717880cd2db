"""Authority: which signed orders in the ledger count. What does not is absent, whoever wrote it.

A row proves nothing: any holder of the service key can insert one. What counts is a signature of
the right role, made for this ledger and repository, recorded when it was made, once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from lanectl.formats import record as records
from lanectl.formats.keys import is_valid_signature
from lanectl.formats.statement import parse_time
from lanectl.model.authority import SIGNERS, Counted, Ignored, Override, Standing
from lanectl.model.ledger import EventKind
from lanectl.model.names import Digest
from lanectl.model.report import MalformedError
from lanectl.model.trust import Keyring, Revocation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from lanectl.formats.record import Sealed
    from lanectl.model.authority import Record
    from lanectl.model.ledger import Event, LedgerId
    from lanectl.model.names import RepositoryId
    from lanectl.model.trust import Key

WINDOW: Final = timedelta(hours=1)
"""How far a record's own time may lie from the event's: what was kept back does not count."""

_MINUTE: Final = "%Y-%m-%d %H:%MZ"

_STOPS: Final = frozenset({EventKind.FROZEN, EventKind.KEY_REVOKED, EventKind.APPROVAL_WITHDRAWN})
"""Orders that only stop something. They stand until their key is revoked, not until it was lost."""


class _NoOrder(Exception):  # noqa: N818 - no error: the event counts as absent
    """Why an event counts as absent."""


def standing(
    events: Iterable[Event],
    keyring: Keyring,
    *,
    ledger: LedgerId,
    repository: RepositoryId,
    now: datetime,
) -> Standing:
    """Return what counts of these events (`ledger.events(kinds=SIGNERS)`) by the tip's keyring.

    What permits something is void if its key may have been in other hands when it was recorded,
    whenever that was found out; what stops something is void only after its key was revoked.
    """
    signed, ignored = opened(events, keyring, ledger=ledger, repository=repository)
    revoked, void = _stops(signed, keyring)
    void |= _permits(signed, revoked, now)
    ignored += (Ignored(c.seq, c.record.id, c.record.kind, void[c.seq]) for c in signed if c.seq in void)  # fmt: skip
    ring = Keyring(tuple(replace(k, revoked=revoked.get(k.public.id)) for k in keyring.keys))
    counted = [c for c in signed if c.seq not in void]
    return _add_up(counted, ring, tuple(sorted(ignored, key=lambda i: i.seq)))


def opened(
    events: Iterable[Event], keyring: Keyring, *, ledger: LedgerId, repository: RepositoryId
) -> tuple[list[Counted], list[Ignored]]:
    """Return the records that their signer could give when they were recorded, and the other events.

    Revocations and expiry are left aside: what is void by now is among the first.
    """
    signed: list[Counted] = []
    ignored: list[Ignored] = []
    for event in sorted((e for e in events if e.event.kind in SIGNERS), key=lambda e: e.seq):
        try:
            signed.append(_open(event, keyring, ledger, repository, signed))
        except _NoOrder as error:
            ignored.append(Ignored(event.seq, event.event.id, event.event.kind, str(error)))
    return signed, ignored


def _open(
    event: Event,
    keyring: Keyring,
    ledger: LedgerId,
    repository: RepositoryId,
    before: Sequence[Counted],
) -> Counted:
    """Return an event's record if its signer may give it, leaving revocations aside."""
    said = event.event
    try:
        sealed = records.unseal(said.data)
        record = records.read(sealed.payload)
    except MalformedError as error:
        raise _NoOrder(f"no signed record: {error.fault.where} {error.fault.got}") from error
    if record.ledger != ledger:
        raise _NoOrder("made for another ledger")
    if record.repository != repository:
        raise _NoOrder("made for another repository")
    if (record.kind, record.id) != (said.kind, said.id):
        raise _NoOrder(f"the record is {record.id}")
    if any(c.record.nonce == record.nonce for c in before):
        raise _NoOrder("its nonce was used before")
    return Counted(event.seq, said.at, record, _signer(sealed, record, said.at, keyring))


def _signer(sealed: Sealed, record: Record, at: datetime, keyring: Keyring) -> Key:
    """Return who gave an order that was recorded at this time."""
    key = keyring.by_hint(sealed.hint)
    if key is None:
        raise _NoOrder("its key is not in the keyring at the target's tip")
    if not is_valid_signature(key.public, sealed.signature, sealed.message):
        raise _NoOrder("its signature does not verify")
    if key.role not in SIGNERS[record.kind]:
        raise _NoOrder(f"signed by a key of the role {key.role.value}")
    if not key.not_before <= at < key.not_after:
        raise _NoOrder("its key was not valid then")
    if abs(at - record.issued) > WINDOW:
        raise _NoOrder(f"issued {record.issued:{_MINUTE}}, recorded at another time")
    return key


def _stops(
    signed: Sequence[Counted], keyring: Keyring
) -> tuple[dict[Digest, Revocation], dict[int, str]]:
    """Return all revocations by key, and which orders that stop are void, by number, and why.

    Of two leads who revoke each other the first wins, unless the reviewed keyring says otherwise.
    """
    revoked = {k.public.id: k.revoked for k in keyring.keys if k.revoked is not None}
    void: dict[int, str] = {}
    lost: set[Digest] = set()
    for one in signed:
        kind, signer = one.record.kind, one.signer
        if kind not in _STOPS:
            continue
        if signer.public.id in lost:
            void[one.seq] = "its key was revoked before"
        elif signer.revoked is not None and signer.revoked.at < one.at:
            void[one.seq] = f"its key is revoked since {signer.revoked.at:{_MINUTE}}"
        elif kind is EventKind.KEY_REVOKED:
            key = Digest(one.record.subject["key"])
            revoked[key] = _joined(revoked.get(key), one.record)
            lost.add(key)
    return revoked, void


def _joined(former: Revocation | None, record: Record) -> Revocation:
    """Return the earlier times of what is known and what is said."""
    at, since = (parse_time(record.subject[name]) for name in ("at", "compromised_since"))
    if former is not None:
        at, since = min(at, former.at), min(since, former.compromised_since)
    return Revocation(at, since, former.reason if former else record.reason)


def _permits(
    signed: Sequence[Counted], revoked: Mapping[Digest, Revocation], now: datetime
) -> dict[int, str]:
    """Return which orders that permit something are void by now, by number, and why."""
    void: dict[int, str] = {}
    for one in signed:
        expires, found = one.record.expires, revoked.get(one.signer.public.id)
        if one.record.kind in _STOPS:
            continue
        if expires is not None and expires <= now:
            void[one.seq] = f"expired {expires:{_MINUTE}}"
        elif found is not None and found.compromised_since <= one.at:
            void[one.seq] = f"its key may be another's since {found.compromised_since:{_MINUTE}}"
    return void


class _Freezes(Struct):
    """The freezes that stand and the exceptions from them, while the chain is walked."""

    standing: list[Counted]
    asked: list[Counted]

    def take(self, one: Counted) -> None:
        kind = one.record.kind
        if kind is EventKind.FROZEN:
            self.standing.append(one)
            self.asked.clear()  # an exception was made from what was known then
        elif kind is EventKind.LIFTED:  # one that was kept back lifts nothing newer than itself
            self.standing = [f for f in self.standing if f.record.issued > one.record.issued]
        elif kind is EventKind.OVERRIDE:
            self.asked.append(one)


def _add_up(counted: list[Counted], keyring: Keyring, ignored: tuple[Ignored, ...]) -> Standing:
    """Walk what counts in the chain's order."""
    freezes = _Freezes([], [])
    approvals, verdicts = {}, {}
    withdrawn: set[str] = set()
    for one in counted:
        freezes.take(one)
        kind, subject = one.record.kind, one.record.subject
        if kind is EventKind.APPROVAL:
            approvals[one.record.id] = one
        elif kind is EventKind.APPROVAL_WITHDRAWN:
            withdrawn.add(subject["approval"])
        elif kind is EventKind.VERDICT:
            verdicts[Digest(subject["bundle"])] = one
    overrides = _overrides(freezes.asked)
    return Standing(
        keyring=keyring,
        frozen=freezes.standing[-1] if freezes.standing else None,
        overrides=overrides,
        half=tuple(c for c in freezes.asked if Digest(c.record.subject["bundle"]) not in overrides),
        approvals=tuple(c for name, c in approvals.items() if name not in withdrawn),
        verdicts=verdicts,
        counted=tuple(counted),
        ignored=ignored,
    )


def _overrides(asked: Sequence[Counted]) -> dict[Digest, Override]:
    """Return the exceptions that two different people made, for the same bundle and reason."""
    found: dict[Digest, Override] = {}
    for number, second in enumerate(asked):
        for first in asked[:number]:
            one, other = first.record, second.record
            if (one.subject, one.reason) != (other.subject, other.reason):
                continue
            if first.signer.is_same_person(second.signer):
                continue
            until = min(t for t in (one.expires, other.expires) if t is not None)
            bundle = Digest(one.subject["bundle"])
            if bundle not in found or found[bundle].until < until:
                found[bundle] = Override(first, second, until)
    return found
