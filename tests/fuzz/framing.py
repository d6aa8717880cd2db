"""Several texts in one input: members of a bundle in their order, then the payload that is signed."""

from __future__ import annotations

SEPARATOR = b"\n\x1e\n"
DIGEST, TAR_DIGEST = b"@artifact.tar.gz@", b"@artifact.tar@"
"""What stands in a payload for the digests of the archive, which is made only later."""


def framed(parts: list[bytes]) -> bytes:
    return SEPARATOR.join(parts)


def unframed(data: bytes) -> list[bytes]:
    """Return exactly six parts; what is missing is empty."""
    parts = data.split(SEPARATOR, 5)
    return parts + [b""] * (6 - len(parts))
