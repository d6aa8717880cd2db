"""Who vouches for the trust files themselves: m of n keys, kept away from every lane. Pure facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lanectl.model.settings import RULES_PATH
from lanectl.model.trust_policy import TRUST_FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lanectl.model.names import Digest, RepositoryId
    from lanectl.model.trust import PublicKey

ROOT_PATH: Final = f"{TRUST_FOLDER}/root.json"
SIGNATURES_PATH: Final = f"{TRUST_FOLDER}/root.signatures.json"


class RootKey(Struct, frozen=True):
    """A key of the root, and whose it is."""

    name: str
    public: PublicKey


class Root(Struct, frozen=True):
    """`root.json`: how many of which keys must sign the trust files."""

    threshold: int
    keys: tuple[RootKey, ...]


class RootSignature(Struct, frozen=True):
    """A signature over an endorsement; `hint` as in a Sigstore bundle."""

    hint: str
    signature: bytes


class Endorsement(Struct, frozen=True):
    """`root.signatures.json`: what the root's keys vouch for, of one repository.

    `files` maps every trust file's path to its digest. `version` only grows: an older endorsement
    never comes back.
    """

    version: int
    repository: RepositoryId
    files: Mapping[str, Digest]
    signatures: tuple[RootSignature, ...] = ()

    def says_the_same(self, other: Endorsement) -> bool:
        """Whether both are one statement, whoever signed it."""
        return (self.version, self.repository, dict(self.files)) == (
            other.version, other.repository, dict(other.files),
        )  # fmt: skip


def is_endorsed(path: str) -> bool:
    """Whether a repository path is one that the root vouches for."""
    return path == RULES_PATH or (path.startswith(f"{TRUST_FOLDER}/") and path != SIGNATURES_PATH)
