"""An Enforcer on a real clone, with what `apply` leaves behind: ledger, admission, anchor."""

from __future__ import annotations

from pathlib import Path

from lanectl.adapters import keys
from lanectl.formats import admission, envelope
from lanectl.model.admission import Admission
from lanectl.model.bundle import ADMISSION_SUFFIX, ARTIFACT, SIGNATURE_SUFFIX
from lanectl.model.names import Digest
from lanectl.wiring.common import operator_file, pinned_by, store_of
from tests.world import World, git


class Enforcer:
    """Applies, and publishes without a forge."""

    def __init__(self, world: World) -> None:
        operator = pinned_by(operator_file())
        assert operator is not None
        self.world, self.operator, self.store = world, operator, store_of(operator)
        self.signer = keys.load(str(world.key("enforcer")))

    @property
    def files(self) -> list[Path]:
        """The files of the embedded ledger."""
        return sorted(self.store.folder.glob("ledger.sqlite*"))

    def apply(self, slug: str) -> Admission:
        """Pack the Builder's work tree and apply it; return the admission that was kept."""
        bundle = self.world.pack(slug)
        done = self.world.apply(bundle)
        assert done.code == 0, done.err
        kept = dict(self.store.admissions())[Digest.of(bundle.read_bytes())]
        return admission.read(envelope.read(kept).payload)

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
