"""Protected: files that a person answers for, which a Builder may change only with an approval.

By name at any depth, on any disk and through links (`model/protected.py`); package scripts,
attributes and cluster manifests by what of them changed. All of it holds, nothing blocks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lanectl.errors import Remedy
from lanectl.formats import json
from lanectl.model import links, protected
from lanectl.model.change import Mode
from lanectl.model.decision import Decision, Kind, Subject
from lanectl.model.display import display, display_path
from lanectl.model.report import Fault, MalformedError, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lanectl.model.change import FileChange
    from lanectl.model.content import Content


def _rule(name: str, title: str, why: str, what: str, example: str) -> Rule:
    remedy = Remedy(
        f"Leave {what} out of the change, or let a person whose role the trust policy names read "
        "it and approve it; the bundle waits."
    )
    return Rule(name, title, why, remedy, Decision.HOLD, example)


RULES = (
    _rule(
        protected.AGENT, "Instructions or settings of a coding agent",
        "The next agent obeys them: they can tell it to run programs, to leave things unsaid, or "
        "connect it to a server.",
        "the agent's file", "docs/AGENTS.md, .claude/settings.json, or a file that CLAUDE.md links to",
    ),
    _rule(
        protected.CI, "A pipeline, a git hook, or the settings of a bot that changes code",
        "It runs by itself, with the repository's secrets, on the change of whoever wrote it.",
        "the pipeline", ".github/workflows/ci.yml",
    ),
    _rule(
        protected.BUILD, "A file that runs programs when somebody only installs, builds or opens the project",
        "Editors, package managers and shells obey it without being asked.",
        "the file", ".vscode/tasks.json, build.rs, .npmrc",
    ),
    _rule(
        protected.OWNERS, "Who must review what",
        "A change that chooses its own reviewers is reviewed by nobody.",
        "the owners' file", ".github/CODEOWNERS",
    ),
    _rule(
        protected.SCRIPTS, "The scripts of a package.json or composer.json differ",
        "Some run at every installation, the others whenever somebody tests or builds.",
        "the object `scripts`", '{"scripts": {"postinstall": "node setup.js"}}',
    ),
    _rule(
        protected.GITOPS, "What a cluster runs or admits",
        "A controller applies it by itself: Argo CD, Flux, Kyverno, admission policies.",
        "the manifest", "gitops/app.yaml, or any YAML of `apiVersion: kyverno.io/v1`",
    ),
    _rule(
        protected.ATTRIBUTES, "A `.gitattributes` differs in what makes git run or rewrite something",
        "`filter`, `diff` and `merge` choose programs, an encoding or `export-subst` another "
        "content. Line ends, `linguist-…` and `-diff` are free.",
        "the attribute", "*.bin filter=unpack",
    ),
    _rule(
        protected.MODULES, "A change of `.gitmodules`",
        "It says from where git fetches code. What runs a program is `paths/modules`.",
        "`.gitmodules`", "url = https://example.com/other.git",
    ),
)  # fmt: skip

_BY_CONTENT = {protected.SCRIPTS, protected.ATTRIBUTES}
_FILES = {Mode.FILE, Mode.EXECUTABLE, Mode.ABSENT}
_PACKAGE_LIMIT = 1 << 20
_CLUSTER = (
    b"kyverno.io/v", b"fluxcd.io/v", b"admissionregistration.k8s.io/v", b"gatekeeper.sh/v",
    b"policy.sigstore.dev/v",
)  # fmt: skip
"""Kinds of a cluster's own rules, by the group and version that each of their manifests names."""
_ARGO = re.compile(rb"kind[\"']?[ \t]*:[ \t]*[\"']?(?:Application|ApplicationSet|AppProject)\b")
_OWN_DIFFS = frozenset((
    "ada", "bash", "bibtex", "cpp", "csharp", "css", "dts", "elixir", "fortran", "fountain",
    "golang", "html", "ini", "java", "kotlin", "markdown", "matlab", "objc", "pascal", "perl",
    "php", "python", "r", "ruby", "rust", "scheme", "tex",
))  # fmt: skip
_ATTRIBUTES = {
    "filter": frozenset[str](),
    "diff": _OWN_DIFFS,
    "merge": frozenset({"text", "binary", "union"}),
    "working-tree-encoding": frozenset({"utf-8", "UTF-8"}),
    "export-subst": frozenset[str](),
}
"""Attributes that make git run or rewrite something, each with the values that do not."""
_RUNS_BY_ITSELF = re.compile(
    r"(?:pre|post)?(?:install|prepare|publish|pack|version|uninstall|restore|dependencies|rebuild)"
    r"|prepublishonly|(?:pre|post)-.*|(?:pre|post).*(?:dump|package).*"  # of npm, and of composer
)
_ATTRIBUTE = re.compile(
    rb'(?<=[ \t\r"])[-!]?(?:%b)(?:=[^ \t\r\n]*)?(?=[ \t\r\n]|\Z)'  # it may touch a quoted pattern
    % "|".join(_ATTRIBUTES).encode()
)
_COMMENT = re.compile(rb"^[ \t\r]*#.*", re.MULTILINE)


