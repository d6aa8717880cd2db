"""Which paths are protected by their name: those that a person, not a Builder, answers for.

Pure words, found at any depth and on any disk (`model/disguise.py`). Not here, because they harm
nobody unasked: README.md, ordinary documentation, Makefiles, test configuration.
"""

from __future__ import annotations

import functools
import itertools
import re
from typing import TYPE_CHECKING

from lanectl.model.disguise import as_short, fold_path, short_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

AGENT, CI, BUILD, OWNERS = (
    "protected/agent", "protected/ci", "protected/build", "protected/owners",
)  # fmt: skip
SCRIPTS, GITOPS, ATTRIBUTES, MODULES = (
    "protected/scripts", "protected/gitops", "protected/attributes", "protected/modules",
)  # fmt: skip

_LEAVES: dict[str, str] = {
    AGENT: """
        agents.md agents.override.md claude.md claude.local.md gemini.md .cursorrules
        .windsurfrules .clinerules .roorules .goosehints .mcp.json opencode.json opencode.jsonc
        qwen.md crush.md .crush.json
        """,
    CI: """
        .gitlab-ci.yml .gitlab-ci.yaml jenkinsfile .travis.yml bitbucket-pipelines.yml .drone.yml
        .drone.jsonnet .drone.star .woodpecker.yml .woodpecker.yaml appveyor.yml .appveyor.yml
        .cirrus.yml .cirrus.star cloudbuild.yaml cloudbuild.yml buildspec.yml
        .pre-commit-config.yaml .pre-commit-config.yml lefthook.yml lefthook.yaml lefthook.toml
        lefthook.json .lefthook.yml .lefthook.yaml .lefthook.toml .lefthook.json renovate.json
        renovate.json5 .renovaterc .renovaterc.json .renovaterc.json5
        """,
    BUILD: """
        binding.gyp .npmrc .yarnrc .yarnrc.yml .pnpmfile.cjs .pnpmfile.mjs
        .envrc .devcontainer.json bunfig.toml sitecustomize.py usercustomize.py .gdbinit .lldbinit
        """,
    GITOPS: "kustomization.yaml kustomization.yml kustomization",
    SCRIPTS: "package.json composer.json",
    ATTRIBUTES: ".gitattributes",
}
_FOLDERS: dict[str, str] = {
    AGENT: """
        .claude .codex .cursor .windsurf .clinerules .roo .junie .kiro .amazonq .continue .gemini
        .opencode .agents .qwen .crush .kilocode .augment .trae
        .github/copilot-instructions.md .github/instructions .github/prompts
        .github/chatmodes .github/agents .github/skills .vscode/mcp.json
        """,
    CI: """
        .github/workflows .github/actions .circleci .buildkite .husky .woodpecker .semaphore
        .teamcity .gitea/workflows .forgejo/workflows .github/dependabot.yml .github/dependabot.yaml
        .github/renovate.json .github/renovate.json5 .gitlab/renovate.json
        """,
    BUILD: """
        .devcontainer .vscode/tasks.json .vscode/settings.json .vscode/launch.json
        .vscode/extensions.json .idea/runconfigurations .yarn/releases .yarn/plugins
        .cargo/config.toml .cargo/config .mvn/extensions.xml .mvn/jvm.config .mvn/wrapper
        gradle/wrapper
        """,
}
_TOP: dict[str, str] = {
    CI: "action.yml action.yaml",
    BUILD: "setup.py build.rs",
    OWNERS: "codeowners .github/codeowners docs/codeowners .gitlab/codeowners .github/settings.yml",
    MODULES: ".gitmodules",
}
_MANIFESTS = {"gitops", "argocd", "argo-cd", ".argocd", "flux-system", "kyverno"}
"""Folders whose YAML and JSON files, at any depth, say what a cluster runs and admits."""

_SKILLS = {"skills"}

MANIFEST = re.compile(r".*\.(?:ya?ml|json|tpl)", re.DOTALL)
_ODD_LEAVES = {
    AGENT: re.compile(r"\.aider[^/]*", re.DOTALL),
    CI: re.compile(r"jenkinsfile\..*|azure-pipelines.*\.ya?ml|\.woodpecker\..*", re.DOTALL),
}


def _rows(table: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((name, rule) for rule, names in table.items() for name in names.split())


_BY_LEAF = dict(_rows(_LEAVES))
_BY_FOLDER = dict(_rows(_FOLDERS))
_BY_TOP = dict(_rows(_TOP))
_NAMES = {
    part for table in (_BY_LEAF, _BY_FOLDER, _BY_TOP) for path in table for part in path.split("/")
} | _MANIFESTS | _SKILLS | {"skill.md"}  # fmt: skip
_BY_SHORT = {short_name(name): name for name in sorted(_NAMES, reverse=True)}
_HOLDERS = (
    {path.split("/")[0] for path in (*_BY_FOLDER, *_BY_TOP) if "/" in path} | _MANIFESTS | _SKILLS
)  # fmt: skip
"""Names that are protected by none of these tables alone, but make what is below them so."""


def rule_for(path: bytes) -> str:
    """Return the rule that protects a raw path by its name, or an empty string."""
    parts = names(path)
    leaf = parts[-1]
    found = _by_folder(parts) or _BY_TOP.get("/".join(parts[:3])) or _BY_LEAF.get(leaf)
    if found:
        return found
    if leaf == "skill.md" and not _SKILLS.isdisjoint(parts):
        return AGENT
    if MANIFEST.fullmatch(leaf) and not _MANIFESTS.isdisjoint(parts[:-1]):
        return GITOPS
    return next((rule for rule, odd in _ODD_LEAVES.items() if odd.fullmatch(leaf)), "")


def names(path: bytes) -> Sequence[str]:
    """Return a path's names as the tables have them: folded, a short name of Windows long again."""
    return tuple(map(_long, fold_path(path)))


def bearing(path: bytes) -> tuple[object, ...] | None:
    """Return what a link of this path makes of what it leads to; None: nothing protected.

    Two links of the same bearing protect the same, so that one of them is enough to look at.
    """
    parts, rule = names(path), rule_for(path)
    leaf = parts[-1] if parts[-1] in _HOLDERS else ""
    inside = [not folders.isdisjoint(parts) for folders in (_MANIFESTS, _SKILLS)]
    if not (rule or leaf or any(inside)):
        return None
    return rule, leaf, *inside, len(parts) == 1


def _by_folder(parts: Sequence[str]) -> str:
    pairs = (f"{one}/{two}" for one, two in itertools.pairwise(parts))
    return next((_BY_FOLDER[p] for p in (*parts, *pairs) if p in _BY_FOLDER), "")


@functools.lru_cache(maxsize=8192)
def _long(name: str) -> str:
    return _BY_SHORT.get(as_short(name), name) if "~" in name else name
