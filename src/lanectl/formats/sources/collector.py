"""Collects what a lockfile or manifest says, address by address. Judges no address, resolves none."""

from __future__ import annotations

import posixpath
import re

from lanectl.model.dependency import Pin, Sources

_WEB = re.compile(r"(https?):[/\\]*([^/\\?#]*)", re.IGNORECASE)
_IGNORED = re.compile(r"[\x00-\x20]")
_PREFIX = re.compile(r"(?:registry|sparse|git|hg|svn|bzr)\+", re.IGNORECASE)
_GIT = re.compile(
    r"(?:git|hg|svn|bzr)\+|git:|ssh:|git@|(?:github|gitlab|bitbucket|gist):"
    r"|https?:[^?#]*\.git(?:[?#@]|$)",
    re.IGNORECASE,
)
_LONGEST = 2000


def is_git(text: str) -> bool:
    """Whether an address leads to a repository of a version control system."""
    return _GIT.match(text) is not None


def is_web(text: str) -> bool:
    """Whether an address is fetched over HTTP or HTTPS."""
    return _WEB.match(_bare(text)) is not None


def host_of(url: str) -> str:
    """Return `scheme://host` of an address as a browser or npm reads it, odd ones as they are.

    Backslashes are slashes, missing slashes are none too few, what stands before `@` is no host.
    """
    bare = _bare(url)
    match = _WEB.match(bare)
    if match is None:
        return bare[:200]
    scheme, host = match[1].lower(), match[2].rpartition("@")[2].lower()
    default = ":443" if scheme == "https" else ":80"
    return f"{scheme}://{host.removesuffix(default).rstrip('.')[:200]}"


def _bare(url: str) -> str:
    return _PREFIX.sub("", _IGNORED.sub("", url[:_LONGEST]), count=1)


class Collector:
    """What was found so far; `folder` is the folder that the file lies in."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._hosts: set[str] = set()
        self._git: set[str] = set()
        self._urls: set[str] = set()
        self._paths: set[str] = set()
        self._pins: dict[Pin, set[tuple[str, str]]] = {}
        self._scripts: set[tuple[str, str]] = set()
        self._builders: set[str] = set()

    def host(self, url: str) -> None:
        """Take the address of a registry, index or archive; a path is one on this machine."""
        if is_git(url):
            self.git(url)
        elif is_web(url) or "://" in url:
            if not url.lower().startswith("file:"):
                self._hosts.add(host_of(url))
            else:
                self.path(url)
        elif url:
            self.path(url)

    def git(self, url: str) -> None:
        """Take the address of a repository; which commit of it does not matter."""
        bare = re.split("[?#]", _bare(url), maxsplit=1)[0]
        scheme, slashes, rest = bare.rpartition("://")
        authority, slash, way = rest.partition("/")
        where = authority.rpartition("@")[2].lower() + slash + way.partition("@")[0]
        insecure = f"{scheme}://" if scheme.lower() in {"http", "git"} else ""
        self._git.add(insecure + where.removesuffix(".git") if slashes else bare)

    def url(self, name: str, url: str) -> None:
        """Take a package that is fetched from an address of its own."""
        if is_git(url):
            self.git(url)
        elif url.lower().startswith("file:") or not is_web(url):
            self.path(url)
        else:
            self._urls.add(f"{name} from {host_of(url)}")

    def path(self, path: str) -> None:
        """Take a path; one that stays inside the repository is nothing to speak of."""
        plain = re.sub(r"^(?:file|link|portal):(?://(?=/))?", "", path, flags=re.IGNORECASE)
        plain = plain.replace("\\", "/")[:_LONGEST]
        if plain.startswith(("/", "~")) or re.match("[A-Za-z]:", plain):
            self._paths.add(plain)
            return
        whole = posixpath.normpath(posixpath.join(self._folder, plain))
        if whole.split("/", 1)[0] == "..":
            self._paths.add(whole)

    def pin(self, name: str, version: str, file: str, *digests: tuple[str, str]) -> None:
        """Take a package's version with the digests of one file of it; none at all counts too."""
        self._pins.setdefault((name, version, file), set()).update(digests)

    def script(self, event: str, command: str) -> None:
        """Take what an installation runs."""
        self._scripts.add((event, command))

    def builder(self, name: str) -> None:
        """Take a package that runs code of its own when it is installed."""
        self._builders.add(name)

    def sources(self) -> Sources:
        """Return all that was found."""
        return Sources(
            frozenset(self._hosts), frozenset(self._git), frozenset(self._urls),
            frozenset(self._paths), {k: frozenset(v) for k, v in self._pins.items()},
            frozenset(self._scripts), frozenset(self._builders),
        )  # fmt: skip