def check(content: Content) -> Iterator[Fault]:
    """Yield a fault for every changed path that is protected, by itself or through a link."""
    ways, moved = _Ways(content), _moved(content)
    for file in content.files:
        if (found := _problem(file, content, ways)) and file.path not in moved:
            rule, got = found
            yield Fault(
                rule, display_path(file.path), got, "unchanged, or approved",
                Subject(Kind.PATH, file.path),
            )  # fmt: skip


def _problem(file: FileChange, content: Content, ways: _Ways) -> tuple[str, str] | None:
    """Return the broken rule and what was found, or None."""
    if found := _by_name(file, file.path, content):
        return found
    for name in ways.to(file.path):
        if found := _by_name(file, name, content):
            return found[0], f"{found[1]}; it is {display_path(name)}, through a link"
    if file.target is not None and (end := ways.end(file)):
        rule = protected.rule_for(end)
        if rule and rule not in _BY_CONTENT:
            return rule, f"{file.kind} link to {display_path(end)}"
    if _is_build_script(file, content):
        return protected.BUILD, f"{file.kind} build script"
    if any(_is_manifest(file, data) for data in (content.new(file), content.old(file))):
        return protected.GITOPS, f"{file.kind} manifest"
    return None


def _by_name(file: FileChange, name: bytes, content: Content) -> tuple[str, str] | None:
    rule = protected.rule_for(name)
    if not rule:
        return None
    if rule not in _BY_CONTENT or not {file.old_mode, file.new_mode} <= _FILES:
        return rule, file.kind
    old, new = _side(file.old_mode, content.old(file)), _side(file.new_mode, content.new(file))
    if old is None or new is None:
        return rule, f"{file.kind}, too large to look into"
    if rule == protected.SCRIPTS:
        differing = _scripts(old, new)
    else:
        differing = [display(a) for a in sorted(_attributes(old) ^ _attributes(new))]
    return (rule, f"{file.kind}: {display(', '.join(differing), limit=200)}") if differing else None


def _side(mode: str, data: bytes | None) -> bytes | None:
    return b"" if mode == Mode.ABSENT else data


def _scripts(old: bytes, new: bytes) -> list[str]:
    """Return the names of the scripts that differ, or what else is wrong."""
    if old == new:
        return []
    try:
        before, after = _package(old), _package(new)
    except MalformedError:
        return ["no JSON document that every reader understands alike"]
    names = {**before, **after}
    return [display(n) for n in names if before.get(n) != after.get(n)]


def _package(data: bytes) -> Mapping[str, object]:
    """Return the scripts of a manifest. Raises MalformedError if they cannot be told."""
    data = data.removeprefix(b"\xef\xbb\xbf")  # npm reads past a byte order mark
    value = json.load(data, rule=protected.SCRIPTS, limit=_PACKAGE_LIMIT) if data.strip() else {}
    scripts = value.get("scripts", {}) if isinstance(value, dict) else {}
    if isinstance(scripts, dict):
        return scripts
    return {"scripts": scripts}


