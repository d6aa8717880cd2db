"""An Enforcer on a real clone, with what `apply` leaves behind: ledger, admission, anchor."""

from __future__ import annotations

from pathlib import Path

from lanectl.adapters import keys
from lanectl.formats import admission, envelope
from lanectl.model.admission import Admission
from lanectl.model.ledger import Head, LedgerId
from lanectl.model.names import Digest
from lanectl.wiring.common import operator_file, pinned_by, store_of
from lanectl.wiring.ledger import Missing, open_ledger
from tests.forge.admissions import plant
from tests.world import World


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

    def head(self) -> Head:
        """The end of the chain."""
        with open_ledger(self.operator, Missing.REFUSED) as ledger:
            return ledger.head()

    def id(self) -> LedgerId:
        """The id of the ledger."""
        with open_ledger(self.operator, Missing.REFUSED) as ledger:
            return ledger.id

    def lose(self) -> None:
        """Lose the embedded ledger."""
        for path in self.files:
            path.unlink()

    def saved(self) -> dict[Path, bytes]:
        """Return a copy of the embedded ledger."""
        return {path: path.read_bytes() for path in self.files}

    def restore(self, saved: dict[Path, bytes]) -> None:
        """Put a copy of the embedded ledger in its place."""
        self.lose()
        for path, data in saved.items():
            path.write_bytes(data)

    def apply(self, slug: str) -> Admission:
        """Pack the Builder's work tree and apply it; return the admission that was kept."""
        bundle = self.world.pack(slug)
        done = self.world.apply(bundle)
        assert done.code == 0, done.err
        kept = dict(self.store.admissions())[Digest.of(bundle.read_bytes())]
        return admission.read(envelope.read(kept).payload)

    def publish(self, digest: Digest) -> None:
        """Push a kept bundle to the hub, as `apply --pr` does."""
        kept = self.store.kept(digest)
        assert kept is not None
        plant(
            self.world, kept.artifact, kept.signature or b"", dict(self.store.admissions())[digest]
        )
