"""GPG's colon listing of keys with their checked self-signatures. Refuses nothing but nonsense.

The format is GnuPG's doc/DETAILS; records and fields that are not needed are passed over.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from lanectl.model.gpg import GpgKeyFacts, GpgPart, GpgRevocation
from lanectl.model.report import Fault, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_KEYS = frozenset({"pub", "sub", "sec", "ssb"})
_SOFT = frozenset({"01", "03"})  # superseded, retired
_CLASSES = frozenset({"20", "28"})  # revokes the key, the subkey


def read_keys(data: bytes) -> tuple[GpgKeyFacts, ...]:
    """Return the keys of `--with-colons --with-subkey-fingerprint --check-sigs` (or a secret list).

    Raises MalformedError for a key without fingerprint or time.
    """
    records = [line.split(":") for line in data.decode("utf-8", "replace").split("\n")]
    found: list[list[GpgPart]] = []
    for kind, block in _blocks(records):
        part = _part(block)
        if kind in {"pub", "sec"}:
            found.append([part])
        elif found:
            found[-1].append(part)
    return tuple(GpgKeyFacts(primary, tuple(subkeys)) for primary, *subkeys in found)


def _blocks(records: Iterable[list[str]]) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield each key or subkey record with the records that follow it."""
    block: list[list[str]] = []
    for record in records:
        if record[0] in _KEYS:
            if block:
                yield block[0][0], block
            block = [record]
        elif block:
            block.append(record)
    if block:
        yield block[0][0], block


def _part(block: list[list[str]]) -> GpgPart:
    head = [*block[0], *[""] * 12]
    prints = [record[9] for record in block if record[0] == "fpr" and len(record) > 9]
    created = _time(head[5])
    if created is None or not prints or not re.fullmatch("[0-9A-F]{40}", prints[0]):
        raise MalformedError(Fault("gpg/malformed", "key", "a listing without times", "gpg's own"))
    part = GpgPart(prints[0], created, _time(head[6]), "s" in head[11])
    revocations = [_revocation(r) for r in block if r[0] == "rev" and _is_of_the_key(r)]
    return replace(part, revocations=tuple(revocations))


def _is_of_the_key(record: list[str]) -> bool:
    """Whether a revocation is one of the key or subkey, not of a user id."""
    return len(record) > 10 and record[10][:2] in _CLASSES


def _revocation(record: list[str]) -> GpgRevocation:
    """Return a revocation; one that gpg could not check, or without a time, is never soft."""
    at = _time(record[5])
    reason = record[10].partition(",")[2]
    is_soft = at is not None and record[1].startswith("!") and reason in _SOFT
    return GpgRevocation(at or datetime.fromtimestamp(0, UTC), is_soft)


def _time(text: str) -> datetime | None:
    """Return a time from seconds since the epoch."""
    return datetime.fromtimestamp(int(text), UTC) if re.fullmatch("[0-9]{1,10}", text) else None
