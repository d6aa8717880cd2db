"""The user's own gpg: signs a statement, makes the next signing key. Never sees a passphrase.

The agent of the user's home asks for it, in its own window or on the terminal; where there is
neither, gpg fails and its own reason is told.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import TYPE_CHECKING, Final

from lanectl.adapters.gpg import LISTING
from lanectl.adapters.gpg_process import Gpg, Said
from lanectl.errors import Remedy, UnreadableError
from lanectl.formats import gpg as format_
from lanectl.formats.gpg_listing import read_keys
from lanectl.model.bundle import GPG_SUFFIX, STATEMENT_SUFFIX
from lanectl.model.display import display
from lanectl.model.report import MalformedError
from lanectl.model.signer import Method
from lanectl.ports.signing import Seal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lanectl.model.gpg import GpgKeyFacts

_SECONDS: Final = 120
"""A person types a passphrase in this time."""

_PASSED: Final = (
    "HOME", "GPG_TTY", "TERM", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
)  # fmt: skip
_MAKE: Final = Remedy("Make the next signing key.", ("lanectl", "keys", "rotate", "--gpg"))


class GpgHome:
    """Implements `ports.signing.GpgKeyMaker` over the user's home folder of gpg.

    `clock` are options that a test makes gpg's clock stand by.
    """

    def __init__(
        self,
        variables: Mapping[str, str],
        *,
        program: str | None = None,
        clock: tuple[str, ...] = (),
    ) -> None:
        own = os.path.join(variables.get("HOME", "/"), ".gnupg")
        home = variables.get("GNUPGHOME") or own
        self._to_make = home if home == own else ""
        extra = {name: variables[name] for name in _PASSED if name in variables}
        if "GPG_TTY" not in extra and (terminal := _terminal()):
            extra["GPG_TTY"] = terminal
        folder = variables.get("TMPDIR") or tempfile.gettempdir()
        self._gpg = Gpg(
            os.path.abspath(home), folder=folder, extra=extra, seconds=_SECONDS, program=program
        )
        self._clock = clock

    def sign(self, fingerprint: str, payload: bytes) -> bytes:
        """Return an armoured detached signature by the newest signing part of a key.

        Raises UnreadableError: no such key, expired, or its passphrase cannot be asked for.
        """
        said = self._run(
            "--digest-algo", "SHA256", "--local-user", fingerprint, "--armor", "--detach-sign",
            "--output", "-", data=payload,
        )  # fmt: skip
        made = format_.status_words(said.status).get("SIG_CREATED", ())
        try:
            format_.read_signature(said.data)
        except MalformedError as error:
            raise _refused(said, fingerprint) from error
        if made[:1] != ("D",):
            raise _refused(said, fingerprint)
        return said.data

    def secret_keys(self) -> tuple[GpgKeyFacts, ...]:
        """Return the keys whose secret part is here (a primary part that is a mere stub: left out)."""
        said = self._run(*LISTING, "--list-secret-keys")
        stubs = {
            line.split(":")[4]
            for line in said.data.decode("utf-8", "replace").splitlines()
            if line.startswith("sec:") and line.split(":")[14:15] == ["#"]
        }
        return tuple(k for k in read_keys(said.data) if k.fingerprint[-16:] not in stubs)

    def add_signing_subkey(self, fingerprint: str, days: int, *, is_protected: bool) -> None:
        """Give a key a new Ed25519 subkey that may sign. Raises UnreadableError."""
        said = self._run(
            *_asking(is_protected), "--quick-add-key", fingerprint, "ed25519", "sign", f"{days}d",
            data=b"\n",
        )  # fmt: skip
        if "KEY_CREATED" not in format_.status_words(said.status):
            raise _refused(said, fingerprint, *_unlocked(is_protected, fingerprint))

    def new_key(self, user_id: str, days: int, *, is_protected: bool) -> str:
        """Make an Ed25519 primary key that only certifies; return its fingerprint. Raises UnreadableError.

        The usual home folder is made where there is none, as gpg itself does.
        """
        if self._to_make:
            with contextlib.suppress(OSError):  # gpg says what is wrong with it
                os.mkdir(self._to_make, 0o700)
        said = self._run(
            *_asking(is_protected), "--quick-generate-key", user_id, "ed25519", "cert", f"{days}d",
            data=b"\n",
        )  # fmt: skip
        created = format_.status_words(said.status).get("KEY_CREATED", ())
        if len(created) < 2:
            raise _refused(said, user_id, *_unlocked(is_protected, "--user-id", user_id))
        return created[1]

    def public_key(self, fingerprint: str) -> bytes:
        """Return a key's public part, armoured, with no more of others' signatures than it needs."""
        said = self._run("--armor", "--export-options", "export-minimal", "--export", fingerprint)
        try:
            format_.read_public_key(said.data)
        except MalformedError as error:
            raise _refused(said, fingerprint) from error
        return said.data

    def _run(self, *arguments: str, data: bytes = b"") -> Said:
        return self._gpg.run(*self._clock, *arguments, data=data)


class GpgSigner:
    """Implements `ports.signing.StatementSigner` with a key of the user's gpg."""

    def __init__(self, home: GpgHome, fingerprint: str) -> None:
        self._home = home
        self._fingerprint = fingerprint

    @property
    def method(self) -> Method:
        """GPG."""
        return Method.GPG

    def seal(self, payload: bytes) -> Seal:
        """Return the statement and its signature as two files. Raises UnreadableError."""
        signature = self._home.sign(self._fingerprint, payload)
        return Seal(
            Method.GPG,
            {STATEMENT_SUFFIX: payload, GPG_SUFFIX: signature},
            f"gpg:{self._fingerprint}",
        )


