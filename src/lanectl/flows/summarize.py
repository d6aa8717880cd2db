"""Summarize: the Enforcer's own Verification Summary Attestation of what it applied or publishes.

It is kept beside the admission and made once, so that publishing again publishes the same file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from lanectl.formats import envelope
from lanectl.formats import summary as format_
from lanectl.formats.anchor import key_id
from lanectl.model.names import Digest
from lanectl.model.report import MalformedError
from lanectl.model.slsa import VERSION
from lanectl.model.summary import Summary

if TYPE_CHECKING:
    from lanectl.flows.office import Office
    from lanectl.flows.publish_bundle import Admitted
    from lanectl.model.report import VerifiedBundle
    from lanectl.model.submission import Submission
    from lanectl.ports import Signer


def summarize(summary: Summary, signer: Signer) -> bytes:
    """Return the bytes of `artifact.tar.gz.vsa.sigstore.json`.

    Raises ValueError for a summary that no reader would take, and what the signer raises.
    """
    payload = format_.write(summary)
    signature = signer.sign(envelope.pre_authentication_encoding(envelope.PAYLOAD_TYPE, payload))
    return envelope.write(payload, signature, signer.public)


def own_summary(
    office: Office, admitted: Admitted, verified: VerifiedBundle, submission: Submission
) -> bytes:
    """Return this Enforcer's summary of an admitted bundle: the one that is kept, or a new one.

    Of its own admission it has the time and the policy; of another Enforcer's it says what this
    one verified, now.
    """
    summary = _summary(office, admitted, verified, submission)
    bundle = admitted.admission.bundle
    kept = office.store.kept_summary(bundle)
    if kept is not None and _says(kept, summary):
        return kept
    made = summarize(summary, office.signer)
    office.store.keep_summary(bundle, made)
    return made


def _summary(
    office: Office, admitted: Admitted, verified: VerifiedBundle, submission: Submission
) -> Summary:
    said, own = admitted.admission, office.signer.public.id
    is_own = key_id(envelope.read(admitted.file)) == own
    return Summary(
        enforcer=own, repository=said.repository, bundle=said.bundle, commit=said.commit,
        policy=said.policy if is_own else office.trust.source.tip,
        inputs={suffix: Digest.of(data) for suffix, data in submission.files.items()},
        level=verified.level.result, slsa_version=VERSION,
        at=said.at if is_own else office.recorder.system.now(),
    )  # fmt: skip


def _says(file: bytes, summary: Summary) -> bool:
    """Whether a file says the same by the same key; when, and by which tip, is the file's own."""
    try:
        found = format_.read(envelope.read(file).payload)
    except MalformedError:
        return False
    return replace(found, at=summary.at, policy=summary.policy) == summary
