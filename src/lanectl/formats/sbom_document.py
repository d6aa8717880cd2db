"""Any SBOM in CycloneDX 1.5, a team's own too: valid by the schema, and by what the schema lets through.

Its components must be those of the lockfiles; what else it says of them (licences, the graph, who
made it) is the team's, and not judged.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote

from lanectl.formats import json, sbom
from lanectl.model.display import display
from lanectl.model.report import Fault, MalformedError
from lanectl.model.sbom import Component

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

RULE = "sbom/malformed"
LIMIT = 64 << 20
_SCHEMAS = ("bom-1.5", "spdx", "jsf-0.82")
_BASE = "http://cyclonedx.org/schema/"
_PURL = re.compile(r"pkg:[a-z][a-z0-9.+-]*/([^@?#]+)@?([^@?#]*)(?:\?[^#]*)?(?:#.*)?\Z", re.DOTALL)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_SCHEMES = frozenset({"http", "https", "mailto", "git", "ssh", "ftp", "urn", "pkg"})
_NAMES = frozenset({"name", "version", "group", "purl", "bom-ref", "ref", "cpe", "publisher"})
_ADDRESSES = frozenset({"url", "uri"})
_HIDDEN = frozenset({"Cc", "Cf", "Zl", "Zp"})


def components_of(data: bytes | memoryview) -> tuple[Component, ...]:
    """Return the components of an SBOM, those below others too.

    Raises MalformedError `sbom/malformed` for a document that lanectl could not have written and
    that is not valid either. The schema is loaded only for what lanectl did not write.
    """
    document = json.load(data, rule=RULE, limit=LIMIT)
    try:
        sbom.check_value(document)
    except MalformedError:
        _check(document)
    return tuple(map(_component, _nested(document)))


def _check(document: Any) -> None:
    if not isinstance(document, dict):
        _refuse("the document", type(document).__name__, "an object")
    for key, wanted in (("bomFormat", "CycloneDX"), ("specVersion", "1.5")):
        if document.get(key) != wanted:
            _refuse(f"the document.{key}", str(document.get(key)), wanted)
    for error in _schema().iter_errors(document):
        where = ".".join(map(str, error.instance_path)) or "the document"
        _refuse(where, error.message, "CycloneDX 1.5")
    _check_texts(document)
    _check_references(document)
    for component in _nested(document):
        _check_purl(component)


@functools.cache
def _schema() -> Any:
    """Compile the schema that comes with cyclonedx-python-lib; it is data, none of its code runs."""
    import json as plain_json
    import pkgutil

    import jsonschema_rs

    names = [f"{name}.SNAPSHOT.schema.json" for name in _SCHEMAS]
    found = [pkgutil.get_data("cyclonedx.schema._res", name) for name in names]
    schemas = [plain_json.loads(data or b"") for data in found]
    resources = [(_BASE + name, schema) for name, schema in zip(names, schemas, strict=True)]
    registry = jsonschema_rs.Registry(resources)
    return jsonschema_rs.validator_for(schemas[0], registry=registry, validate_formats=True)


def _check_texts(document: Any) -> None:
    """Refuse what could deceive a reader: escapes, hidden characters in names, odd addresses."""
    for key, text in _texts(document):
        hidden = {c for c in text if unicodedata.category(c) in _HIDDEN}
        if hidden - ({"\n", "\r", "\t"} if key not in _NAMES else set()):
            _refuse(key, display(text, limit=80), "printable text")
        scheme = _SCHEME.match(text.strip()) if key in _ADDRESSES else None
        if scheme and scheme[1].lower() not in _SCHEMES:
            _refuse(key, text, "an address of " + ", ".join(sorted(_SCHEMES)))


def _texts(document: Any) -> Iterator[tuple[str, str]]:
    waiting: list[tuple[str, Any]] = [("the document", document)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, dict):
            waiting += [*value.items(), *(("a key", k) for k in value)]
        elif isinstance(value, list):
            waiting += [(key, item) for item in value]


def _check_references(document: Any) -> None:
    known: set[str] = set()
    for key, text in _texts(document):
        if key == "bom-ref" and text in known:
            _refuse("bom-ref", f"{text} twice", "once")
        if key == "bom-ref":
            known.add(text)
    own = document.get("serialNumber", "")
    said: set[str] = set()
    for edge in document.get("dependencies", ()):
        if edge["ref"] in said:
            _refuse("dependencies", f"{edge['ref']} twice", "once")
        said.add(edge["ref"])
        _check_known([edge["ref"], *edge.get("dependsOn", ())], known, own, "dependencies")
    for item in document.get("compositions", ()):
        named = [*item.get("assemblies", ()), *item.get("dependencies", ())]
        _check_known(named, known, own, "compositions")


def _check_known(references: Iterable[str], known: set[str], own: str, where: str) -> None:
    for reference in references:
        if reference not in known and not (own and reference == own):
            _refuse(where, reference, "the bom-ref of a component")


def _nested(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield every component but the one that the document is about."""
    root = document.get("metadata", {}).get("component", {})
    waiting = [*document.get("components", ()), *root.get("components", ())]
    while waiting:
        component = waiting.pop()
        yield component
        waiting += component.get("components", ())


def _check_purl(component: Mapping[str, Any]) -> None:
    purl = component.get("purl", "")
    match = _PURL.match(purl) if purl else None
    if purl and match is None:
        _refuse("components.purl", purl, "a purl")
    if match and (unquote(match[1]), unquote(match[2])) != (
        _name(component),
        component.get("version", ""),
    ):
        _refuse(
            "components.purl", purl, f"{_name(component)} {component.get('version', '')}".strip()
        )


def _name(component: Mapping[str, Any]) -> str:
    group = component.get("group", "")
    return f"{group}/{component['name']}" if group else str(component["name"])


def _component(entry: Mapping[str, Any]) -> Component:
    hashes = {(h["alg"], h["content"].lower()) for h in entry.get("hashes", ())}
    return Component(
        _name(entry), entry.get("version", ""), entry.get("purl", ""), tuple(sorted(hashes))
    )


def difference(given: Iterable[Component], wanted: Iterable[Component]) -> tuple[str, ...]:
    """Return how two lists of components differ, as lines that are safe to show; nothing: not at all."""
    ours = {c.purl: c for c in wanted}
    seen: set[str] = set()
    extra, changed = [], []
    for component in given:
        purl = component.purl
        if purl not in ours or purl in seen:
            extra.append(purl or f"{_label(component)} without a purl")
        elif component != ours[purl]:
            what = "hashes" if component.hashes != ours[purl].hashes else "name or version"
            changed.append(f"{purl} (other {what})")
        seen.add(purl)
    missing = sorted(ours.keys() - seen)
    found = (("missing", missing), ("too many", sorted(extra)), ("changed", sorted(changed)))
    return tuple(f"{word}: {_listed(items)}" for word, items in found if items)


def _label(component: Component) -> str:
    return f"{component.name} {component.version}".strip()


def _listed(items: list[str]) -> str:
    shown = ", ".join(display(item, limit=120) for item in items[:3])
    return f"{shown} and {len(items) - 3} more" if len(items) > 3 else shown


def _refuse(where: str, got: str, expected: str) -> NoReturn:
    raise MalformedError(Fault(RULE, where=where[:200], got=got[:200], expected=expected[:200]))
