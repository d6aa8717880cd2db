"""Markers, branches and commit messages of a handoff. Written here only, parsed back here only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.model.names import Digest, ObjectId, Slug

if TYPE_CHECKING:
    from lanectl.model.bundle import Handoff

READY = "CODEX-READY"
APPLIED = "CLAUDE-APPLIED"
ROLLED_BACK = "CLAUDE-ROLLBACK"

BUNDLE_REFS = "refs/lanectl/"
"""Below it the target's repository holds every published bundle, by its digest."""

TRAILER_BUNDLE = "Lanectl-Bundle"
TRAILER_BASE = "Lanectl-Base"
TRAILER_TREE = "Lanectl-Result-Tree"
TRAILER_SIGNER = "Lanectl-Signer"
TRAILER_REVERTS = "Lanectl-Reverts"

_MARKER = re.compile(
    r"\[(CODEX-READY|CLAUDE-APPLIED|CLAUDE-ROLLBACK):([a-z0-9][a-z0-9-]{0,62})\] (.+)", re.ASCII
)
_FORGED_MARKER = re.compile(r"\[(CODEX|CLAUDE)-", re.IGNORECASE)
_FORGED_TRAILER = re.compile(r"^[^\S\n]*+lanectl-[a-z-]+\s*:", re.IGNORECASE | re.MULTILINE)


def staging_branch(slug: Slug) -> str:
    """Return the Builder's branch of a handoff."""
    return f"staging/codex-{slug}"


def feature_branch(slug: Slug) -> str:
    """Return the Enforcer's branch of a handoff."""
    return f"feature/{slug}"


def rollback_branch(slug: Slug) -> str:
    """Return the Enforcer's branch that reverts a handoff."""
    return f"rollback/{slug}"


def bundle_ref(digest: Digest) -> str:
    """Return the ref of the target's repository that a bundle is published at."""
    return f"{BUNDLE_REFS}{digest}"


def title_problem(title: str) -> str:
    """Return why a title cannot stand in a marker's line, or an empty string."""
    if not title.strip() or title != title.strip():
        return "empty, or surrounded by white space"
    if len(title) > 200:
        return f"{len(title)} characters, 200 are allowed"
    if not title.isprintable():
        return "holds a control or format character, or more than one line"
    if _FORGED_MARKER.search(title):
        return "holds a marker, which only lanectl writes"
    return ""


def message_problem(message: str) -> str:
    """Return why a message cannot be a commit's body, or an empty string."""
    if len(message) > 65_536:
        return f"{len(message)} characters, 65536 are allowed"
    if any(not c.isprintable() and c not in "\n\t" for c in message):
        return "holds a control or format character"
    if _FORGED_MARKER.search(message):
        return "holds a marker, which only lanectl writes"
    if _FORGED_TRAILER.search(message):
        return "holds a Lanectl- trailer, which only lanectl writes"
    return ""


class Trailers(Struct, frozen=True):
    """What the last paragraph of a marker commit says."""

    bundle: Digest
    base: ObjectId
    result_tree: ObjectId
    signer: str | None
    reverts: ObjectId | None = None
    """Of a rollback: the commit of the target's line whose change it takes back."""


class Marker(Struct, frozen=True):
    """A parsed marker commit message."""

    kind: str
    slug: Slug
    title: str
    trailers: Trailers


def commit_message(kind: str, handoff: Handoff, bundle: Digest, signer: str | None) -> str:
    """Return the whole message of a marker commit: subject, body, trailers."""
    trailers = [
        f"{TRAILER_BUNDLE}: sha256:{bundle}",
        f"{TRAILER_BASE}: {handoff.base}",
        f"{TRAILER_TREE}: {handoff.result_tree}",
    ]
    if signer is not None:
        trailers.append(f"{TRAILER_SIGNER}: {signer}")
    body = handoff.message.strip("\n")
    parts = [
        f"[{kind}:{handoff.slug}] {handoff.title}",
        *([body] if body else []),
        "\n".join(trailers),
    ]
    return "\n\n".join(parts) + "\n"


def rollback_message(slug: Slug, title: str, trailers: Trailers) -> str:
    """Return the whole message of a rollback's commit."""
    lines = [
        f"{TRAILER_BUNDLE}: sha256:{trailers.bundle}",
        f"{TRAILER_BASE}: {trailers.base}",
        f"{TRAILER_TREE}: {trailers.result_tree}",
        f"{TRAILER_REVERTS}: {trailers.reverts}",
    ]
    return f"[{ROLLED_BACK}:{slug}] Revert: {title}\n\n" + "\n".join(lines) + "\n"


def is_applied(message: str) -> bool:
    """Whether a message says that it is an applied handoff's. Never evidence."""
    marker = parse_message(message)
    return marker is not None and marker.kind == APPLIED


def parse_message(message: str, *, squashed: bool = False) -> Marker | None:
    """Return what a marker commit says of itself, or None if it is not one. Never evidence.

    A `squashed` one may have more paragraphs below: forges add Co-authored-by and the like.
    """
    paragraphs = message.rstrip("\n").split("\n\n")
    match = _MARKER.fullmatch(paragraphs[0])
    if match is None or len(paragraphs) < 2:
        return None
    trailers = paragraphs[-1]
    if squashed:
        trailers = next((p for p in paragraphs[:0:-1] if p.startswith(TRAILER_BUNDLE)), trailers)
    pairs = [line.partition(": ") for line in trailers.split("\n")]
    values = {key: value for key, _, value in pairs}
    if len(values) != len(pairs):
        return None
    try:
        read = Trailers(
            bundle=Digest(values[TRAILER_BUNDLE].removeprefix("sha256:")),
            base=ObjectId(values[TRAILER_BASE]),
            result_tree=ObjectId(values[TRAILER_TREE]),
            signer=values.get(TRAILER_SIGNER),
            reverts=ObjectId(values[TRAILER_REVERTS]) if TRAILER_REVERTS in values else None,
        )
        return Marker(match[1], Slug(match[2]), match[3], read)
    except (KeyError, ValueError):
        return None
