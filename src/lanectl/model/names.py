"""The validated names of the domain: slug, digest, object id, path. None can be empty or odd.

They are `str` subclasses: what has been validated once can be put in JSON, in a message or in an
argument list as it is.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import re
from typing import Self
from urllib.parse import quote, unquote_to_bytes

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_OBJECT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)
_REPOSITORY = re.compile(r"[a-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~%+@:-]+)+", re.ASCII)


class Lane(enum.StrEnum):
    """Who acts: the Builder writes in `codex`, the Enforcer applies in `claude`."""

    CODEX = "codex"
    CLAUDE = "claude"


class ObjectFormat(enum.StrEnum):
    """The hash a repository names its objects by."""

    SHA1 = "sha1"
    SHA256 = "sha256"

    @property
    def hex_length(self) -> int:
        """Number of hex digits of an object id."""
        return 40 if self is ObjectFormat.SHA1 else 64

    @property
    def empty_blob(self) -> ObjectId:
        """The id of the empty blob, which is also what an intent-to-add entry names."""
        return ObjectId(hashlib.new(self.value, b"blob 0\0").hexdigest())


class Name(str):
    """A `str` that matched its pattern when it was made."""

    __slots__ = ()
    pattern: re.Pattern[str]
    expected: str

    def __new__(cls, text: str) -> Self:
        """Return the name. Raises ValueError for a text that is none."""
        if not cls.pattern.fullmatch(text):
            raise ValueError(f"not {cls.expected}: {text[:80]!r}")
        return super().__new__(cls, text)


class Slug(Name):
    """The name of a handoff."""

    __slots__ = ()
    pattern = _SLUG
    expected = "a slug ([a-z0-9][a-z0-9-]{0,62})"


class Digest(Name):
    """A SHA-256 in 64 lower-case hex digits."""

    __slots__ = ()
    pattern = _DIGEST
    expected = "a SHA-256 in 64 lower-case hex digits"

    @classmethod
    def of(cls, data: bytes | bytearray | memoryview) -> Digest:
        """Return the digest of these bytes."""
        return cls(hashlib.sha256(data).hexdigest())


class ObjectId(Name):
    """The full id of a git object, 40 or 64 lower-case hex digits."""

    __slots__ = ()
    pattern = _OBJECT_ID
    expected = "a full object id (40 or 64 lower-case hex digits)"

    @property
    def object_format(self) -> ObjectFormat:
        """The object format that an id of this length belongs to."""
        return (
            ObjectFormat.SHA1 if len(self) == ObjectFormat.SHA1.hex_length else ObjectFormat.SHA256
        )

    @property
    def is_null(self) -> bool:
        """Whether this is git's 'no object'."""
        return not self.strip("0")


class RepositoryId(Name):
    """`host/owner/name`, lower-case host, no user info, no scheme, no `.git`."""

    __slots__ = ()
    pattern = _REPOSITORY
    expected = "a repository id (host/owner/name)"

    @classmethod
    @functools.lru_cache(maxsize=16)
    def from_url(cls, url: str) -> RepositoryId:
        """Normalise an https, ssh, scp-like or file address; user info is dropped.

        Raises ValueError for anything else.
        """
        if match := re.fullmatch(
            r"([a-z][a-z0-9+.-]*)://(?:[^/@]*@)?([^/]*)/(.*)", url, re.IGNORECASE
        ):
            scheme, host, path = match[1].lower(), match[2].lower(), match[3]
            host = _without_default_port(scheme, host) if scheme != "file" else "localhost"
        elif url.startswith("/"):
            host, path = "localhost", url
        elif match := re.fullmatch(r"(?:[^/@:]*@)?([^/:@]+):(?!//)(.*)", url):
            host, path = match[1].lower(), match[2]
        else:
            raise ValueError(f"not a repository address: {url[:80]!r}")
        path = path.strip("/").removesuffix(".git").rstrip("/")
        return cls(f"{host}/{quote(unquote_to_bytes(path), safe='/~+@:')}")


def _without_default_port(scheme: str, host: str) -> str:
    default = {"https": ":443", "http": ":80", "ssh": ":22", "git": ":9418"}.get(scheme, "")
    return host.removesuffix(default) if default else host
