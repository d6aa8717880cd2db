"""A team's own SBOM: what the schema refuses, what it lets through, and the components it must name.

The library's own strict validator is the oracle for the schema.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.checks import sbom as check
from lanectl.formats import sbom
from lanectl.formats.sbom_document import components_of, difference
from lanectl.model.content import Content
from lanectl.model.names import ObjectId, RepositoryId
from lanectl.model.report import MalformedError
from lanectl.model.sbom import Component

ORACLE = JsonStrictValidator(SchemaVersion.V1_5)
REPOSITORY, TREE = RepositoryId("git.example/team/shop"), ObjectId("1" * 40)
DIGEST = "ab" * 32
LOCK = {b"requirements.txt": f"shelf==1.0 --hash=sha256:{DIGEST}\nbook==2\n".encode()}
SHELF, BOOK = "pkg:pypi/shelf@1.0", "pkg:pypi/book@2"


def own(**more: Any) -> dict[str, Any]:
    """Return a document as another tool writes it, right in all that counts."""
    shelf = {"type": "library", "bom-ref": "s", "name": "shelf", "version": "1.0", "purl": SHELF,
             "hashes": [{"alg": "SHA-256", "content": DIGEST.upper()}]}  # fmt: skip
    book = {"type": "library", "bom-ref": "b", "name": "book", "version": "2", "purl": BOOK}
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 7,
        "metadata": {"timestamp": "2026-01-01T00:00:00Z", "authors": [{"name": "A. Team"}]},
        "components": [shelf, book],
        "dependencies": [{"ref": "s", "dependsOn": ["b"]}],
        **more,
    }  # fmt: skip


def broken(document: Any, lockfiles: Any = None) -> list[str]:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    content = Content(
        lockfiles=LOCK if lockfiles is None else lockfiles, members={"sbom.cdx.json": data},
        repository=REPOSITORY, result_tree=TREE,
    )  # fmt: skip
    return [fault.rule.removeprefix("sbom/") for fault in check.check_own(content)]


def put(*path: str | int, value: Any) -> dict[str, Any]:
    whole = own()
    node: Any = whole
    for key in path[:-1]:
        node = node[key]
    if value is ...:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return whole


# good ones ----------------------------------------------------------------------------------------


def test_a_teams_own_is_taken_with_all_that_it_says_more() -> None:
    assert broken(own()) == []
    rich = own(
        services=[{"name": "api", "endpoints": ["https://api.example"]}],
        annotations=[], properties=[{"name": "a", "value": "b"}],
        compositions=[{"aggregate": "complete", "assemblies": ["s", "b"]}],
    )  # fmt: skip
    rich["components"][0]["licenses"] = [{"license": {"id": "MIT", "text": {"content": "a\nb\tc"}}}]
    rich["components"][0]["externalReferences"] = [{"type": "vcs", "url": "https://x.example/é"}]
    assert ORACLE.validate_str(json.dumps(rich)) is None
    assert broken(rich) == []


def test_components_may_lie_inside_others_and_have_a_scope() -> None:
    inside = own()
    inside["components"][0]["components"] = [inside["components"].pop()]
    assert broken(inside) == []
    lock = {
        b"package-lock.json": b'{"packages": {"node_modules/@a/b": {"version": "1.0.0"}}, "lockfileVersion": 3}'
    }
    scoped = {
        "type": "library",
        "group": "@a",
        "name": "b",
        "version": "1.0.0",
        "purl": "pkg:npm/%40a/b@1.0.0",
    }
    assert broken(own(components=[scoped], dependencies=[]), lock) == []


def test_what_lanectl_writes_is_good() -> None:
    built = sbom.build(repository=REPOSITORY, result_tree=TREE, lockfiles=[*LOCK.items()])
    assert broken(built.document) == []
    other_tree = sbom.build(
        repository=REPOSITORY, result_tree=ObjectId("2" * 40), lockfiles=[*LOCK.items()]
    )
    assert broken(other_tree.document) == []


# components ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "what"),
    [
        (own(components=[], dependencies=[]), f"missing: {BOOK}, {SHELF}"),
        (put("components", 1, "purl", value=...), "missing: pkg:pypi/book@2"),
        (put("components", 0, "hashes", value=...), f"changed: {SHELF} (other hashes)"),
        (put("components", 0, "hashes", 0, "content", value="00" * 32), f"changed: {SHELF} (other hashes)"),
        (own(components=[*own()["components"], {"type": "file", "name": "x"}]), "too many: x without a purl"),
    ],
)  # fmt: skip
def test_other_components_than_the_lockfiles_are_blocked(document: Any, what: str) -> None:
    content = Content(
        lockfiles=LOCK, members={"sbom.cdx.json": json.dumps(document).encode()},
        repository=REPOSITORY, result_tree=TREE,
    )  # fmt: skip
    (found,) = check.check_own(content)
    assert (found.rule, found.got) == ("sbom/components", what)


def test_many_differences_are_one_line() -> None:
    given = [Component(f"p{n}", "1", f"pkg:pypi/p{n}@1") for n in range(50)]
    assert difference(given, ()) == (
        "too many: pkg:pypi/p0@1, pkg:pypi/p10@1, pkg:pypi/p11@1 and 47 more",
    )
    assert difference([given[0], given[0]], [given[0]]) == ("too many: pkg:pypi/p0@1",)
    assert difference(given, given[::-1]) == ()


def test_without_a_result_tree_only_the_document_is_judged() -> None:
    content = Content(
        members={"sbom.cdx.json": json.dumps(own(components=[], dependencies=[])).encode()}
    )
    assert list(check.check_own(content)) == []
    assert list(check.check_own(Content())) == []


# what is malformed --------------------------------------------------------------------------------

BY_SCHEMA = {
    "no type": put("components", 0, "type", value=...),
    "odd type": put("components", 0, "type", value="virus"),
    "unknown field": own(more=1),
    "odd time": put("metadata", "timestamp", value="yesterday"),
    "odd hash": put("components", 0, "hashes", 0, "content", value="zz"),
    "odd algorithm": put("components", 0, "hashes", 0, "alg", value="ROT13"),
    "same component twice": own(components=[own()["components"][0]] * 2),
    "serial number": own(serialNumber="urn:uuid:1"),
    "components as an object": own(components={}),
    "a name of a number": put("components", 0, "name", value=1),
    "odd licence": put("components", 0, "licenses", value=[{"license": {"id": "MINE"}}]),
    "empty reference": put("components", 0, "bom-ref", value=""),
}
LET_THROUGH = {
    "another version": own(specVersion="1.6"),
    "a version that is none": own(specVersion="9.9"),
    "dangling dependsOn": own(dependencies=[{"ref": "s", "dependsOn": ["ghost"]}]),
    "dangling ref": own(dependencies=[{"ref": "ghost"}]),
    "dangling composition": own(compositions=[{"aggregate": "complete", "assemblies": ["ghost"]}]),
    "a reference twice": put("components", 1, "bom-ref", value="s"),
    "two edges of one component": own(dependencies=[{"ref": "s"}, {"ref": "s", "dependsOn": ["b"]}]),
    "another name than the purl's": put("components", 0, "name", value="other"),
    "another version than the purl's": put("components", 0, "version", value="2.0"),
    "no purl at all": put("components", 0, "purl", value="shelf"),
    "an escape in a name": put("components", 0, "name", value="\x1b[31mshelf"),
    "a hidden character": put("components", 0, "publisher", value="a\u202eb"),
    "an escape in a text": put("components", 0, "description", value="\x1b[2J"),
    "a script as an address": put(
        "components", 0, "externalReferences", value=[{"type": "website", "url": "javascript:alert(1)"}]
    ),
    "a script with blanks": put(
        "components", 0, "externalReferences", value=[{"type": "website", "url": " JavaScript:alert(1)"}]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_SCHEMA)
def test_what_the_schema_refuses_is_refused(name: str) -> None:
    assert ORACLE.validate_str(json.dumps(BY_SCHEMA[name])) is not None
    assert broken(BY_SCHEMA[name]) == ["malformed"]


@pytest.mark.parametrize("name", LET_THROUGH)
def test_what_the_schema_lets_through_is_refused_too(name: str) -> None:
    assert broken(LET_THROUGH[name]) == ["malformed"]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"<bom/>", b"[]", b"null", b'"x"', b"\xff", b"\xef\xbb\xbf{}", b"[" * 100_000,
        b'{"bomFormat":"CycloneDX","specVersion":"1.5","specVersion":"1.5"}',
        b'{"bomFormat":"CycloneDX","specVersion":"1.5","version":NaN}',
        b'{"bomFormat":"CycloneDX","specVersion":"1.5","components":[' + b'{"components":[' * 40 + b"]}" * 40 + b"]}",
    ],
)  # fmt: skip
def test_what_is_no_document_is_refused(data: bytes) -> None:
    assert broken(data) == ["malformed"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["s", "b", "library", "ghost", SHELF, "1.5"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["type", "name", "version", "bom-ref", "purl", "components", "ref", "dependsOn", "hashes",
                         "alg", "content", "component", "assemblies", "url", "group"]), inner, max_size=4
    ),
    max_leaves=10,
)  # fmt: skip
PLACES = st.sampled_from(
    ["components", "dependencies", "metadata", "compositions", "serialNumber", "services"]
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(PLACES, VALUES, max_size=3))
def test_the_oracle_agrees_wherever_this_accepts(changes: dict[str, Any]) -> None:
    document = own(**changes)
    try:
        components_of(json.dumps(document).encode())
    except MalformedError:
        return
    assert ORACLE.validate_str(json.dumps(document)) is None


@pytest.mark.e2e
def test_ten_thousand_components_take_no_time() -> None:
    many = [
        {"type": "library", "bom-ref": f"r{n}", "name": f"p{n}", "version": "1", "purl": f"pkg:pypi/p{n}@1"}
        for n in range(10_000)
    ]  # fmt: skip
    document = own(components=many, dependencies=[{"ref": f"r{n}"} for n in range(10_000)])
    lock = {b"requirements.txt": "".join(f"p{n}==1\n" for n in range(10_000)).encode()}
    began = time.process_time()
    assert broken(document, lock) == []
    assert time.process_time() - began < 6


def test_the_schema_is_loaded_only_for_what_another_tool_wrote() -> None:
    code = (
        "import sys, lanectl.formats.sbom_document as d, lanectl.formats.sbom as s\n"
        "from lanectl.model.names import ObjectId, RepositoryId\n"
        "b = s.build(repository=RepositoryId('h/x'), result_tree=ObjectId('1' * 40), lockfiles=[])\n"
        "d.components_of(b.document)\nprint('jsonschema_rs' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "False\n"
