"""`sbom.cdx.json`: the components of the result tree in CycloneDX 1.5, built and strictly checked."""

from __future__ import annotations

import json as plain_json
import re
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote

from msgspec import Struct

from lanectl.formats import json
from lanectl.formats.lockfiles import read_lockfile
from lanectl.model.display import display_path
from lanectl.model.report import Fault, MalformedError
from lanectl.model.sbom import DIGITS, merge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lanectl.model.names import ObjectId, RepositoryId
    from lanectl.model.sbom import Component, Lockfile

_RULE = "sbom/malformed"
_LIMIT = 64 << 20
_MOST = 100_000
"""Components of all lockfiles together; those that come after them by path are not read."""
_LINES = 10
"""How many lines count as one: they take time, too."""
_ROOT = "root"
_SERIAL = re.compile(
    r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII
)
_PURL = re.compile(r"pkg:[a-z]+/([^@?#]+)@?([^@?#]*)(?:\?[^#]*)?\Z")

_CONSTANTS = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1}
# Without lanectl's version: two versions that read the same must write the same.
_TOOLS = {"components": [{"type": "application", "name": "lanectl"}]}
_DOCUMENT = {
    *_CONSTANTS, "components", "compositions", "dependencies", "metadata", "serialNumber",
}  # fmt: skip


class Sbom(Struct, frozen=True):
    """The document's bytes, how many components it names, and what the lockfiles leave open.

    `complete` speaks of the lockfiles that were read: there was one, and none has a gap. `gaps`
    are `path: why`, safe to show.
    """

    document: bytes
    components: int
    complete: bool
    gaps: tuple[str, ...]


def build(
    *,
    repository: RepositoryId,
    result_tree: ObjectId,
    lockfiles: Sequence[tuple[bytes, bytes | None]],
) -> Sbom:
    """Return the SBOM of a tree from its lockfiles, given as (path, content) in any order.

    A lockfile that cannot be read (content None: it is too large) is a gap, not an error: trees
    hold broken ones on purpose, as fixtures of tests. The same tree of the same repository gives
    the same bytes. Raises ValueError for a path that is no lockfile's.
    """
    read = [*_read(lockfiles)]
    components = merge(c for _, lockfile in read for c in lockfile.components)
    document = {
        **_CONSTANTS,
        "serialNumber": _serial_number(repository, result_tree),
        "metadata": {"tools": _TOOLS, "component": _root(repository, result_tree, read)},
        "components": [_entry(c) for c in components],
        # Flat: lockfiles of different tools tell different halves of the graph. What a component
        # itself depends on is left out, which CycloneDX has mean "unknown", not "nothing".
        "dependencies": [{"ref": _ROOT, "dependsOn": [c.purl for c in components]}],
        "compositions": [_composition(read)],
    }
    text = plain_json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    complete = bool(read) and all(lockfile.complete for _, lockfile in read)
    gaps = tuple(f"{path}: {gap}" for path, lockfile in read for gap in lockfile.gaps)
    return Sbom(f"{text}\n".encode(), len(components), complete, gaps)


def _read(lockfiles: Sequence[tuple[bytes, bytes | None]]) -> Iterator[tuple[str, Lockfile]]:
    """Yield each lockfile by its path, as far as the time for them goes."""
    left = _MOST
    for path, data in sorted(lockfiles, key=lambda pair: pair[0]):
        found = read_lockfile(path, data if left > 0 else None)
        left -= len(found.components) + (data or b"").count(b"\n") // _LINES
        yield display_path(path), found


def _serial_number(repository: RepositoryId, result_tree: ObjectId) -> str:
    import uuid

    return uuid.uuid5(uuid.NAMESPACE_URL, f"{repository}@{result_tree}").urn


def _root(
    repository: RepositoryId, result_tree: ObjectId, read: Iterable[tuple[str, Lockfile]]
) -> dict[str, Any]:
    properties = [
        {"name": name, "value": value}
        for path, lockfile in read
        for name, value in (
            ("lanectl:lockfile", path),
            *(("lanectl:gap", f"{path}: {gap}") for gap in lockfile.gaps),
        )
    ]
    return {
        "type": "application",
        "bom-ref": _ROOT,
        "name": str(repository),
        "version": str(result_tree),
        "properties": properties,
    }


def _entry(component: Component) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": "library",
        "bom-ref": component.purl,
        "name": component.name,
        "purl": component.purl,
    }
    if component.version:
        entry["version"] = component.version
    if component.hashes:
        entry["hashes"] = [{"alg": name, "content": text} for name, text in component.hashes]
    return entry


def _composition(read: Sequence[tuple[str, Lockfile]]) -> dict[str, Any]:
    """Return "incomplete" where a gap is known and "unknown" otherwise, never "complete".

    The tree may hold lockfiles of tools that lanectl does not read, and vendored code.
    """
    known_gap = any(not lockfile.complete for _, lockfile in read)
    aggregate = "incomplete" if known_gap else "unknown"
    return {"aggregate": aggregate, "assemblies": [_ROOT], "dependencies": [_ROOT]}


