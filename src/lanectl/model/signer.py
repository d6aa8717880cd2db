"""Who signed a bundle, as the target's tip names them, whatever the signature was made with."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from lanectl.model.trust import Key, Role


class Method(enum.StrEnum):
    """What a signature is made with, the strongest evidence first.

    `keyless`: an identity certified for minutes and logged in public; `spiffe`: a workload's own
    certificate; `key`: a key of the keyring; `gpg`: a key that rotates every 30 days.
    """

    KEYLESS = "keyless"
    SPIFFE = "spiffe"
    KEY = "key"
    GPG = "gpg"

    @property
    def rank(self) -> int:
        """0 for the strongest."""
        return list(Method).index(self)


class Signer(Struct, frozen=True):
    """Somebody whom the trust of the target's tip names; `name` and `email` author the commit.

    `id` is printable ASCII without blanks, and is what the ledger calls them: 64 hex digits for a
    key, else `keyless:ISSUER#IDENTITY`, `gpg:FINGERPRINT` or `spiffe://DOMAIN/PATH`.
    """

    method: Method
    id: str
    role: Role
    name: str
    email: str

    @classmethod
    def of_key(cls, key: Key) -> Signer:
        """Return the signer that a key of the keyring stands for."""
        return cls(Method.KEY, str(key.public.id), key.role, key.name, key.email)

    def is_same_person(self, key: Key) -> bool:
        """Whether a key is theirs, or is registered to their name or email."""
        return (
            self.id == key.public.id
            or self.name.casefold() == key.name.casefold()
            or self.email.casefold() == key.email.casefold()
        )

    @property
    def trailer(self) -> str:
        """How a commit's trailer names them."""
        return f"key:sha256:{self.id}" if self.method is Method.KEY else self.id

    @property
    def shown(self) -> str:
        """How people are told who it was, after the name; untrusted nowhere: the tip's own words."""
        return f"key {self.id}" if self.method is Method.KEY else self.id
