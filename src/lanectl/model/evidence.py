"""Everything a judgement is made of, gathered before any of it is judged."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.model.trust_policy import TrustMaterial, TrustPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lanectl.model.admission import Admission
    from lanectl.model.approval import Approval
    from lanectl.model.bundle import Bundle, Envelope, Statement
    from lanectl.model.change import FileChange
    from lanectl.model.content import Content
    from lanectl.model.names import Digest, ObjectFormat, ObjectId
    from lanectl.model.report import Fault, TrustSource
    from lanectl.model.root import Root
    from lanectl.model.settings import Operator, Rules
    from lanectl.model.signature import SignatureFacts
    from lanectl.model.signer import Signer
    from lanectl.model.trust import Key, Keyring


class Line(enum.StrEnum):
    """How a base commit stands to the target's tip."""

    OWN = "own"  # on the tip's first-parent history
    MERGED = "merged"  # reachable, but through a merged branch
    ELSEWHERE = "elsewhere"


class Replay(Struct, frozen=True):
    """What replaying a patch in a temporary index gave.

    `problem` is git's own reason when it does not apply. `canonical` says whether the patch's
    bytes are the ones that this git regenerates from the two trees.
    """

    base_tree: ObjectId
    result_tree: ObjectId | None
    diff_engine: str
    canonical: bool
    files: tuple[FileChange, ...]
    problem: str = ""


class CommitFacts(Struct, frozen=True):
    """A commit as git holds it."""

    id: ObjectId
    tree: ObjectId
    parents: tuple[ObjectId, ...]
    message: str


class Conflict(Struct, frozen=True):
    """A path that two sides changed differently: mode and blob of base, ours and theirs."""

    path: bytes
    base: tuple[str, ObjectId] | None
    ours: tuple[str, ObjectId] | None
    theirs: tuple[str, ObjectId] | None


class Merge(Struct, frozen=True):
    """A three-way merge: its tree, which holds conflict markers where there are conflicts."""

    tree: ObjectId
    conflicts: tuple[Conflict, ...] = ()


class Trust(Struct, frozen=True):
    """What the target's tip and the operator say: whom to believe and what to demand."""

    source: TrustSource
    operator: Operator
    rules: Rules
    keyring: Keyring
    policy: TrustPolicy = TrustPolicy()
    material: TrustMaterial = TrustMaterial()
    root: Root | None = None
    """Whose signatures the trust files themselves need."""


class BaseFacts(Struct, frozen=True):
    """What the repository knows of the base: its tree (None: no such commit) and its line."""

    tree: ObjectId | None
    line: Line | None
    object_format: ObjectFormat


class AdmissionFacts(Struct, frozen=True):
    """What was found of an admission; nothing at all: no file, or one that is malformed.

    Key and signature are looked at under trust, `said` is read under a valid signature only.
    `policy_on_target` says whether the target's history holds the policy commit.
    """

    envelope: Envelope | None = None
    key: Key | None = None
    signature_valid: bool | None = None
    said: Admission | None = None
    policy_on_target: bool | None = None


class Evidence(Struct, frozen=True):
    """All facts about one bundle. None means: could not be gathered, so cannot be judged.

    `faults` is what the strict readers refused. `signature` is the bundle's own, `countersignature`
    a later one by its Builder's side over the same statement. `rollback` maps the paths that the statement names
    to their content in the result tree. `approvals` are those of this bundle that count by now. `commit_wanted` says that a commit was to be compared.
    `admission` is None where none is there and none is asked for. Under a good one `admitted` is
    its time, and so is `now`, the time by which everything else is judged.
    """

    now: datetime
    artifact: Digest
    trust: Trust | None = None
    faults: tuple[Fault, ...] = ()
    signature_present: bool = False
    signature: SignatureFacts | None = None
    countersignature: SignatureFacts | None = None
    outer: Statement | None = None
    bundle: Bundle | None = None
    inner: Statement | None = None
    base: BaseFacts | None = None
    replay: Replay | None = None
    rollback: Mapping[str, bytes] | None = None
    rules: Rules | None = None
    content: Content | None = None
    approvals: tuple[Approval, ...] = ()
    commit: CommitFacts | None = None
    commit_parent: CommitFacts | None = None
    commit_wanted: bool = False
    admission: AdmissionFacts | None = None
    admitted: datetime | None = None

    @property
    def signatures(self) -> tuple[SignatureFacts, ...]:
        """What was found of every signature that is there."""
        return tuple(s for s in (self.signature, self.countersignature) if s is not None)

    @property
    def answering(self) -> SignatureFacts | None:
        """The signature that counts: the first valid one of an accepted method, else of any."""
        policy = self.trust.policy if self.trust else TrustPolicy()
        good = [s for s in self.signatures if s.valid and s.signer is not None]
        for one in good:
            if one.signer and one.method in policy.accepted(one.signer.role):
                return one
        return good[0] if good else None

    @property
    def signer(self) -> Signer | None:
        """Who answers for the bundle."""
        return self.answering.signer if self.answering else None

    @property
    def signers(self) -> tuple[Signer, ...]:
        """Everybody who has a valid signature on the bundle."""
        return tuple(s.signer for s in self.signatures if s.valid and s.signer is not None)

    @property
    def files(self) -> tuple[FileChange, ...] | None:
        """The replayed difference, where there was a replay that gave a tree."""
        return self.replay.files if self.replay and self.replay.result_tree else None