def _moved(content: Content) -> frozenset[bytes]:
    """Return the manifests that were moved with all their scripts, of which none runs by itself."""
    sides: dict[str, dict[bytes, list[bytes]]] = {"added": {}, "deleted": {}}
    for file in content.files:
        if file.kind in sides and protected.rule_for(file.path) == protected.SCRIPTS:
            data = content.old(file) if file.kind == "deleted" else content.new(file)
            if scripts := _harmless_scripts(data or b""):
                sides[file.kind].setdefault(scripts, []).append(file.path)
    both = sides["added"].keys() & sides["deleted"].keys()
    return frozenset(path for side in sides.values() for scripts in both for path in side[scripts])


def _harmless_scripts(data: bytes) -> bytes:
    """Return a manifest's scripts, empty if there are none, or some run at an installation."""
    try:
        scripts = _package(data)
    except MalformedError:
        return b""
    is_tame = scripts and not any(_RUNS_BY_ITSELF.fullmatch(name.lower()) for name in scripts)
    return repr(sorted(scripts.items())).encode() if is_tame else b""


def _attributes(data: bytes) -> set[str]:
    """Return the attributes of a `.gitattributes` that make git run or rewrite something."""
    found = set(_ATTRIBUTE.findall(_COMMENT.sub(b"", data)))
    return {a for a in (word.decode("utf-8", "surrogateescape") for word in found) if _acts(a)}


def _acts(attribute: str) -> bool:
    key, _, value = attribute.partition("=")
    if key.startswith(("-", "!")):
        return key[1:] == "filter"  # what was encrypted or kept elsewhere no longer is
    return (
        key in _ATTRIBUTES and value not in _ATTRIBUTES[key] and attribute not in {"diff", "merge"}
    )


def _is_build_script(file: FileChange, content: Content) -> bool:
    """Whether a file of a nested project runs when that is built; the names are ordinary ones too."""
    folder, _, _ = file.path.rpartition(b"/")
    leaf = protected.names(file.path)[-1]
    if leaf == "build.rs":
        return b"\t%b/Cargo.toml\0" % folder in content.tree
    if leaf != "setup.py":
        return False
    text = (content.old(file) or b"") + (content.new(file) or b"")
    return b"setuptools" in text or b"distutils" in text


def _is_manifest(file: FileChange, data: bytes | None) -> bool:
    """Whether a file says what a cluster runs or admits, by the kinds it names."""
    if not data or not protected.MANIFEST.fullmatch(protected.names(file.path)[-1]):
        return False
    if b"\0" in data:
        data = data.replace(b"\0", b"")  # UTF-16 and UTF-32, which YAML may be
    if any(kind in data for kind in _CLUSTER):
        return True
    return b"argoproj.io/v" in data and _ARGO.search(data) is not None


class _Ways:
    """The links of the result tree that make something protected, by where they end."""

    def __init__(self, content: Content) -> None:
        self._links = content.links
        found: dict[bytes, dict[object, bytes]] = {}
        for path, target in self._links.items():
            bearing = protected.bearing(path)
            end = links.destination(path, target, self._links) if bearing else None
            if end and not path.startswith(end + b"/"):  # else it leads to a folder that it is in
                found.setdefault(end, {}).setdefault(bearing, path)
        self._ends = {end: tuple(ways.values()) for end, ways in found.items()}
        self._lengths = sorted(set(map(len, found)))

    def to(self, path: bytes) -> Iterator[bytes]:
        """Yield the names that a path has through links."""
        for length in self._lengths:
            if path[length : length + 1] in {b"", b"/"}:
                for link in self._ends.get(path[:length], ()):
                    yield link + path[length:]

    def end(self, file: FileChange) -> bytes | None:
        """Return the path where a changed link ends, or None."""
        return links.destination(file.path, file.target or b"", self._links)
