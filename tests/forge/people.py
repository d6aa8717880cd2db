"""Who a request is from: the forge's tokens and what each may do. A token is worth only its row."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from dataclasses import dataclass
from typing import Literal

OWNER = "acme"  # owns every repository; the rig itself acts as this login in the emulator

Scope = Literal["write", "read", "none"]


@dataclass(frozen=True)
class Token:
    """`name` is how tests and the log call it; `secret` is made anew for each forge."""

    name: str
    login: str
    scope: Scope
    secret: str


@dataclass(frozen=True)
class People:
    """A writer, another writer with another login, one that may only read, a revoked one."""

    writer: Token
    second: Token
    reader: Token
    revoked: Token

    @property
    def valid(self) -> tuple[Token, ...]:
        return (self.writer, self.second, self.reader)

    def named(self, authorization: str) -> tuple[str, Token | None]:
        """Return a name for the log, and the token if it is a valid one.

        The name is "" without any credential and "unknown" for one that the forge never gave out.
        """
        secret = _secret(authorization)
        for token in (*self.valid, self.revoked):
            if secret == token.secret:
                return token.name, token if token in self.valid else None
        return ("unknown" if authorization else ""), None


def new_people() -> People:
    """Make tokens that no other forge has."""

    def token(name: str, login: str, scope: Scope) -> Token:
        return Token(name, login, scope, f"ghp_{secrets.token_hex(18)}")

    return People(
        token("writer", "enforcer", "write"),
        token("second", "enforcer-two", "write"),
        token("reader", "builder", "read"),
        token("revoked", "enforcer", "none"),
    )


def _secret(authorization: str) -> str:
    """Return the token in a Bearer, token or Basic header (there, as the password or the user)."""
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        return value.strip() if re.fullmatch("bearer|token", scheme, re.IGNORECASE) else ""
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return password if password not in {"", "x-oauth-basic"} else user
