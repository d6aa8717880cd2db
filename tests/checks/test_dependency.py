"""Where packages come from, before and after: what is new is held, an ordinary bump is not.

Each rule is seen with the input that breaks it and with the neighbour that does not.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanectl.checks import dependency
from lanectl.formats import lockfiles
from lanectl.formats.sources import KINDS, kind_of
from lanectl.formats.sources.readers import READERS
from lanectl.model.change import FileChange, Mode
from lanectl.model.content import Content
from lanectl.model.decision import Kind
from lanectl.model.names import ObjectId
from lanectl.model.report import Fault

NULL = ObjectId("0" * 40)
Tree = dict[str, "str | bytes | None"]


def change(before: Tree, after: Tree, *, unchanged: Tree | None = None) -> Content:
    """Return the content of a change between files; None stands for one too large to look into."""
    blobs: dict[ObjectId, bytes] = {}

    def put(tree: Tree, path: str) -> ObjectId:
        if path not in tree:
            return NULL
        data = tree[path]
        raw = data.encode() if isinstance(data, str) else data
        identifier = ObjectId(hashlib.sha1(path.encode() + repr(raw).encode()).hexdigest())  # noqa: S324
        if raw is not None:
            blobs[identifier] = raw
        return identifier

    files = []
    for path in sorted(before.keys() | after.keys()):
        if before.get(path, 0) == after.get(path, 0) and path in before and path in after:
            continue
        modes = [Mode.FILE if path in tree else Mode.ABSENT for tree in (before, after)]
        files.append(FileChange(path.encode(), *modes, put(before, path), put(after, path)))
    known = {
        p.encode(): d.encode() if isinstance(d, str) else d
        for p, d in {**before, **(unchanged or {})}.items()
        if lockfiles.reader_for(p.encode())
    }
    return Content(files=tuple(files), blobs=blobs, base_lockfiles=known)


def faults(before: Tree, after: Tree, **more: Any) -> list[Fault]:
    return list(dependency.check(change(before, after, **more)))


def broken(before: Tree, after: Tree, **more: Any) -> list[str]:
    found = faults(before, after, **more)
    assert all(f.subject and f.subject.kind is Kind.PATH for f in found)
    return [f.rule.removeprefix("dependency/") for f in found]


REGISTRY = "https://registry.example"


def npm(version: str = "1.3.0", url: str = "", integrity: str = "sha512-AAAA", **more: Any) -> str:
    url = url or f"{REGISTRY}/left-pad/-/left-pad-{version}.tgz"
    entry = {"version": version, "resolved": url, "integrity": integrity, **more}
    packages = {"": {"name": "shop"}, "node_modules/left-pad": entry}
    return json.dumps({"lockfileVersion": 3, "packages": packages}, indent=1)


LOCK = "package-lock.json"


# ordinary work gives nothing ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (LOCK, npm(), npm("1.3.1", integrity="sha512-BBBB")),
        (LOCK, npm(integrity="sha1-AAAA"), npm(integrity="sha512-BBBB")),
        (LOCK, npm(hasInstallScript=True), npm("1.4.0", hasInstallScript=True)),
        (LOCK, npm(), npm(funding={"url": "https://sponsors.example/x"})),
        (LOCK, npm(), npm(deprecated="see http://elsewhere.example")),
        ("package.json", '{"scripts": {"test": "a"}}', '{"scripts": {"test": "b", "build": "c"}}'),
        ("package.json", "{}", '{"homepage": "http://x.example", "repository": "github:a/b"}'),
        ("package.json", "{}", '{"dependencies": {"a": "^1", "b": "npm:c@1", "d": "workspace:*"}}'),
        ("package.json", "{}", '{"dependencies": {"a": "file:./lib/a"}}'),
        ("package.json", '{"dependencies": {"a": "o/r#1"}}', '{"dependencies": {"a": "o/r#2"}}'),
        ("requirements.txt", "a==1\n", "a==2 --hash=sha256:aa\n"),
        ("requirements.txt", "a==1 --hash=sha256:aa\n", "a==1 --hash=sha256:aa --hash=sha256:bb\n"),
        ("requirements.txt", "-i https://i.example/s\n", "-i https://i.example/s\n-e .\n./lib\n"),
        ("requirements.txt", "a\n", "# -i http://evil.example\na\n-r more.txt\n"),
        ("pyproject.toml", "[project]\n", '[project]\nname="x"\n[project.urls]\nurl="http://x.example"\n'),
        ("pyproject.toml", "[tool.x]\n", '[tool.uv.sources]\na = {workspace = true}\nb = {path = "lib/b"}\n'),
        ("go.mod", "module a\n", "module a\nrequire b v1.0.0\nreplace b => ./lib/b\n"),
        ("go.sum", "a v1.0.0 h1:AA=\n", "a v1.0.0 h1:AA=\na v1.1.0 h1:BB=\n"),
        ("Gemfile", 'source "https://g.example"\n', 'source "https://g.example"\ngem "rails", "~> 7"\n'),
        ("src/data.json", "{}", '{"resolved": "http://evil.example"}'),
    ],
)  # fmt: skip
def test_ordinary_work_gives_nothing(path: str, old: str, new: str) -> None:
    assert broken({path: old}, {path: new}) == []


def test_a_lockfile_that_goes_or_moves_is_nothing_new() -> None:
    assert broken({LOCK: npm()}, {}) == []
    assert broken({LOCK: npm()}, {f"web/{LOCK}": npm()}) == []
    manifest = '{"scripts": {"prepare": "husky"}}'
    assert broken({"package.json": manifest}, {"web/package.json": manifest}) == []


# hosts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example", "http://registry.example", "https://registry.example:444",
        "https://registry.example@evil.example", "https://evil.example\\@registry.example",
        "https:evil.example", "HTTPS://EVIL.example", "https://registry.example.evil.example",
        "https://\u0433egistry.example", "https://re\tgistry.evil", "https:///evil.example",
    ],
)  # fmt: skip
def test_a_moved_host_is_held_however_it_is_written(url: str) -> None:
    other = npm("1.4.0", f"{url}/left-pad/-/left-pad-1.4.0.tgz")
    assert broken({LOCK: npm()}, {LOCK: other}) == ["host"]


@pytest.mark.parametrize(
    "url",
    ["https://REGISTRY.example", "https://registry.example:443", "https://a:b@registry.example"],
)
def test_the_same_host_written_otherwise_is_the_same(url: str) -> None:
    same = npm("1.4.0", f"{url}/left-pad/-/left-pad-1.4.0.tgz")
    assert broken({LOCK: npm()}, {LOCK: same}) == []


HOSTS = {
    "requirements.txt": ("a==1\n", "--extra-index-url https://evil.example/s\na==1\n"),
    "requirements/dev.txt": ("a\n", "-i https://evil.example\n"),
    "requirements.in": ("a\n", "--find-links=https://evil.example\n"),
    "constraints.txt": ("a==1\n", "--ind https://evil.example\n"),
    "requirements-dev.txt": ("a==1\n", "--trusted-host evil.example\na==1\n"),
    ".npmrc": ("fund=false\n", "@acme:registry=https://evil.example/\n"),
    ".yarnrc.yml": ("nodeLinker: x\n", 'npmRegistryServer: "https://evil.example"\n'),
    "pip.conf": ("[global]\n", "[global]\nindex-url = https://evil.example/simple\n"),
    "pyproject.toml": ("", '[[tool.uv.index]]\nurl = "https://evil.example/simple"\n'),
    "x/pyproject.toml": ("", '[[tool.poetry.source]]\nname="x"\nurl = "https://evil.example/simple"\n'),
    "uv.toml": ("", 'index-url = "https://evil.example/simple"\n'),
    "Pipfile": ("", '[[source]]\nurl = "https://evil.example/simple"\n'),
    ".cargo/config.toml": ("", '[source.mine]\nregistry = "sparse+https://evil.example/"\n'),
    "Gemfile": ("", 'source "https://evil.example" do\n'),
    "uv.lock": (
        'version=1\n[[package]]\nname="a"\nversion="1"\nsource={registry="https://i.example/s"}\n',
        'version=1\n[[package]]\nname="a"\nversion="2"\nsource={registry="https://evil.example/s"}\n',
    ),
    "poetry.lock": (
        '[[package]]\nname="a"\nversion="1"\nfiles=[{file="a.whl",hash="sha256:aa"}]\n',
        '[[package]]\nname="a"\nversion="2"\nsource={type="legacy",url="https://evil.example/s"}\n',
    ),
    "pylock.toml": (
        '[[packages]]\nname="a"\nversion="1"\nwheels=[{url="https://i.example/a.whl",hashes={sha256="a"}}]\n',
        '[[packages]]\nname="a"\nversion="2"\nwheels=[{url="https://evil.example/a.whl",hashes={sha256="b"}}]\n',
    ),
    "Pipfile.lock": ('{"default": {"a": {"version": "==1", "hashes": ["sha256:aa"]}}}', '{"_meta": {"sources": [{"url": "https://evil.example"}]}}'),
    "Cargo.lock": (
        '[[package]]\nname="a"\nversion="1"\nsource="registry+https://c.example/i"\nchecksum="aa"\n',
        '[[package]]\nname="a"\nversion="2"\nsource="registry+https://evil.example/i"\nchecksum="bb"\n',
    ),
    "Gemfile.lock": ("GEM\n  remote: https://g.example/\n", "GEM\n  remote: https://evil.example/\n"),
    "yarn.lock": (
        'a@^1:\n  version "1.0.0"\n  resolved "https://y.example/a/-/a-1.0.0.tgz#1"\n  integrity sha512-AA\n',
        'a@^1:\n  version "1.1.0"\n  resolved "https://evil.example/a/-/a-1.1.0.tgz#1"\n  integrity sha512-BB\n',
    ),
}  # fmt: skip


@pytest.mark.parametrize("path", HOSTS)
def test_a_new_host_is_held_in_every_kind_of_file(path: str) -> None:
    old, new = HOSTS[path]
    (found,) = faults({path: old}, {path: new})
    assert found.rule == "dependency/host"
    assert "evil.example" in found.got
    assert found.line > 0
    assert broken({path: old}, {path: old + "\n"}) == []


def test_a_host_that_another_lockfile_of_the_base_uses_is_known() -> None:
    assert broken({}, {f"web/{LOCK}": npm()}, unchanged={LOCK: npm()}) == []
    elsewhere = npm("1.4.0", "https://other.example/left-pad/-/left-pad-1.4.0.tgz")
    assert broken({}, {f"web/{LOCK}": elsewhere}, unchanged={LOCK: npm()}) == ["host"]


def test_the_first_lockfile_only_warns_of_its_hosts_but_not_of_plain_http() -> None:
    (found,) = faults({}, {LOCK: npm()})
    assert (found.rule, found.got) == ("dependency/first-host", REGISTRY)
    insecure = npm(url="http://registry.example/left-pad/-/left-pad-1.3.0.tgz")
    assert broken({}, {LOCK: insecure}) == ["host"]
    uv = HOSTS["uv.lock"][0]
    assert broken({}, {"uv.lock": uv}, unchanged={LOCK: npm()}) == ["first-host"]


# integrity ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (LOCK, npm(), npm(integrity="sha512-BBBB")),
        (LOCK, npm(), npm(integrity="sha512-AAAA sha512-BBBB")),
        (LOCK, npm(), npm(integrity="sha1-BBBB")),
        (LOCK, npm(), npm(integrity="")),
        ("requirements.txt", "A_b==1 --hash=sha256:aa\n", "a-b==1 \\\n  --hash=sha256:bb\n"),
        ("requirements.txt", "a==1 --hash=sha256:aa\n", "a==1\n"),
        ("go.sum", "a v1.0.0 h1:AA=\n", "a v1.0.0 h1:BB=\n"),
        (
            "uv.lock",
            'version=1\n[[package]]\nname="a"\nversion="1"\nsdist={url="https://i.example/a.gz",hash="sha256:a"}\n',
            'version=1\n[[package]]\nname="a"\nversion="1"\nsdist={url="https://i.example/a.gz",hash="sha256:b"}\n',
        ),
        (
            "poetry.lock",
            '[[package]]\nname="a"\nversion="1"\nfiles=[{file="a.whl",hash="sha256:aa"}]\n',
            '[[package]]\nname="a"\nversion="1"\nfiles=[{file="a.whl",hash="sha256:bb"}]\n',
        ),
        (
            "pnpm-lock.yaml",
            "packages:\n  /a@1.0.0(b):\n    resolution: {integrity: sha512-AA}\n",
            "packages:\n  a@1.0.0:\n    resolution: {integrity: sha512-BB}\n",
        ),
        (
            "yarn.lock",
            '"a@npm:^1":\n  version: 1.0.0\n  resolution: "a@npm:1.0.0"\n  checksum: 10c0/aa\n',
            '"a@npm:^1":\n  version: 1.0.0\n  resolution: "a@npm:1.0.0"\n  checksum: 10c0/bb\n',
        ),
        ("Cargo.lock", *(HOSTS["Cargo.lock"][0].replace("aa", x) for x in ("aa", "bb"))),
        ("Gemfile.lock", "CHECKSUMS\n  a (1) sha256=aa\n", "CHECKSUMS\n  a (1) sha256=bb\n"),
        ("Pipfile.lock", HOSTS["Pipfile.lock"][0], HOSTS["Pipfile.lock"][0].replace(":aa", ":bb")),
    ],
)  # fmt: skip
def test_another_hash_at_the_same_version_is_held(path: str, old: str, new: str) -> None:
    assert broken({path: old}, {path: new}) == ["integrity"]


def test_fifty_changed_hashes_are_one_finding() -> None:
    old = "".join(f"p{n}==1 --hash=sha256:aa\n" for n in range(50))
    (found,) = faults({"requirements.txt": old}, {"requirements.txt": old.replace(":aa", ":bb")})
    assert found.got == "p0 1, p1 1, p10 1 and 47 more"


def test_what_is_compiled_into_a_lockfile_takes_no_hash_away() -> None:
    locked = "black==19.10b0 --hash=sha256:aa\n"
    asked = "black==19.10b0\n"
    files: Tree = {"requirements/lint.txt": locked, "requirements/lint.in": asked}
    assert (
        broken({"requirements/test.txt": locked}, {**files, "requirements/test.txt": locked}) == []
    )
    assert broken({"requirements.txt": locked}, {"requirements.txt": asked}) == ["integrity"]


def test_a_lockfile_in_a_new_place_is_compared_too() -> None:
    other = npm(integrity="sha512-BBBB")
    assert broken({LOCK: npm()}, {"npm-shrinkwrap.json": other}) == ["integrity"]


# origins ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "new"),
    [
        *(("package.json", json.dumps({"dependencies": {"a": spec}})) for spec in (
            "github:o/r", "o/r", "git+ssh://git@h.example/o/r.git#1", "git@h.example:o/r",
            "https://h.example/a.tgz", "https://h.example/o/r.git",
        )),
        ("package.json", '{"overrides": {"a": {"b": "o/r"}}}'),
        ("package.json", '{"pnpm": {"overrides": {"a": "https://h.example/a.tgz"}}}'),
        ("requirements.txt", "a @ https://h.example/a.whl\n"),
        ("requirements.txt", "git+https://h.example/o/r@main#egg=a\n"),
        ("requirements.txt", "-e git+ssh://git@h.example/o/r\n"),
        ("pyproject.toml", '[project]\ndependencies = ["a @ git+https://h.example/o/r"]\n'),
        ("pyproject.toml", '[build-system]\nrequires = ["a@https://h.example/a.whl"]\n'),
        ("pyproject.toml", '[tool.uv.sources]\na = {git = "https://h.example/o/r"}\n'),
        ("pyproject.toml", '[tool.poetry.dependencies]\na = {url = "https://h.example/a.whl"}\n'),
        ("Cargo.toml", '[patch.crates-io]\na = {git = "https://h.example/o/r"}\n'),
        ("Cargo.lock", '[[package]]\nname="a"\nversion="1"\nsource="git+https://h.example/o/r#1"\n'),
        ("go.mod", "module m\nreplace (\n\ta v1.0.0 => h.example/evil v1.0.0 // why\n)\n"),
        ("Gemfile", 'gem "a", github: "o/r"\n'),
        ("Gemfile", 'gem "a", :git => "https://h.example/o/r"\n'),
        ("Gemfile.lock", "GIT\n  remote: https://h.example/o/r\n"),
        ("yarn.lock", 'a@o/r:\n  version "1"\n  resolved "git+https://h.example/o/r.git#1"\n'),
        ("uv.lock", 'version=1\n[[package]]\nname="a"\nversion="1"\nsource={git="https://h.example/o/r#1"}\n'),
        ("pylock.toml", '[[packages]]\nname="a"\nvcs={type="git",url="https://h.example/o/r"}\n'),
    ],
)  # fmt: skip
def test_a_new_repository_or_address_is_held(path: str, new: str) -> None:
    assert broken({}, {path: new}) == ["git"]


def test_an_archive_of_another_package_on_the_same_host_is_held() -> None:
    other = npm("1.4.0", f"{REGISTRY}/evil/-/evil-1.4.0.tgz")
    assert broken({LOCK: npm()}, {LOCK: other}) == ["git"]


def test_a_known_repository_may_move_to_another_commit() -> None:
    lock = 'version=1\n[[package]]\nname="a"\nversion="1"\nsource={{git="https://h.example/o/r?rev={0}#{0}"}}\n'
    assert broken({"uv.lock": lock.format(1)}, {"uv.lock": lock.format(2)}) == []


@pytest.mark.parametrize(
    ("path", "new"),
    [
        ("package.json", '{"dependencies": {"a": "file:../a"}}'),
        ("web/package.json", '{"dependencies": {"a": "link:../../a"}}'),
        ("package.json", '{"dependencies": {"a": "~/a"}}'),
        ("requirements.txt", "../a\n"),
        ("requirements.txt", "a @ file:///opt/a.whl\n"),
        ("requirements.txt", "--find-links /opt/wheels\n"),
        ("pyproject.toml", '[tool.uv.sources]\na = {path = "../a"}\n'),
        ("Cargo.toml", '[dependencies]\na = {path = "../a"}\n'),
        ("go.mod", "replace a => ../a\n"),
        ("Gemfile", 'gem "a", path: "../a"\n'),
        (
            "poetry.lock",
            '[[package]]\nname="a"\nversion="1"\nsource={type="directory",url="../a"}\n',
        ),
        (LOCK, '{"packages": {"node_modules/a": {"resolved": "../a", "link": true}}}'),
    ],
)
def test_a_path_outside_the_repository_is_held(path: str, new: str) -> None:
    assert broken({}, {path: new}) == ["path"]
    assert broken({path: new}, {path: new + "\n"}) == []


# scripts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("package.json", "{}", '{"scripts": {"postinstall": "node x"}}'),
        ("package.json", '{"scripts": {"prepare": "a"}}', '{"scripts": {"prepare": "b"}}'),
        ("package.json", "{}", '{"dependencies": {"a": "exec:./make.js"}}'),
        ("package.json", "{}", '{"trustedDependencies": ["a"]}'),
        ("package.json", "{}", '{"pnpm": {"onlyBuiltDependencies": ["a"]}}'),
        (LOCK, npm(), npm("1.4.0", hasInstallScript=True)),
        (
            "pnpm-lock.yaml", "packages:\n  /b@1.0.0:\n    resolution: {integrity: sha512-AA}\n",
            "packages:\n  /a@1.0.0:\n    resolution: {integrity: sha512-AA}\n    requiresBuild: true\n",
        ),
    ],
)  # fmt: skip
def test_something_new_that_an_installation_runs_is_held(path: str, old: str, new: str) -> None:
    assert broken({path: old}, {path: new}) == ["script"]
    assert broken({path: new}, {path: new + "\n"}) == []


def test_a_first_lockfile_only_writes_down_who_had_a_script_already() -> None:
    assert broken({}, {LOCK: npm(hasInstallScript=True)}) == ["first-host"]
    other = npm(hasInstallScript=True).replace("left-pad", "right-pad")
    assert broken({}, {f"web/{LOCK}": other}, unchanged={LOCK: npm()}) == ["script"]


# unreadable ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (LOCK, npm(), npm()[:-1]),
        (LOCK, npm(), '{"packages": {}, "packages": {}}'),
        (LOCK, npm(), None),
        (LOCK, npm(), b"\xff\xfe{\x00}\x00"),
        ("package.json", "{}", "[]"),
        ("uv.lock", "version=1\n", "version="),
        ("yarn.lock", "", b"\xff"),
        ("pnpm-lock.yaml", "a: b\n", "a: &x [*x]\n"),
    ],
)
def test_what_was_readable_and_is_no_more_is_held(
    path: str, old: str, new: str | bytes | None
) -> None:
    assert broken({path: old}, {path: new}) == ["unreadable"]
    assert broken({}, {path: new}) == ["unreadable"]


def test_what_never_was_readable_is_no_news() -> None:
    assert broken({LOCK: "{"}, {LOCK: "{{"}) == []
    assert broken({LOCK: "{"}, {}) == []


# whatever comes -----------------------------------------------------------------------------------

PATHS = [*HOSTS, LOCK, "package.json", "go.mod", "go.sum", "pnpm-lock.yaml", "Cargo.toml"]
PIECES = st.sampled_from(
    ["a", "==", "@", "https:", "//", "\\", '"', "{", "}", "[", "]", ":", "\n", "  ", "resolved ", "git+",
     "version", "package", "=", "1", "-e ", "--hash=", "sha256:", "replace ", "=>", "\x00", "\u202e"]
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(PATHS),
    *[st.binary(max_size=80) | st.lists(PIECES).map(lambda p: "".join(p).encode())] * 2,
)
def test_no_input_raises(path: str, old: bytes, new: bytes) -> None:
    faults({path: old}, {path: new})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["packages", "dependencies", "node_modules/a", "resolved", "version", "integrity", "link",
             "scripts", "install", "pnpm", "overrides", "default", "hashes", "_meta", "sources", "url"]
        ), inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([LOCK, "package.json", "Pipfile.lock", "pnpm-lock.yaml"]), JSON)
def test_no_document_of_odd_types_raises(path: str, value: Any) -> None:
    faults({}, {path: json.dumps(value)})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "piece",
    ["--hash", "a", " ", "https://", "-i ", "node_modules/", "h1:", "git:", "a.", "replace "],
)
@pytest.mark.thorough
def test_long_lines_take_linear_time(path: str, piece: str) -> None:
    began = time.process_time()
    faults({}, {path: piece * 100_000})
    assert time.process_time() - began < 10


def test_every_file_of_these_tests_is_one_that_is_read() -> None:
    assert all(kind_of(path.encode()) for path in PATHS)
    names = ["README.md", "requirements.md", "my-package.json", "go.modx", "config.toml"]
    assert not [name for name in names if kind_of(name.encode())]
    assert {kind.reader for kind in KINDS} == set(READERS)


def test_more_than_is_read_of_one_change_is_held_and_not_read() -> None:
    large = json.dumps({"name": "x" * (5 << 20)})
    assert broken({}, {f"{name}/package.json": large for name in "ab"}) == []
    assert broken({}, {f"{name}/package.json": large for name in "abc"}) == ["unreadable"]
