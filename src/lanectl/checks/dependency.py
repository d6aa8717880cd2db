"""Dependencies: lockfiles and manifests before and after. What is new is compared with the base.

There is no list of good hosts: those that the base uses are the ones that a change may use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.formats.sources import LOCKFILE, kind_of, read_sources
from lanectl.model.change import Mode
from lanectl.model.decision import Decision, Kind, Subject
from lanectl.model.dependency import Sources
from lanectl.model.display import display, display_path
from lanectl.model.report import Fault, MalformedError, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from lanectl.formats.sources import SourceFile
    from lanectl.model.change import FileChange
    from lanectl.model.content import Content
    from lanectl.model.dependency import Pin

_LOOK = Remedy(
    "Look at the lines named. If they are wanted, let a person approve the bundle; if the base "
    "should always allow it, name the path under the rule in `[rules]` of lanectl.toml."
)
_HOLD = Decision.HOLD

RULES = (
    Rule(
        "dependency/unreadable",
        "A lockfile or manifest that lanectl cannot read",
        "Its tool may read it with more patience, and fetch what nobody saw.",
        Remedy("Let its tool write the file anew."),
        _HOLD,
        "package-lock.json with a key twice",
    ),
    Rule(
        "dependency/host",
        "Packages come from a host that no lockfile or manifest of the base uses",
        "Who controls the host chooses the code, under names that everybody trusts. Plain http "
        "lets the whole way there choose.",
        _LOOK,
        _HOLD,
        '"resolved": "https://packages.attacker.example/left-pad/-/left-pad-1.3.0.tgz"',
    ),
    Rule(
        "dependency/integrity",
        "The hash of a package changed, weakened or went, and its version did not",
        "A version that was published does not change; another hash is other code.",
        Remedy("Undo the edit and let the tool write the lockfile anew."),
        _HOLD,
        "left-pad 1.3.0 with another `integrity` than before",
    ),
    Rule(
        "dependency/git",
        "A new dependency from a repository, an address of its own or a replacement",
        "It passes by the registry: nobody published it, and what is behind it can change.",
        _LOOK,
        _HOLD,
        '"left-pad": "github:attacker/left-pad"',
    ),
    Rule(
        "dependency/path",
        "A new dependency on a path outside the repository",
        "What lies there on another machine is not part of the change.",
        Remedy("Keep the dependency inside the repository."),
        _HOLD,
        '"left-pad": "file:../../left-pad"',
    ),
    Rule(
        "dependency/script",
        "Installing runs something new",
        "An installation runs on every developer's machine and in CI, before any review of it.",
        _LOOK,
        _HOLD,
        '"scripts": {"postinstall": "node collect.js"}',
    ),
    Rule(
        "dependency/first-host",
        "The first lockfile of its kind names hosts",
        "There is nothing to compare them with yet; from now on other hosts are held.",
        Remedy("Look whether these are the registries that you use."),
        Decision.WARN,
        "a repository's first package-lock.json",
    ),
)

_FILES = frozenset({Mode.FILE, Mode.EXECUTABLE})
_STRENGTH = {"md5": 1, "sha1": 2, "sha256": 3, "sha384": 4, "sha512": 5}
_SHOWN = 3

_BUDGET = 12 << 20
"""Bytes of changed lockfiles and manifests, before and after, that are read of one change."""


def check(content: Content) -> Iterator[Fault]:
    """Yield what is new in where packages come from, one fault a file and rule."""
    base, left = _Base(content), _BUDGET
    for file in content.files:
        kind = kind_of(file.path)
        if kind is None or file.new_mode not in _FILES or file.old_id == file.new_id:
            continue
        data = content.new(file)
        left -= len(data or b"") + len(content.old(file) or b"")
        if left < 0:
            what = "more of these files than are read of one change"
            yield _fault("dependency/unreadable", file, [what], "a smaller change", b"")
            continue
        before, after = base.old(file), _read(file.path, data)
        if data is None or after is None:
            if before is not None:
                what = "too large" if data is None else "not what its format allows"
                yield _fault(
                    "dependency/unreadable", file, [what], "a file that can be read strictly", b""
                )
            continue
        comparison = _Comparison(file, data, before or Sources(), after, base)
        yield from comparison.hosts()
        yield from comparison.pins()
        yield from comparison.origins()
        yield from comparison.scripts(base.scripts)


class _Base:
    """What the base says: of changed files and of all lockfiles, each read once and only if needed."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._old: dict[bytes, Sources | None] = {}
        self._known: dict[str, tuple[tuple[SourceFile, Sources], ...]] = {}

    def old(self, file: FileChange) -> Sources | None:
        """Return what a file said; nothing where there was none, None where it cannot be read."""
        if file.old_mode not in _FILES:
            return Sources()
        if file.path not in self._old:
            self._old[file.path] = _read(file.path, self._content.old(file))
        return self._old[file.path]

    def known(self, ecosystem: str) -> tuple[tuple[SourceFile, Sources], ...]:
        """Return what the files of the base said of one ecosystem, each with its kind."""
        if ecosystem not in self._known:
            self._known[ecosystem] = tuple(self._find(ecosystem))
        return self._known[ecosystem]

    def _find(self, ecosystem: str) -> Iterator[tuple[SourceFile, Sources]]:
        changed = self._content.changed
        for file in changed.values():
            kind = kind_of(file.path)
            if kind and kind.ecosystem == ecosystem and (old := self.old(file)):
                yield kind, old
        for path, data in self._content.base_lockfiles.items():
            kind = kind_of(path)
            if path in changed or kind is None or kind.ecosystem != ecosystem:
                continue
            if found := _read(path, data):
                yield kind, found

    @property
    def scripts(self) -> frozenset[tuple[str, str]]:
        """What installing ran by manifests that are gone: a moved one is nothing new."""
        gone = (f for f in self._content.files if f.new_mode == Mode.ABSENT and kind_of(f.path))
        return frozenset().union(*((self.old(f) or Sources()).scripts for f in gone))


