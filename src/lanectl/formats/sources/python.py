"""Where the packages of Python come from: manifests, lockfiles, requirements and pip's settings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lanectl.formats import json
from lanectl.formats.lockfiles import toml
from lanectl.formats.lockfiles.fields import (
    LIMIT,
    RULE,
    as_table,
    decode,
    lines,
    table,
    tables,
    text,
)
from lanectl.formats.sources.collector import is_git, is_web
from lanectl.formats.sources.tables import take_tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lanectl.formats.sources.collector import Collector

_COMMENT = re.compile(r"(?:^|\s)[#;].*")
_OPTION = re.compile(
    r"(?:^|\s)(?:-i|-f|--(?:i|ex|f)[a-z-]*)(?:\s*=\s*|\s+|(?=[a-z]+:))[\"']?([^\s\"']+)"
)
_TRUSTED = re.compile(r"(?:^|\s)(?:--)?trusted-host(?:\s*=\s*|\s+)([^\s]+)")
_EDITABLE = re.compile(r"(?:-e|--ed[a-z]*)[\s=]*([^\s;]+)")
_DIRECT = re.compile(r"([A-Za-z0-9][\w.-]*+)\s*+(?:\[[^\]]*\])?\s*+@\s*+([^\s;]+)", re.ASCII)
_PINNED = re.compile(r"([A-Za-z0-9][\w.-]*+)\s*+(?:\[[^\]]*\])?\s*+={2,3}\s*+([^\s;,]+)", re.ASCII)
_HASH = re.compile(r"--hash[\s=]*+[\"']?([\w-]{1,20}):([^\s\"']+)")
_FETCHED = re.compile(r"(?:[a-z+]+:|\.{0,2}/|~)", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<![a-z])[a-z]+://[^\s\"',;]+", re.IGNORECASE)


def requirements(data: bytes, found: Collector) -> None:
    """Read a requirements or constraints file of pip."""
    joined = re.sub(r"\\\r?\n", " ", decode(data).removeprefix("\ufeff"))
    for raw in lines(joined):
        line = re.sub(r"(?:^|\s)#.*", "", raw).strip()
        if line.startswith("-"):
            _option(line, found)
        elif direct := _DIRECT.match(line):
            found.url(direct[1], direct[2])
        elif _FETCHED.match(line):
            found.url("a package without a name", line.split()[0])
        elif pinned := _PINNED.match(line):
            found.pin(_normal(pinned[1]), pinned[2], "*", *_HASH.findall(line))


def _option(line: str, found: Collector) -> None:
    for trusted in _TRUSTED.findall(line):
        found.host(f"http://{trusted}")
    if editable := _EDITABLE.match(line):
        found.url("an editable package", editable[1])
        return
    for address in _OPTION.findall(line):
        found.host(address)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def settings(data: bytes, found: Collector) -> None:
    """Read lines of settings, of pip or npm: every address outside comments is one of a host."""
    for raw in lines(decode(data)):
        line = _COMMENT.sub("", raw)
        for trusted in _TRUSTED.findall(line):
            found.host(f"http://{trusted}")
        for address in _ADDRESS.findall(line):
            found.host(address)


def manifest(data: bytes, found: Collector) -> None:
    """Read a `pyproject.toml`: what is depended on, and where the tools look for it."""
    document = toml.load(data)
    tools = table(document, "tool")
    project = table(document, "project")
    take_tables([tools.get(t) for t in ("uv", "poetry", "pdm", "hatch", "rye")], found)
    wanted = [
        project.get("dependencies"), project.get("optional-dependencies"),
        document.get("dependency-groups"), table(document, "build-system").get("requires"), tools,
    ]  # fmt: skip
    for requirement in _texts(wanted):
        if (direct := _DIRECT.match(requirement)) and _FETCHED.match(direct[2]):
            found.url(direct[1], direct[2])


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def lock(data: bytes, found: Collector) -> None:
    """Read a `uv.lock`, `poetry.lock`, `pdm.lock` or `pylock.toml`."""
    document = toml.load(data)
    elsewhere = table(table(document, "metadata"), "files")
    for package in [*tables(document, "package"), *tables(document, "packages")]:
        name, version = _normal(text(package, "name")), text(package, "version")
        source = package.get("source", {})
        _origin(name, as_table(source, "source"), package, found)
        for file in _files(package, elsewhere):
            _file(name, version, file, found)


def _origin(
    name: str, source: Mapping[str, Any], package: Mapping[str, Any], found: Collector
) -> None:
    vcs, archive, kind = table(package, "vcs"), table(package, "archive"), text(source, "type")
    for index in (text(source, "registry"), text(package, "index")):
        found.host(index)
    for repository in (
        text(source, "git"),
        text(package, "git"),
        text(vcs, "url"),
        text(vcs, "path"),
    ):
        if repository:
            found.git(repository)
    url = text(source, "url")
    if url:
        take = {"legacy": found.host, "git": found.git}.get(kind)
        take(url) if take else found.url(name, url)
    for own in (text(archive, "url"), text(archive, "path"), text(package, "url")):
        if own:
            found.url(name, own)
    for place in (source, table(package, "directory"), package):
        for key in ("path", "editable", "directory", "virtual"):
            if isinstance(value := place.get(key), str):
                found.path(value)


def _files(package: Mapping[str, Any], elsewhere: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from (table(package, "sdist"), *tables(package, "wheels"), table(package, "archive"))
    yield from (*tables(package, "files"), *tables(elsewhere, text(package, "name")))


def _file(name: str, version: str, file: Mapping[str, Any], found: Collector) -> None:
    url = text(file, "url")
    if url and is_web(url) and not is_git(url):
        found.host(url)
    path = url or text(file, "path") or text(file, "file")
    own = text(file, "name") or re.split("[?#]", path, maxsplit=1)[0].rpartition("/")[2]
    algorithm, _, digest = text(file, "hash").partition(":")
    digests = [(algorithm, digest)] if digest else []
    digests += [(a, str(d)) for a, d in table(file, "hashes").items()]
    if own:
        found.pin(name, version, own, *digests)


def pipfile_lock(data: bytes, found: Collector) -> None:
    """Read a `Pipfile.lock`."""
    document = as_table(json.load(data, rule=RULE, limit=LIMIT), "the file")
    for source in tables(table(document, "_meta"), "sources"):
        found.host(text(source, "url"))
    for section in ("default", "develop"):
        for name, item in table(document, section).items():
            entry = as_table(item, name)
            if "git" in entry:
                found.git(text(entry, "git"))
            for key in ("file", "path"):
                if key in entry:
                    found.url(name, text(entry, key))
            hashes = entry.get("hashes", [])
            pairs = [str(h).partition(":")[::2] for h in hashes] if isinstance(hashes, list) else []
            found.pin(_normal(name), text(entry, "version").lstrip("="), "*", *pairs)
