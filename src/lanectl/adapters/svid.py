"""Signing with an X.509 SVID from two files, as a SPIFFE agent writes them. Asks no agent itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lanectl.adapters import files, keys
from lanectl.errors import Remedy, UnreadableError
from lanectl.formats import envelope, svid
from lanectl.model.bundle import SIGNATURE_SUFFIX
from lanectl.model.display import display
from lanectl.model.signer import Method
from lanectl.ports.signing import Seal

if TYPE_CHECKING:
    from datetime import datetime

    from lanectl.model.report import Fault
    from lanectl.ports import Signer

CERTIFICATES: Final = "svid.pem"
PRIVATE_KEY: Final = "svid_key.pem"
"""The names that SPIRE's own tools give the two files."""

_LIMIT: Final = 1 << 16
_FETCH: Final = Remedy(
    "Let the SPIFFE agent write a new one.",
    ("spire-agent", "api", "fetch", "x509", "-write", "FOLDER"),
)


class SvidSigner:
    """Implements `ports.StatementSigner` with an SVID. `id` is its SPIFFE id."""

    method = Method.SPIFFE

    def __init__(
        self, spiffe_id: str, chain: tuple[bytes, ...], key: Signer, suffix: str = SIGNATURE_SUFFIX
    ) -> None:
        self.id = spiffe_id
        self._suffix = suffix
        self._chain = chain
        self._key = key

    def seal(self, payload: bytes) -> Seal:
        """Return the signature over exactly these bytes, with the SVID's certificates."""
        message = envelope.pre_authentication_encoding(envelope.PAYLOAD_TYPE, payload)
        data = envelope.write_certified(payload, self._key.sign(message), self._chain)
        return Seal(self.method, {self._suffix: data}, self.id)


def load(
    certificates: str, private_key: str, at: datetime, suffix: str = SIGNATURE_SUFFIX
) -> SvidSigner:
    """Return the signer that a PEM chain, the SVID's own first, and its private key make.

    Raises UnreadableError: a file is missing or broken, the key can be read by others or is
    another certificate's, no single SPIFFE id, an SVID that is not valid at this time.
    """
    key = keys.load(private_key)
    try:
        chain = svid.read_pem(files.read(certificates, limit=_LIMIT))
    except ValueError as error:
        raise _unusable(certificates, "it holds no PEM certificates") from error
    facts = svid.claim(chain)
    if facts.fault is not None:
        raise _unusable(certificates, _why(facts.fault))
    start, end = facts.not_before, facts.not_after
    if start is None or end is None or not start <= at <= end:
        span = f"{start:%Y-%m-%d %H:%M}Z to {end:%Y-%m-%d %H:%M}Z"
        raise _unusable(certificates, f"it is valid from {span}, and now is {at:%Y-%m-%d %H:%M}Z")
    if svid.leaf_key(chain) != key.public:
        raise _unusable(certificates, f"its key is not the one in {display(private_key)}")
    return SvidSigner(facts.id, chain, key, suffix)


def _why(fault: Fault) -> str:
    what = "it is no workload's SVID" if fault.rule != "spiffe/id" else "it has no single SPIFFE id"
    return display(f"{what}: {fault.where}: {fault.got}; expected: {fault.expected}")


def _unusable(path: str, why: str) -> UnreadableError:
    return UnreadableError(f"the SVID {display(path)} cannot sign", why=why, remedies=(_FETCH,))
