"""A private key that an SSH agent holds, on this machine or a token. Asks it to sign; never sees the key.

Refuses every kind but Ed25519 and ECDSA P-256, and a signature that is not good.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import struct
from typing import TYPE_CHECKING, Any, Final

from lanectl.errors import LaneError, RefusedError, Remedy, UnavailableError, UsageError
from lanectl.formats import keys as formats
from lanectl.model.display import display
from lanectl.model.trust import AGENT, Algorithm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.model.trust import PublicKey

_SOCKET: Final = "SSH_AUTH_SOCK"
_KINDS: Final = {
    Algorithm.ED25519: b"ssh-ed25519",
    Algorithm.ECDSA_P256: b"ecdsa-sha2-nistp256",
}
_FINGERPRINT: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{43}", re.ASCII)
_KEY_ID: Final = re.compile(r"[0-9a-f]{8,64}", re.ASCII)
_LIST_SECONDS: Final = 10.0
_SIGN_SECONDS: Final = 60.0
"""A person may have to touch a token or to confirm."""

_ADD: Final = Remedy("See what it holds, and add the key.", ("ssh-add", "-l"))


class AgentSigner:
    """Implements `ports.Signer` with a key that an SSH agent holds; each signature is a connection."""

    def __init__(self, public: PublicKey, seconds: float) -> None:
        self._seconds = seconds
        self.public = public

    def sign(self, message: bytes) -> bytes:
        """Return a signature over exactly these bytes (ECDSA: SHA-256, DER).

        Raises RefusedError: the agent does not sign, or what it gave is no good signature;
        UnavailableError: it does not answer in time; UsageError: it is gone, or the key is.
        """
        with _asked("the SSH agent does not sign with this key", self._seconds) as held:
            key = next((key for key, public in held if public == self.public), None)
            if key is None:
                raise UsageError("the SSH agent holds the key no more", remedies=(_ADD,))
            signature = _unwrap(key.sign_ssh_data(message), self.public.algorithm)
        if not formats.is_valid_signature(self.public, signature, message):
            raise RefusedError("the SSH agent's signature is not good")
        return signature


def find(
    named: str, *, list_seconds: float = _LIST_SECONDS, sign_seconds: float = _SIGN_SECONDS
) -> AgentSigner:
    """Return the signer of `agent:SHA256:FINGERPRINT`, or of `agent:` and 8 digits or more of a key's id.

    Raises UsageError: a name that is none, no agent, paramiko is not installed, not exactly one
    such key; UnavailableError: the agent does not answer; RefusedError: it answers nonsense.
    """
    wanted = named.removeprefix(AGENT)
    if not _FINGERPRINT.fullmatch(wanted):
        wanted = wanted.removeprefix("sha256:").lower()
        if not _KEY_ID.fullmatch(wanted):
            raise UsageError(
                f"{display(named)} names no key of an SSH agent",
                why="it takes agent:SHA256:FINGERPRINT, or agent: and 8 or more digits of the key's id",
                remedies=(_ADD,),
            )
    with _asked("the SSH agent gives no list of its keys", list_seconds) as held:
        keys = [public for _, public in held]
    found = [p for p in keys if p.id.startswith(wanted) or formats.fingerprint(p) == wanted]
    if len(found) != 1:
        count = f"{len(found)} such keys" if found else "no such key"
        raise UsageError(
            f"the SSH agent holds {count}: {display(named)}",
            why=f"of Ed25519 and ECDSA P-256 it holds {', '.join(map(formats.fingerprint, keys)) or 'none'}",
            remedies=(_ADD,),
        )
    return AgentSigner(found[0], sign_seconds)


@contextlib.contextmanager
def _asked(fails: str, seconds: float) -> Iterator[list[tuple[Any, PublicKey]]]:
    """Yield the keys that can be used, each with its public part, while a connection is open.

    The agent is the one of this process's own environment, never of a profile. What is done with it
    waits `seconds` for each answer; paramiko itself would wait for ever.
    """
    try:
        from paramiko.agent import AgentSSH, get_agent_connection
        from paramiko.ssh_exception import SSHException
    except ImportError as error:
        raise UsageError(
            "a key of an SSH agent needs paramiko, which is not installed",
            remedies=(Remedy("Install it.", ("pip", "install", "lanectl[agent]")),),
        ) from error
    connection = get_agent_connection() if os.environ.get(_SOCKET) else None
    if connection is None:
        why = "no agent answers there" if os.environ.get(_SOCKET) else "it is not set"
        raise UsageError(
            f"there is no SSH agent at {_SOCKET}",
            why=why,
            remedies=(Remedy('Start one (eval "$(ssh-agent)"), and add the key.', ("ssh-add", "FILE")),),
        )  # fmt: skip
    with contextlib.closing(connection):
        connection.settimeout(seconds)
        agent = AgentSSH()
        try:
            agent._connect(connection)  # noqa: SLF001 - what its own class does, without a time limit
            pairs = ((key, _public(key)) for key in agent.get_keys())
            yield [(key, public) for key, public in pairs if public is not None]
        except TimeoutError as error:
            raise _late(seconds) from error
        except (SSHException, OSError, ValueError, TypeError, struct.error) as error:
            raise RefusedError(
                fails,
                why=display(str(error)),
                remedies=(Remedy("Confirm it, or touch the token, when the agent asks."), _ADD),
            ) from error


def _public(key: Any) -> PublicKey | None:
    """Return the public part of an agent's key; None for a kind that cannot be used."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    kind = str(key.name).encode()
    if kind not in _KINDS.values():
        return None
    try:
        return formats.describe(load_ssh_public_key(kind + b" " + base64.b64encode(key.blob)))
    except (ValueError, UnsupportedAlgorithm):
        return None


def _unwrap(blob: bytes, algorithm: Algorithm) -> bytes:
    """Return the signature inside of SSH's framing: Ed25519's raw bytes, ECDSA's two numbers as DER.

    Raises ValueError for anything else.
    """
    kind, signature = _strings(blob, "signature")
    if kind != _KINDS[algorithm]:
        raise ValueError("it signed by another algorithm")
    if algorithm is Algorithm.ED25519:
        return signature
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    numbers = (int.from_bytes(n, "big", signed=True) for n in _strings(signature, "numbers"))
    return encode_dss_signature(*numbers)


def _strings(data: bytes, what: str) -> tuple[bytes, bytes]:
    """Return the two strings, each behind its length, that the bytes consist of."""
    found = []
    while data:
        size = int.from_bytes(data[:4], "big")
        found.append(data[4 : 4 + size])
        if len(data) < 4 + size:
            raise ValueError(f"the {what} is cut")
        data = data[4 + size :]
    if len(found) != 2:
        raise ValueError(f"the {what} has {len(found)} parts")
    return found[0], found[1]


def _late(seconds: float) -> LaneError:
    return UnavailableError(
        "the SSH agent does not answer",
        why=f"waited {seconds:g} seconds",
        remedies=(Remedy("Confirm, or touch the token, when it asks; then try again."), _ADD),
    )
