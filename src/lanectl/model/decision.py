"""What is decided about one subject of a change: allowed, warned about, held or blocked. Pure words."""

from __future__ import annotations

import enum

from msgspec import Struct


class Decision(enum.StrEnum):
    """What a rule means for its subject, the mildest first.

    `hold` waits for an approval; `block` can be allowed by nobody.
    """

    ALLOW = "allow"
    WARN = "warn"
    HOLD = "hold"
    BLOCK = "block"

    @property
    def strictness(self) -> int:
        """0 for the mildest."""
        return list(Decision).index(self)


class Kind(enum.StrEnum):
    """What a rule of content can be about."""

    PATH = "path"
    MEMBER = "member"
    WORDS = "words"
    SQL = "sql"
    COMPONENT = "component"


class Subject(Struct, frozen=True):
    """One thing that is decided about, by a name that no other of its kind has.

    `name`: a path's raw bytes; a member's or field's name; `rollback.sql:3` for its third
    statement; a component's purl. Untrusted.
    """

    kind: Kind
    name: bytes