def _asking(is_protected: bool) -> tuple[str, ...]:  # noqa: FBT001 - one of two ways
    """Return how gpg gets a new key's passphrase: it asks, or there is none (an empty line)."""
    return () if is_protected else ("--pinentry-mode", "loopback", "--passphrase-fd", "0")


def _unlocked(is_protected: bool, *key: str) -> tuple[Remedy, ...]:  # noqa: FBT001 - as above
    """Return what else helps where a new key's passphrase cannot be asked for."""
    command = ("lanectl", "keys", "rotate", "--gpg", *key, "--no-passphrase")
    text = "Or make a key without a passphrase, where the machine's own locks are enough."
    return (Remedy(text, command),) if is_protected else ()


def _terminal() -> str:
    """Return the terminal that a person sits at, if there is one."""
    for fd in (0, 2):
        try:
            return os.ttyname(fd)
        except OSError:
            continue
    return ""


def _refused(said: Said, key: str, *more: Remedy) -> UnreadableError:
    """Return why gpg did nothing, from its status lines, with its own last words and `more` remedies."""
    words = format_.status_words(said.status)
    code = int(next((w for w in words.get("FAILURE", ())[1:2] if w.isdecimal()), "0")) & 0xFFFF
    why = display(said.message)
    if code in {9, 17}:
        return UnreadableError(f"gpg has no secret key {display(key)}", why=why, remedies=(_MAKE,))
    if code == 54 or "INV_SGNR" in words:
        what = (
            f"the GPG key {display(key)} cannot sign: expired, revoked, or without a signing part"
        )
        return UnreadableError(what, why=why, remedies=(_MAKE,))
    unlock = Remedy(
        "Where gpg has no way to ask for the passphrase, set GPG_TTY to your terminal (the output of"
        " `tty`), and unlock the key first.",
        ("gpg", "--local-user", key, "--output", "/dev/null", "--sign", "/dev/null"),
    )
    what = f"gpg could not use the key {display(key)}"
    return UnreadableError(what, why=why, remedies=(unlock, *more))
