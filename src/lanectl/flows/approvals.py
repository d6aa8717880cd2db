"""Which approvals of a bundle count now: signed, in force, and given under the rules of today."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.model.approval import POLICY, Approval
from lanectl.model.names import ObjectId
from lanectl.model.settings import RULES_PATH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lanectl.model.authority import Counted
    from lanectl.model.evidence import Trust
    from lanectl.model.names import Digest
    from lanectl.ports import TargetRepository

_LIMIT = 1 << 20


def in_force(
    counted: Iterable[Counted], bundle: Digest, trust: Trust, repository: TargetRepository
) -> tuple[Approval, ...]:
    """Return the approvals of a bundle among orders that count.

    One that was given at another tip counts while the rules there are today's, byte for byte: the
    target may move on, what was approved under other rules must be looked at again.
    """
    found = [c for c in counted if c.record.subject.get("bundle") == bundle]
    return tuple(
        Approval(c.record.id, c.signer, c.record.subject)
        for c in found
        if _has_todays_rules(ObjectId(c.record.subject[POLICY]), trust.source.tip, repository)
    )


def _has_todays_rules(policy: ObjectId, tip: ObjectId, repository: TargetRepository) -> bool:
    if policy == tip:
        return True
    then, now = repository.commit_tree(policy), repository.commit_tree(tip)
    if then is None or now is None or not repository.is_ancestor(policy, tip):
        return False
    rules = [repository.objects.files_at(t, (RULES_PATH,), limit=_LIMIT) for t in (then, now)]
    return rules[0] == rules[1]