class _Comparison:
    """One changed file before and after; the rest of the base is read only if something is new."""

    def __init__(
        self, file: FileChange, data: bytes, before: Sources, after: Sources, base: _Base
    ) -> None:
        self._file, self._data = file, data
        self._before, self._after, self._base = before, after, base

    def _known(self) -> tuple[tuple[SourceFile, Sources], ...]:
        kind = kind_of(self._file.path)
        return self._base.known(kind.ecosystem) if kind else ()

    def _new(self, named: Callable[[Sources], frozenset[str]]) -> set[str]:
        """Return what the file names now and nothing of the base does."""
        new = named(self._after) - named(self._before)
        return set(new).difference(*(named(s) for _, s in self._known())) if new else set()

    def hosts(self) -> Iterator[Fault]:
        """Yield hosts that the base does not use; plain http is another host than https."""
        new = self._new(lambda s: s.hosts)
        if not new:
            return
        known = frozenset[str]().union(*(s.hosts for _, s in self._known()))
        new -= {host for host in new if host.replace("https://", "http://", 1) in known}
        insecure = any(not host.startswith("https://") for host in new)
        rule = "dependency/host"
        if not insecure and self._is_first(lambda s: bool(s.hosts)):
            rule = "dependency/first-host"
        wanted = f"of the base: {_listed(known)}" if known else "https, and hosts that are known"
        yield from self._found(rule, new, wanted)

    def _is_first(self, says: Callable[[Sources], bool]) -> bool:
        """Whether this is a lockfile, and no lockfile of the base says anything of the kind."""
        kind = kind_of(self._file.path)
        if kind is None or kind.role != LOCKFILE or self._before.pins:
            return False
        return not any(k.role == LOCKFILE and says(s) for k, s in self._known())

    def pins(self) -> Iterator[Fault]:
        """Yield versions whose hashes are others than before."""
        if not self._before.pins and not any(self._after.pins.values()):
            return  # a file of another sort, which never had hashes: it takes none away
        before = self._before.pins or _merged(s.pins for _, s in self._known())
        changed = [
            f"{key[0]} {key[1]}".strip() for key, digests in self._after.pins.items()
            if key in before and _is_other(before[key], digests, any_of=key[2] == "*")
        ]  # fmt: skip
        yield from self._found("dependency/integrity", changed, "the hash that the base has")

    def origins(self) -> Iterator[Fault]:
        """Yield repositories, addresses and outside paths that the base does not name."""
        own = self._new(lambda s: s.git) | self._new(lambda s: s.urls)
        yield from self._found("dependency/git", own, "packages of a registry")
        paths = self._new(lambda s: s.paths)
        yield from self._found("dependency/path", paths, "paths inside the repository")

    def scripts(self, gone: frozenset[tuple[str, str]]) -> Iterator[Fault]:
        """Yield what installing runs now and did not before."""
        scripts = self._after.scripts - self._before.scripts - gone
        new = [f"{event}: {command}" for event, command in sorted(scripts)]
        builders = self._new(lambda s: s.builders)
        if builders and not self._is_first(lambda s: bool(s.pins)):
            new += [f"{name} has an install script" for name in sorted(builders)]
        yield from self._found("dependency/script", new, "what ran before")

    def _found(self, rule: str, new: Collection[str], wanted: str) -> Iterator[Fault]:
        if new:
            yield _fault(rule, self._file, sorted(new), wanted, self._data)


def _is_other(
    before: frozenset[tuple[str, str]], after: frozenset[tuple[str, str]], *, any_of: bool
) -> bool:
    """Whether hashes of one file differ: any that is new, or a weaker algorithm than before.

    With `any_of` they are those of several files, of which some may have come and gone.
    """
    old, new = _by_algorithm(before), _by_algorithm(after)
    if not old or before == after:
        return False
    common = old.keys() & new.keys()
    if any_of and common:
        return not any(old[a] & new[a] for a in common)
    if common:
        return any(new[a] - old[a] for a in common)
    weakest = max(_STRENGTH.get(a, 0) for a in old)
    return not new or max(_STRENGTH.get(a, 0) for a in new) < weakest


def _by_algorithm(digests: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for algorithm, digest in digests:
        found.setdefault(algorithm.lower(), set()).add(digest)
    return found


def _merged(
    pins: Iterable[Mapping[Pin, frozenset[tuple[str, str]]]],
) -> dict[Pin, frozenset[tuple[str, str]]]:
    found: dict[Pin, frozenset[tuple[str, str]]] = {}
    for one in pins:
        for key, digests in one.items():
            found[key] = found.get(key, frozenset()) | digests
    return found


def _read(path: bytes, data: bytes | None) -> Sources | None:
    try:
        return read_sources(path, data) if data is not None else None
    except MalformedError:
        return None


def _listed(items: Iterable[str]) -> str:
    found = sorted(items)
    shown = ", ".join(display(item, limit=120) for item in found[:_SHOWN])
    return f"{shown} and {len(found) - _SHOWN} more" if len(found) > _SHOWN else shown


def _fault(rule: str, file: FileChange, got: list[str], expected: str, data: bytes) -> Fault:
    needle = got[0].rpartition("://")[2].split(" ")[0].encode("utf-8", "replace")
    at = data.find(needle) if data else -1
    line = data.count(b"\n", 0, at) + 1 if at >= 0 else 0
    return Fault(
        rule, display_path(file.path), _listed(got), expected,
        subject=Subject(Kind.PATH, file.path), line=line,
    )  # fmt: skip
