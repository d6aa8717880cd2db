"""Finds secrets in bytes of any sort, in linear time. Decides nothing, and shows no value.

What is compressed, encrypted, split or encoded in another way than UTF-16 is not seen.
"""

from __future__ import annotations

import base64
import importlib
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from lanectl.formats import private_keys, supabase_key
from lanectl.formats.secret_kinds import DISCORD, GOOGLE, NEIGHBOURS, TOKENS
from lanectl.formats.secret_urls import passwords
from lanectl.model.lane import Kind as Role
from lanectl.model.secret import Secret, Sort

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lanectl.formats.secret_kinds import Kind

_SHORTEST: Final = 20
"""Characters of the shortest token."""

_KEPT: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")
_RUNS: Final = bytes(0x61 if c in _KEPT else 0x20 for c in range(256))
_RUN: Final = b"a" * _SHORTEST
_SPACE: Final = re.compile(rb"[^A-Za-z0-9_.-]")
_PART: Final = 1 << 20
"""Bytes that are looked at at once, so that a large file is not copied whole."""
_PRINTED: Final = frozenset(b"\t\n\r") | frozenset(range(0x20, 0x7F))
_WIDE: Final = bytes(0x61 if c in _PRINTED else min(c, 1) for c in range(256))
_WIDE_RUN: Final = b"a\0" * _SHORTEST
# Where Google's key is public: a Firebase configuration, an app's services file, a page's address.
_OPEN: Final = re.compile(rb"authDomain|firebaseapp|current_key|maps/api/js")
# The token that jwt.io shows, and those of Supabase's local stack.
_KNOWN_CLAIMS: Final = (b'"sub":"1234567890"', b'"iss":"supabase-demo"')
# As text: `in` of bytes takes five times as long where most anchors are in no text at all.
_TOKENS: Final = tuple((a.decode("ascii"), kind) for kind in TOKENS for a in kind.anchors)
_NEIGHBOURS: Final = tuple((a.decode("ascii"), kind) for kind in NEIGHBOURS for a in kind.anchors)
MASK: Final = b"<secret>"
"""What stands where a secret stood."""


def scan(data: bytes) -> dict[str, Secret]:
    """Return the secrets in these bytes by fingerprint, the text in UTF-16 included.

    Samples of documents and placeholders are left out.
    """
    texts = [data]
    if b"\0" in data and _is_wide(data):
        utf16 = re.compile(rb"(?:[\t\n\r -~]\0){20,}[\t\n\r -~]?")
        texts.append(b"\n".join(m[0][::2] for m in utf16.finditer(data)))
    return {s.fingerprint: s for text in texts if len(text) >= 8 for s in _scan(text)}


def line_of(data: bytes, secret: Secret) -> int:
    """Return the line, from 1, where a secret that was found in these bytes stands first."""
    at = data.find(secret.raw)
    if at < 0:
        at = data.find(b"\0".join(bytes([c]) for c in secret.raw))
    return data.count(b"\n", 0, max(at, 0)) + 1


def mask(data: bytes) -> bytes:
    """Return a text with every secret in it replaced: for a name that has to be shown."""
    for secret in scan(data).values():
        data = data.replace(secret.raw, MASK)
    return data


def _scan(data: bytes) -> Iterator[Secret]:
    words = b" ".join(word for part in _parts(data) for word in _long_words(part))
    for anchored, raw in ((_TOKENS, words), (_NEIGHBOURS, data)):
        text = raw.decode("latin-1")
        for kind in dict.fromkeys([kind for anchor, kind in anchored if anchor in text]):
            for match in _compiled(kind.shape).finditer(raw):
                yield from _judged(kind, match, data)
    yield from passwords(data)
    yield from private_keys.scan(data)


def _parts(data: bytes) -> Iterator[bytes]:
    """Yield a text in parts that divide no word."""
    start = 0
    while start < len(data):
        cut = _SPACE.search(data, start + _PART)
        end = cut.end() if cut else len(data)
        yield data[start:end]
        start = end


def _long_words(data: bytes) -> Iterator[bytes]:
    """Yield the words that are long enough for a token: a search for runs, as most are short."""
    runs = data.translate(_RUNS)
    start = runs.find(_RUN)
    while start >= 0:
        end = runs.find(b" ", start)
        end = end if end >= 0 else len(runs)
        yield data[start:end]
        start = runs.find(_RUN, end)


def _is_wide(data: bytes) -> bool:
    """Whether a run of text in UTF-16 is in it: noise would keep its expression busy for seconds."""
    overlap = len(_WIDE_RUN) - 1
    parts = (data[at : at + _PART + overlap] for at in range(0, len(data), _PART))
    return any(_WIDE_RUN in part.translate(_WIDE) for part in parts)


@cache
def _compiled(shape: str) -> re.Pattern[bytes]:
    """Compile late: sixty expressions would cost every run 30 ms."""
    return re.compile(shape.encode())


def _judged(kind: Kind, match: re.Match[bytes], data: bytes) -> Iterator[Secret]:
    from lanectl.formats.secret_samples import is_sample

    before = match.string[match.start() - 1 : match.start()]
    if kind.is_word and before.isalnum():
        return
    raw = match.string[match.start() - kind.behind : match.end()]
    generated = match[1] if match.re.groups else raw
    value = match[2] if match.re.groups > 1 else raw
    sort = _sort(kind, raw, data)
    if sort is not None and not is_sample(generated) and _agrees(kind.plugin, raw.decode()):
        yield Secret(sort, kind.name, value, raw)


def _sort(kind: Kind, raw: bytes, data: bytes) -> Sort | None:
    """Return how sure a kind is here; None: it is public, or has only the form."""
    if kind.sort is Sort.SIGNED:
        roles = set(supabase_key.roles(raw.decode()))
        claims = _decoded(raw.split(b".")[1])
        if any(text in claims for text in _KNOWN_CLAIMS) or Role.SUPABASE_PUBLIC in roles:
            return None
        return Sort.TOKEN if Role.SUPABASE_SERVICE in roles else kind.sort
    if kind.name == DISCORD and not _decoded(raw.split(b".")[0]).isdigit():
        return None
    if kind.name == GOOGLE:
        at = data.find(raw)
        return Sort.BROWSER_KEY if _OPEN.search(data, max(0, at - 600), at + 600) else kind.sort
    return kind.sort


def _decoded(part: bytes) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except ValueError:
        return b""


def _agrees(plugin: str, text: str) -> bool:
    """Whether detect-secrets calls a text this plugin's kind; it is loaded only to be asked."""
    return not plugin or any(_library(plugin).analyze_string(text))


@cache
def _library(plugin: str) -> Any:
    module, _, name = plugin.partition(".")
    return getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), name)()
