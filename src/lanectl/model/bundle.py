"""The bundle, its members and the two statements about it, as docs/bundle-format.md fixes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.model.ledger import HandoffKey
from lanectl.model.signer import Method

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lanectl.model.names import Digest, Lane, ObjectFormat, ObjectId, RepositoryId, Slug

FORMAT_VERSION = "1"

ARTIFACT = "artifact.tar.gz"
TAR = "artifact.tar"
SIGNATURE_SUFFIX = ".sigstore.json"
STATEMENT_SUFFIX = ".intoto.json"
ADMISSION_SUFFIX = ".admission.sigstore.json"
COUNTERSIGNATURE_SUFFIX = ".countersignature.sigstore.json"
GPG_SUFFIX = ".intoto.json.asc"
APPROVALS_SUFFIX = ".approvals.jsonl"
SUMMARY_SUFFIX = ".vsa.sigstore.json"

MERGE_BASE = "merge-base.sha"
PATCH = "changes.patch"
SBOM = "sbom.cdx.json"
ROLLBACK = "rollback.sql"
ATTESTATION = "attestation.intoto"

MEMBERS = (MERGE_BASE, PATCH, SBOM, ROLLBACK, ATTESTATION)
"""Every member a bundle may hold, in the order of the archive."""

REQUIRED = frozenset(MEMBERS) - {ROLLBACK}


class Bundle(Struct, frozen=True):
    """An unpacked archive: its members in canonical order and the digests of both encodings."""

    members: Mapping[str, memoryview]
    digest: Digest
    tar_digest: Digest
    size: int


class Material(Struct, frozen=True):
    """Something the change was computed from: a URI and one digest."""

    uri: str
    algorithm: str
    digest: str


class Handoff(Struct, frozen=True):
    """What the inner statement says: which change this is, of what, from where.

    `rollback` names the paths of the result tree that `rollback.sql` was joined from.
    """

    repository: RepositoryId
    base: ObjectId
    base_tree: ObjectId
    result_tree: ObjectId
    object_format: ObjectFormat
    slug: Slug
    title: str
    message: str
    lane: Lane
    diff_engine: str
    rollback: tuple[str, ...]
    lockfiles: tuple[Material, ...]

    @property
    def key(self) -> HandoffKey:
        """What it is used once by."""
        return HandoffKey.of(self.repository, self.base, self.result_tree)


class Circumstances(Struct, frozen=True):
    """What only the outer statement says: when and under what it was signed. Times are UTC."""

    nonce: str
    issued: datetime
    expires: datetime
    attempt: int
    supersedes: Digest | None
    policy: Digest | None
    traceparent: str


class Statement(Struct, frozen=True):
    """One parsed in-toto statement: its subjects by name, and the handoff it speaks of.

    `circumstances` is None in the inner, unsigned statement.
    """

    subjects: Mapping[str, Digest]
    handoff: Handoff
    circumstances: Circumstances | None
    completeness: Mapping[str, bool]


class Envelope(Struct, frozen=True):
    """A strictly read signature file: one signature over one payload, and what tells whose it is.

    Of these one is there: `hint` names a key; `certificate` (DER) is a keyless one, and `raw` the
    whole file with its proofs; `chain` are an SVID and its intermediates (DER). A GPG signature
    has none of them.
    """

    payload_type: str
    payload: bytes
    signature: bytes
    hint: str = ""
    certificate: bytes = b""
    chain: tuple[bytes, ...] = ()
    raw: bytes = b""

    @property
    def method(self) -> Method:
        """What the signature was made with."""
        if self.certificate:
            return Method.KEYLESS
        if self.chain:
            return Method.SPIFFE
        return Method.KEY if self.hint else Method.GPG
