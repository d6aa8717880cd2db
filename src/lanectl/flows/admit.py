"""Admit: the Enforcer signs which commit it made from a verified bundle. Judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.formats import admission as format_
from lanectl.formats import envelope

if TYPE_CHECKING:
    from lanectl.model.admission import Admission
    from lanectl.ports import Signer


def admit(admission: Admission, signer: Signer) -> bytes:
    """Return the bytes of `artifact.tar.gz.admission.sigstore.json`.

    Raises ValueError for an admission that no reader would take, and what the signer raises.
    """
    payload = format_.write(admission)
    signature = signer.sign(envelope.pre_authentication_encoding(envelope.PAYLOAD_TYPE, payload))
    return envelope.write(payload, signature, signer.public)
