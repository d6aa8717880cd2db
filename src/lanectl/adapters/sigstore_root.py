"""Sigstore's public root as the installed sigstore library ships it. Asks no network."""

from __future__ import annotations

from importlib import resources
from typing import Final

from lanectl.errors import Remedy, UnreadableError

_INSTANCE: Final = "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev"


def public_good_root() -> bytes:
    """Return the trusted root of the public-good instance. Raises UnreadableError without one."""
    try:
        return (resources.files("sigstore._store") / _INSTANCE / "trusted_root.json").read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise UnreadableError(
            "the sigstore library here ships no root",
            remedies=(
                Remedy(
                    "Name a file that holds it.",
                    ("lanectl", "init", "--sigstore-root", "trusted_root.json"),
                ),
            ),
        ) from error
