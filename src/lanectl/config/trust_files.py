"""What `[trust]` needs beside it: the files that it names, and a keyring that fits. Reads nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lanectl.config.table import SAMPLE, bad
from lanectl.errors import Remedy
from lanectl.model.settings import RULES_PATH
from lanectl.model.signer import Method
from lanectl.model.trust_policy import TRUSTED_ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lanectl.model.trust import Key, Keyring
    from lanectl.model.trust_policy import GpgKey, KeylessIdentity, Span, TrustPolicy, Workload

LIMIT: Final = 1 << 20
"""Bytes of each such file."""


def named_files(policy: TrustPolicy) -> dict[str, tuple[str, Remedy]]:
    """Return the files that a policy needs, each with the entry that does and what makes it."""
    files: dict[str, tuple[str, Remedy]] = {}
    if policy.keyless:
        files[TRUSTED_ROOT] = (
            "trust.builder.keyless",
            Remedy("Pin the root of the public instance.", ("lanectl", "init", "--sigstore")),
        )
    for workload in policy.spiffe:
        remedy = Remedy("Put the trust domain's certificates there, as PEM.")
        files[workload.path] = ("trust.builder.spiffe", remedy)
    for key in policy.gpg:
        files[key.path] = ("trust.builder.gpg", Remedy(
            "Export the public key.",
            ("gpg", "--armor", "--output", key.path, "--export", key.fingerprint),
        ))  # fmt: skip
    return files


def refuse_incomplete(policy: TrustPolicy, ring: Keyring, found: Mapping[str, bytes]) -> None:
    """Raise UnreadableError for a policy whose files or keyring do not hold what it says."""
    for path, (where, remedy) in named_files(policy).items():
        if not found.get(path):
            raise bad(RULES_PATH, where, f"needs {path}, which is not there", remedy)
    entries: tuple[KeylessIdentity | Workload | GpgKey, ...] = (
        *policy.keyless, *policy.spiffe, *policy.gpg,
    )  # fmt: skip
    for entry in entries:
        if shared := _shared(entry, ring):
            raise bad(
                RULES_PATH, f"trust.{entry.role}",
                f"names {entry.name} <{entry.email}>, who is the {shared.role} of the keyring: "
                "who makes a change must not be who admits it",
                Remedy("Give the entry an identity of its own: another name and another email."),
            )  # fmt: skip
    for role, methods in policy.accept.items():
        there = {
            Method.KEYLESS: policy.keyless, Method.SPIFFE: policy.spiffe,
            Method.KEY: ring.in_role(role), Method.GPG: policy.gpg,
        }  # fmt: skip
        for method in methods:
            if not there[method]:
                why = f"names {method}, and nothing is set up for it"
                raise bad(RULES_PATH, f"trust.{role}.accept", why, SAMPLE)


def _shared(entry: KeylessIdentity | Workload | GpgKey, ring: Keyring) -> Key | None:
    """Return a good key of another role that stands for the same person at the same time."""
    for key in ring.keys:
        same = key.name.casefold() == entry.name.casefold() or (
            key.email.casefold() == entry.email.casefold()
        )
        if same and key.role is not entry.role and not key.revoked and _meet(entry.span, key):
            return key
    return None


def _meet(span: Span, key: Key) -> bool:
    return (span.not_after is None or key.not_before < span.not_after) and (
        span.not_before is None or span.not_before < key.not_after
    )
