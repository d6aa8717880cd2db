"""From a name, a version and an origin to a component with its purl. Refuses odd names and hashes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from lanectl.formats.lockfiles.fields import refuse
from lanectl.model.sbom import DIGITS, Component

if TYPE_CHECKING:
    from collections.abc import Iterable

WITHOUT_VERSION = "without a version"
"""The gap of a component that is named and not fixed."""

_PYPI_NAME = re.compile(r"[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?", re.ASCII | re.IGNORECASE)
_NPM_NAME = re.compile(r"(?:(@[^/@]+)/)?([^/]+)")
_VCS = re.compile(r"(?:git|hg|bzr|svn)\+|git:|ssh:|git@|(?:github|gitlab|bitbucket|gist):")
_BARE_SCHEME = ("https:", "http:", "ssh:", "file:")
_USER_INFO = re.compile(r"//[^/?#]*@")
_LONGEST_NAME = 256
_LONGEST_URL = 2000

# What lockfiles call an algorithm (as hashlib does), and what CycloneDX calls it.
_ALGORITHMS = {
    "md5": "MD5",
    "sha1": "SHA-1",
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
    "sha3_256": "SHA3-256",
    "sha3_384": "SHA3-384",
    "sha3_512": "SHA3-512",
    "blake2b": "BLAKE2b-512",
}


class Origin(Struct, frozen=True):
    """Where a package comes from, as far as its purl says so.

    A registry needs no words, whichever mirror of it was asked. A repository or an address is
    said in a qualifier: the code behind it need not be what the registry has under that name.
    What lies in the tree itself (`local`) claims no registry's name at all, its purl is `generic`.
    """

    qualifier: str = ""
    url: str = ""
    local: bool = False


REGISTRY = Origin()
LOCAL = Origin(local=True)


def vcs(url: str, commit: str = "", *, kind: str = "git") -> Origin:
    """Return the origin `git+https://host/name.git@commit` (the SPDX form)."""
    _check(commit)
    bare = _bare(url)
    scheme = f"{kind}+" if bare.startswith(_BARE_SCHEME) else ""
    return Origin("vcs_url", f"{scheme}{bare}@{commit}" if commit else scheme + bare)


def address(url: str) -> Origin:
    """Return the origin that an address of any kind stands for; a path is in the tree."""
    if _VCS.match(url):
        return vcs(url)
    if url.lower().startswith(("https://", "http://")):
        return Origin("download_url", _bare(url))
    return LOCAL


def _bare(url: str) -> str:
    """Drop user info, query and fragment: they may hold secrets, and an SBOM travels."""
    if len(url) > _LONGEST_URL or not url.isprintable():
        refuse(f"an address {url[:80]!r}", f"{_LONGEST_URL} printable characters at most")
    return _USER_INFO.sub("//", re.split("[?#]", url, maxsplit=1)[0], count=1)


def tagged(digest: str) -> tuple[str, str]:
    """Split `sha256:<hex>`; an empty text is no hash, which `hashes` leaves out."""
    algorithm, colon, content = digest.partition(":")
    if digest and not colon:
        refuse(f"a hash {digest[:80]!r}", "algorithm:hex")
    return algorithm, content


def hashes(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return (algorithm, hex) pairs under CycloneDX's names; what it cannot name is left out."""
    result = set()
    for algorithm, digest in pairs:
        name = _ALGORITHMS.get(algorithm.lower())
        if name is None:
            continue
        if not re.fullmatch(f"[0-9a-fA-F]{{{DIGITS[name]}}}", digest):
            refuse(f"a {name} of {digest[:80]!r}", f"{DIGITS[name]} hex digits")
        result.add((name, digest.lower()))
    return tuple(sorted(result))


def normalised(name: str) -> str:
    """Return a Python project's name as PEP 503 compares it."""
    if not _PYPI_NAME.fullmatch(name):
        refuse(f"a name {name[:80]!r}", "a Python project's name")
    return re.sub(r"[-_.]+", "-", name).lower()


def pypi(
    name: str, version: str, found: Iterable[tuple[str, str]] = (), origin: Origin = REGISTRY
) -> Component:
    """Return the component of a Python project, under its normalised name."""
    return _component(("pypi", "", normalised(name)), version, found, origin)


def npm(
    name: str, version: str, found: Iterable[tuple[str, str]] = (), origin: Origin = REGISTRY
) -> Component:
    """Return the component of an npm package, scoped or not."""
    match = _NPM_NAME.fullmatch(name)
    if match is None:
        refuse(f"a name {name[:80]!r}", "a package's name, perhaps with a scope")
    return _component(("npm", match[1] or "", match[2]), version, found, origin)


def _component(
    key: tuple[str, str, str], version: str, found: Iterable[tuple[str, str]], origin: Origin
) -> Component:
    from packageurl import PackageURL

    kind, scope, plain = key
    for part in (scope, plain, version):
        _check(part)
    # As `generic`, whose rules change no letter: npm's names are case-sensitive since purl-spec
    # #872, while this library would still make one of Base64 and base64. Pypi's are lower already.
    purl = str(PackageURL("generic", scope, plain, version, {origin.qualifier: origin.url}))
    if not origin.local:
        purl = f"pkg:{kind}/" + purl.removeprefix("pkg:generic/")
    name = f"{scope}/{plain}" if scope else plain
    return Component(name, version, purl, hashes(found))


def _check(text: str) -> None:
    if len(text) > _LONGEST_NAME or not text.isprintable() or text != text.strip():
        refuse(
            f"a name, version or commit {text[:80]!r}",
            f"{_LONGEST_NAME} printable characters at most",
        )
