"""The user's own gpg, for who signs with it and for who makes its next key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.adapters.system import environment

if TYPE_CHECKING:
    from lanectl.adapters.gpg_home import GpgHome, GpgSigner


def gpg_home() -> GpgHome:
    """Return the gpg of GNUPGHOME, or of the user's home."""
    from lanectl.adapters.gpg_home import GpgHome

    return GpgHome(environment())


def gpg_signer(fingerprint: str) -> GpgSigner:
    """Return who signs statements with a key of the user's gpg."""
    from lanectl.adapters.gpg_home import GpgSigner

    return GpgSigner(gpg_home(), fingerprint)
