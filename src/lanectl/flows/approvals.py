"""Which approvals of a bundle count now: signed, in force, and given under the rules of today."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.checks import authority
from lanectl.formats import approvals as format_
from lanectl.model.approval import POLICY, Approval
from lanectl.model.ledger import EventKind
from lanectl.model.names import ObjectId
from lanectl.model.settings import RULES_PATH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lanectl.flows.authority import Registry
    from lanectl.model.authority import Counted
    from lanectl.model.evidence import Trust
    from lanectl.model.names import Digest
    from lanectl.ports import TargetRepository

_LIMIT = 1 << 20
_KINDS = frozenset({EventKind.APPROVAL, EventKind.APPROVAL_WITHDRAWN})


def in_force(
    counted: Iterable[Counted],
    bundle: Digest,
    trust: Trust,
    repository: TargetRepository,
    *,
    admitted: ObjectId | None = None,
) -> tuple[Approval, ...]:
    """Return the approvals of a bundle among orders that count.

    One that was given at another tip counts while the rules there are today's, byte for byte: the
    target may move on, what was approved under other rules must be looked at again. So do the
    rules at the tip that the bundle was `admitted` under.
    """
    found = [c for c in counted if c.record.subject.get("bundle") == bundle]
    given_at = {ObjectId(c.record.subject[POLICY]) for c in found}
    tips = [tip for tip in (trust.source.tip, admitted) if tip is not None]
    good = {p for p in given_at if any(_has_same_rules(p, tip, repository) for tip in tips)}
    return tuple(
        Approval(c.record.id, c.signer, c.record.subject)
        for c in found
        if c.record.subject[POLICY] in good
    )


def _has_same_rules(policy: ObjectId, tip: ObjectId, repository: TargetRepository) -> bool:
    if policy == tip:
        return True
    then, now = repository.commit_tree(policy), repository.commit_tree(tip)
    if then is None or now is None or not repository.is_ancestor(policy, tip):
        return False
    rules = [repository.objects.files_at(t, (RULES_PATH,), limit=_LIMIT) for t in (then, now)]
    return rules[0] == rules[1]


def to_publish(registry: Registry, bundle: Digest) -> bytes:
    """Return the signed records about a bundle, as they are published with it; empty: there are none.

    Also what is void by now: who reads the file judges for the time of the admission. A row that no
    lead signed is none.
    """
    events = list(registry.ledger.events(kinds=_KINDS))
    signed, _ = authority.opened(
        events, registry.trust.keyring,
        ledger=registry.ledger.id, repository=registry.trust.operator.repository,
    )  # fmt: skip
    given = {c.record.id for c in signed if c.record.subject.get("bundle") == bundle}
    ended = {c.record.id for c in signed if c.record.subject.get("approval") in given}
    numbers = {c.seq for c in signed if c.record.id in given | ended}
    return format_.write(e.event for e in events if e.seq in numbers)
