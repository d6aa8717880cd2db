"""Where the packages of npm, Yarn and pnpm come from: manifests, lockfiles and settings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from lanectl.formats import json
from lanectl.formats.lockfiles.fields import LIMIT, RULE, as_table, decode, lines, table, text
from lanectl.formats.sources.collector import host_of, is_git, is_web

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lanectl.formats.sources.collector import Collector

_RUN_BY_INSTALL = (
    "preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare",
    "dependencies", "pnpm:devPreinstall",
)  # fmt: skip
_DEPENDENCIES = (
    "dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "overrides",
    "resolutions",
)  # fmt: skip
_INSTALLED = re.compile(r"(?:.*/)?node_modules/((?:@[^/]+/)?[^/]+)", re.DOTALL)
_PATH = re.compile(r"(?:file|link|portal):|\.{0,2}/|~/", re.IGNORECASE)
_SHORTHAND = re.compile(r"[^@/:\s]+/[^/:\s]+")
_YARN_FIELD = re.compile(r"  +(version|resolved|integrity|resolution|checksum):? +\"?([^\"\s]+)")
_ARCHIVE = "::__archiveUrl="


def manifest(data: bytes, found: Collector) -> None:
    """Read a `package.json`."""
    document = as_table(json.load(data, rule=RULE, limit=LIMIT), "the file")
    scripts = document.get("scripts", {})
    for event in _RUN_BY_INSTALL if isinstance(scripts, dict) else ():
        if event in scripts:
            found.script(event, str(scripts[event]))
    pnpm = document.get("pnpm")
    settings = pnpm if isinstance(pnpm, dict) else {}
    for name, spec in _specs(
        [*(document.get(k) for k in _DEPENDENCIES), settings.get("overrides")]
    ):
        _spec(name, spec, found)
    for names in (document.get("trustedDependencies"), settings.get("onlyBuiltDependencies")):
        for name in names if isinstance(names, list) else ():
            found.builder(str(name))


def _specs(values: list[Any]) -> Iterator[tuple[str, str]]:
    waiting: list[tuple[str, Any]] = [("", value) for value in values]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.items()
        elif isinstance(value, str):
            yield name, value


def _spec(name: str, spec: str, found: Collector) -> None:
    if _PATH.match(spec):
        found.path(spec)
    elif is_git(spec) or _SHORTHAND.fullmatch(spec.partition("#")[0]):
        found.git(spec)
    elif spec.startswith("exec:"):  # Yarn makes the package by running it
        found.script(name, spec)
    elif is_web(spec):
        found.url(name, spec)


def lock(data: bytes, found: Collector) -> None:
    """Read a `package-lock.json` or `npm-shrinkwrap.json`, both of its sections."""
    document = as_table(json.load(data, rule=RULE, limit=LIMIT), "the file")
    for path, item in table(document, "packages").items():
        entry = as_table(item, path)
        match = _INSTALLED.fullmatch(path)
        name = text(entry, "name") or (match[1] if match else path)
        if match is None and path:
            found.path(path)
        if path:
            _entry(name, entry, found)
    waiting = [document]
    while waiting:
        for name, item in table(waiting.pop(), "dependencies").items():
            entry = as_table(item, name)
            waiting.append(entry)
            _entry(name, entry, found)


def _entry(name: str, entry: Mapping[str, Any], found: Collector) -> None:
    version, resolved = text(entry, "version"), text(entry, "resolved")
    if entry.get("hasInstallScript"):
        found.builder(name)
    if entry.get("link") is True:
        found.path(resolved)
        return
    if version.startswith("npm:"):
        name, _, version = version.removeprefix("npm:").rpartition("@")
    if ":" in version:  # lockfile version 1 has the address here
        _spec(name, version, found)
    _fetched(name, version, resolved, found)
    if resolved or "integrity" in entry:
        found.pin(name, version, "", *_integrity(text(entry, "integrity")))


def _fetched(name: str, version: str, resolved: str, found: Collector) -> None:
    """Take an address; one that is not what every registry has for this very package is its own."""
    if not is_web(resolved) or is_git(resolved):
        _spec(name, resolved, found)
        return
    found.host(resolved)
    way = unquote(re.split("[?#]", resolved, maxsplit=1)[0])
    if not way.endswith(f"/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"):
        found.url("archives", host_of(resolved) + "/")


def _integrity(metadata: str) -> Iterator[tuple[str, str]]:
    for item in metadata.split():
        algorithm, _, digest = item.partition("?")[0].partition("-")
        yield algorithm, digest


def yarn(data: bytes, found: Collector) -> None:
    """Read a `yarn.lock` of Yarn 1 or later, line by line as both write it."""
    head, entry = "", {"version": ""}
    for line in (*lines(decode(data)), "end:"):
        if line.startswith(("#", " ")) or not line:
            if field := _YARN_FIELD.match(line):
                entry[field[1]] = field[2]
            continue
        _yarn_entry(head, entry, found)
        head, entry = line.split(",")[0].strip('": '), {"version": ""}


def _yarn_entry(head: str, entry: Mapping[str, str], found: Collector) -> None:
    name, _, spec = head[1:].partition("@")
    name, version = head[:1] + name, entry["version"]
    if spec.startswith("npm:") and "@" in spec[5:]:
        name = spec.removeprefix("npm:")
        name = name[:1] + name[1:].partition("@")[0]
    if "resolved" in entry:
        _fetched(name, version, entry["resolved"], found)
        found.pin(name, version, "", *_integrity(entry.get("integrity", "")))
    if "resolution" in entry:
        resolution = entry["resolution"][1:].partition("@")[2]
        if _ARCHIVE in resolution:
            found.host(unquote(resolution.partition(_ARCHIVE)[2]))
        elif not resolution.startswith(("npm:", "workspace:", "patch:")):
            _spec(name, resolution, found)
        algorithm, slash, digest = entry.get("checksum", "").rpartition("/")
        if digest:
            found.pin(name, resolution, "", (algorithm if slash else "yarn", digest))


def pnpm(data: bytes, found: Collector) -> None:
    """Read a `pnpm-lock.yaml`."""
    from lanectl.formats import yaml

    document = as_table(yaml.load(data, rule=RULE, limit=LIMIT) or {}, "the file")
    if isinstance(registry := document.get("registry"), str):
        found.host(registry)
    for key, item in (table(document, "packages") if document.get("packages") else {}).items():
        entry = as_table(item, key)
        name = key.lstrip("/").partition("(")[0]
        resolution = as_table(entry.get("resolution", {}), key)
        if entry.get("requiresBuild") == "true":
            found.builder(re.split(r"(?<=.)[@/](?=\d)", name, maxsplit=1)[0])
        for address in ("repo", "tarball"):
            value = text(resolution, address)
            if address == "repo" and value:
                found.git(value)
            elif value:
                found.host(value)
                found.url("archives", host_of(value) + "/")
        if directory := text(resolution, "directory"):
            found.path(directory)
        found.pin(name, "", "", *_integrity(text(resolution, "integrity")))
