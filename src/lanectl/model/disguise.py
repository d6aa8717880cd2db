"""What a name becomes on a disk that ignores case, normal form or characters. It judges nothing.

macOS ignores case, normal form and some invisible characters; Windows ignores case and dots and
spaces at the end, and knows a long name by a short one (`GITMOD~1`) too.
"""

from __future__ import annotations

import functools
import re
import unicodedata

HFS_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_SHORT = re.compile(r"([^.~]{1,6})~[0-9]+(?:\.([^.]{1,3}))?")
_NTFS_FILES = {"gitmodules": "gi7eba", "gitattributes": "gi7d29"}
"""The files that git reads for itself, and how Windows names a fifth short twin of each."""


@functools.lru_cache(maxsize=8192)
def fold(part: bytes) -> str:
    """Return one name of a path as the most forgetful disk keeps it. Equal: one file there."""
    if part.isascii():
        return part.decode("ascii").lower().rstrip(". ")
    text = HFS_IGNORED.sub("", part.decode("utf-8", "surrogateescape"))
    text = unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())
    return text.rstrip(". ")


def fold_path(path: bytes) -> tuple[str, ...]:
    """Return a raw path's names, each folded."""
    return tuple(map(fold, path.split(b"/")))


def short_name(name: str) -> str:
    """Return the short name that Windows may give to a folded long one, without its number."""
    stem, _, ending = name.lstrip(".").rpartition(".")
    stem, ending = (stem, ending) if stem else (ending, "")
    return f"{stem.replace('.', '')[:6]}~{ending[:3]}"


def as_short(name: str) -> str:
    """Return a folded name in the form of `short_name`; empty for what is no short name."""
    match = _SHORT.fullmatch(name) if "~" in name else None
    return f"{match[1]}~{match[2] or ''}" if match else ""


def gits_file(name: str) -> str:
    """Return which file of git's own a name is a disguise of, beyond case: by the disk's own tricks.

    `.gitmodules` and `.gitattributes` themselves, in any case, are no disguise.
    """
    if name.isascii() and "~" not in name and not name.startswith("."):
        return ""
    plain = HFS_IGNORED.sub("", name)
    bare = plain.partition(":")[0].rstrip(". ").lower()
    for file, short in _NTFS_FILES.items():
        if bare == f".{file}":
            return f".{file}" if plain.lower() != bare or plain != name else ""
        if re.fullmatch(rf"{file[:6]}~[1-4]", bare) or _is_hashed(bare, short):
            return f".{file}"
    return ""


def _is_hashed(name: str, short: str) -> bool:
    """Whether Windows may have made a name of a hash: eight characters, a piece of `short` first."""
    start, tilde, number = name.partition("~")
    return (
        len(name) == len("gi7eba~1") and tilde == "~" and short.startswith(start)
        and number.isascii() and number.isdigit() and number[0] != "0"
    )  # fmt: skip
