"""The rules of protected files: by name on any disk, at both ends of a rename, and through links."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lanectl.adapters.git.objects import Objects
from lanectl.adapters.git.process import Git
from lanectl.checks import RULES, protected
from lanectl.flows.content import gather
from lanectl.model.change import FileChange, Mode
from lanectl.model.content import Content
from lanectl.model.decision import Decision
from lanectl.model.links import in_listing
from lanectl.model.names import ObjectId, RepositoryId
from lanectl.model.protected import rule_for
from lanectl.model.report import Fault, Outcome
from lanectl.model.settings import Limits, Rules
from tests.assets.bundles.workshop.bundle import Plan, make
from tests.assets.bundles.workshop.objects import File
from tests.checks.enforcer import Enforcer
from tests.world import git

REPOSITORY = RepositoryId("localhost/shop")

OLD, NEW, NULL = ObjectId("1" * 40), ObjectId("2" * 40), ObjectId("0" * 40)
ANYWHERE = {
    "agent": [
        "AGENTS.md", "a/QWEN.md", "CRUSH.md", ".trae/rules/a.md", "AGENTS.override.md", "CLAUDE.md", "CLAUDE.local.md", "GEMINI.md", ".cursorrules",
        ".windsurfrules", ".clinerules", ".clinerules/a.md", ".mcp.json", ".claude/settings.json",
        ".claude/skills/x/run.py", ".codex/config.toml", ".cursor/rules/a.mdc", ".cursor/mcp.json",
        ".windsurf/x", ".roo/x", ".aider.conf.yml", ".aiderignore", ".junie/guidelines.md",
        ".kiro/steering/a.md", ".amazonq/rules/x", ".continue/config.yaml", "opencode.json",
        ".github/copilot-instructions.md", ".github/instructions/py.instructions.md",
        ".github/prompts/x.prompt.md", ".github/chatmodes/x.md", ".github/agents/x.md",
        "skills/deploy/SKILL.md", ".vscode/mcp.json", ".gemini/settings.json",
    ],
    "ci": [
        ".github/workflows/ci.yml", ".github/workflows/readme.md", ".github/actions/x/action.yml",
        ".gitlab-ci.yml", ".circleci/config.yml", "Jenkinsfile", "Jenkinsfile.release",
        "azure-pipelines.yml", "azure-pipelines-nightly.yaml", ".buildkite/pipeline.yml", ".travis.yml",
        "bitbucket-pipelines.yml", ".drone.yml", ".woodpecker.yml", ".woodpecker/test.yaml",
        "appveyor.yml", ".pre-commit-config.yaml", ".husky/pre-commit", "lefthook.yml",
        "renovate.json", ".renovaterc", ".github/dependabot.yml", ".gitea/workflows/x.yml",
    ],
    "build": [
        "binding.gyp", ".npmrc", ".yarnrc", ".yarnrc.yml", ".pnpmfile.cjs",
        ".envrc", ".devcontainer/devcontainer.json", ".devcontainer.json", ".vscode/tasks.json",
        ".vscode/settings.json", ".vscode/launch.json", ".vscode/extensions.json",
        ".idea/runConfigurations/x.xml", ".yarn/releases/yarn.cjs", ".cargo/config.toml",
        "gradle/wrapper/gradle-wrapper.jar", ".mvn/extensions.xml", "sitecustomize.py",
    ],
    "gitops": [
        "kustomization.yaml", "Kustomization", "gitops/app.yaml", "argocd/shop.yml",
        "flux-system/gotk-sync.yaml", "kyverno/policy.json",
    ],
}  # fmt: skip
AT_THE_TOP = {
    "ci": ["action.yml", "action.yaml"],
    "build": ["setup.py", "build.rs"],
    "owners": ["CODEOWNERS", ".github/CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS", ".github/settings.yml"],
    "modules": [".gitmodules"],
}  # fmt: skip
FREE = [
    "README.md", "docs/README.md", "docs/agents/readme.md", "src/claude.py", "codex.md", "docs/claude/a.md",
    "agents/base.py", "claude.mdx", "AGENTS.md.txt", ".claudeignore", ".github/PULL_REQUEST_TEMPLATE.md",
    ".github/ISSUE_TEMPLATE/bug.yml", ".github/FUNDING.yml", "workflows/ci.yml", "src/action.yml/x",
    "sub/action.yml", "docs/jenkinsfiles.md", "Makefile", "conftest.py", "Dockerfile", "pyproject.toml",
    "src/setup.cfg", "src/gitops/handler.py", "gitops/README.md", "kyverno.yaml", "sub/CODEOWNERS",
    "skills/readme.md", "SKILL.md", ".vscode/cspell.json", ".idea/vcs.xml", ".editorconfig", ".gitignore",
    "wrapper/gradle.properties", ".yarn/cache/x.zip", "renovate/config.ts", "mcp.json", "docs/.github/x~1",
    "db~1/agents.sql", "LICENSE", ".env.example", "sub/.gitmodules", "lefthook.md",
]  # fmt: skip


def one(
    path: str, old: bytes | None = None, new: bytes | None = b"new", *,
    links: dict[bytes, bytes] | None = None, mode: str = Mode.FILE,
) -> list[Fault]:  # fmt: skip
    """Return the faults of one changed path; None: not there."""
    change = FileChange(
        path.encode(), Mode.ABSENT if old is None else Mode.FILE,
        Mode.ABSENT if new is None else mode,
        NULL if old is None else OLD, NULL if new is None else NEW,
        new if mode == Mode.LINK else None,
    )  # fmt: skip
    blobs = {i: data for i, data in ((OLD, old), (NEW, new)) if data is not None}
    return list(protected.check(Content(files=(change,), blobs=blobs, links=links or {})))


def broken(*arguments: object, **named: object) -> list[str]:
    return [fault.rule.removeprefix("protected/") for fault in one(*arguments, **named)]  # type: ignore[arg-type]


def test_everything_holds_and_nothing_blocks() -> None:
    rules = [rule for rule in RULES.values() if rule.id.startswith("protected/")]
    assert len(rules) == 8
    assert {rule.decision for rule in rules} == {Decision.HOLD}
    assert all(rule.example and "approve" in rule.remedy.text for rule in rules)


def test_a_bundle_with_protected_files_is_held_at_its_own_step(tmp_path: Path) -> None:
    enforcer = Enforcer(tmp_path / "root")
    edits: dict[bytes, File | None] = {
        b"docs/AGENTS.md": File(), b"Lines.txt": File(), b"x/run": File(b"\x7fELF", "100755"),
        b"README.md": File(),
    }  # fmt: skip
    report = enforcer.verify(make(Plan(edits=edits)), enforcer.trust())
    assert report.outcome is Outcome.HELD
    assert {s.title: [f.rule.id for f in s.findings] for s in report.steps if s.findings} == {
        "content": ["paths/executable", "paths/collision", "protected/agent"],
    }  # fmt: skip


# by name ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "path"), [(r, p) for r, paths in ANYWHERE.items() for p in paths])
def test_a_protected_name_at_any_depth_and_in_any_case(rule: str, path: str) -> None:
    for shown in (path, f"packages/a b/{path}", path.upper(), path.swapcase(), f"x/{path.title()}"):
        assert broken(shown) == [rule], shown
    assert broken(path, b"old", None) == [rule]
    assert broken(f"sub/{path}", b"old", b"new") == [rule]
    assert broken(path, b"same", b"same", mode=Mode.EXECUTABLE) == [rule]
    assert broken(path, None, b"README.md", mode=Mode.LINK) == [rule]


@pytest.mark.parametrize(
    ("rule", "path"), [(r, p) for r, paths in AT_THE_TOP.items() for p in paths]
)
def test_a_name_that_counts_at_the_top_only(rule: str, path: str) -> None:
    assert broken(path) == broken(path.upper()) == broken(path, b"old", None) == [rule]
    assert broken(f"vendored/{path}") == []


@pytest.mark.parametrize("path", FREE)
def test_a_neighbour_is_free(path: str) -> None:
    assert broken(path) == broken(f"sub/{path}") == broken(path, b"old", None) == []


@pytest.mark.parametrize(
    "path",
    [
        "CLAUDE.md.", "claude.md ", "AGENTS.md. .", "\u200cAGENTS.md", "AGE\u200dNTS.md", "CLA\u202eUDE.md",
        ".cla\ufeffude/x", "GITHUB~1/workflows/x.yml", ".github/WORKFL~2/x.yml", "CLAUDE~1/x", "x/gitlab~1.yml", "\u200cCLAUDE.md. ",
        "Jen\u212ainsfile",
    ],
)  # fmt: skip
def test_a_disguise_that_some_disk_takes_off(path: str) -> None:
    assert len(broken(path)) == 1


def test_both_ends_of_a_rename() -> None:
    away = FileChange(b"AGENTS.md", Mode.FILE, Mode.ABSENT, OLD, NULL)
    there = FileChange(b"docs/guide.md", Mode.ABSENT, Mode.FILE, NULL, OLD)
    found = list(protected.check(Content(files=(away, there))))
    assert [f.subject.name for f in found if f.subject] == [b"AGENTS.md"]
    into = FileChange(b".claude/guide.md", Mode.ABSENT, Mode.FILE, NULL, OLD)
    gone = FileChange(b"docs/guide.md", Mode.FILE, Mode.ABSENT, OLD, NULL)
    found = list(protected.check(Content(files=(into, gone))))
    assert [f.subject.name for f in found if f.subject] == [b".claude/guide.md"]


# through links ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "target", "rule"),
    [
        ("guide.md", "AGENTS.md", "agent"), ("docs/guide.md", "../AGENTS.md", "agent"),
        ("x", ".claude", "agent"), ("x", ".claude/skills", "agent"), ("x", "./.GITHUB//workflows/", "ci"),
        ("a/b/x", "../../.github/workflows/ci.yml", "ci"), ("x", "docs/CODEOWNERS", "owners"),
        ("x", ".gitmodules", "modules"), ("x", ".vscode/tasks.json", "build"),
    ],
)  # fmt: skip
def test_a_new_link_to_a_protected_path(path: str, target: str, rule: str) -> None:
    assert broken(path, None, target.encode(), mode=Mode.LINK) == [rule]
    assert broken(path, b"old", target.encode(), mode=Mode.LINK) == [rule]


@pytest.mark.parametrize(
    "target", ["README.md", ".", "..", "docs", ".github", "package.json", "x/../.."]
)
def test_a_new_link_to_something_else(target: str) -> None:
    assert broken("sub/alias", None, target.encode(), mode=Mode.LINK) == []


def test_a_new_link_that_reaches_a_protected_path_over_another_link() -> None:
    links = {b"tools": b".github"}
    assert broken("x", None, b"tools/workflows/ci.yml", mode=Mode.LINK, links=links) == ["ci"]
    assert broken("x", None, b"tools/readme.md", mode=Mode.LINK, links=links) == []


@pytest.mark.parametrize(
    ("links", "path", "rule"),
    [
        ({"CLAUDE.md": "docs/guide.md"}, "docs/guide.md", "agent"),
        ({"sub/AGENTS.md": "../docs/guide.md"}, "docs/guide.md", "agent"),
        ({"CLAUDE.md": "a", "a": "b", "b": "docs/guide.md"}, "docs/guide.md", "agent"),
        ({"CLAUDE.md": "pages/guide.md", "pages": "docs"}, "docs/guide.md", "agent"),
        ({".claude": "ai/claude"}, "ai/claude/commands/x.md", "agent"),
        ({".claude/skills": "../skills"}, "skills/x/run.py", "agent"),
        ({".github": "forge"}, "forge/workflows/ci.yml", "ci"),
        ({".github": "forge"}, "forge/CODEOWNERS", "owners"),
        ({"docs": "pages"}, "pages/CODEOWNERS", "owners"),
        ({"skills": "lib"}, "lib/x/SKILL.md", "agent"),
        ({"skills/x": "../lib"}, "lib/SKILL.md", "agent"),
        ({"gitops/shop": "../apps"}, "apps/shop.yaml", "gitops"),
        ({".vscode": "editor"}, "editor/tasks.json", "build"),
    ],
)  # fmt: skip
def test_what_a_protected_link_of_the_tree_leads_to(
    links: dict[str, str], path: str, rule: str
) -> None:
    raw = {p.encode(): t.encode() for p, t in links.items()}
    found = one(path, b"old", b"new", links=raw)
    assert [f.rule for f in found] == [f"protected/{rule}"]
    assert "through a link" in found[0].got
    assert broken(path, b"old", b"new") == []
    assert broken("other.txt", b"old", b"new", links=raw) == []


@pytest.mark.parametrize(
    "links",
    [
        {"CLAUDE.md": "CLAUDE.md"}, {"CLAUDE.md": "a", "a": "b", "b": "a"}, {".claude/all": ".."},
        {".claude/all": "."}, {"docs/.claude/all": ".."}, {"CLAUDE.md": "../out"}, {"CLAUDE.md": "/docs/guide.md/x"}, {".github": "forge"},
        {"alias": "docs/guide.md"}, {"AGENTS.md": "a/" * 2000}, {"docs": "docs/docs"},
    ],
)  # fmt: skip
def test_links_that_lead_nowhere_or_to_everything_protect_nothing(links: dict[str, str]) -> None:
    raw = {p.encode(): t.encode() for p, t in links.items()}
    assert broken("docs/guide.md", b"old", b"new", links=raw) == []
    assert broken("forge/readme.md", b"old", b"new", links=raw) == []


def test_a_thousand_links_to_one_folder_are_looked_at_as_one() -> None:
    links = {b"x%d/.github" % n: b"../docs" for n in range(5000)}
    files = tuple(
        FileChange(b"docs/%d.md" % n, Mode.FILE, Mode.FILE, OLD, NEW) for n in range(2000)
    )
    assert len(protected._Ways(Content(links=links))._ends[b"docs"]) == 1
    assert list(protected.check(Content(files=files, links=links))) == []


def test_the_links_of_a_real_tree_are_read_when_they_matter(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/guide.md").write_text("old\n")
    (tmp_path / "plain").symlink_to("docs")
    trees = [_tree(tmp_path)]
    (tmp_path / "docs/guide.md").write_text("new\n")
    trees.append(_tree(tmp_path))
    (tmp_path / "CLAUDE.md").symlink_to("plain/guide.md")
    trees.append(_tree(tmp_path))
    (tmp_path / "docs/guide.md").write_text("newer\n")
    trees.append(_tree(tmp_path))
    objects = Objects(Git(str(tmp_path), Limits()), str(tmp_path / ".git").encode())

    def content(old: str, new: str) -> Content:
        files = objects.files(ObjectId(old), ObjectId(new))
        return gather(
            files,
            ObjectId(new),
            objects,
            rules=Rules(),
            words=None,
            members={},
            repository=REPOSITORY,
        )

    assert content(trees[0], trees[1]).links == {}
    later = content(trees[2], trees[3])
    assert later.links == {b"plain": b"docs", b"CLAUDE.md": b"plain/guide.md"}
    assert [f.rule for f in protected.check(later)] == ["protected/agent"]
    assert content(trees[1], trees[2]).links == later.links


def test_a_link_of_the_base_on_the_way_of_a_new_one_is_read(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "tools").symlink_to(".github")
    before = _tree(tmp_path)
    (tmp_path / "x").symlink_to("tools/workflows")
    after = _tree(tmp_path)
    objects = Objects(Git(str(tmp_path), Limits()), str(tmp_path / ".git").encode())
    files = objects.files(ObjectId(before), ObjectId(after))
    found = gather(
        files,
        ObjectId(after),
        objects,
        rules=Rules(),
        words=None,
        members={},
        repository=REPOSITORY,
    )
    assert [f.rule for f in protected.check(found)] == ["protected/ci"]


def test_a_path_that_looks_like_a_links_record_is_none() -> None:
    link = b"120000 %b 0\tAGENTS.md\0" % OLD.encode()
    odd = b"100644 %b 0\tx/120000 y\0" % OLD.encode()
    assert list(in_listing(odd + link + odd)) == list(in_listing(link)) == [(b"AGENTS.md", OLD)]


def _tree(folder: Path) -> str:
    git(folder, "add", "-A")
    return git(folder, "write-tree")


# by content ---------------------------------------------------------------------------------------


def package(**fields: object) -> bytes:
    return json.dumps({"name": "x", **fields}).encode()


TESTED = package(scripts={"test": "jest"})


@pytest.mark.parametrize(
    "path", ["package.json", "tests/fixtures/package.json", "Package.JSON", "composer.json"]
)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (TESTED, package(scripts={"test": "jest"}, version="2")), (package(), package(version="2")),
        (package(scripts={}), package()), (None, package()), (None, b""), (package(), None),
        (package(), b"\xef\xbb\xbf" + package(version="2")), (TESTED, b"  " + TESTED), (b"[]", b"[1]"),
    ],
)  # fmt: skip
def test_scripts_that_stay_are_free(path: str, old: bytes | None, new: bytes | None) -> None:
    assert broken(path, old, new) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (TESTED, package(scripts={"test": "mocha"})), (None, TESTED), (TESTED, None), (TESTED, package()),
        (package(), package(scripts={"postinstall": "x"})), (package(), package(scripts="x")), (package(), b"{"),
        (package(), b'{"scripts":{},"scripts":{"postinstall":"x"}}'), (b"{", package(version="2")),
        (package(), b"{" * 100_000), (package(), "\ufeff".encode("utf-16")), (package(), b" " * (1 << 21) + TESTED),
    ],
)  # fmt: skip
def test_scripts_that_change_or_cannot_be_told(old: bytes | None, new: bytes | None) -> None:
    assert broken("web/package.json", old, new) == ["scripts"]


def test_a_package_that_is_a_link_or_too_large_to_read() -> None:
    assert broken("package.json", TESTED, b"other.json", mode=Mode.LINK) == ["scripts"]
    assert broken(".gitattributes", b"* text", b"other", mode=Mode.LINK) == ["attributes"]
    change = FileChange(b"package.json", Mode.FILE, Mode.FILE, OLD, NEW)
    found = list(protected.check(Content(files=(change,), blobs={OLD: TESTED})))
    assert [f.rule for f in found] == ["protected/scripts"]


def moved(before: bytes, after: bytes) -> list[str]:
    """Return what is found when a manifest goes from one folder to another."""
    files = (
        FileChange(b"play/a/package.json", Mode.FILE, Mode.ABSENT, OLD, NULL),
        FileChange(b"playground/a/package.json", Mode.ABSENT, Mode.FILE, NULL, NEW),
    )
    return [f.rule for f in protected.check(Content(files, blobs={OLD: before, NEW: after}))]


def test_a_manifest_may_move_with_scripts_that_nobody_runs_unasked() -> None:
    assert moved(TESTED, package(scripts={"test": "jest"}, version="2")) == []
    assert moved(TESTED, package(scripts={"test": "mocha"})) == ["protected/scripts"] * 2
    assert moved(TESTED, b"{") == ["protected/scripts"] * 2
    for name in ("postinstall", "prepare", "prePublishOnly", "post-autoload-dump"):
        runs = package(scripts={"test": "jest", name: "x"})
        assert moved(runs, runs) == ["protected/scripts"] * 2


def test_the_names_of_scripts_are_shown_and_cannot_deceive() -> None:
    new = package(scripts={"post\x1b[2Jinstall": "x", "a" * 500: "x"})
    got = one("package.json", package(), new)[0].got
    assert "post\\x1b[2Jinstall" in got
    assert len(got) < 250


@pytest.mark.parametrize(
    "line",
    [
        "*.bin filter=x", "*.bin -text filter=lfs diff=lfs merge=lfs", "*.c diff=evil", "*.po merge=mine",
        "*.txt working-tree-encoding=UTF-16", "*.h export-subst", "[attr]safe filter=x", '"a b" filter=x',
        '"*"filter=x', "\x0b filter=x", "\x0b#x filter=x", "*\tfilter=x\r", "secret -filter", "secret !filter", "* filter",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", [".gitattributes", "sub/.gitattributes", "sub/.GITATTRIBUTES"])
def test_an_attribute_that_makes_git_do_something(path: str, line: str) -> None:
    text = f"# head\n* text=auto\n{line}\n".encode()
    assert broken(path, None, text) == ["attributes"]
    assert broken(path, b"* text=auto\n", text) == ["attributes"]
    assert broken(path, text, None) == broken(path, text, b"") == ["attributes"]
    assert broken(path, text, text + b"*.md text\n") == []


@pytest.mark.parametrize(
    "line",
    [
        "* text=auto eol=lf", "*.png binary", "*.lock -diff linguist-generated", "*.py diff=python", "*.md merge=union",
        "# *.bin filter=x", "filter=x text", "*.svg -text -merge", "dist/** linguist-vendored=true export-ignore",
        "*.txt working-tree-encoding=UTF-8", "*.x diff", "*.x !diff !merge text", "*.sh text whitespace=trailing-space", "",
    ],
)  # fmt: skip
def test_an_attribute_that_is_free(line: str) -> None:
    assert broken(".gitattributes", None, line.encode()) == []
    assert broken("sub/.gitattributes", line.encode(), None) == []


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\n", '{"apiVersion":"kyverno.io/v2beta1"}',
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\n", "kind: 'AppProject'\napiVersion: argoproj.io/v1alpha1",
        "a: 1\n---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n",
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository", "apiVersion: helm.toolkit.fluxcd.io/v2",
        "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy",
    ],
)  # fmt: skip
def test_a_manifest_of_what_a_cluster_runs_or_admits(text: str) -> None:
    for path in ("deploy/x.yaml", "x.YML", "x.json", "chart/templates/x.tpl"):
        assert broken(path, None, text.encode()) == ["gitops"]
        assert (
            broken(path, text.encode(), b"a: 1") == broken(path, text.encode(), None) == ["gitops"]
        )
    assert broken("x.yaml", None, text.encode("utf-16")) == ["gitops"]
    assert (
        broken("docs/kyverno.md", None, text.encode()) == broken("x.py", None, text.encode()) == []
    )


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: apps/v1\nkind: Deployment", "apiVersion: argoproj.io/v1alpha1\nkind: Rollout",
        "image: ghcr.io/kyverno/kyverno:v1", "kind: Application", "group: kyverno.io\n", "",
    ],
)  # fmt: skip
def test_another_manifest_is_free(text: str) -> None:
    assert broken("deploy/x.yaml", None, text.encode()) == []


def test_the_build_scripts_of_nested_projects_and_modules_of_that_name() -> None:
    for text in (b"from setuptools import setup", b"import distutils.core"):
        assert broken("lib/setup.py", None, text) == broken("a/b/SETUP.py", text, None) == ["build"]
    assert broken("src/app/setup.py", None, b"def set_up(): ...") == []
    change = FileChange(b"lib/build.rs", Mode.FILE, Mode.FILE, OLD, NEW)
    for path, wanted in ((b"lib/Cargo.toml", ["protected/build"]), (b"Cargo.toml", [])):
        tree = b"100644 %b 0\t%b\0" % (OLD.encode(), path)
        found = protected.check(Content(files=(change,), tree=tree))
        assert [f.rule for f in found] == wanted


def test_names_cost_no_time() -> None:
    deep = b"a/" * 2000 + b"x"
    assert rule_for(deep) == ""
    assert rule_for(b"~" * 4000) == rule_for(b".aider" + b"x" * 4000 + b"/y") == ""
