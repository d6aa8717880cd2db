"""Real keys of every role, and the keyring that registers them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from lanectl.adapters import keys
from lanectl.adapters.keys import FileSigner
from lanectl.model.trust import Algorithm, Key, Keyring, Revocation, Role

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@dataclass
class Signers:
    """A signer of each role. `keyring` may be replaced by what a test needs."""

    folder: Path
    keyring: Keyring

    def signer(self, role: Role) -> FileSigner:
        return keys.load(str(self.folder / f"{role}.pem"))

    def key(self, role: Role) -> Key:
        return self.keyring.in_role(role)[0]

    def change(self, role: Role, **fields: object) -> Keyring:
        """The keyring with the key of one role changed."""
        changed = (replace(k, **fields) if k.role is role else k for k in self.keyring.keys)
        return Keyring(tuple(changed))


def make(folder: Path) -> Signers:
    folder.mkdir(exist_ok=True)
    made = []
    for role in Role:
        path = str(folder / f"{role}.pem")
        pem, public = keys.generate(path, Algorithm.ED25519, encrypt=False)
        keys.store(path, pem, public)
        made.append(
            Key(
                public, role, f"The {role}", f"{role}@example.test",
                NOW - timedelta(days=300), NOW + timedelta(days=300),
            )
        )  # fmt: skip
    return Signers(folder, Keyring(tuple(made)))


def revoked(since: datetime) -> Revocation:
    return Revocation(since + timedelta(hours=1), since, "lost")
