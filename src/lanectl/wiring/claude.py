"""The claude lane: the Enforcer's way out, to the pinned remote and its forge, and nowhere else."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from lanectl.adapters.system import environment
from lanectl.wiring.common import default_key_path
from lanectl.wiring.neutral import enforcer_side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.adapters.git.remote import GitRemote
    from lanectl.adapters.git.target import GitTargetRepository
    from lanectl.adapters.github import GitHubForge
    from lanectl.flows.office import Enforcer
    from lanectl.model.settings import Operator
    from lanectl.ports import Signer
    from lanectl.wiring.neutral import EnforcerSide

__all__ = ["enforcer", "enforcer_side", "forge", "remote", "signer", "unlock"]

_TOKENS = ("LANECTL_FORGE_TOKEN", "GH_TOKEN")


def remote(operator: Operator, repository: GitTargetRepository) -> GitRemote:
    """Return the pinned repository over the network.

    Raises UsageError if no forge can be told from its address: nothing is begun without one.
    """
    from lanectl.adapters.git.remote import GitRemote
    from lanectl.errors import Remedy, UsageError
    from lanectl.model.address import Address

    if not operator.api_root:
        raise UsageError(
            "the pinned address belongs to no forge",
            why="a path has no pull requests",
            remedies=(
                Remedy(
                    "Name the forge's API.",
                    (
                        "lanectl",
                        "init",
                        "--enforcer",
                        "--repo",
                        "URL",
                        "--api",
                        "https://HOST/api/v3",
                    ),
                ),
            ),
        )
    return GitRemote(
        repository.git, repository.objects.git_dir, Address.parse(operator.url),
        objects=repository.repository.objects, token=_token(), scratch=repository.scratch,
        environment=environment(),
    )  # fmt: skip


@contextlib.contextmanager
def forge(operator: Operator) -> Iterator[GitHubForge]:
    """Yield the pinned repository's forge."""
    from lanectl.adapters.github import GitHubForge
    from lanectl.adapters.http import JsonClient

    client = JsonClient(operator.api_root, _token())
    try:
        yield GitHubForge(client, operator.repository.partition("/")[2])
    finally:
        client.close()


def enforcer(side: EnforcerSide) -> Enforcer:
    """Return what the Enforcer's flows work with."""
    from lanectl.flows.office import Enforcer
    from lanectl.wiring import ledger

    repository = side.require_repository()
    return Enforcer(
        side.operator_file, repository, side.store, side.system,
        remote=lambda operator: remote(operator, repository),
        forge=forge,
        ledger=lambda operator, changes: ledger.open_ledger(
            operator, ledger.Missing.MADE if changes else ledger.Missing.EMPTY
        ),
        spool=ledger.spool(side.store),
        signer=signer,
        gpg=side.gpg,
    )  # fmt: skip


def signer() -> Signer:
    """Return the Enforcer's signer: LANECTL_ENFORCER_KEY, or the default place.

    Raises UsageError if there is none: what is applied without an admission proves nothing.
    """
    from pathlib import Path

    from lanectl.adapters import keys
    from lanectl.errors import Remedy, UsageError
    from lanectl.model.trust import Role

    default = default_key_path(Role.ENFORCER)
    path = environment().get("LANECTL_ENFORCER_KEY") or (default if Path(default).exists() else "")
    if not path:
        raise UsageError(
            "there is no Enforcer key to sign the admission with",
            why=f"LANECTL_ENFORCER_KEY names none, and {default} does not exist",
            remedies=(
                Remedy(
                    "Make one, and let it be registered.",
                    ("lanectl", "keys", "new", "--role", "enforcer"),
                ),
            ),
        )
    return keys.load(path)


def unlock() -> None:
    """Open the Enforcer's key before anything is shown, so that a passphrase is asked for first.

    That there is none, or no passphrase, is said where the key is needed. Raises UnreadableError: a
    passphrase that is another one.
    """
    from lanectl.errors import UsageError

    with contextlib.suppress(UsageError):
        signer()


def _token() -> str | None:
    """Return the forge token, or None. Raises UsageError for what can be no token, without its value."""
    from lanectl.errors import UsageError

    variables = environment()
    name = next((name for name in _TOKENS if variables.get(name, "").strip()), None)
    if name is None:
        return None
    token = variables[name].strip()
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise UsageError(f"{name} holds something that is no token")
    return token
