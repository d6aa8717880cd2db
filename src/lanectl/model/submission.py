"""The files of a bundle as they were read, once. Nothing of them is believed yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lanectl.model.bundle import (
    COUNTERSIGNATURE_SUFFIX,
    GPG_SUFFIX,
    SIGNATURE_SUFFIX,
    STATEMENT_SUFFIX,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

SUFFIXES: Final = (SIGNATURE_SUFFIX, COUNTERSIGNATURE_SUFFIX, STATEMENT_SUFFIX, GPG_SUFFIX)
"""What may lie beside an archive, as the suffix of its name, and belong to its signatures."""


class Submission(Struct, frozen=True):
    """An archive and what signs it; None: there is no such file.

    `statement` and `gpg` are the outer statement and the detached GPG signature over it. They are
    looked at only where there is no `signature`.
    """

    artifact: bytes
    signature: bytes | None = None
    countersignature: bytes | None = None
    statement: bytes | None = None
    gpg: bytes | None = None

    @classmethod
    def of(cls, artifact: bytes, files: Mapping[str, bytes]) -> Submission:
        """Return the submission of an archive and the files beside it, by suffix."""
        return cls(artifact, *(files.get(suffix) for suffix in SUFFIXES))

    @property
    def files(self) -> dict[str, bytes]:
        """The files that sign the archive, by suffix; a statement that nobody signed is none."""
        gpg = None if self.signature is not None else self.gpg
        statement = self.statement if gpg is not None else None
        values = (self.signature, self.countersignature, statement, gpg)
        return {s: v for s, v in zip(SUFFIXES, values, strict=True) if v is not None}

    @property
    def is_signed(self) -> bool:
        """Whether there is anything that could be its signature."""
        return self.signature is not None or (self.gpg is not None and self.statement is not None)
