"""Verify: from the bytes of a bundle to a report. Changes nothing.

The order is docs/bundle-format.md, "Order of verification". Under trust nothing is decompressed
before the signature over its digest, by a key that is good for it now, has been verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from lanectl import checks
from lanectl.flows.verify_admission import gather_admission
from lanectl.formats import archive, envelope, statement
from lanectl.formats.keys import is_valid_signature
from lanectl.model.bundle import ATTESTATION, PATCH
from lanectl.model.evidence import BaseFacts, Evidence, Trust
from lanectl.model.names import Digest
from lanectl.model.report import MalformedError, VerificationReport
from lanectl.model.settings import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from lanectl.errors import LaneError
    from lanectl.model.bundle import Handoff
    from lanectl.ports import System, TargetRepository

_ROLLBACK_LIMIT = 16 << 20


class Submission(Struct, frozen=True):
    """The files of a bundle as they were read, once."""

    artifact: bytes
    signature: bytes | None


def verify(
    submission: Submission,
    *,
    trust: Trust | None,
    untrusted: LaneError | None,
    repository: TargetRepository | None,
    system: System,
    commit: str | None = None,
    admission: bytes | None = None,
    admission_required: bool = False,
    replay: bool = True,
) -> VerificationReport:
    """Return the report over a bundle, with all findings of the steps that could run.

    `commit` is a revision to compare with the bundle. Without trust the outcome is `unverified`
    at best, and `untrusted` says why. Under a good `admission`, the file's bytes, the bundle is
    judged by the time it was admitted at: `apply` never gives one. Without `replay` the steps that
    need the base are not judged, so nothing is accepted.
    """
    evidence = Evidence(
        now=system.now(),
        artifact=Digest.of(submission.artifact),
        trust=trust,
        rules=trust.rules if trust else None,
        signature_present=submission.signature is not None,
        commit_wanted=commit is not None,
    )
    if repository is not None and commit is not None:
        evidence = _gather_commit(evidence, repository, commit)
    evidence = _gather_signature(evidence, submission.signature)
    if admission is not None or admission_required:
        evidence = gather_admission(evidence, admission, repository)
    if trust is None or checks.is_authenticated(evidence):
        evidence = _gather_content(evidence, submission.artifact, repository if replay else None)
    statement_read = evidence.outer or evidence.inner
    return VerificationReport(
        digest=evidence.artifact,
        steps=checks.judge(evidence),
        trust=trust.source if trust else None,
        untrusted_because=untrusted.what if untrusted else "",
        bundle=evidence.bundle,
        statement=statement_read,
        signer=evidence.signer if evidence.signature_valid else None,
        files=evidence.files or (),
        admission=evidence.admission.said if evidence.admission and evidence.admitted else None,
    )


def _gather_commit(evidence: Evidence, repository: TargetRepository, commit: str) -> Evidence:
    facts = repository.find_commit(commit)
    parent = repository.find_commit(facts.parents[0]) if facts and facts.parents else None
    return replace(evidence, commit=facts, commit_parent=parent)


def _gather_content(
    evidence: Evidence, artifact: bytes, repository: TargetRepository | None
) -> Evidence:
    limits = evidence.trust.operator.limits if evidence.trust else Limits()
    evidence = _gather_bundle(evidence, artifact, limits)
    said = evidence.outer or evidence.inner
    if repository is not None and said is not None:
        evidence = _gather_replay(evidence, repository, said.handoff)
    return evidence


def _gather_signature(evidence: Evidence, data: bytes | None) -> Evidence:
    """Gather for steps 1 to 3: strict parse, key from the keyring, signature, and only then the payload."""
    if data is None:
        return evidence
    evidence = _reading(evidence, lambda: replace(evidence, envelope=envelope.read(data)))
    found = evidence.envelope
    if found is None:
        return evidence
    if evidence.trust is not None:
        key = evidence.trust.keyring.by_hint(found.hint)
        message = envelope.pre_authentication_encoding(found.payload_type, found.payload)
        valid = key is not None and is_valid_signature(key.public, found.signature, message)
        evidence = replace(evidence, signer=key, signature_valid=valid)
        if not valid:
            return evidence
    return _reading(evidence, lambda: replace(evidence, outer=statement.read(found.payload)))


def _gather_bundle(evidence: Evidence, artifact: bytes, limits: Limits) -> Evidence:
    """Gather for steps 5 to 7: bounded, canonical unpacking, then the inner statement."""
    evidence = _reading(
        evidence, lambda: replace(evidence, bundle=archive.read(artifact, limit=limits.inflated))
    )
    bundle = evidence.bundle
    if bundle is None:
        return evidence
    return _reading(
        evidence, lambda: replace(evidence, inner=statement.read(bundle.members[ATTESTATION]))
    )


def _gather_replay(evidence: Evidence, repository: TargetRepository, handoff: Handoff) -> Evidence:
    """Gather for steps 8 to 12: the base in this repository, and the patch on it."""
    if handoff.object_format is not repository.object_format:
        return replace(evidence, base=BaseFacts(None, None, repository.object_format))
    tree = repository.commit_tree(handoff.base)
    line = None
    if tree is not None and evidence.trust is not None:
        line = repository.line_of(handoff.base, evidence.trust.source.tip)
    evidence = replace(evidence, base=BaseFacts(tree, line, repository.object_format))
    if tree is None or evidence.bundle is None:
        return evidence
    replay = repository.replay(handoff, evidence.bundle.members[PATCH])
    rollback = None
    if replay.result_tree is not None:
        rollback = repository.objects.files_at(
            replay.result_tree, handoff.rollback, limit=_ROLLBACK_LIMIT
        )
    return replace(evidence, replay=replay, rollback=rollback)


def _reading(evidence: Evidence, read: Callable[[], Evidence]) -> Evidence:
    """Return what a strict reader adds to the evidence, or the evidence with its fault."""
    try:
        return read()
    except MalformedError as error:
        return replace(evidence, faults=(*evidence.faults, error.fault))
