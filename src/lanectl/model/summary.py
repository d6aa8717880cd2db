"""What an Enforcer tells those who trust it: this bundle was verified, by these rules, at this level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lanectl.model.names import Digest, ObjectId, RepositoryId


class Summary(Struct, frozen=True):
    """What a Verification Summary Attestation says of one bundle and the commit that it became.

    `enforcer` is the id of the key that signs it. `policy` is the target's tip that the bundle was
    judged by, `inputs` the digests of what signs the bundle, by suffix; `level` is SLSA's own word
    for it, in `slsa_version`. `at` is UTC, whole seconds.
    """

    enforcer: Digest
    repository: RepositoryId
    bundle: Digest
    commit: ObjectId
    policy: ObjectId
    inputs: Mapping[str, Digest]
    level: str
    slsa_version: str
    at: datetime
