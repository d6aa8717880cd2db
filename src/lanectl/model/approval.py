"""What an approval is bound to: one rule's hold on one subject of one bundle, and nothing like it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from msgspec import Struct

from lanectl.errors import HeldError, Remedy
from lanectl.model.change import Mode
from lanectl.model.decision import Kind
from lanectl.model.display import display

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lanectl.model.bundle import Handoff
    from lanectl.model.change import FileChange
    from lanectl.model.decision import Subject
    from lanectl.model.names import Digest
    from lanectl.model.signer import Signer
    from lanectl.model.trust import Key

POLICY: Final = "policy"
"""The field of an approval that names the target's tip it was given under; it binds by its rules."""


class Approval(Struct, frozen=True):
    """An approval that counts: the event's id, who gave it, and what it is bound to."""

    id: str
    signer: Key
    binding: Mapping[str, str]

    def is_for(self, wanted: Mapping[str, str], builders: Sequence[Signer]) -> bool:
        """Whether it is bound to exactly this hold, its policy commit aside.

        Never where its signer is one of who signed the bundle, or nobody did.
        """
        if self.binding.get("path") != wanted["path"]:
            return False
        if not builders or any(b.is_same_person(self.signer) for b in builders):
            return False
        return {k: v for k, v in self.binding.items() if k != POLICY} == dict(wanted)


def refuse_ended(before: Iterable[Approval], now: Iterable[Approval]) -> None:
    """Raise HeldError if an approval that counted before counts no more."""
    left = {approval.id for approval in now}
    ended = next((a for a in before if a.id not in left), None)
    if ended is None:
        return
    raise HeldError(
        f"the approval of {ended.binding['rule']} by {display(ended.signer.name)} does not count any more",
        why="it was withdrawn, or it expired, while the bundle was on its way",
        remedies=(Remedy("Run the command again: it says what is held now."),),
    )


def binding(
    rule: str, subject: Subject, file: FileChange | None, handoff: Handoff, bundle: Digest
) -> dict[str, str]:
    """Return what an approval of a hold is bound to, without the policy commit.

    A link and a file can share a blob id, and a deletion has none: so modes and both ids belong
    to it. What is no path has neither: it is bound by the result tree and its name.
    """
    none = "0" * len(handoff.base)
    is_path = file is not None and subject.kind is Kind.PATH
    return {
        "base": handoff.base,
        "bundle": bundle,
        "new_id": file.new_id if file and is_path else none,
        "new_mode": file.new_mode if file and is_path else Mode.ABSENT.value,
        "old_id": file.old_id if file and is_path else none,
        "old_mode": file.old_mode if file and is_path else Mode.ABSENT.value,
        "path": quote(subject.name),
        "result_tree": handoff.result_tree,
        "rule": rule,
    }
