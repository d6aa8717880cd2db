"""The role inside a Supabase key, of either style. Verifies no signature: it asks what a key claims."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Final

from lanectl.formats import json
from lanectl.model.lane import Kind
from lanectl.model.report import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIMIT: Final = 1 << 16
# A JSON object begins with `{`, which base64 writes as `e` and one of these.
_JWT: Final = re.compile(r"(?<![\w-])e[w-z0-9_-][\w-]*\.(e[w-z0-9_-][\w-]*)\.[\w-]*")
_PREFIXED: Final = re.compile(r"(?<![\w-])sb_(publishable|secret)_")
_PREFIXES: Final = {"publishable": Kind.SUPABASE_PUBLIC, "secret": Kind.SUPABASE_SERVICE}
_ROLES: Final = {
    "anon": Kind.SUPABASE_PUBLIC,
    "authenticated": Kind.SUPABASE_USER,
    "service_role": Kind.SUPABASE_SERVICE,
}


def roles(value: str) -> Iterator[Kind]:
    """Yield what every Supabase key within a value may do.

    A JSON Web Token (RFC 7519) counts if it claims a role; a role that is none of Supabase's three,
    or a claim that two readers could understand differently, is `SUPABASE_UNREADABLE`.
    """
    for match in _PREFIXED.finditer(value):
        yield _PREFIXES[match[1]]
    for match in _JWT.finditer(value):
        payload = _decode(match[1])
        if b'"role"' not in payload and b"\\u" not in payload:
            continue
        try:
            claims = json.load(payload, rule="lane/environment", limit=_LIMIT)
        except MalformedError:
            yield Kind.SUPABASE_UNREADABLE
            continue
        if isinstance(claims, dict) and "role" in claims:
            yield _ROLES.get(str(claims["role"]), Kind.SUPABASE_UNREADABLE)


def _decode(segment: str) -> bytes:
    padded = segment + "=" * (-len(segment) % 4)
    try:
        return base64.urlsafe_b64decode(padded)
    except ValueError:
        return b""
