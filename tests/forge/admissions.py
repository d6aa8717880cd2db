"""Admissions made and published by hand, with plain git: no command of lanectl has a part in it."""

from __future__ import annotations

import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from lanectl.adapters import keys
from lanectl.flows.admit import admit
from lanectl.formats import envelope, statement
from lanectl.model.admission import Admission
from lanectl.model.bundle import ADMISSION_SUFFIX, ARTIFACT, SIGNATURE_SUFFIX
from lanectl.model.handoff import APPLIED, bundle_ref, commit_message
from lanectl.model.ledger import LedgerId
from lanectl.model.names import Digest, ObjectId
from tests.world import git

if TYPE_CHECKING:
    from lanectl.model.bundle import Statement
    from tests.forge.world import ForgeWorld
    from tests.world import World


def admission_of(world: World, file: Path, commit: str, **changes: Any) -> Admission:
    """Return a good admission of a bundle as a commit, as of now, but for these fields."""
    handoff = said(file).handoff
    one = Admission(
        repository=handoff.repository, bundle=Digest.of(file.read_bytes()),
        commit=ObjectId(commit), result_tree=handoff.result_tree,
        policy=ObjectId(git(world.hub, "rev-parse", "main")), ledger=LedgerId("1" * 32), seq=7,
        head=Digest("2" * 64), at=datetime.now(UTC).replace(microsecond=0),
    )  # fmt: skip
    return replace(one, **changes)


def signed_admission(
    world: World, file: Path, commit: str, *, key: str = "enforcer", **changes: Any
) -> bytes:
    """Return the admission's file; `key` names one of the world's keys."""
    return admit(admission_of(world, file, commit, **changes), keys.load(str(world.key(key))))


def admit_by_hand(
    world: ForgeWorld, file: Path, commit: str, *, key: str = "enforcer", **changes: Any
) -> None:
    """Publish a bundle on the forge with its admission as this commit."""
    publish_by_hand(world, file, signed_admission(world, file, commit, key=key, **changes))


def publish_by_hand(world: ForgeWorld, bundle: Path, admission: bytes | None) -> None:
    """Publish a bundle on the forge, over what may be there."""
    plant(world, bundle.read_bytes(), _signature(bundle), admission)
    world.forge.sync(world.name)


def plant(world: World, artifact: bytes, signature: bytes, admission: bytes | None) -> None:
    """Write these files to the hub, where a bundle is published; None: without an admission."""
    files = {ARTIFACT: artifact, ARTIFACT + SIGNATURE_SUFFIX: signature}
    if admission is not None:
        files[ARTIFACT + ADMISSION_SUFFIX] = admission
    rows = []
    for name, data in files.items():
        blob = git(world.hub, "hash-object", "-w", "--no-filters", "--stdin", data=data)
        rows.append(f"100644 blob {blob}\t{name}\n")
    tree = git(world.hub, "mktree", data="".join(sorted(rows)).encode())
    made = git(world.hub, "commit-tree", tree, "-m", "by hand")
    git(world.hub, "update-ref", bundle_ref(Digest.of(artifact)), made)


def forge_commit(world: ForgeWorld, bundle: Path, branch: str) -> str:
    """Push the commit that `apply` would make of a bundle, made by a person; return it."""
    handoff = said(bundle).handoff
    with tarfile.open(bundle) as archive:
        archive.extract("changes.patch", world.root, filter="data")
    git(world.person, "checkout", "-q", "-B", "forged", handoff.base)
    git(world.person, "apply", "--index", str(world.root / "changes.patch"))
    marker = commit_message(APPLIED, handoff, Digest.of(bundle.read_bytes()), "key:sha256:x")
    git(world.person, "commit", "-q", "-F", "-", data=marker.encode())
    git(world.person, "push", "-q", str(world.hub), f"HEAD:refs/heads/{branch}")
    git(world.person, "checkout", "-q", "main")
    world.forge.sync(world.name)
    return git(world.person, "rev-parse", "forged")


def said(bundle: Path) -> Statement:
    """Return what the signature beside a bundle says."""
    return statement.read(envelope.read_any(_signature(bundle)).payload)


def _signature(bundle: Path) -> bytes:
    return bundle.with_name(bundle.name + SIGNATURE_SUFFIX).read_bytes()
