"""A real gpg with keys of every kind, made once: its clock stands where a test wants it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

GPG = "/usr/bin/gpg"
MADE = datetime(2026, 1, 1, 12, tzinfo=UTC)
STATEMENT = b'{"_type":"https://in-toto.io/Statement/v1"}\n'


def day(number: float) -> datetime:
    """A time, in days after the keys were made."""
    return MADE + timedelta(days=number)


def clock(at: datetime) -> tuple[str, ...]:
    return ("--faked-system-time", f"{at:%Y%m%dT%H%M%S}!")


class GpgRig:
    """A home of gpg. Keys have no passphrase; names are short: `ann` is `ann <ann@example.org>`."""

    def __init__(self, home: str) -> None:
        self.home = home
        self.prints: dict[str, str] = {}
        self._publics: dict[str, bytes] = {}

    @property
    def variables(self) -> dict[str, str]:
        return {"GNUPGHOME": self.home, "HOME": self.home, "PATH": "/usr/bin:/bin"}

    def run(self, *arguments: str, at: datetime = MADE, data: bytes = b"\n") -> bytes:
        line = [
            GPG,
            "--batch",
            "--no-tty",
            "--no-options",
            "--quiet",
            "--pinentry-mode",
            "loopback",
        ]
        done = subprocess.run(
            [*line, *clock(at), *arguments],
            env=self.variables, input=data, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def make(self, name: str, life: str, usage: str = "sign,cert") -> str:
        self.run("--passphrase-fd", "0", "--quick-generate-key", f"{name} <{name}@example.org>", "ed25519", usage, life)  # fmt: skip
        self.prints[name] = self.parts(f"{name}@example.org")[0]
        return self.prints[name]

    def subkey(self, name: str, life: str, at: datetime) -> str:
        before = self.parts(self.prints[name])
        self.run("--passphrase-fd", "0", "--quick-add-key", self.prints[name], "ed25519", "sign", life, at=at)  # fmt: skip
        return next(p for p in self.parts(self.prints[name]) if p not in before)

    def parts(self, name: str) -> list[str]:
        listing = self.run("--with-colons", "--with-subkey-fingerprint", "--list-keys", name)
        return [line.split(":")[9] for line in listing.decode().splitlines() if line[:3] == "fpr"]

    def public(self, name: str) -> bytes:
        """The public key, as it was when it was first asked for."""
        if name not in self._publics:
            self._publics[name] = self.run("--armor", "--export", self.prints.get(name, name))
        return self._publics[name]

    def sign(self, *names: str, at: datetime, data: bytes = STATEMENT, how: tuple[str, ...] = ("--armor", "--detach-sign")) -> bytes:  # fmt: skip
        who = [part for name in names for part in ("--local-user", self.prints.get(name, name))]
        return self.run(*who, *how, "--output", "-", at=at, data=data)

    def revocation(self, name: str, reason: int, at: datetime) -> bytes:
        """A revocation by the key itself: 0 no reason, 1 compromised, 2 superseded, 3 not used."""
        line = [
            GPG,
            "--no-tty",
            "--no-options",
            "--quiet",
            "--pinentry-mode",
            "loopback",
            *clock(at),
        ]
        done = subprocess.run(
            [*line, "--command-fd", "0", "--armor", "--gen-revoke", self.prints[name]],
            env=self.variables, input=f"y\n{reason}\n\ny\n".encode(), capture_output=True, check=False,
        )  # fmt: skip
        assert b"BEGIN PGP" in done.stdout, done.stderr.decode()
        return done.stdout

    def revoked(self, name: str, reason: int, at: datetime) -> bytes:
        """The public key with a revocation, as it lies in a keyring that imported one."""
        with gpg_home() as other:
            other.run("--import", data=self.public(name))
            other.run("--import", data=self.revocation(name, reason, at))
            return other.run("--armor", "--export", self.prints[name])


@contextmanager
def gpg_home() -> Iterator[GpgRig]:
    """A new home, short enough for an agent's socket; its agent is ended with it."""
    home = tempfile.mkdtemp(prefix="g", dir="/tmp")
    Path(home, "gpg-agent.conf").write_text("s2k-count 65536\n")  # else it measures for seconds
    try:
        yield GpgRig(home)
    finally:
        subprocess.run(
            ["/usr/bin/gpgconf", "--homedir", home, "--kill", "all"], env={"PATH": os.defpath},
            capture_output=True, check=False,
        )  # fmt: skip
        shutil.rmtree(home, ignore_errors=True)


def full_rig(rig: GpgRig) -> GpgRig:
    """Make the keys that the tests of signatures need."""
    rig.make("ann", "30d")
    rig.make("ben", "30d")
    rig.make("long", "31d")
    rig.make("endless", "never")
    rig.make("rotated", "365d", "cert")
    rig.prints["first"] = rig.subkey("rotated", "30d", day(0))
    rig.prints["second"] = rig.subkey("rotated", "30d", day(25))
    return rig
