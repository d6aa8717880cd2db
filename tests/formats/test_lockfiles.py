"""Lockfile readers against real tools' files, those tools' own word, and every malformed input."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packageurl import PackageURL
from packaging.requirements import Requirement

from lanectl.formats.lockfiles import npm, poetry, pylock, reader_for, requirements, toml, uv
from lanectl.formats.lockfiles.fields import LIMIT
from lanectl.model.report import MalformedError
from lanectl.model.sbom import Component, Lockfile, merge

if TYPE_CHECKING:
    from collections.abc import Callable

ASSETS = Path(__file__).resolve().parent.parent / "assets/lockfiles"
REAL = {
    str(path.relative_to(ASSETS)): path.read_bytes()
    for path in sorted(ASSETS.rglob("*"))
    if path.is_file() and reader_for(bytes(path))
}
READERS = [requirements.read, uv.read, poetry.read, pylock.read, npm.read]
FUZZ = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

SHA256 = hashlib.sha256(b"x").hexdigest()
SHA512 = base64.b64encode(hashlib.sha512(b"x").digest()).decode()
ATTRS = "pkg:pypi/attrs@26.1.0"
GITDEP = (
    "vcs_url=git%2Bhttps://git.example/team/gitdep.git%40f15558e634954f977571bba5549016644c76c598"
)
IDNA = (
    "download_url=https://packages.example/files/58/a2/"
    "bb081bab032533a855d44de1d56f8e8426114ff1ba5d1f07a438a0a654f8/idna-3.20-py3-none-any.whl"
)


def real(name: str) -> Lockfile:
    reader = reader_for(name.encode())
    assert reader is not None
    return reader(REAL[name])


def purls(lockfile: Lockfile) -> list[str]:
    return [c.purl for c in lockfile.components]


def refused(reader: Callable[[bytes], object], data: bytes | str) -> str:
    """Return what the reader found, which must be a fault of the one rule."""
    with pytest.raises(MalformedError) as caught:
        reader(data.encode() if isinstance(data, str) else data)
    assert caught.value.fault.rule == "sbom/lockfile"
    return caught.value.fault.got


# Which files are lockfiles


@pytest.mark.parametrize(
    ("path", "reader"),
    [
        (b"requirements.txt", requirements.read),
        (b"a/b/requirements-dev.txt", requirements.read),
        (b"requirements/base.txt", requirements.read),
        (b"a/requirements/base.txt", requirements.read),
        (b"uv.lock", uv.read),
        (b"a\xff\n/uv.lock", uv.read),
        (b"poetry.lock", poetry.read),
        (b"pylock.toml", pylock.read),
        (b"x/pylock.dev.toml", pylock.read),
        (b"package-lock.json", npm.read),
        (b"a/b/c/d/npm-shrinkwrap.json", npm.read),
        (b"requirements.in", None),
        (b"requirements/a/base.txt", None),
        (b"my-requirements.txt", None),
        (b"xrequirements/base.txt", None),
        (b"uv.lock/x", None),
        (b"xuv.lock", None),
        (b"uv.lock.bak", None),
        (b"uv.lock\n", None),
        (b"uvxlock", None),
        (b"pylock.a.b.toml", None),
        (b"UV.LOCK", None),
        (b"package.json", None),
        (b"", None),
    ],
)
def test_the_name_decides(path: bytes, reader: object) -> None:
    assert reader_for(path) is reader


def test_the_samples_cover_every_reader() -> None:
    assert {reader_for(name.encode()) for name in REAL} == set(READERS)


# Real files, and what the tools that wrote them say of them

UV_PURLS = [
    "pkg:generic/child@0.2.0",
    "pkg:generic/folder",
    "pkg:generic/iniconfig@2.3.1",
    "pkg:pypi/attrs@24.3.0",
    ATTRS,
    "pkg:pypi/colorama@0.4.6",
    f"pkg:pypi/gitdep@3.1?{GITDEP}",
    f"pkg:pypi/idna@3.20?{IDNA}",
    "pkg:pypi/sniffio@1.3.1",
    "pkg:pypi/zope-event@6.2",
]


def uv_export(tmp_path: Path, form: str) -> str:
    program = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if program is None:
        pytest.skip("uv is not installed")
    project = tmp_path / "project"
    shutil.copytree(ASSETS / "uv", project)
    everything = ["--all-groups", "--all-packages", "--all-extras"]
    done = subprocess.run(
        [program, "export", "-q", "--frozen", "--offline", *everything, "--format", form],
        cwd=project, capture_output=True, check=True, text=True,
    )  # fmt: skip
    return done.stdout


def test_uv_lock_names_what_uv_names(tmp_path: Path) -> None:
    theirs = json.loads(uv_export(tmp_path, "cyclonedx1.5"))["components"]
    theirs = [c for c in theirs if "uv:package:is_project_root" not in str(c.get("properties"))]
    ours = real("uv/uv.lock")
    assert purls(ours) == UV_PURLS
    assert {(c.name, c.version) for c in ours.components} == {
        (c["name"], c.get("version", "")) for c in theirs
    }
    # uv gives no purl at all to what lies in the tree, writes a commit in its own form, and says
    # which registry it was where that is not its default one
    named = [c["purl"] for c in theirs if "vcs_url" not in c.get("purl", "vcs_url")]
    assert {p.partition("?repository_url=")[0] for p in named} == {
        p for p in UV_PURLS if "vcs_url" not in p and "generic" not in p
    }


def test_uv_lock_has_the_hashes_that_uv_exports(tmp_path: Path) -> None:
    exported = requirements.read(uv_export(tmp_path, "requirements.txt").encode())
    ours = {c.purl: c.hashes for c in real("uv/uv.lock").components}
    pinned = [c for c in exported.components if c.version]
    assert len(pinned) == 5
    assert all(ours[c.purl] == c.hashes for c in pinned)


def test_uv_lock_says_what_it_leaves_open() -> None:
    assert real("uv/uv.lock").gaps == ("without a version: 1",)  # the folder of a dynamic version
    assert not real("uv/uv.lock").complete


def test_pylock_of_uv_agrees_with_uv_lock() -> None:
    ours = real("pylock-uv/pylock.toml")
    # PEP 751 has folders without a version
    assert purls(ours) == ["pkg:generic/child", *UV_PURLS[1:]]
    assert ours.gaps == ("without a version: 2",)
    of_uv = {c.purl: c.hashes for c in real("uv/uv.lock").components}
    assert all(of_uv[c.purl] == c.hashes for c in ours.components if c.version)


def test_pylock_of_pip() -> None:
    ours = real("pylock-pip/pylock.pip.toml")
    assert purls(ours) == ["pkg:pypi/idna@3.10", "pkg:pypi/sniffio@1.3.1"]
    assert ours.complete
    assert [len(c.hashes) for c in ours.components] == [1, 1]


def test_requirements_of_uv() -> None:
    ours = real("requirements/requirements-uv.txt")
    named = [p.replace("@3.1?", "?").replace("@3.20?", "?") for p in UV_PURLS if "generic" not in p]
    assert purls(ours) == named
    assert ours.gaps == ("path or address without a name: 3", "without a version: 2")


def test_requirements_of_pip_tools() -> None:
    ours = real("requirements/pip-tools.txt")
    assert purls(ours)[0] == "pkg:pypi/anyio@4.9.0"
    assert len(ours.components) == 8
    assert ours.complete
    assert {len(c.hashes) for c in ours.components} == {2}


@pytest.mark.parametrize(("version", "count"), [(1, 4), (2, 9)])
def test_poetry(version: int, count: int) -> None:
    ours = real(f"poetry-{version}/poetry.lock")
    assert len(ours.components) == count
    assert ours.complete
    assert {"pkg:generic/iniconfig@2.3.1", "pkg:pypi/zope-event@5.0"} < set(purls(ours))
    by_purl = {c.purl: c for c in ours.components}
    assert [name for name, _ in by_purl["pkg:pypi/zope-event@5.0"].hashes] == ["SHA-256"] * 2
    assert (f"pkg:pypi/gitdep@3.1?{GITDEP}" in by_purl) == (version == 2)
    assert ("pkg:generic/folder@7.1" in by_purl) == (version == 2)


NPM_GITDEP = (
    "vcs_url=git%2Bssh://git.example/team/gitdep.git%402dd3081c8977cbb4807add1d6596580d256d08ab"
)
NPM_REGISTRY = [  # as `npm sbom` names them
    "pkg:npm/%40isaacs/string-locale-compare@1.1.0",
    "pkg:npm/JSONStream@1.3.5",
    "pkg:npm/debug@4.3.4",
    "pkg:npm/jsonparse@1.3.1",
    "pkg:npm/ms@2.0.0",  # under an alias
    "pkg:npm/ms@2.1.2",
    "pkg:npm/ms@2.1.3",
    "pkg:npm/once@1.4.0",
    "pkg:npm/through@2.3.8",
    "pkg:npm/wrappy@1.0.2",
]
NPM_LOCAL = ["pkg:generic/%40app/local", "pkg:generic/folder", "pkg:generic/tarball"]


@pytest.mark.parametrize("version", [2, 3])
def test_npm_of_today(version: int) -> None:
    ours = real(f"npm-{version}/package-lock.json")
    local = [f"{p}@{v}" for p, v in zip(NPM_LOCAL, ["0.3.0", "0.0.1", "2.0.0"], strict=True)]
    assert purls(ours) == sorted([*NPM_REGISTRY, *local, f"pkg:npm/gitdep@3.1.0?{NPM_GITDEP}"])
    assert ours.complete
    assert ours.components[0].name == "@app/local"


def test_npm_of_old() -> None:
    ours = real("npm-1/package-lock.json")
    # version 1 has an address where the version of what is no registry's would stand
    assert purls(ours) == sorted([*NPM_REGISTRY, *NPM_LOCAL, f"pkg:npm/gitdep?{NPM_GITDEP}"])
    assert ours.gaps == ("without a version: 4",)


def test_npm_hashes_are_the_ones_in_the_file() -> None:
    entries = json.loads(REAL["npm-3/package-lock.json"])["packages"]
    ours = {c.purl: c.hashes for c in real("npm-3/package-lock.json").components}
    encoded = entries["node_modules/debug"]["integrity"].removeprefix("sha512-")
    assert ours["pkg:npm/debug@4.3.4"] == (("SHA-512", base64.b64decode(encoded).hex()),)


@pytest.mark.parametrize("name", REAL)
def test_every_purl_says_its_name_and_version(name: str) -> None:
    for component in real(name).components:
        purl = PackageURL.from_string(component.purl, normalize_purl=False)
        parsed = f"{purl.namespace}/{purl.name}" if purl.namespace else purl.name
        assert component.purl == component.purl.strip()
        assert PackageURL.from_string(component.purl).version == (component.version or None)
        assert PackageURL("generic", None, parsed).to_string() in {
            PackageURL("generic", None, component.name).to_string(),
            PackageURL("generic", None, component.name.replace("@", "%40")).to_string(),
        }


def test_the_samples_name_no_registry() -> None:
    registries = ("np" + "mjs", "python" + "hosted", "pypi" + ".org")
    text = b"\n".join(REAL.values()).decode()
    assert not [r for r in registries if r in text]


# Requirements, line by line


@pytest.mark.parametrize(
    ("text", "expected", "gaps"),
    [
        ("attrs==26.1.0", [ATTRS], ["without a hash: 1"]),
        (f"attrs==26.1.0 --hash=sha256:{SHA256}", [ATTRS], []),
        (f"attrs==26.1.0 --hash sha256:{SHA256}", [ATTRS], []),
        (f"attrs == 26.1.0 --hash='sha256:{SHA256}'", [ATTRS], []),
        (f"attrs==26.1.0 \\\n    --hash=sha256:{SHA256}", [ATTRS], []),
        (f"attrs==26.1.0 \\\r\n  --hash=sha256:{SHA256}\r\n", [ATTRS], []),
        (f"attrs==26.1.0 \\\n # gone\n  --hash=sha256:{SHA256}\n", [ATTRS], ["without a hash: 1"]),
        ("attrs==26.1.0 \\", [ATTRS], ["without a hash: 1"]),
        ("attrs===26.1.0", [ATTRS], ["without a hash: 1"]),
        ("attrs (==26.1.0)", [ATTRS], ["without a hash: 1"]),
        ("attrs[a,b] == 26.1.0 ; x == '1'", [ATTRS], ["without a hash: 1"]),
        ("ATTRS==26.1.0;python_version<'3'", [ATTRS], ["without a hash: 1"]),
        ("attrs>=1,==26.1.0", [ATTRS], ["without a hash: 1"]),
        ("Zope.__Interface==1", ["pkg:pypi/zope-interface@1"], ["without a hash: 1"]),
        ("a==1+local.2", ["pkg:pypi/a@1%2Blocal.2"], ["without a hash: 1"]),
        ("a==1!2", ["pkg:pypi/a@1%212"], ["without a hash: 1"]),
        ("a===1@2/3", ["pkg:pypi/a@1%402/3"], ["without a hash: 1"]),
        ("a==1; x\na==2; y", ["pkg:pypi/a@1", "pkg:pypi/a@2"], ["without a hash: 2"]),
        ("\ufeffattrs==26.1.0", [ATTRS], ["without a hash: 1"]),
        ("# attrs==1\n\n   # x\n", [], []),
        ("# x \\\nattrs==26.1.0", [ATTRS], ["without a hash: 1"]),
        ("attrs==26.1.0\\\n# x", [ATTRS], ["without a hash: 1"]),
        ("att\\\nrs==26.1.0", [ATTRS], ["without a hash: 1"]),
        ("# -*- coding: UTF-8 -*-\nattrs==26.1.0", [ATTRS], ["without a hash: 1"]),
        ("\n\n# coding: utf-7\nattrs==26.1.0", [ATTRS], ["without a hash: 1"]),
        ("a#b", [], ["not a requirement: 1"]),
        ("attrs # ==1", ["pkg:pypi/attrs"], ["without a version: 1"]),
        ("attrs", ["pkg:pypi/attrs"], ["without a version: 1"]),
        ("attrs==26.*", ["pkg:pypi/attrs"], ["without a version: 1"]),
        ("attrs>=26", ["pkg:pypi/attrs"], ["without a version: 1"]),
        ("attrs==${VERSION}", ["pkg:pypi/attrs"], ["without a version: 1"]),
        ("attrs===", [], ["not a requirement: 1"]),
        ("attrs==1,==2", ["pkg:pypi/attrs"], ["without a version: 1"]),
        ("attrs>=26 ; x\nattrs~=1", ["pkg:pypi/attrs"], ["without a version: 2"]),
        ("-i https://x.example\n--pre\n--no-index\n-c c.txt\n--constraint=c.txt", [], []),
        ("--require-hashes\n--extra-index-url x", [], []),
        ("-r other.txt", [], ["included file: 1"]),
        ("--requirement=other.txt\n-rx.txt", [], ["included file: 2"]),
        ("--pre -r x\n-i x '-r' y\n--requirem=x\n--index-url x --requirement x", [], ["included file: 4"]),
        ("--pre -e .\n--edit=.\n-i \\-e", [], ["path or address without a name: 3"]),
        ("-e git+https://x.example/a#egg=a --pre", ["pkg:pypi/a?vcs_url=git%2Bhttps://x.example/a"], ["without a version: 1"]),
        ("attrs==26.1.0 -r x", [ATTRS], ["without a hash: 1"]),  # there pip ignores it
        ("-e .", [], ["path or address without a name: 1"]),
        ("--editable=./x", [], ["path or address without a name: 1"]),
        ("-e git+https://u:p@h.example/x.git@1#egg=A_b&x=y", ["pkg:pypi/a-b?vcs_url=git%2Bhttps://h.example/x.git%401"], ["without a version: 1"]),
        ("git+ssh://git@h.example/x.git#subdirectory=d&egg=a", ["pkg:pypi/a?vcs_url=git%2Bssh://h.example/x.git"], ["without a version: 1"]),
        ("./a\n../b\n/c\nd/e\nf.whl\ng-1.tar.gz\nhttps://x.example/a.whl\nC:\\x", [], ["path or address without a name: 8"]),
        ("a @ https://u:p@x.example/a@1.whl?token=t#sha1=" + "0" * 40, ["pkg:pypi/a?download_url=https://x.example/a%401.whl"], ["without a version: 1"]),
        ("a[x]@https://x.example/a.whl ; y", ["pkg:pypi/a?download_url=https://x.example/a.whl"], ["without a version: 1"]),
        ("a @ file:///x/a.whl", ["pkg:generic/a"], ["without a version: 1"]),
        ("a @ ../a", ["pkg:generic/a"], ["without a version: 1"]),
        ("This is prose.\n- a list\n* b", [], ["not a requirement: 2"]),
        ("a-", [], ["not a requirement: 1"]),
        ("é==1", [], ["not a requirement: 1"]),
        ("a== 1 2", [], ["not a requirement: 1"]),
        ("a x==1)", [], ["not a requirement: 1"]),
        ("a (==1x", [], ["not a requirement: 1"]),
        ("", [], []),
    ],
)  # fmt: skip
def test_requirement_lines(text: str, expected: list[str], gaps: list[str]) -> None:
    found = requirements.read(text.encode())
    assert purls(found) == expected
    assert list(found.gaps) == gaps
    assert found.complete == (not gaps)


def test_hashes_of_requirements_are_named_and_lower_case() -> None:
    line = f"a==1 --hash=SHA256:{SHA256.upper()} --hash=md5:{'0' * 32} --hash=sha224:{'0' * 56}"
    assert requirements.read(line.encode()).components[0].hashes == (
        ("MD5", "0" * 32),
        ("SHA-256", SHA256),
    )
    line = f"a @ https://x.example/a.whl#sha256={SHA256} --hash=sha256:{'1' * 64}"
    assert requirements.read(line.encode()).components[0].hashes == (
        ("SHA-256", "1" * 64),
        ("SHA-256", SHA256),
    )


@pytest.mark.parametrize(
    ("line", "got"),
    [
        (b"a==1 --hash=sha256:00", "SHA-256"),
        (b"a==1 --hash=sha256:" + b"g" * 64, "SHA-256"),
        (b"a==1 --hash=nothing", "options"),
        (b"a==1 --hash", "options"),
        (b"a @ https://x.example/a#sha1=00", "SHA-1"),
        (b"a==1\x00", "control character"),
        (b"a\x07==1", "control character"),
        (b"a==1\xc2\x9b", "control character"),
        ("a==1\u202e2".encode(), "version"),
        (b"a==" + b"1" * 257, "version"),
        (b"a" * 257 + b"==1", "version"),
        (b"a @ https://x.example/" + b"a" * 2000, "address"),
        (b"a @ https://x.example/\xe2\x80\xae", "address"),
        (b"#\n# vim: set fileencoding=utf-7 :\n# +AAo-a==1", "coding: utf-7"),
        (b"# coding: latin-1", "coding: latin-1"),
        (b"\xff", "not UTF-8 at byte 0"),
        (b"a=\xfe=1", "not UTF-8 at byte 2"),
        (b"#" * (LIMIT + 1), f"{LIMIT + 1} bytes"),
    ],
)
def test_malformed_requirements(line: bytes, got: str) -> None:
    assert got in refused(requirements.read, line)


PLAIN = st.text("abcXYZ019", min_size=1, max_size=5)
NAMES = st.lists(PLAIN, min_size=1, max_size=3).flatmap(
    lambda parts: st.sampled_from(["-", "_", ".", "--"]).map(lambda s: s.join(parts))
)


@FUZZ
@given(
    NAMES,
    st.sampled_from(["", "[x]", "[x, y]"]),
    st.sampled_from(["", " "]),
    st.sampled_from(
        ["==1.0", "===2", "== 1.0.post1", ">=1,<2", "!=1", "==1.*", "~=1.1, ==1.2", ""]
    ),
    st.sampled_from(["", " ; python_version < '3.8'", ";os_name=='a'"]),
)
def test_requirements_mean_what_packaging_reads(
    name: str, extras: str, space: str, specifier: str, marker: str
) -> None:
    theirs = Requirement(name + extras + space + specifier + marker)
    pins = [
        s.version for s in theirs.specifier if s.operator in {"==", "==="} and "*" not in s.version
    ]
    (ours,) = requirements.read((name + extras + space + specifier + marker).encode()).components
    assert ours.version == (pins[0] if pins else "")
    assert PackageURL.from_string(ours.purl).name == ours.name
    assert Requirement(ours.name).name.replace("-", "") == "".join(
        c for c in name.lower() if c.isalnum()
    )


# TOML lockfiles


def uv_lock(source: str, more: str = "") -> str:
    return f'version = 1\n[[package]]\nname = "a"\nversion = "1"\nsource = {source}\n{more}\n'


@pytest.mark.parametrize(
    ("source", "purl"),
    [
        ('{ registry = "https://x.example" }', "pkg:pypi/a@1"),
        ('{ registry = "./links" }', "pkg:pypi/a@1"),
        ('{ git = "https://t@x.example/a?rev=v1#0a" }', "pkg:pypi/a@1?vcs_url=git%2Bhttps://x.example/a%400a"),
        ('{ git = "ssh://git@x.example/a#0a" }', "pkg:pypi/a@1?vcs_url=git%2Bssh://x.example/a%400a"),
        ('{ url = "https://x.example/a.whl", subdirectory = "s" }', "pkg:pypi/a@1?download_url=https://x.example/a.whl"),
        ('{ path = "../a.whl" }', "pkg:generic/a@1"),
        ('{ directory = "a" }', "pkg:generic/a@1"),
        ('{ editable = "a" }', "pkg:generic/a@1"),
        ('{ virtual = "a" }', "pkg:generic/a@1"),
    ],
)  # fmt: skip
def test_uv_sources(source: str, purl: str) -> None:
    found = uv.read(uv_lock(source).encode())
    assert purls(found) == [purl]
    assert found.complete


@pytest.mark.parametrize("kind", ["virtual", "editable", "directory"])
def test_the_root_of_uv_is_no_component(kind: str) -> None:
    assert uv.read(uv_lock(f'{{ {kind} = "." }}').encode()).components == ()


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("", "version 0"),
        ("version = 2", "version 2"),
        ("version = true", "version: bool"),
        ('version = "1"', "version: str"),
        ("version = 1\npackage = 1", "package: int"),
        ("version = 1\npackage = [1]", "package: int"),
        ("version = 1\n[[package]]\nname = 'a'", "source ''"),
        (uv_lock("1"), "source: int"),
        (uv_lock('{ nowhere = "x" }'), "source 'nowhere'"),
        (uv_lock('{ registry = "x", editable = "." }'), "source 'registry, editable'"),
        (uv_lock("{ git = 1 }"), "git: int"),
        (uv_lock("{ url = [] }"), "url: list"),
        (uv_lock('{ git = "https://x.example/a#\\u001b" }'), "commit"),
        (uv_lock('{ registry = "" }', "sdist = 1"), "sdist: int"),
        (uv_lock('{ registry = "" }', "sdist = { hash = 1 }"), "hash: int"),
        (uv_lock('{ registry = "" }', 'sdist = { hash = "0" }'), "a hash '0'"),
        (uv_lock('{ registry = "" }', 'sdist = { hash = "sha256:0" }'), "SHA-256"),
        (uv_lock('{ registry = "" }', "wheels = {}"), "wheels: dict"),
        (uv_lock('{ registry = "" }').replace('"a"', '"-a"'), "a name '-a'"),
        (uv_lock('{ registry = "" }').replace('"a"', '"a\\u0000"'), "a name 'a\\x00'"),
        (uv_lock('{ registry = "" }').replace('"a"', '"é"'), "a name 'é'"),
        (uv_lock('{ registry = "" }').replace('name = "a"', ""), "a name ''"),
        (uv_lock('{ registry = "" }').replace('"1"', '"1\\n"'), "version"),
        (uv_lock('{ registry = "" }').replace('"1"', '" 1"'), "version"),
        (uv_lock('{ registry = "" }').replace('"1"', "1"), "version: int"),
    ],
)
def test_malformed_uv_lock(text: str, got: str) -> None:
    assert got in refused(uv.read, text)


@pytest.mark.parametrize(
    ("text", "got"),
    [
        (b"a = 1\na = 2", "overwrite"),
        (b"a = ", "Invalid value"),
        (b'a = "\\ud800"', "Unicode"),
        (b"a = nan", "nan is no finite number"),
        (b"a = -inf", "-inf is no finite number"),
        (b"a = 1e999", "1e999 is no finite number"),
        (b"a = 9223372036854775808", "an integer of 64 bits"),
        (b"a = [{ b = 0x0 }, 0x10000000000000000]", "an integer of 65 bits"),
        (b"a = " + b"9" * 5000, "4300"),
        (b"a = " + b"[" * 5000, "nested too deeply"),
        (b"a = " + b"{a = " * 5000, "nested too deeply"),
        (b"a." * 200_000 + b"a = 1", "32 parts"),
        (b"b = {" + b"'a' . " * 200_000 + b"a = 1}", "32 parts"),
        (b'["a".' + b'"b".' * 200_000 + b"c]", "32 parts"),
        (b"\xef\xbb\xbfa = 1", "Invalid statement"),
        (b"a = '\xff'", "not UTF-8"),
    ],
)
def test_malformed_toml(text: bytes, got: str) -> None:
    assert got in refused(toml.load, text)


def test_toml_that_looks_odd_and_is_not() -> None:
    text = (
        b"a.b.c = 9223372036854775807\nd = -9223372036854775807\ne = 1.5\nf = ["
        + b"'1.2.3'," * 20
        + b"]"
    )
    assert toml.load(text)["a"] == {"b": {"c": (1 << 63) - 1}}


POETRY = '[[package]]\nname = "a"\nversion = "1"\n{}\n[metadata]\nlock-version = "2.1"\n'


@pytest.mark.parametrize(
    ("source", "purl"),
    [
        ("", "pkg:pypi/a@1"),
        ('source = {type = "legacy", url = "https://x.example"}', "pkg:pypi/a@1"),
        ('source = {type = "url", url = "https://x.example/a.whl"}', "pkg:pypi/a@1?download_url=https://x.example/a.whl"),
        ('source = {type = "git", url = "git@x.example:a.git", resolved_reference = "0a"}', "pkg:pypi/a@1?vcs_url=git%40x.example:a.git%400a"),
        ('source = {type = "file", url = "a.whl"}', "pkg:generic/a@1"),
        ('source = {type = "directory", url = "."}', "pkg:generic/a@1"),
    ],
)  # fmt: skip
def test_poetry_sources(source: str, purl: str) -> None:
    assert purls(poetry.read(POETRY.format(source).encode())) == [purl]


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("", "lock-version ''"),
        ('[metadata]\nlock-version = "3.0"', "lock-version '3.0'"),
        ("[metadata]\nlock-version = 2", "lock-version: int"),
        ("metadata = 1", "metadata: int"),
        (POETRY.format('source = {type = "hg"}'), "source type 'hg'"),
        (POETRY.format("files = 1"), "files: int"),
        (POETRY.format('files = [{hash = "x"}]'), "a hash 'x'"),
        (POETRY.format("") + "files = 1", "files: int"),
        (POETRY.format("") + "files = {a = 1}", "a: int"),
        (POETRY.format("").replace('"a"', '""'), "a name ''"),
    ],
)
def test_malformed_poetry_lock(text: str, got: str) -> None:
    assert got in refused(poetry.read, text)


def test_a_poetry_package_without_a_version_is_a_gap() -> None:
    found = poetry.read(POETRY.format("").replace('version = "1"\n', "", 1).encode())
    assert (purls(found), found.gaps) == (["pkg:pypi/a"], ("without a version: 1",))


PYLOCK = 'lock-version = "1.0"\n[[packages]]\nname = "a"\nversion = "1"\n'


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", ["pkg:pypi/a@1"]),
        ('vcs = {type = "hg", url = "https://x.example/a", commit-id = "0a"}', ["pkg:pypi/a@1?vcs_url=hg%2Bhttps://x.example/a%400a"]),
        ('vcs = {type = "git", path = "a", commit-id = "0a"}', ["pkg:generic/a@1"]),
        ('archive = {url = "https://x.example/a.zip"}', ["pkg:pypi/a@1?download_url=https://x.example/a.zip"]),
        ('archive = {path = "a.zip"}', ["pkg:generic/a@1"]),
        ('directory = {path = "a"}', ["pkg:generic/a@1"]),
        ('directory = {path = "."}', []),
        ('directory = {path = "./"}', []),
    ],
)  # fmt: skip
def test_pylock_sources(more: str, expected: list[str]) -> None:
    assert purls(pylock.read((PYLOCK + more).encode())) == expected


def test_pylock_hashes_of_every_file() -> None:
    more = (
        f'sdist = {{hashes = {{sha256 = "{"0" * 64}", blake2b = "{"1" * 128}"}}}}\n'
        f'wheels = [{{hashes = {{sha256 = "{"2" * 64}", rot13 = "x"}}}}]'
    )
    assert pylock.read((PYLOCK + more).encode()).components[0].hashes == (
        ("BLAKE2b-512", "1" * 128),
        ("SHA-256", "0" * 64),
        ("SHA-256", "2" * 64),
    )


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("", "lock-version ''"),
        ('lock-version = "2.0"', "lock-version '2.0'"),
        ("lock-version = 1.0", "lock-version: float"),
        (PYLOCK + "vcs = 1", "vcs: int"),
        (PYLOCK + "directory = 1", "directory: int"),
        (PYLOCK + "directory = {path = 1}", "path: int"),
        (PYLOCK + "archive = []", "archive: list"),
        (PYLOCK + 'vcs = {type = "cvs", url = "x"}', "vcs type 'cvs'"),
        (PYLOCK + 'directory = {path = "."}\nwheels = []', "directory in one package"),
        (PYLOCK + "vcs = {}\nsdist = {}", "vcs in one package"),
        (PYLOCK + "directory = {}\narchive = {}", "directory, archive in one package"),
        (PYLOCK + "sdist = {hashes = {sha256 = 1}}", "sha256: int"),
        (PYLOCK + 'sdist = {hashes = {sha256 = "00"}}', "SHA-256"),
    ],
)
def test_malformed_pylock(text: str, got: str) -> None:
    assert got in refused(pylock.read, text)


# npm


def npm_lock(path: str = "node_modules/a", lock: int = 3, **entry: Any) -> bytes:
    packages = {"": {"name": "root", "version": "9"}, path: {"version": "1", **entry}}
    return json.dumps({"lockfileVersion": lock, "packages": packages}).encode()


@pytest.mark.parametrize(
    ("path", "entry", "expected"),
    [
        ("node_modules/a", {}, ["pkg:npm/a@1"]),
        ("node_modules/@s/a", {}, ["pkg:npm/%40s/a@1"]),
        ("node_modules/b/node_modules/@s/a", {}, ["pkg:npm/%40s/a@1"]),
        ("packages/x/node_modules/a", {}, ["pkg:npm/a@1"]),
        ("node_modules/alias", {"name": "@s/a"}, ["pkg:npm/%40s/a@1"]),
        ("node_modules/A", {}, ["pkg:npm/A@1"]),
        ("node_modules/.a", {}, ["pkg:npm/.a@1"]),
        ("node_modules/a b", {}, ["pkg:npm/a%20b@1"]),
        ("node_modules/a@b?c#d%", {}, ["pkg:npm/a%40b%3Fc%23d%25@1"]),
        ("node_modules/é", {}, ["pkg:npm/%C3%A9@1"]),
        ("node_modules/a", {"version": "1.0.0-rc.1+b"}, ["pkg:npm/a@1.0.0-rc.1%2Bb"]),
        ("node_modules/a", {"link": True, "resolved": "x"}, []),
        ("node_modules/a", {"link": False}, ["pkg:npm/a@1"]),
        ("packages/x", {}, ["pkg:generic/x@1"]),
        ("packages/x", {"name": "@s/y"}, ["pkg:generic/%40s/y@1"]),
        ("x_node_modules/a", {}, ["pkg:generic/a@1"]),
        ("node_modules/a/lib", {}, ["pkg:generic/lib@1"]),
        ("node_modules/a", {"resolved": "https://x.example/a/-/a-1.tgz"}, ["pkg:npm/a@1"]),
        ("node_modules/@s/a", {"resolved": "https://x.example/m/@s%2fa/-/a-1.tgz?x#y"}, ["pkg:npm/%40s/a@1"]),
        ("node_modules/a", {"resolved": "https://x.example/evil/-/evil-1.tgz"}, ["pkg:npm/a@1?download_url=https://x.example/evil/-/evil-1.tgz"]),
        ("node_modules/a", {"resolved": "https://x.example/a/-/a-2.tgz"}, ["pkg:npm/a@1?download_url=https://x.example/a/-/a-2.tgz"]),
        ("node_modules/a", {"resolved": "git+ssh://git@x.example/o/a.git#0a"}, ["pkg:npm/a@1?vcs_url=git%2Bssh://x.example/o/a.git%400a"]),
        ("node_modules/a", {"resolved": "git://x.example/o/a.git"}, ["pkg:npm/a@1?vcs_url=git://x.example/o/a.git"]),
        ("node_modules/a", {"resolved": "file:../a.tgz"}, ["pkg:generic/a@1"]),
    ],
)  # fmt: skip
def test_npm_packages(path: str, entry: dict[str, Any], expected: list[str]) -> None:
    for version in (2, 3):
        assert purls(npm.read(npm_lock(path, version, **entry))) == expected


def test_npm_names_that_differ_in_case_are_two_packages() -> None:
    packages = {f"node_modules/{name}": {"version": "1"} for name in ("Base64", "base64")}
    found = npm.read(json.dumps({"lockfileVersion": 3, "packages": packages}).encode())
    assert [c.name for c in found.components] == ["Base64", "base64"]


@pytest.mark.parametrize(
    ("name", "entry", "expected"),
    [
        ("a", {"version": "1", "bundled": True}, ["pkg:npm/a@1"]),
        ("@s/a", {"version": "1"}, ["pkg:npm/%40s/a@1"]),
        ("alias", {"version": "npm:@s/a@1"}, ["pkg:npm/%40s/a@1"]),
        ("a", {"version": "https://x.example/a.tgz"}, ["pkg:npm/a?download_url=https://x.example/a.tgz"]),
        ("a", {"version": "github:o/a#0a"}, ["pkg:npm/a?vcs_url=github:o/a%400a"]),
        ("a", {"version": "file:a"}, ["pkg:generic/a"]),
        ("a", {"version": "1", "resolved": "https://x.example/b.tgz"}, ["pkg:npm/a@1?download_url=https://x.example/b.tgz"]),
        ("a", {}, ["pkg:npm/a"]),
        ("a", {"version": "1", "dependencies": {"b": {"version": "2", "dependencies": {"c": {"version": "3"}}}}}, ["pkg:npm/a@1", "pkg:npm/b@2", "pkg:npm/c@3"]),
    ],
)  # fmt: skip
def test_npm_dependencies_of_version_1(
    name: str, entry: dict[str, Any], expected: list[str]
) -> None:
    for document in ({"lockfileVersion": 1}, {}):
        found = npm.read(json.dumps({**document, "dependencies": {name: entry}}).encode())
        assert purls(found) == expected
        assert found.complete == all("@" in p for p in expected)


def test_npm_sections_are_both_read_whatever_the_version() -> None:
    packages = {"node_modules/a": {"version": "1"}, "b": {"version": "2"}}
    dependencies = {"b": {"version": "file:b"}, "c": {"version": "3"}, "d": {"version": "file:d"}}
    for version in (1, 2, 3):
        document = {"lockfileVersion": version, "packages": packages, "dependencies": dependencies}
        found = npm.read(json.dumps(document).encode())
        # of `b`, only the section that knows its version counts
        expected = ["pkg:generic/b@2", "pkg:generic/d", "pkg:npm/a@1", "pkg:npm/c@3"]
        assert purls(found) == expected
        assert found.gaps == ("without a version: 1",)


def test_npm_integrity_may_be_several() -> None:
    sha1 = base64.b64encode(hashlib.sha1(b"x", usedforsecurity=False).digest()).decode()
    found = npm.read(npm_lock(integrity=f"sha512-{SHA512}?a=b  sha1-{sha1}\nmd99-AAAA"))
    assert found.components[0].hashes == (
        ("SHA-1", hashlib.sha1(b"x", usedforsecurity=False).hexdigest()),
        ("SHA-512", hashlib.sha512(b"x").hexdigest()),
    )


def test_npm_package_installed_twice_is_one_component() -> None:
    packages = {
        "node_modules/a": {"version": "1", "integrity": f"sha512-{SHA512}"},
        "node_modules/b/node_modules/a": {"version": "1"},
    }
    (found,) = npm.read(
        json.dumps({"lockfileVersion": 3, "packages": packages}).encode()
    ).components
    assert [name for name, _ in found.hashes] == ["SHA-512"]


@pytest.mark.parametrize(
    ("data", "got"),
    [
        (b"", "Expecting value"),
        (b"\xff", "not UTF-8"),
        (b"[]", "the file: list"),
        (b'{"a":1,"a":1}', "duplicate key"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":1e999}', "range"),
        (b'{"a":' + b"9" * 100 + b"}", "digits"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" * 65 + b"]" * 65, "deeper than 64"),
        (b'{"a":"\\ud800"}', "surrogates"),
        (b'{"lockfileVersion":4}', "lockfileVersion 4"),
        (b'{"lockfileVersion":"3"}', "lockfileVersion: str"),
        (b'{"lockfileVersion":true}', "lockfileVersion: bool"),
        (b'{"lockfileVersion":3,"packages":[]}', "packages: list"),
        (b'{"lockfileVersion":3,"packages":{"node_modules/a":1}}', "node_modules/a: int"),
        (b'{"lockfileVersion":1,"dependencies":null}', "dependencies: NoneType"),
        (b'{"lockfileVersion":1,"dependencies":{"a":"1"}}', "a: str"),
        (b'{"lockfileVersion":1,"dependencies":{"a":{"version":1}}}', "version: int"),
        (b'{"lockfileVersion":1,"dependencies":{"a":{"version":"npm:b"}}}', "a name ''"),
        (b'{"lockfileVersion":1,"dependencies":{"a/b":{"version":"1"}}}', "a name 'a/b'"),
        (b'{"lockfileVersion":1,"dependencies":{"":{"version":"1"}}}', "a name ''"),
        (npm_lock(resolved=False), "resolved: bool"),
        (npm_lock(name=["a"]), "name: list"),
        (npm_lock(name="@a/b/c"), "a name '@a/b/c'"),
        (npm_lock("packages/"), "a name ''"),
        (npm_lock("node_modules/a\u0000"), "name"),
        (npm_lock("node_modules/a\u200b"), "name"),
        (npm_lock("node_modules/@a/ b"), "name"),
        (npm_lock("node_modules/" + "a" * 257), "name"),
        (npm_lock(version="1\u001b[0m"), "version"),
        (npm_lock(integrity=1), "integrity: int"),
        (npm_lock(integrity="sha512"), "integrity 'sha512'"),
        (npm_lock(integrity="sha512-"), "integrity 'sha512-'"),
        (npm_lock(integrity="sha512-@@@@"), "integrity 'sha512-@@@@'"),
        (npm_lock(integrity="sha512-AAAA"), "SHA-512"),
        (npm_lock(resolved="https://x.example/\u0007"), "address"),
        (npm_lock(resolved="git://x.example/a#\u0007"), "address"),
    ],
)  # fmt: skip
def test_malformed_package_lock(data: bytes, got: str) -> None:
    assert got in refused(npm.read, data)


def test_a_lockfile_over_the_limit_is_refused() -> None:
    for reader in READERS:
        assert str(LIMIT + 1) in refused(reader, b" " * (LIMIT + 1))


# Merging


def test_merge_unites_hashes_and_sorts() -> None:
    one, two = ("SHA-1", "0" * 40), ("MD5", "0" * 32)
    parts = [
        Component("b", "1", "pkg:b", (one,)),
        Component("a", "", "pkg:a"),
        Component("b", "1", "pkg:b", (two, one)),
    ]
    assert merge(parts) == (Component("a", "", "pkg:a"), Component("b", "1", "pkg:b", (two, one)))
    assert merge(reversed(parts)) == merge(parts)


# Anything at all: a list of components or MalformedError, and nothing else


def survives(reader: Callable[[bytes], Lockfile], data: bytes) -> None:
    try:
        found = reader(data)
    except MalformedError as error:
        fault = error.fault
        found = Lockfile(()) if fault.rule == "sbom/lockfile" and fault.got else None
    assert found is not None
    assert all(c.name and c.purl.startswith("pkg:") for c in found.components)
    assert all(c.purl.isascii() and c.purl.isprintable() for c in found.components)
    assert all(c.name.isprintable() and c.version.isprintable() for c in found.components)
    assert list(found.components) == sorted(found.components, key=lambda c: c.purl)


@FUZZ
@given(st.binary(max_size=200))
def test_arbitrary_bytes(data: bytes) -> None:
    for reader in READERS:
        survives(reader, data)


@FUZZ
@given(
    st.text(st.sampled_from("ab1[]{}=<>~!@#;:.,-_/\\\"' \t\r\n\x0b\x1c\x85\u2028é()*"), max_size=80)
)
def test_arbitrary_lines(text: str) -> None:
    for reader in (requirements.read, uv.read):
        survives(reader, text.encode())


@FUZZ
@given(st.sampled_from(sorted(REAL)), st.data())
def test_mutated_bytes_of_real_lockfiles(name: str, data: st.DataObject) -> None:
    content = REAL[name]
    reader = reader_for(name.encode())
    assert reader is not None
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(len(content), start + 40)))
        content = content[:start] + data.draw(st.binary(max_size=6)) + content[end:]
    survives(reader, content)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from([".", "npm:", "a/b", "git+x", "https://", "sha256:", "sha512-", "\0", "@", "@a/b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip


def in_toml(value: Any) -> str:
    """Write a value of JSON's types inline; None has no TOML, so it becomes something odd."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{in_toml(str(k))} = {in_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(in_toml, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(c):08x}" for c in value) + '"'
    return "1979-05-27" if value is None else str(value).lower()


