"""Admission: the Enforcer's own word that it made this commit from this bundle, and when.

The word of a Builder's key, of a key that was not good then, or about something else is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.model.bundle import ADMISSION_SUFFIX, ARTIFACT
from lanectl.model.report import Fault, Rule
from lanectl.model.trust import Role
from lanectl.model.trust_policy import SKEW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.admission import Admission
    from lanectl.model.evidence import Evidence
    from lanectl.model.trust import Key

_APPLY = Remedy(
    "Let lanectl apply the bundle and publish its admission.",
    ("lanectl", "apply", "--pr", "artifact.tar.gz"),
)
_REGISTER = Remedy(
    "Let a person with write access register the Enforcer's key and merge that commit.",
    ("lanectl", "init", "--builder-key", "FILE", "--enforcer-key", "FILE"),
)

RULES = (
    Rule(
        "admission/missing",
        "The bundle has no admission",
        "A signed bundle may still have been refused; only the Enforcer can say that it was applied.",
        _APPLY,
        example="a bundle published by hand",
    ),
    Rule(
        "admission/malformed",
        "The admission is not the strict, canonical document that it must be",
        "Two readers could understand duplicate or unknown fields differently.",
        _APPLY,
        example="an admission with a field that nobody knows",
    ),
    Rule(
        "admission/unknown-key",
        "The admitting key is not in the keyring at the target's tip",
        "Trust comes from the target branch, never from what is published beside a bundle.",
        _REGISTER,
        example="an admission signed by a key that is in no keyring",
    ),
    Rule(
        "admission/wrong-role",
        "The admitting key is not an Enforcer's of its own",
        "Who wrote a change must not admit it: the two lanes differ in key and in identity.",
        _REGISTER,
        example="an admission signed by the Builder who made the bundle",
    ),
    Rule(
        "admission/invalid",
        "The admission's signature does not fit its payload and key",
        "It was changed after it was signed, or signed by another key.",
        _APPLY,
        example="an admission whose commit was replaced",
    ),
    Rule(
        "admission/not-valid-then",
        "The admitting key was not valid at the admission's time",
        "A key has a beginning and an end, so that a lost one does not stay good for ever.",
        _REGISTER,
        example="an admission dated after its key ended",
    ),
    Rule(
        "admission/compromised",
        "The admitting key may have been in other hands at the admission's time",
        "Whoever holds it can admit anything.",
        Remedy(
            "Look at the change again, and let it be admitted with a new key.",
            ("lanectl", "keys", "new", "--role", "enforcer"),
        ),
        example="an admission made after the time that `keys revoke` names",
    ),
    Rule(
        "admission/future",
        "The admission's time cannot be",
        "It lies in the future, or before the bundle was issued.",
        Remedy("Set the clock of the Enforcer's machine, and let it admit the bundle again."),
        example="an admission of tomorrow",
    ),
    Rule(
        "admission/mismatch",
        "The admission is about something else",
        "It names another bundle, commit, result tree or repository.",
        _APPLY,
        example="the admission of an earlier attempt beside a new bundle",
    ),
    Rule(
        "admission/policy",
        "The admission's policy commit was never the target's",
        "The rules and keys that it was judged by must have stood on the target branch.",
        Remedy(
            "Fetch the target branch; if it still fails, let the bundle be admitted again.",
            ("git", "fetch", "origin"),
        ),
        example="an admission that names a commit of a side branch as its policy",
    ),
)


def is_possible(evidence: Evidence) -> bool:
    """Whether there is an admission with a valid signature, and a bundle to compare it with."""
    said = evidence.admission.said if evidence.admission else None
    return None not in (said, evidence.outer, evidence.trust)


def check(evidence: Evidence) -> Iterator[Fault]:
    """Yield why the admission is not to be believed. Beyond its presence this needs trust."""
    found = evidence.admission
    if found is None:
        return
    if found.envelope is None:
        if not any(f.rule == "admission/malformed" for f in evidence.faults):
            yield Fault(
                "admission/missing", ARTIFACT + ADMISSION_SUFFIX, "no such file", "an admission"
            )
        return
    if found.signature_valid is None:  # nobody to believe
        return
    key, said = found.key, found.said
    if key is None:
        yield Fault("admission/unknown-key", "hint", found.envelope.hint, "a key of the keyring")
        return
    yield from _role(evidence, key)
    if not found.signature_valid:
        got = "a signature that does not verify"
        yield Fault("admission/invalid", key.public.id, got, "a valid one")
    if said is None:
        return
    yield from _times(evidence, key, said)
    yield from _subject(evidence, said)
    if found.policy_on_target is False:
        yield Fault("admission/policy", "policy", said.policy, "a commit of the target's history")


def _role(evidence: Evidence, key: Key) -> Iterator[Fault]:
    if key.role is not Role.ENFORCER:
        yield Fault("admission/wrong-role", key.public.id, key.role, Role.ENFORCER)
    elif evidence.signer is not None and evidence.signer.is_same_person(key):
        got = f"{key.name} <{key.email}>, who signed the bundle too"
        yield Fault("admission/wrong-role", key.public.id, got, "another name and email")


def _times(evidence: Evidence, key: Key, said: Admission) -> Iterator[Fault]:
    at = f"{said.at:%Y-%m-%d %H:%M}Z"
    if not key.not_before <= said.at < key.not_after:
        span = f"{key.not_before:%Y-%m-%d} to {key.not_after:%Y-%m-%d}"
        yield Fault("admission/not-valid-then", key.public.id, at, span)
    if key.revoked and key.revoked.compromised_since <= said.at:
        since = f"before {key.revoked.compromised_since:%Y-%m-%d %H:%M}Z"
        yield Fault("admission/compromised", key.public.id, at, since)
    circumstances = evidence.outer.circumstances if evidence.outer else None
    skew = evidence.trust.policy.skew if evidence.trust else SKEW
    if said.at > evidence.now + SKEW:
        now = f"a time before {evidence.now:%Y-%m-%d %H:%M}Z"
        yield Fault("admission/future", "admitted", at, now)
    elif circumstances is not None and said.at < circumstances.issued - skew:
        issued = f"a time after {circumstances.issued:%Y-%m-%d %H:%M}Z"
        yield Fault("admission/future", "admitted", at, issued)


def _subject(evidence: Evidence, said: Admission) -> Iterator[Fault]:
    pairs: list[tuple[str, str, str]] = [("bundle", said.bundle, evidence.artifact)]
    if evidence.outer is not None:
        handoff = evidence.outer.handoff
        pairs.append(("result tree", said.result_tree, handoff.result_tree))
        pairs.append(("repository", said.repository, handoff.repository))
    if evidence.commit is not None:
        pairs.append(("commit", said.commit, evidence.commit.id))
    for where, got, expected in pairs:
        if got != expected:
            yield Fault("admission/mismatch", where, got, expected)
