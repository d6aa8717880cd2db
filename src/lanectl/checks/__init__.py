"""Pure checks over gathered evidence: one rule family a file, in the order of verification.

A check yields faults; here each fault gets its rule. Checks never call out and never import each
other. The order is docs/bundle-format.md, "Order of verification".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from lanectl.checks import (
    admission,
    archive,
    commit,
    dependency,
    envelope,
    gpg,
    handoff,
    keyless,
    lane,
    limits,
    members,
    paths,
    protected,
    provenance,
    pull_request,
    replay,
    rollback,
    sbom,
    secrets,
    signature,
    source,
    spiffe,
    sql,
    statement,
    text,
    words,
    workflow,
)
from lanectl.model.approval import binding
from lanectl.model.decision import Decision
from lanectl.model.report import Finding, Step, StepState
from lanectl.model.ruling import strictest
from lanectl.model.settings import Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import ModuleType

    from lanectl.model.change import ChangeSet
    from lanectl.model.content import Content
    from lanectl.model.evidence import Evidence
    from lanectl.model.report import Fault, Rule

_FAMILIES = (
    envelope, signature, keyless, spiffe, gpg, statement, archive, members, provenance, handoff, replay,
    paths, protected, dependency, secrets, text, words, limits, sql, sbom, rollback, commit, admission,
    source, pull_request, lane, workflow,
)  # fmt: skip

_CONTENT: tuple[Any, ...] = (paths, protected, dependency, secrets, text, words, limits, sql)
"""The families of content, in the order of strictness among equals."""

_PATHLESS = {"words", "sbom", "sql"}
"""Families of content that judge no path of the change."""

RULES: dict[str, Rule] = {rule.id: rule for family in _FAMILIES for rule in family.RULES}
"""Every rule by its id, in the order of verification."""


def judge(evidence: Evidence) -> tuple[Step, ...]:
    """Return all steps with all findings of those that could run; every subject is decided once."""
    wanted = {"commit": evidence.commit_wanted, "admission": evidence.admission is not None}
    content = _decided(evidence)
    steps = (s for s in _STEPS if wanted.get(s[0], True))
    return tuple(_judge(n, step, evidence, content) for n, step in enumerate(steps, start=1))


def is_authenticated(evidence: Evidence) -> bool:
    """Whether the steps that come before inflating anything have passed."""
    steps = (_judge(0, step, evidence, ()) for step in _STEPS[:_BEFORE_INFLATING])
    return all(step.state is StepState.PASSED for step in steps)


def _judge(number: int, step: _Check, evidence: Evidence, content: Sequence[Finding]) -> Step:
    title, is_possible, check, families = step
    refused = [f for f in evidence.faults if f.rule.partition("/")[0] in families]
    found = [*find([*refused, *check(evidence)])]
    found += [f for f in content if f.rule.id.partition("/")[0] in families]
    findings = tuple(dict.fromkeys(found))
    decisions = {f.decision for f in findings}
    if Decision.BLOCK in decisions:
        state = StepState.FAILED
    elif not is_possible(evidence):
        state = StepState.NOT_JUDGED
    else:
        state = StepState.HELD if Decision.HOLD in decisions else StepState.PASSED
    return Step(number, title, state, findings)


def _decided(evidence: Evidence) -> tuple[Finding, ...]:
    """Return what is decided about the content: by the policy, and by approvals in force."""
    if evidence.content is None:
        return ()
    rules = evidence.rules or Rules()
    found = find(_content_faults(evidence.content), rules)
    return strictest(_approved(f, evidence) for f in found)


def _content_faults(content: Content) -> Iterator[Fault]:
    for family in _CONTENT:
        yield from family.check(content)


def _approved(finding: Finding, evidence: Evidence) -> Finding:
    """Return a held finding as allowed, if an approval in force is bound to exactly it."""
    said, content = evidence.outer or evidence.inner, evidence.content
    subject = finding.subject
    if finding.decision is not Decision.HOLD or not evidence.approvals:
        return finding
    if said is None or content is None or subject is None:
        return finding
    file = content.changed.get(subject.name)
    wanted = binding(finding.rule.id, subject, file, said.handoff, evidence.artifact)
    for approval in evidence.approvals:
        if approval.is_for(wanted, evidence.signers):
            by = f"approved by {approval.signer.name}"
            return replace(finding, decision=Decision.ALLOW, allowed_by=by)
    return finding


def is_about_content(rule: Rule) -> bool:
    """Whether a rule judges what is in a change, so that it holds for `pack` and for a policy."""
    return any(rule in family.RULES for family in _CONTENT)


def is_about_paths(rule: Rule) -> bool:
    """Whether a policy can allow what a rule holds for paths that it names."""
    return rule.id.partition("/")[0] not in _PATHLESS and is_about_content(rule)


def is_admitted(evidence: Evidence) -> bool:
    """Whether the bundle has an admission that is good in every way."""
    return admission.is_possible(evidence) and not any(admission.check(evidence))


def judge_change(
    change: ChangeSet, content: Content, wanted: Sequence[str], rollbacks: Mapping[str, bytes]
) -> tuple[Finding, ...]:
    """Return what the Builder can know before it packs: source, rollback, and what is in the change."""
    rules = content.rules
    faults = [
        *source.check(change),
        *rollback.check_change(change.files, rules, wanted, rollbacks),
        *sbom.check_own(content),
        *_content_faults(content),
    ]
    return strictest(find(faults, rules))


def judge_content(content: Content) -> tuple[Finding, ...]:
    """Return every finding of the families of content, more than one a subject, under the policy."""
    return tuple(find(_content_faults(content), content.rules))


def find(faults: Iterable[Fault], rules: Rules | None = None) -> Iterator[Finding]:
    """Yield the finding that each fault becomes under its rule, and under a policy's rules."""
    for fault in faults:
        rule = RULES[fault.rule]
        decision, allowed_by = rule.decision, ""
        if rules is not None:
            decision, allowed_by = rules.ruling.decide(rule, fault)
        yield Finding(
            rule, fault.where, fault.got, fault.expected, decision,
            fault.subject, fault.line, fault.fingerprint, allowed_by,
        )  # fmt: skip


