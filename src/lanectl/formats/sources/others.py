"""Where the packages of Cargo, Go and Ruby come from: manifests, lockfiles and settings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lanectl.formats.lockfiles import toml
from lanectl.formats.lockfiles.fields import decode, lines, table, tables, text
from lanectl.formats.sources.tables import take_tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lanectl.formats.sources.collector import Collector

_REPLACE = re.compile(r"(?:replace\s+)?(\S+)(?:\s+v\S+)?\s+=>\s+(\S+)")
_GO_SUM = re.compile(r"(\S+) (\S+) (h\d+):(\S+)")
_SOURCE = re.compile(r"""\s*source[\s(]+["']([^"']+)""")
_GEM_OPTION = re.compile(r"""[:\s](git|github|gitlab|path|source)(?::|["']?\s*=>)\s*["']([^"']+)""")
_GEM_REMOTE = re.compile(r"  remote: (\S+)")
_GEM_SUM = re.compile(r"  (\S+) \(([^)]+)\) (\w+)=(\w+)")


def cargo(data: bytes, found: Collector) -> None:
    """Read a `Cargo.toml` or Cargo's settings."""
    take_tables(toml.load(data), found)


def cargo_lock(data: bytes, found: Collector) -> None:
    """Read a `Cargo.lock`, old ones too, where the checksums stand apart."""
    document = toml.load(data)
    apart = {k: v for k, v in table(document, "metadata").items() if isinstance(v, str)}
    for package in tables(document, "package"):
        _crate(package, apart, found)


def _crate(package: Mapping[str, object], apart: Mapping[str, str], found: Collector) -> None:
    name, version, source = (text(package, k) for k in ("name", "version", "source"))
    if source.startswith("git+"):
        found.git(source)
    elif source:
        found.host(source)
        checksum = text(package, "checksum")
        checksum = checksum or apart.get(f"checksum {name} {version} ({source})", "")
        found.pin(name, version, "", *([("sha256", checksum)] if checksum else []))


def go_mod(data: bytes, found: Collector) -> None:
    """Read what a `go.mod` or `go.work` replaces, line by line."""
    for raw in lines(decode(data)):
        replaced = _REPLACE.match(raw.partition("//")[0].strip())
        if replaced is None:
            continue
        if replaced[2].startswith((".", "/")):
            found.path(replaced[2])
        elif replaced[2] != replaced[1]:
            found.git(f"{replaced[1]} => {replaced[2]}")


def go_sum(data: bytes, found: Collector) -> None:
    """Read a `go.sum`."""
    for line in lines(decode(data)):
        if pinned := _GO_SUM.fullmatch(line):
            found.pin(pinned[1], pinned[2], "", (pinned[3], pinned[4]))


def gemfile(data: bytes, found: Collector) -> None:
    """Read a `Gemfile` line by line: it is a program, what it computes is not seen."""
    for raw in lines(decode(data)):
        line = raw.partition("#")[0]
        if source := _SOURCE.match(line):
            found.host(source[1])
        for kind, value in _GEM_OPTION.findall(line):
            if kind == "source":
                found.host(value)
            elif kind == "path":
                found.path(value)
            else:
                found.git(value)


def gemfile_lock(data: bytes, found: Collector) -> None:
    """Read a `Gemfile.lock`."""
    section = ""
    for line in lines(decode(data)):
        if line and not line.startswith(" "):
            section = line.strip()
        elif remote := _GEM_REMOTE.match(line):
            take = {"GIT": found.git, "PATH": found.path}.get(section, found.host)
            take(remote[1])
        elif section == "CHECKSUMS" and (pinned := _GEM_SUM.match(line)):
            found.pin(pinned[1], pinned[2], "", (pinned[3], pinned[4]))