def check_document(data: bytes | memoryview) -> int:
    """Return the number of components of an SBOM that `build` could have written.

    Raises MalformedError `sbom/malformed`: not strict JSON, another format or version, a member
    that lanectl does not write (components nested in components would go uncounted), a component
    whose purl says another name or version, one reference twice, references to nothing.
    """
    return check_value(json.load(data, rule=_RULE, limit=_LIMIT))


def check_value(value: Any) -> int:
    """Do the same with a document that has been read strictly."""
    document = _object(value, "the document", _DOCUMENT)
    for key, expected in _CONSTANTS.items():
        _one_of(document, key, "the document", (expected,))
    if not _SERIAL.fullmatch(_text(document, "serialNumber", "the document")):
        _refuse("serialNumber", document["serialNumber"], "urn:uuid:…")
    _check_metadata(_object(document["metadata"], "metadata", {"component", "tools"}))
    components = _list(document["components"], "components")
    references = [
        _ROOT,
        *(_check_component(c, f"components[{n}]") for n, c in enumerate(components)),
    ]
    known = _unique(references, "components")
    where = "dependencies"
    edges = [_object(e, where, {"dependsOn", "ref"}) for e in _list(document[where], where)]
    _check_known([edge["ref"] for edge in edges], known, where)
    for edge in edges:
        _check_known(edge["dependsOn"], known, where)
    _check_composition(document["compositions"], known)
    return len(components)


def _check_composition(value: Any, known: set[str]) -> None:
    where = "compositions"
    if len(_list(value, where)) != 1:
        _refuse(where, f"{len(value)} items", "one item")
    composition = _object(value[0], where, {"aggregate", "assemblies", "dependencies"})
    _one_of(composition, "aggregate", where, ("incomplete", "unknown"))
    _check_known(composition["assemblies"], known, where)
    _check_known(composition["dependencies"], known, where)


def _check_metadata(metadata: dict[str, Any]) -> None:
    if metadata["tools"] != _TOOLS:
        _refuse("metadata.tools", "something else", "lanectl")
    where = "metadata.component"
    fields = {"bom-ref", "name", "properties", "type", "version"}
    root = _object(metadata["component"], where, fields)
    _one_of(root, "bom-ref", where, (_ROOT,))
    _one_of(root, "type", where, ("application",))
    _text(root, "name", where)
    _text(root, "version", where)
    for item in _list(root["properties"], f"{where}.properties"):
        entry = _object(item, f"{where}.properties", {"name", "value"})
        _text(entry, "name", f"{where}.properties")
        _text(entry, "value", f"{where}.properties")


def _check_component(item: Any, where: str) -> str:
    """Return a component's purl once the rest says the same name and version as it does."""
    component = _object(item, where, {"bom-ref", "name", "purl", "type"}, "hashes", "version")
    purl = _text(component, "purl", where)
    match = _PURL.match(purl)
    if match is None or not unquote(purl).isprintable():
        _refuse(f"{where}.purl", purl, "a purl in printable text")
    _one_of(component, "type", where, ("library",))
    _one_of(component, "bom-ref", where, (purl,))
    _one_of(component, "name", where, (unquote(match[1]),))
    _one_of({"version": "", **component}, "version", where, (unquote(match[2]),))
    for found in _list(component.get("hashes", []), where):
        _check_hash(_object(found, f"{where}.hashes", {"alg", "content"}), f"{where}.hashes")
    return purl


def _check_hash(entry: dict[str, Any], where: str) -> None:
    _one_of(entry, "alg", where, tuple(DIGITS))
    digits = DIGITS[entry["alg"]]
    if not re.fullmatch(f"[0-9a-f]{{{digits}}}", _text(entry, "content", where)):
        _refuse(f"{where}.content", entry["content"], f"{digits} hex digits")


def _check_known(references: Any, known: set[str], where: str) -> None:
    for reference in _list(references, where):
        if not isinstance(reference, str) or reference not in known:
            _refuse(where, str(reference), "the bom-ref of a component")
    _unique(references, where)


def _unique(references: list[str], where: str) -> set[str]:
    seen: set[str] = set()
    for reference in references:
        if reference in seen:
            _refuse(where, f"{reference} twice", "once")
        seen.add(reference)
    return seen


def _object(value: Any, where: str, required: set[str], *optional: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(where, type(value).__name__, "an object")
    if not required <= value.keys() <= required.union(optional):
        _refuse(where, ", ".join(value), f"exactly {', '.join(sorted(required))}")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        _refuse(where, type(value).__name__, "a list")
    return value


def _text(value: dict[str, Any], key: str, where: str) -> str:
    item = value[key]
    if not isinstance(item, str):
        _refuse(f"{where}.{key}", type(item).__name__, "a text")
    return item


def _one_of(value: dict[str, Any], key: str, where: str, expected: tuple[Any, ...]) -> None:
    if not any(type(value[key]) is type(e) and value[key] == e for e in expected):
        _refuse(f"{where}.{key}", str(value[key]), " or ".join(map(str, expected)) or "none")


def _refuse(where: str, got: str, expected: str) -> NoReturn:
    raise MalformedError(Fault(_RULE, where=where, got=got[:200], expected=expected[:200]))