def mutated(document: Any, data: st.DataObject) -> Any:
    """Replace one value somewhere inside, or drop it, or add a key beside it."""
    document = copy.deepcopy(document)
    node = document
    while True:
        keys = list(node) if isinstance(node, dict) else range(len(node))
        if not keys:
            return document
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or data.draw(st.integers(0, 3)) == 0:
            break
        node = node[key]
    if data.draw(st.booleans()):
        node[key] = data.draw(VALUES)
    elif isinstance(node, dict):
        node[data.draw(st.sampled_from(["version", "source", "link", "name", "x"]))] = node.pop(key)
    else:
        del node[key]
    return document


@FUZZ
@given(st.sampled_from([n for n in sorted(REAL) if not n.endswith(".txt")]), st.data())
def test_mutated_structure_of_real_lockfiles(name: str, data: st.DataObject) -> None:
    reader = reader_for(name.encode())
    assert reader is not None
    if name.endswith(".json"):
        document = mutated(json.loads(REAL[name]), data)
        survives(reader, json.dumps(document).encode())
    else:
        document = mutated(tomllib.loads(REAL[name].decode()), data)
        lines = [f"{in_toml(k)} = {in_toml(v)}" for k, v in document.items()]
        survives(reader, "\n".join(lines).encode("utf-8", "replace"))


@pytest.mark.parametrize("name", [n for n in REAL if n.endswith((".lock", ".toml"))])
def test_the_mutation_of_nothing_reads_as_the_original(name: str) -> None:
    reader = reader_for(name.encode())
    assert reader is not None
    document = tomllib.loads(REAL[name].decode())
    lines = [f"{in_toml(k)} = {in_toml(v)}" for k, v in document.items()]
    assert reader("\n".join(lines).encode()) == real(name)
