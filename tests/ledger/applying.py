"""An Enforcer on a real clone that writes what `apply` writes: ledger, admission, anchor."""

from __future__ import annotations

import json
from pathlib import Path

from lanectl.adapters import keys
from lanectl.flows.admit import admit
from lanectl.flows.anchor import make_anchor
from lanectl.model.admission import Admission
from lanectl.model.bundle import ADMISSION_SUFFIX, ARTIFACT, SIGNATURE_SUFFIX
from lanectl.model.ledger import Claim, EventKind, HandoffKey, NewEvent
from lanectl.model.names import Digest, ObjectId
from lanectl.wiring.common import operator_file, pinned_by, store_of, system
from lanectl.wiring.ledger import open_ledger
from tests.world import World, git


class Enforcer:
    """Applies, and leaves every trace that `apply` itself did not leave."""

    def __init__(self, world: World) -> None:
        operator = pinned_by(operator_file())
        assert operator is not None
        self.world, self.operator, self.store = world, operator, store_of(operator)
        self.signer = keys.load(str(world.key("enforcer")))

    @property
    def files(self) -> list[Path]:
        """The files of the embedded ledger."""
        return sorted(self.store.folder.glob("ledger.db*"))

    def apply(self, slug: str) -> Admission:
        """Pack the Builder's work tree and apply it."""
        bundle = self.world.pack(slug)
        done = self.world.apply(bundle)
        assert done.code == 0, done.err
        digest, commit = Digest.of(bundle.read_bytes()), ObjectId(done.json["commit"])
        base = ObjectId(json.loads(self.world.verify(bundle).out)["handoff"]["base"])
        tree = ObjectId(git(self.world.enforcer, "rev-parse", f"{commit}^{{tree}}"))
        key = HandoffKey(Digest.of(f"{self.operator.repository}\n{base}\n{tree}\n".encode()))
        told = {"slug": slug, "bundle": str(digest), "base": str(base), "result_tree": str(tree)}
        with open_ledger(self.operator) as ledger:
            row = ledger.handoff(key)
            if row is None or not row.state.is_consumed:
                self._record(key, commit, told)
            head, now = ledger.head(), system().now()
            said = Admission(
                self.operator.repository, digest, commit, tree, base, ledger.id, head.seq, head.hash, now,
            )  # fmt: skip
            if digest not in dict(self.store.admissions()):
                self.store.keep_admission(digest, admit(said, self.signer))
            self.store.add_anchor(make_anchor(ledger.id, head, now, self.signer))
        return said

    def publish(self, digest: Digest) -> None:
        """Push a kept bundle to the hub, as `apply --pr` does."""
        clone, kept = self.world.enforcer, self.store.kept(digest)
        assert kept is not None
        files = {
            ARTIFACT: kept[0],
            ARTIFACT + SIGNATURE_SUFFIX: kept[1],
            ARTIFACT + ADMISSION_SUFFIX: dict(self.store.admissions())[digest],
        }
        rows = [
            f"100644 blob {git(clone, 'hash-object', '-w', '--stdin', data=data)}\t{name}\n"
            for name, data in sorted(files.items())
        ]
        tree = git(clone, "mktree", data="".join(rows).encode())
        commit = git(clone, "commit-tree", "-m", "bundle", tree)
        git(clone, "push", "-q", str(self.world.hub), f"{commit}:refs/lanectl/{digest}")

    def _record(self, key: HandoffKey, commit: ObjectId, queued: dict[str, str]) -> None:
        actor, where = f"key:sha256:{self.signer.public.id}", self.operator.repository
        with open_ledger(self.operator) as ledger:

            def record(kind: EventKind, **data: str) -> None:
                name = f"{kind}:{queued['bundle']}"
                ledger.record(NewEvent(name, kind, system().now(), actor, where, key, data))

            record(EventKind.QUEUED, **queued)
            claim = ledger.claim(key, "me", seconds=300)
            assert isinstance(claim, Claim)
            record(
                EventKind.APPLIED, claim=claim.token, bundle=queued["bundle"], commit=commit,
                branch=f"feature/{queued['slug']}",
            )  # fmt: skip
            ledger.release(claim)
