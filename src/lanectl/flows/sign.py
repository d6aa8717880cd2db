"""Signing: the outer statement over a packed bundle, after checking that the bundle is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl import checks
from lanectl.formats import archive, envelope, statement
from lanectl.model.bundle import (
    ARTIFACT,
    ATTESTATION,
    SIGNATURE_SUFFIX,
    TAR,
    Bundle,
    Circumstances,
    Statement,
)
from lanectl.model.evidence import Evidence
from lanectl.model.names import Digest
from lanectl.model.report import Fault, MalformedError, RejectedError
from lanectl.model.signer import Method
from lanectl.model.trust_policy import VALIDITY
from lanectl.ports.signing import Seal

if TYPE_CHECKING:
    from datetime import datetime

    from lanectl.model.submission import Submission
    from lanectl.ports import Signer, System
    from lanectl.ports.signing import StatementSigner


class KeySigner:
    """Implements `ports.signing.StatementSigner` with a key, wherever that is held."""

    method = Method.KEY

    def __init__(self, key: Signer, suffix: str = SIGNATURE_SUFFIX) -> None:
        self._key, self._suffix = key, suffix

    def seal(self, payload: bytes) -> Seal:
        """Return the signature file over these bytes."""
        message = envelope.pre_authentication_encoding(envelope.PAYLOAD_TYPE, payload)
        file = envelope.write(payload, self._key.sign(message), self._key.public)
        return Seal(Method.KEY, {self._suffix: file}, f"key {self._key.public.id}")


class SignedBundle(Struct, frozen=True):
    """What signing gave: the signature's files and what they speak of."""

    seal: Seal
    digest: Digest
    statement: Statement


def sign(
    artifact: bytes, unsigned: bytes | None, *, signer: StatementSigner, system: System, limit: int
) -> SignedBundle:
    """Return a signature over a packed bundle.

    `unsigned` is the statement that `pack --unsigned` left beside it: attempt and superseded bundle
    are taken from it, nonce and times are made anew. Raises RejectedError for anything that a
    verifier would refuse without looking at a repository.
    """
    return sign_bundle(*_read(artifact, unsigned, limit), signer=signer, system=system)


def sign_bundle(
    bundle: Bundle,
    inner: Statement,
    draft: Statement | None,
    *,
    signer: StatementSigner,
    system: System,
) -> SignedBundle:
    """Return a signature over a bundle in memory, as `sign` does."""
    now = system.now()
    _refuse_what_a_verifier_would(bundle, inner, draft, now)
    former = draft.circumstances if draft else None
    circumstances = Circumstances(
        nonce=system.nonce(),
        issued=now,
        expires=now + VALIDITY,
        attempt=former.attempt if former else 1,
        supersedes=former.supersedes if former else None,
        policy=former.policy if former else None,
        traceparent=former.traceparent if former else "",
    )
    payload = outer_statement(bundle, inner, circumstances)
    return SignedBundle(signer.seal(payload), bundle.digest, statement.read(payload))


def countersign(
    submission: Submission, *, signer: StatementSigner, system: System, limit: int
) -> SignedBundle:
    """Return a second signature over the very statement that a bundle's own signature is over.

    Raises RejectedError for a bundle that is not signed, and for anything that a verifier would
    refuse without looking at a repository or a key.
    """
    try:
        payload = _signed_payload(submission)
        outer = statement.read(payload)
    except MalformedError as error:
        raise _not_to_sign(error.fault) from error
    bundle, inner, _ = _read(submission.artifact, None, limit)
    _refuse_what_a_verifier_would(bundle, inner, outer, system.now())
    return SignedBundle(signer.seal(payload), bundle.digest, outer)


def _signed_payload(submission: Submission) -> bytes:
    if submission.signature is not None:
        return envelope.read_any(submission.signature).payload
    if submission.gpg is None or submission.statement is None:
        raise MalformedError(Fault("envelope/missing", got="no such file", expected="a signature"))
    return submission.statement


def outer_statement(bundle: Bundle, inner: Statement, circumstances: Circumstances) -> bytes:
    """Return the statement over the archive, its uncompressed tar and every member."""
    subjects = {name: Digest.of(content) for name, content in bundle.members.items()}
    subjects |= {ARTIFACT: bundle.digest, TAR: bundle.tar_digest}
    return statement.write(subjects, inner.handoff, circumstances, inner.completeness)


def _read(
    artifact: bytes, unsigned: bytes | None, limit: int
) -> tuple[Bundle, Statement, Statement | None]:
    try:
        bundle = archive.read(artifact, limit=limit)
        inner = statement.read(bundle.members[ATTESTATION])
        draft = statement.read(unsigned) if unsigned is not None else None
    except MalformedError as error:
        raise _not_to_sign(error.fault) from error
    return bundle, inner, draft


def _not_to_sign(fault: Fault) -> RejectedError:
    return RejectedError("not a bundle to sign", tuple(checks.find([fault])))


def _refuse_what_a_verifier_would(
    bundle: Bundle, inner: Statement, draft: Statement | None, now: datetime
) -> None:
    evidence = Evidence(
        now=now,
        artifact=bundle.digest,
        bundle=bundle,
        inner=inner,
        outer=draft,
        signature_present=True,
    )
    findings = tuple(
        f for step in checks.judge(evidence) for f in step.findings if f.rule.id not in _OF_TIME
    )
    if findings:
        raise RejectedError("not a bundle to sign", findings)


_OF_TIME = frozenset({"handoff/expired", "handoff/time"})
"""An unsigned statement may be old: its times are made anew."""
