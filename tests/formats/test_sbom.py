"""The SBOM against CycloneDX's own schema: what is built, what is refused, and that bytes repeat."""

from __future__ import annotations

import copy
import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lanectl.formats import sbom
from lanectl.formats.lockfiles import reader_for
from lanectl.model.names import ObjectId, RepositoryId
from lanectl.model.report import MalformedError

ASSETS = Path(__file__).resolve().parent.parent / "assets/lockfiles"
REAL = [
    (bytes(path.relative_to(ASSETS)), path.read_bytes())
    for path in sorted(ASSETS.rglob("*"))
    if path.is_file() and reader_for(bytes(path))
]
FUZZ = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
REPOSITORY = RepositoryId("git.example/team/shop")
TREE = ObjectId("1" * 40)
SCHEMA = JsonStrictValidator(SchemaVersion.V1_5)


def build(*lockfiles: tuple[bytes, bytes | None]) -> sbom.Sbom:
    return sbom.build(repository=REPOSITORY, result_tree=TREE, lockfiles=lockfiles)


def load(built: sbom.Sbom) -> dict[str, Any]:
    return json.loads(built.document)


def refs(document: dict[str, Any]) -> list[str]:
    return [c["bom-ref"] for c in document["components"]]


def refused(document: Any) -> tuple[str, str]:
    """Return where `check_document` found what."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(MalformedError) as caught:
        sbom.check_document(data)
    assert caught.value.fault.rule == "sbom/malformed"
    assert caught.value.fault.expected
    return caught.value.fault.where, caught.value.fault.got


# Building


@pytest.mark.parametrize("lockfile", REAL, ids=lambda f: f[0].decode())
def test_every_real_lockfile_gives_a_valid_document(lockfile: tuple[bytes, bytes]) -> None:
    built = build(lockfile)
    assert SCHEMA.validate_str(built.document.decode()) is None
    assert sbom.check_document(built.document) == built.components == len(refs(load(built))) > 0
    reader = reader_for(lockfile[0])
    assert reader is not None
    assert built.complete == reader(lockfile[1]).complete


def test_the_whole_document() -> None:
    digest = hashlib.sha256(b"").hexdigest()
    built = build((b"b/requirements.txt", f"B_b==1 --hash=sha256:{digest}\na>1".encode()))
    serial = uuid.uuid5(uuid.NAMESPACE_URL, f"git.example/team/shop@{'1' * 40}")
    assert load(built) == {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "lanectl"}]},
            "component": {
                "type": "application",
                "bom-ref": "root",
                "name": "git.example/team/shop",
                "version": "1" * 40,
                "properties": [
                    {"name": "lanectl:lockfile", "value": "b/requirements.txt"},
                    {"name": "lanectl:gap", "value": "b/requirements.txt: without a version: 1"},
                ],
            },
        },
        "components": [
            {"type": "library", "bom-ref": "pkg:pypi/a", "name": "a", "purl": "pkg:pypi/a"},
            {
                "type": "library",
                "bom-ref": "pkg:pypi/b-b@1",
                "name": "b-b",
                "version": "1",
                "purl": "pkg:pypi/b-b@1",
                "hashes": [{"alg": "SHA-256", "content": digest}],
            },
        ],
        "dependencies": [{"ref": "root", "dependsOn": ["pkg:pypi/a", "pkg:pypi/b-b@1"]}],
        "compositions": [
            {"aggregate": "incomplete", "assemblies": ["root"], "dependencies": ["root"]}
        ],
    }
    assert built.document.endswith(b"\n")
    assert b" " not in built.document.replace(b"without a version: 1", b"").replace(b": ", b"")
    assert (built.components, built.complete) == (2, False)


def test_without_a_lockfile_nothing_is_known() -> None:
    built = build()
    assert load(built)["compositions"][0]["aggregate"] == "unknown"
    assert load(built)["metadata"]["component"]["properties"] == []
    assert (built.components, built.complete) == (0, False)
    assert SCHEMA.validate_str(built.document.decode()) is None
    assert sbom.check_document(built.document) == 0


def test_even_complete_lockfiles_do_not_make_a_complete_tree() -> None:
    whole = [f for f in REAL if build(f).complete]
    assert len(whole) == 6
    built = build(*whole)
    assert built.complete
    assert load(built)["compositions"][0]["aggregate"] == "unknown"
    gap = build(*whole, (b"requirements.txt", b"-r x"))
    assert not gap.complete
    assert load(gap)["compositions"][0]["aggregate"] == "incomplete"


def test_the_same_component_of_two_lockfiles_is_merged() -> None:
    one, two = "0" * 64, "1" * 64
    built = build(
        (b"b/requirements.txt", f"A==1 --hash=sha256:{two}".encode()),
        (b"a/requirements.txt", f"a==1 --hash=sha256:{one} --hash=sha256:{two}".encode()),
    )
    (component,) = load(built)["components"]
    assert [h["content"] for h in component["hashes"]] == [one, two]
    assert built.components == 1


def test_all_lockfiles_in_any_order_give_the_same_bytes() -> None:
    built = build(*REAL)
    assert build(*reversed(REAL)) == built
    assert SCHEMA.validate_str(built.document.decode()) is None
    document = load(built)
    assert refs(document) == sorted(set(refs(document)))
    assert sbom.check_document(memoryview(built.document)) == built.components
    paths = [
        p["value"]
        for p in document["metadata"]["component"]["properties"]
        if p["name"] == "lanectl:lockfile"
    ]
    assert paths == [name.decode() for name, _ in sorted(REAL)]


def test_another_tree_or_repository_has_another_serial_number() -> None:
    trees = {ObjectId("1" * 40), ObjectId("2" * 40), ObjectId("1" * 64)}
    built = [sbom.build(repository=REPOSITORY, result_tree=t, lockfiles=[]) for t in trees]
    built.append(sbom.build(repository=RepositoryId("h/x"), result_tree=TREE, lockfiles=[]))
    assert len({load(b)["serialNumber"] for b in built}) == 4


def test_odd_paths_are_quoted() -> None:
    built = build((b'a\n\xff"/requirements.txt', b""))
    (entry,) = load(built)["metadata"]["component"]["properties"]
    assert entry["value"] == '"a\\012\\377\\"/requirements.txt"'
    assert SCHEMA.validate_str(built.document.decode()) is None


def test_what_cannot_be_read_is_a_gap_and_said() -> None:
    pinned = (b"requirements.txt", b"a==1 --hash=sha256:" + b"0" * 64)
    built = build(pinned, (b"x\n/uv.lock", b"version = 2"), (b"y/uv.lock", None))
    assert built.components == 1
    assert not built.complete
    assert built.gaps == ('"x\\012/uv.lock": malformed', "y/uv.lock: too large to be read")
    assert load(built)["compositions"][0]["aggregate"] == "incomplete"
    assert SCHEMA.validate_str(built.document.decode()) is None
    assert build(pinned).complete


def test_what_is_no_lockfile_is_not_read() -> None:
    with pytest.raises(ValueError, match="not a lockfile"):
        build((b"README.md", b""))


ODD = st.text(st.sampled_from("aZ19 ._-~!'()*@#?%&+=:/\\\"<é漢\u0301😀"), min_size=1, max_size=8)


@FUZZ
@given(st.dictionaries(ODD, st.tuples(ODD, st.sampled_from(["", "file:x", "git+ssh://a/b#c"]))))
def test_any_names_and_versions_give_a_valid_document(names: dict[str, tuple[str, str]]) -> None:
    packages = {
        f"node_modules/{name}": {"version": version, "resolved": resolved}
        for name, (version, resolved) in names.items()
    }
    try:
        built = build(
            (
                b"package-lock.json",
                json.dumps({"lockfileVersion": 3, "packages": packages}).encode(),
            )
        )
    except MalformedError:
        assume(False)
    assert SCHEMA.validate_str(built.document.decode()) is None
    assert sbom.check_document(built.document) == built.components


@pytest.mark.e2e
def test_ten_thousand_components() -> None:
    names = [f"@scope/package-{n}" if n % 3 else f"package-{n}" for n in range(10_000)]
    packages = {
        f"node_modules/{name}": {
            "version": "1.0.0",
            "resolved": f"https://packages.example/{name}/-/{name.rpartition('/')[2]}-1.0.0.tgz",
            "integrity": "sha512-" + "A" * 86 + "==",
        }
        for name in names
    }
    data = json.dumps({"lockfileVersion": 3, "packages": packages}).encode()
    built = build((b"package-lock.json", data))
    assert sbom.check_document(built.document) == 10_000


# Checking


def document() -> dict[str, Any]:
    hashed = f"a==1 --hash=sha256:{'0' * 64}\nb"
    return load(build((b"requirements.txt", hashed.encode())))


def changed(*path: str | int, value: Any) -> dict[str, Any]:
    """Return the sample with another value at a path; `...` removes what is there."""
    whole = document()
    node: Any = whole
    for key in path[:-1]:
        node = node[key]
    if value is ...:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return whole


def test_the_sample_itself_is_good() -> None:
    assert sbom.check_document(json.dumps(document()).encode()) == 2


A, ROOT = "pkg:pypi/a@1", ("metadata", "component")


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("bomFormat",), "SPDX", "the document.bomFormat"),
        (("bomFormat",), ..., "the document"),
        (("specVersion",), "1.6", "the document.specVersion"),
        (("specVersion",), 1.5, "the document.specVersion"),
        (("version",), 2, "the document.version"),
        (("version",), True, "the document.version"),
        (("version",), 1.0, "the document.version"),
        (("serialNumber",), ..., "the document"),
        (("serialNumber",), 1, "the document.serialNumber"),
        (("serialNumber",), "urn:uuid:1", "serialNumber"),
        (("serialNumber",), "urn:uuid:3E671687-395b-41f5-a30f-a58921a69b79", "serialNumber"),
        (("services",), [], "the document"),
        (("metadata",), [], "metadata"),
        (("metadata", "timestamp"), "2026-01-01T00:00:00Z", "metadata"),
        (("metadata", "tools"), [], "metadata.tools"),
        (ROOT, None, "metadata.component"),
        ((*ROOT, "bom-ref"), A, "metadata.component.bom-ref"),
        ((*ROOT, "type"), "library", "metadata.component.type"),
        ((*ROOT, "name"), 1, "metadata.component.name"),
        ((*ROOT, "version"), None, "metadata.component.version"),
        ((*ROOT, "components"), [], "metadata.component"),
        ((*ROOT, "properties"), {}, "metadata.component.properties"),
        ((*ROOT, "properties", 0), "x", "metadata.component.properties"),
        ((*ROOT, "properties", 0, "value"), 1, "metadata.component.properties.value"),
        ((*ROOT, "properties", 0, "name"), ..., "metadata.component.properties"),
        (("components",), {}, "components"),
        (("components", 0), 1, "components[0]"),
        (("components", 0, "components"), [], "components[0]"),
        (("components", 1, "purl"), ..., "components[1]"),
        (("components", 1, "purl"), 1, "components[1].purl"),
        (("components", 1, "purl"), "pypi/b", "components[1].purl"),
        (("components", 1, "purl"), "pkg:pypi/", "components[1].purl"),
        (("components", 1, "purl"), "pkg:pypi/b%0a", "components[1].purl"),
        (("components", 1, "purl"), "pkg:pypi/b#x", "components[1].purl"),
        (("components", 1, "purl"), "pkg:pypi/b\n", "components[1].purl"),
        (("components", 1, "bom-ref"), "b", "components[1].bom-ref"),
        (("components", 1, "type"), "file", "components[1].type"),
        (("components", 1, "name"), "c", "components[1].name"),
        (("components", 1, "version"), "1", "components[1].version"),
        (("components", 0, "version"), ..., "components[0].version"),
        (("components", 0, "version"), "2", "components[0].version"),
        (("components", 0, "hashes"), {}, "components[0]"),
        (("components", 0, "hashes", 0), [], "components[0].hashes"),
        (("components", 0, "hashes", 0, "alg"), "SHA-3", "components[0].hashes.alg"),
        (("components", 0, "hashes", 0, "alg"), [], "components[0].hashes.alg"),
        (("components", 0, "hashes", 0, "alg"), "SHA-1", "components[0].hashes.content"),
        (("components", 0, "hashes", 0, "content"), "A" * 64, "components[0].hashes.content"),
        (("components", 0, "hashes", 0, "content"), 0, "components[0].hashes.content"),
        (("dependencies",), {}, "dependencies"),
        (("dependencies", 0), [], "dependencies"),
        (("dependencies", 0, "provides"), [], "dependencies"),
        (("dependencies", 0, "ref"), "pkg:pypi/c", "dependencies"),
        (("dependencies", 0, "ref"), ["root"], "dependencies"),
        (("dependencies", 0, "dependsOn"), A, "dependencies"),
        (("dependencies", 0, "dependsOn"), ["pkg:pypi/c"], "dependencies"),
        (("dependencies", 0, "dependsOn"), [{}], "dependencies"),
        (("dependencies", 0, "dependsOn"), [A, A], "dependencies"),
        (("dependencies",), [{"ref": A, "dependsOn": []}] * 2, "dependencies"),
        (("compositions",), {}, "compositions"),
        (("compositions",), [], "compositions"),
        (("compositions", 0), None, "compositions"),
        (("compositions", 0, "aggregate"), "complete", "compositions.aggregate"),
        (("compositions", 0, "assemblies"), ["x"], "compositions"),
        (("compositions", 0, "dependencies"), "root", "compositions"),
    ],
)  # fmt: skip
def test_malformed_documents(path: tuple[str | int, ...], value: Any, where: str) -> None:
    assert refused(changed(*path, value=value))[0] == where


def test_a_fault_says_what_was_expected() -> None:
    for value, expected in (("SPDX", "CycloneDX"), ("", "CycloneDX")):
        with pytest.raises(MalformedError) as caught:
            sbom.check_document(json.dumps(changed("bomFormat", value=value)).encode())
        assert (caught.value.fault.got, caught.value.fault.expected) == (value, expected)


def test_one_reference_twice_is_refused() -> None:
    twice = document()
    twice["components"].append(twice["components"][0])
    assert refused(twice) == ("components", f"{A} twice")


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"null", b"[]", b"NaN", b'{"a":1,"a":1}', b"[" * 9999, b" " * ((64 << 20) + 1)],
    ids=lambda d: repr(d[:9]),
)
def test_what_is_no_strict_json_object(data: bytes) -> None:
    refused(data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8) | st.sampled_from(["root", A, "a", "1", "library", "unknown", "SHA-1", ""]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["ref", "name", "bom-ref", "x"]), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip


def count(data: bytes) -> int | None:
    """Return the number of components, None where the document is refused by its one rule."""
    try:
        return sbom.check_document(data)
    except MalformedError as error:
        return None if error.fault.rule == "sbom/malformed" else -1


SAMPLES = [document(), load(build(*REAL)), load(build())]


@FUZZ
@given(st.data())
def test_what_is_accepted_is_valid_by_the_schema(data: st.DataObject) -> None:
    """Change one place of a good document: refused, or still CycloneDX 1.5."""
    whole = copy.deepcopy(data.draw(st.sampled_from(SAMPLES)))
    node: Any = whole
    while True:
        keys = list(node) if isinstance(node, dict) else range(len(node))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if isinstance(node[key], dict | list) and data.draw(st.integers(0, 4)):
            node = node[key]
            continue
        if data.draw(st.booleans()):
            node[key] = data.draw(VALUES)
        elif isinstance(node, dict):
            node[data.draw(st.sampled_from(["x", "version", "components", "name"]))] = node.pop(key)
        else:
            node.append(copy.deepcopy(node[key]))
        break
    if count(json.dumps(whole).encode()) is not None:
        assert SCHEMA.validate_str(json.dumps(whole)) is None


@FUZZ
@given(st.binary(max_size=60), st.data())
def test_arbitrary_bytes_are_counted_or_refused(junk: bytes, data: st.DataObject) -> None:
    built = build(*REAL[:3])
    good = built.document
    start = data.draw(st.integers(0, len(good)))
    for candidate in (junk, good[:start] + junk + good[start + len(junk) :]):
        assert count(candidate) in {None, built.components}
