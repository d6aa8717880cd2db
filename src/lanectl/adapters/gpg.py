"""GPG signatures judged by the real gpg, in a private home that holds the pinned keys alone.

It gathers and decides nothing; `checks/gpg.py` does. No agent is started, no network is asked,
nothing of the user's is read or changed.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lanectl.adapters.gpg_process import Gpg
from lanectl.formats import gpg as format_
from lanectl.formats.gpg_listing import read_keys
from lanectl.model.report import Fault, MalformedError
from lanectl.model.signature import GpgFacts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lanectl.formats.gpg import GpgStatus
    from lanectl.model.gpg import GpgKeyFacts

LISTING: Final = ("--with-colons", "--fixed-list-mode", "--with-subkey-fingerprint")


class GpgVerifier:
    """Implements `ports.signing.GpgReader`. `folder` is a scratch folder; every call cleans it up."""

    def __init__(self, folder: str, program: str | None = None) -> None:
        self._folder = folder
        self._program = program

    def examine(
        self, statement: bytes, signature: bytes, keys: Mapping[str, bytes], at: datetime
    ) -> GpgFacts:
        """Return what a detached signature over a statement proves at a time (UTC).

        `keys` are the pinned public keys, armoured, by the fingerprint of their primary key; one
        that holds another key is passed over. Raises UnavailableError for a gpg that hangs.
        """
        try:
            packet = format_.read_signature(signature)
            with self._home(keys) as (gpg, home):
                (home / "statement").write_bytes(statement)
                (home / "signature").write_bytes(packet)
                said = gpg.run(
                    *_at(at), "--verify", str(home / "signature"), str(home / "statement")
                )
                status = format_.read_status(said.status)
                if not status.fingerprint:
                    return GpgFacts(fault=format_.fault_of(status))
                return _facts(status, _list(gpg, at, status.fingerprint), at)
        except MalformedError as error:
            return GpgFacts(fault=error.fault)

    def list(self, keys: Mapping[str, bytes], at: datetime) -> tuple[GpgKeyFacts, ...]:
        """Return what the pinned keys say of themselves; what is not the key that it is named for is left out."""
        with self._home(keys) as (gpg, _):
            return _list(gpg, at)

    @contextlib.contextmanager
    def _home(self, keys: Mapping[str, bytes]) -> Iterator[tuple[Gpg, Path]]:
        """Yield gpg in a new home with the keys that are what they are named for."""
        home = tempfile.mkdtemp(prefix="gpg-", dir=self._folder)
        try:
            gpg = Gpg(home, folder=home, is_private=True, program=self._program)
            blocks = b"".join(_packets_of(keys))
            if blocks:
                gpg.run("--import", data=blocks)
            yield gpg, Path(home)
        finally:
            shutil.rmtree(home, ignore_errors=True)


def _packets_of(keys: Mapping[str, bytes]) -> Iterator[bytes]:
    for fingerprint, data in keys.items():
        with contextlib.suppress(MalformedError):
            found, packets = format_.read_public_key(data)
            if found == fingerprint:
                yield packets


def _list(gpg: Gpg, at: datetime, *wanted: str) -> tuple[GpgKeyFacts, ...]:
    said = gpg.run(*_at(at), *LISTING, "--no-sig-cache", "--check-sigs", *wanted)
    return read_keys(said.data)


def _at(at: datetime) -> tuple[str, ...]:
    """Return the options that make gpg's clock stand; that times can be is for the checks to say."""
    clock = f"{at.astimezone(UTC):%Y%m%dT%H%M%S}!"
    return ("--faked-system-time", clock, "--ignore-time-conflict", "--trust-model", "always")


def _facts(status: GpgStatus, keys: tuple[GpgKeyFacts, ...], at: datetime) -> GpgFacts:
    """Return the facts of a signature that fits its key."""
    key = next((k for k in keys if k.fingerprint == status.fingerprint), None)
    part = key.part(status.signing) if key else None
    if key is None or part is None:
        return GpgFacts(
            fault=Fault("gpg/unknown-key", "signature", status.fingerprint, "a pinned key")
        )
    fault = format_.fault_of(status)
    end = key.end_of(part)
    if key.is_revoked(part, at):
        fault = Fault("gpg/revoked", part.fingerprint, "revoked", "a good key")
    elif fault is None and end is not None and end <= at:
        fault = Fault("gpg/expired", part.fingerprint, f"{end:%Y-%m-%d %H:%M}Z", "a good key")
    return GpgFacts(
        fault=fault,
        fingerprint=key.fingerprint,
        signing=part.fingerprint,
        created=part.created,
        expires=part.expires,
        signed=datetime.fromtimestamp(status.signed, UTC),
    )
