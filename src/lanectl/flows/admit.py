"""Admit: the Enforcer signs which commit it made from a verified bundle, with a key that may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl import checks
from lanectl.formats import admission as format_
from lanectl.formats import envelope
from lanectl.model.bundle import Envelope
from lanectl.model.evidence import AdmissionFacts, Evidence
from lanectl.model.report import RejectedError
from lanectl.model.trust import hint_of

if TYPE_CHECKING:
    from datetime import datetime

    from lanectl.model.admission import Admission
    from lanectl.model.evidence import Trust
    from lanectl.model.report import VerifiedBundle
    from lanectl.model.trust import PublicKey
    from lanectl.ports import Signer


def admit(admission: Admission, signer: Signer) -> bytes:
    """Return the bytes of `artifact.tar.gz.admission.sigstore.json`.

    Raises ValueError for an admission that no reader would take, and what the signer raises.
    """
    payload = format_.write(admission)
    signature = signer.sign(envelope.pre_authentication_encoding(envelope.PAYLOAD_TYPE, payload))
    return envelope.write(payload, signature, signer.public)


def refuse_unfit(
    admission: Admission, key: PublicKey, verified: VerifiedBundle, *, trust: Trust, now: datetime
) -> None:
    """Raise RejectedError if a verifier would refuse this admission by this key.

    Needs neither the private key nor a repository, so that nothing need have been signed or
    pushed; that the policy commit is the target's is taken as given.
    """
    hint = hint_of(key.id)
    evidence = Evidence(
        now=now, artifact=verified.bundle.digest, trust=trust, signer=verified.signer,
        outer=verified.statement,
        admission=AdmissionFacts(
            Envelope(envelope.PAYLOAD_TYPE, b"", b"", hint), trust.keyring.by_hint(hint),
            signature_valid=True, said=admission,
        ),
    )  # fmt: skip
    findings = tuple(checks.find(checks.admission.check(evidence)))
    if findings:
        raise RejectedError("the Enforcer's key must not admit this bundle", findings)
