"""Where the pinned repository is reached: one address, its origin, and whether a token may go there."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from msgspec import Struct

SCHEMES = ("https", "http", "ssh", "file")


class Address(Struct, frozen=True):
    """A repository's address without user info. `host` is `name[:port]`, empty for a file."""

    url: str
    scheme: str
    host: str

    @classmethod
    def parse(cls, url: str) -> Address:
        """Return the parts of an https, http, ssh, scp-like or file address.

        Raises ValueError for anything else: a scheme that runs a program (`ext::`) above all.
        """
        if url.startswith("/"):
            return cls(url, "file", "")
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", url):
            parts = urlsplit(url)
            host = parts.netloc.rpartition("@")[2]
            if parts.scheme == "ssh":
                return cls(url, "ssh", host)
            if parts.scheme == "file":
                return cls(url, "file", "")
            if parts.scheme in {"https", "http"} and host:
                return cls(f"{parts.scheme}://{host}{parts.path}", parts.scheme, host)
        elif match := re.fullmatch(r"(?:[^-@:/][^@:/]*@)?([^-:/@][^:/@]*):(?!:).+", url):
            return cls(url, "ssh", match[1])
        raise ValueError(f"not an https, ssh or file address: {url[:80]!r}")

    @property
    def origin(self) -> str:
        """`scheme://host[:port]`, as git's prompts and a forge's answers spell it."""
        return f"{self.scheme}://{self.host}"

    @property
    def may_carry_token(self) -> bool:
        """Whether a token sent there stays secret: TLS, or a loopback address."""
        return self.scheme == "https" or (self.scheme == "http" and is_loopback(self.host))


def is_loopback(host: str) -> bool:
    """Whether `name[:port]` is this machine."""
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
