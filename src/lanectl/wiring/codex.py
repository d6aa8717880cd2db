"""The codex lane: what the Builder's commands work with.

No pusher, no forge and no writing ledger can be built here, and an import contract says so.
"""

from __future__ import annotations

import contextlib
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.adapters.system import RealSystem, environment
from lanectl.model.settings import Limits
from lanectl.wiring.common import default_key_path, limits, open_git

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lanectl.adapters.git.builder import GitBuilderRepository
    from lanectl.ports import Outbox, Signer


_WRITERS = (
    "in_toto_attestation.v1.statement",
    "google.protobuf.json_format",
    "cryptography.hazmat.primitives.serialization",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.hashes",
    "cryptography.hazmat.backends.openssl.backend",
)


class BuilderSide(Struct, frozen=True):
    """What the Builder's commands work with."""

    repository: GitBuilderRepository
    outbox: Outbox
    system: RealSystem
    top: str


@contextlib.contextmanager
def builder_side(start: str, *, output: str | None = None) -> Iterator[BuilderSide]:
    """Yield the Builder's side of the repository at or above `start`."""
    import os

    from lanectl.adapters.git.builder import GitBuilderRepository
    from lanectl.adapters.outbox import FileOutbox, WorkTreeOutbox

    with open_git(start, Limits()) as (git, repository, scratch):
        top = repository.top or repository.git_dir
        outbox = FileOutbox(output, repository.top) if output else WorkTreeOutbox(top)
        side = GitBuilderRepository(git, repository, scratch, environment(), _load_writers)
        yield BuilderSide(side, outbox, RealSystem(), os.fsdecode(top))


def _load_writers() -> None:
    """Import what writes statements and signatures, a fifth of what a small `pack` takes."""
    for module in _WRITERS:
        importlib.import_module(module)


def unsigned_bundle(path: str) -> tuple[bytes, bytes | None]:
    """Return a packed bundle and the statement that `pack --unsigned` left beside it."""
    from lanectl.adapters import files
    from lanectl.formats.envelope import FILE_LIMIT
    from lanectl.model.bundle import STATEMENT_SUFFIX

    artifact = files.read(path, limit=limits().inflated + (1 << 20))
    return artifact, files.read_optional(path + STATEMENT_SUFFIX, limit=FILE_LIMIT)


def builder_signer(named: str | None) -> Signer:
    """Return the Builder's signer: the named key, LANECTL_BUILDER_KEY, or the default place.

    Raises UsageError if there is none: an unsigned bundle is made only when asked for.
    """
    from lanectl.adapters import keys
    from lanectl.errors import Remedy, UsageError
    from lanectl.model.trust import Role

    default = default_key_path(Role.BUILDER)
    path = (
        named
        or environment().get("LANECTL_BUILDER_KEY")
        or (default if Path(default).exists() else "")
    )
    if not path:
        raise UsageError(
            "there is no key to sign with",
            why=f"neither --key nor LANECTL_BUILDER_KEY names one, and {default} does not exist",
            remedies=(
                Remedy(
                    "Inside a sandbox, leave signing to a trusted process.",
                    ("lanectl", "pack", "--unsigned"),
                ),
                Remedy("Outside, make a key.", ("lanectl", "keys", "new", "--role", "builder")),
            ),
        )
    return keys.load(path)


def write_signature(path: str, seal: Mapping[str, bytes], named: str | None) -> str:
    """Write a signature's files beside its bundle or at a named file; return the signature's path."""
    from lanectl.adapters.outbox import put_seal

    return put_seal(path, seal, named)
