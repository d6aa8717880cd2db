"""What would become of a change of one path under the tip's policy, by the rules that judge bundles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lanectl import checks
from lanectl.formats import rollback
from lanectl.model.change import FileChange, Mode
from lanectl.model.content import Content
from lanectl.model.decision import Decision
from lanectl.model.names import ObjectId
from lanectl.model.ruling import strictest
from lanectl.model.settings import RULES_PATH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.report import Finding, Rule
    from lanectl.model.settings import Rules

_NULL, _OLD, _NEW = (ObjectId(digit * 40) for digit in "012")
_KINDS: Final = (
    ("added", Mode.ABSENT, Mode.FILE, _NULL, _NEW),
    ("modified", Mode.FILE, Mode.FILE, _OLD, _NEW),
    ("deleted", Mode.FILE, Mode.ABSENT, _OLD, _NULL),
)
_READS_ALL: Final = "limits"
"""The family that says of every file that it was not read."""


class Explained(Struct, frozen=True):
    """What a change of one kind is decided to be, why, and what else its content may break.

    `finding` is None where no rule is about the path. `migration` says that a rollback is needed.
    """

    path: bytes
    kind: str
    finding: Finding | None
    possible: tuple[Rule, ...]
    migration: bool

    @property
    def decision(self) -> Decision:
        """What the path alone leads to."""
        return self.finding.decision if self.finding else Decision.ALLOW


def explain_path(path: bytes, rules: Rules) -> tuple[Explained, ...]:
    """Return what adding, modifying and deleting an ordinary file of this name would be."""
    return tuple(_explain(path, kind, rules) for kind in _KINDS)


def turned_by(finding: Finding) -> str:
    """Return in words what could turn a decision, and what cannot."""
    if finding.fingerprint:
        return f"the fingerprint {finding.fingerprint} in `secrets` of [rules], if it is no secret"
    if finding.decision is Decision.BLOCK:
        return "nothing: what blocks can be allowed by nobody"
    if finding.decision is Decision.HOLD:
        return (
            f"an approval of this very change, or `allow` in the section "
            f'[rules."{finding.rule.id}"] of {RULES_PATH} on the target branch'
        )
    if finding.decision is Decision.WARN:
        return f'`decision = "hold"` or "block" in [rules."{finding.rule.id}"] makes it stricter'
    return f'without the pattern in [rules."{finding.rule.id}"] of {RULES_PATH} it would be held'


def _explain(
    path: bytes, kind: tuple[str, Mode, Mode, ObjectId, ObjectId], rules: Rules
) -> Explained:
    word, old_mode, new_mode, old, new = kind
    file = FileChange(path, old_mode, new_mode, old, new)
    sure = checks.judge_content(_content(file, rules, {_OLD: b"", _NEW: b""}))
    named = {f.rule.id for f in sure}
    unread = checks.judge_content(_content(file, rules, {}))
    possible = {f.rule.id: f.rule for f in unread if f.rule.id not in named}
    found = strictest(sure)
    return Explained(
        path, word, found[0] if found else None,
        tuple(rule for rule in possible.values() if not rule.id.startswith(f"{_READS_ALL}/")),
        bool(rollback.touched((file,), rules.migrations)),
    )  # fmt: skip


def _content(file: FileChange, rules: Rules, blobs: dict[ObjectId, bytes]) -> Content:
    leaf = b"".join(_leaves(file))
    return Content(files=(file,), blobs=blobs, tree=leaf, rules=rules)


def _leaves(file: FileChange) -> Iterator[bytes]:
    if file.new_mode != Mode.ABSENT:
        yield b"%s %s 0\t%s\0" % (file.new_mode.encode(), file.new_id.encode(), file.path)
