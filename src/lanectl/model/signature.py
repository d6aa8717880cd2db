"""What was found of one signature under the pinned trust, before any of it is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lanectl.model.bundle import Envelope
    from lanectl.model.report import Fault
    from lanectl.model.signer import Method, Signer
    from lanectl.model.trust import Key


class KeylessFacts(Struct, frozen=True):
    """What a keyless signature proves under a pinned Sigstore root.

    `fault` is the first thing that the proof lacks (a rule `keyless/…` or `signature/invalid`);
    without one the rest is proved. `identity` and `issuer` are the certificate's, `claims` what it
    says of the run by Fulcio's names; `signed` is the logged or stamped time. All of it is
    untrusted text until the fault is None.
    """

    fault: Fault | None = None
    identity: str = ""
    issuer: str = ""
    claims: Mapping[str, str] = {}
    signed: datetime | None = None


class SvidFacts(Struct, frozen=True):
    """What an X.509 SVID proves under a pinned trust bundle, its times aside.

    `fault` as in `KeylessFacts`, with rules `spiffe/…`; `not_before` and `not_after` are the
    narrowest of the chain.
    """

    fault: Fault | None = None
    id: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None


class GpgFacts(Struct, frozen=True):
    """What gpg says of a detached signature, at the time that the bundle is judged by.

    `fault` is what its status lines refuse (rules `gpg/…`). `fingerprint` is the primary key's,
    `signing` that of the key that signed; its own times follow (`expires` None: never), then when
    the signature says that it was made.
    """

    fault: Fault | None = None
    fingerprint: str = ""
    signing: str = ""
    created: datetime | None = None
    expires: datetime | None = None
    signed: datetime | None = None


class SignatureFacts(Struct, frozen=True):
    """One signature over the outer statement. `valid` is None where there is nobody to believe.

    `signer` is whom the tip's trust names for it; `is_hosted`: it vouches that they sign on a hosted
    platform. `key` is the keyring's entry (method key);
    of the three others one is there for its method.
    """

    method: Method
    envelope: Envelope
    signer: Signer | None = None
    valid: bool | None = None
    key: Key | None = None
    keyless: KeylessFacts | None = None
    spiffe: SvidFacts | None = None
    gpg: GpgFacts | None = None
    is_hosted: bool = False
