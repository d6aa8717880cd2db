"""Pure checks over gathered evidence: one rule family a file, in the order of verification.

A check yields faults; here each fault gets its rule. Checks never call out and never import each
other. The order is docs/bundle-format.md, "Order of verification".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.checks import (
    admission,
    archive,
    commit,
    envelope,
    handoff,
    lane,
    members,
    paths,
    provenance,
    pull_request,
    replay,
    rollback,
    sbom,
    signature,
    source,
    statement,
    workflow,
)
from lanectl.model.report import Finding, Step, StepState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from lanectl.model.change import ChangeSet
    from lanectl.model.evidence import Evidence
    from lanectl.model.report import Fault, Rule
    from lanectl.model.settings import Rules

_FAMILIES = (
    envelope, signature, statement, archive, members, provenance, handoff, replay, paths, sbom,
    rollback, commit, admission, source, pull_request, lane, workflow,
)  # fmt: skip

RULES: dict[str, Rule] = {rule.id: rule for family in _FAMILIES for rule in family.RULES}
"""Every rule by its id, in the order of verification."""


def judge(evidence: Evidence) -> tuple[Step, ...]:
    """Return all steps with all findings of those that could run."""
    steps: list[Step] = []
    wanted = {"commit": evidence.commit_wanted, "admission": evidence.admission is not None}
    for title, is_possible, check, families in _STEPS:
        if not wanted.get(title, True):
            continue
        refused = [f for f in evidence.faults if f.rule.partition("/")[0] in families]
        faults = [*refused, *check(evidence)]
        findings = tuple(dict.fromkeys(find(faults)))
        if findings:
            state = StepState.FAILED
        else:
            state = StepState.PASSED if is_possible(evidence) else StepState.NOT_JUDGED
        steps.append(Step(len(steps) + 1, title, state, findings))
    return tuple(steps)


def is_authenticated(evidence: Evidence) -> bool:
    """Whether the steps that come before inflating anything have passed."""
    return all(step.state is StepState.PASSED for step in judge(evidence)[:_BEFORE_INFLATING])


def is_admitted(evidence: Evidence) -> bool:
    """Whether the bundle has an admission that is good in every way."""
    return admission.is_possible(evidence) and not any(admission.check(evidence))


def judge_change(
    change: ChangeSet, rules: Rules, wanted: Sequence[str], rollbacks: Mapping[str, bytes]
) -> tuple[Finding, ...]:
    """Return what the Builder can know before it packs: source, paths and rollback."""
    faults = [
        *source.check(change),
        *paths.check(change.files),
        *rollback.check_change(change.files, rules, wanted, rollbacks),
    ]
    return tuple(find(faults))


def find(faults: Iterable[Fault]) -> Iterator[Finding]:
    """Yield the finding that each fault becomes under its rule."""
    for fault in faults:
        yield Finding(RULES[fault.rule], fault.where, fault.got, fault.expected)


def _is_signature_known(evidence: Evidence) -> bool:
    facts = evidence.signatures
    return evidence.trust is not None and bool(facts) and all(f.valid is not None for f in facts)


def _paths(evidence: Evidence) -> Iterable[Fault]:
    return paths.check(evidence.files or ())


_BEFORE_INFLATING = 4

_STEPS: tuple[tuple[str, Callable[[Evidence], bool], Callable[[Evidence], Iterable[Fault]], set[str]], ...] = (
    ("signature file", lambda e: e.signature is not None, envelope.check, {"envelope"}),
    ("signature and key", _is_signature_known, signature.check, {"signature"}),
    ("statement", lambda e: e.outer is not None, statement.check, {"statement"}),
    ("archive digest", lambda e: e.outer is not None, archive.check_digest, set()),
    ("archive", lambda e: e.bundle is not None, lambda _: (), {"archive"}),
    ("members and subjects", lambda e: None not in (e.bundle, e.inner, e.outer), members.check, set()),
    ("inner and outer statement", lambda e: None not in (e.inner, e.outer), provenance.check, set()),
    ("freshness, repository and base", lambda e: None not in (e.outer, e.trust, e.base), handoff.check, set()),
    ("replay", lambda e: e.replay is not None, replay.check, set()),
    ("paths", lambda e: e.files is not None, _paths, set()),
    ("sbom", lambda e: e.bundle is not None, sbom.check, set()),
    ("rollback", lambda e: e.files is not None and e.rules is not None, rollback.check, set()),
    ("commit", lambda e: e.commit is not None, commit.check, set()),
    ("admission", admission.is_possible, admission.check, {"admission"}),
)  # fmt: skip