def _is_signature_known(evidence: Evidence) -> bool:
    facts = evidence.signatures
    return evidence.trust is not None and bool(facts) and all(f.valid is not None for f in facts)


def _signatures(evidence: Evidence) -> Iterator[Fault]:
    """Yield what is wrong with each signature, by the rules of its own method."""
    yield from signature.check(evidence)
    if evidence.trust is None:
        return
    policy, at = evidence.trust.policy, evidence.now
    for facts in evidence.signatures:
        yield from keyless.check(facts, policy, at)
        yield from spiffe.check(facts, policy, at)
        yield from gpg.check(facts, policy, at)


def _family(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def _has_content(evidence: Evidence) -> bool:
    return evidence.content is not None


_BEFORE_INFLATING = 4
_Check = tuple[str, "Callable[[Evidence], bool]", "Callable[[Evidence], Iterable[Fault]]", set[str]]

_STEPS: tuple[_Check, ...] = (
    ("signature file", lambda e: e.signature is not None, envelope.check, {"envelope"}),
    ("signature and key", _is_signature_known, _signatures, {"signature"}),
    ("statement", lambda e: e.outer is not None, statement.check, {"statement"}),
    ("archive digest", lambda e: e.outer is not None, archive.check_digest, set()),
    ("archive", lambda e: e.bundle is not None, lambda _: (), {"archive"}),
    ("members and subjects", lambda e: None not in (e.bundle, e.inner, e.outer), members.check, set()),
    ("inner and outer statement", lambda e: None not in (e.inner, e.outer), provenance.check, set()),
    ("freshness, repository and base", lambda e: None not in (e.outer, e.trust, e.base), handoff.check, set()),
    ("replay", lambda e: e.replay is not None, replay.check, set()),
    ("content", _has_content, lambda _: (), {_family(m) for m in _CONTENT}),
    ("sbom", lambda e: e.bundle is not None, sbom.check, {"sbom"}),
    ("rollback", lambda e: e.files is not None and e.rules is not None, rollback.check, set()),
    ("commit", lambda e: e.commit is not None, commit.check, set()),
    ("admission", admission.is_possible, admission.check, {"admission"}),
)  # fmt: skip
