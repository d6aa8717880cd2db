"""The house rules that no linter knows: rooms, sizes, start-up, documents that cannot rot."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lanectl.checks import RULES
from lanectl.cli.app import _commands_for
from lanectl.cli.lanes import COMMANDS
from lanectl.config import parse_operator, parse_rules
from lanectl.formats import keyring, root
from lanectl.model.lane import Act
from lanectl.model.signer import Method
from lanectl.model.trust import Role
from tests.world import lanectl

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src/lanectl"
FILES = sorted(SOURCE.rglob("*.py"))
HEAVY = {
    "cryptography",
    "cyclonedx",
    "git",
    "in_toto_attestation",
    "google",
    "httpx",
    "rich",
    "sigstore",
    "supabase",
    "yaml",
}


def imported_by(*arguments: str) -> set[str]:
    code = (
        "import sys\nfrom lanectl.cli.app import run\nrun(sys.argv[1:])\n"
        "sys.stderr.write('\\n'.join({m.partition('.')[0] for m in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, check=True, text=True
    )
    return set(done.stderr.splitlines())


def test_help_loads_nothing_heavy() -> None:
    assert not imported_by("--help") & HEAVY


def test_a_plain_verify_loads_no_renderer_and_no_writer(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"")
    loaded = imported_by("verify", str(tmp_path / "b"))
    assert "lanectl" in loaded
    assert not loaded & (HEAVY - {"cryptography"})


def test_only_the_command_that_runs_is_loaded() -> None:
    code = (
        "import sys\nfrom lanectl.cli.app import run\nrun(['pack', '--help'])\n"
        "print([m for m in sys.modules if m.startswith('lanectl.cli.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    loaded = done.stdout.splitlines()[-1]
    assert "lanectl.cli.pack" in loaded
    assert "lanectl.cli.apply" not in loaded


@pytest.mark.parametrize(
    ("words", "alone"),
    [
        (["pack"], True), (["--profile", "apply", "pack", "--help"], True), (["--profile=x", "pack"], True),
        ([], False), (["--help", "pack"], False), (["pak"], False), (["--profile"], False), (["-h"], False),
    ],
)  # fmt: skip
def test_which_command_is_called(words: list[str], alone: bool) -> None:
    assert list(_commands_for(words)) == (["pack"] if alone else list(COMMANDS))


def reads_files(tree: ast.AST) -> list[int]:
    """Line numbers of `open(…)`, `.read_text()`, `.read_bytes()` and the like."""
    methods = {"read_text", "read_bytes", "write_text", "write_bytes"}
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Name) and node.func.id == "open")
            or (isinstance(node.func, ast.Attribute) and node.func.attr in methods)
        )
    ]


def test_only_adapters_open_files() -> None:
    assert reads_files(ast.parse("open('x')\nPath('x').read_text()")) == [1, 2]
    outside = [f for f in FILES if "adapters" not in f.parts]
    assert [f.name for f in outside if reads_files(ast.parse(f.read_text()))] == []


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(SOURCE)))
def test_files_and_functions_stay_small(file: Path) -> None:
    text = file.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "every module says its job"
    assert len(text.splitlines()) <= 300
    functions = [
        n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name != "command"
    ]
    long = {n.name: n.end_lineno - n.body[0].lineno + 1 for n in functions if n.end_lineno}
    assert {name: length for name, length in long.items() if length > 45} == {}


def test_every_rule_that_code_names_is_declared_and_every_declared_one_is_named() -> None:
    declared = re.compile(r'Rule\(\s*"([a-z-]+/[a-z0-9-]+)"')
    families = "|".join({r.partition("/")[0] for r in RULES})
    named: set[str] = {act.rule for act in Act}
    for file in FILES:
        text = declared.sub("", file.read_text())
        named |= set(re.findall(rf'"((?:{families})/[a-z0-9-]+)"', text))
    assert named - {"trust/keyring", "sbom/lockfile"} == set(RULES)


def test_every_rule_says_why_shows_an_example_and_what_to_do() -> None:
    elsewhere = set()
    for rule in RULES.values():
        assert rule.why.endswith("."), rule.id
        assert rule.remedy.text.endswith((".", "?")), rule.id
    bare = [
        r.id for r in RULES.values() if not r.example and r.id.partition("/")[0] not in elsewhere
    ]
    assert bare == []
    assert [r.id for r in RULES.values() if r.example.endswith(".")] == []


def sample(name: str) -> bytes:
    text = (ROOT / "docs/configuration.md").read_text()
    match = re.search(rf"<!-- sample: {re.escape(name)} -->\n```\w+\n(.*?)```", text, re.DOTALL)
    assert match, name
    return match[1].encode()


def test_the_documented_samples_are_valid_and_complete() -> None:
    rules = sample("lanectl.toml")
    assert parse_rules(rules).repository == "github.com/acme/shop"
    operator = parse_operator(sample("enforcer.toml"), "enforcer.toml")
    assert operator.repository == "github.com/acme/shop"
    ring = keyring.read(sample("keyring.json"))
    assert [k.role for k in ring.keys] == ["builder", "enforcer"]
    assert json.loads(keyring.write(ring)) == json.loads(sample("keyring.json"))
    policy = parse_rules(rules).trust
    assert (len(policy.keyless), len(policy.spiffe), len(policy.gpg)) == (2, 1, 1)
    assert policy.accepted(Role.BUILDER) == tuple(Method)
    assert [k.name for k in root.read_root(sample("root.json")).keys] == ["alice", "bob", "carol"]
    signed = root.read_endorsement(sample("root.signatures.json"))
    assert len(root.signed_by(root.read_root(sample("root.json")), signed)) == 2
    # complete: a key more in either TOML file is refused, so what is missing here cannot be set
    for line in rules.splitlines():
        assert not line.startswith(b"#!"), line


def test_documents_name_only_what_exists() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def anchors(page: str) -> set[str]:
    """The anchors of a page: its explicit ones, and those that its headings get."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings)
    return {*plain, *re.findall(r'<a id="([^"]+)">', page)}


def test_documents_link_only_to_anchors_that_exist() -> None:
    assert anchors('# A `b`, c\n<a id="d/e"></a>\n') == {"a-b-c", "d/e"}
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text()):
            there = page.parent / target if target else page
            assert anchor in anchors(there.read_text()), f"{page.name}: {target}#{anchor}"


def test_generated_documents_are_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs/generate.py"), "--check"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


def test_every_remedy_command_is_a_real_command() -> None:
    for rule in RULES.values():
        command = rule.remedy.command
        if command[:1] == ("lanectl",):
            words = [w for w in command[1:] if w.islower() and not w.startswith("-")][
                : 2 if command[1] in {"keys", "lane"} else 1
            ]
            options = {w for w in command if w.startswith("--")}
            shown = lanectl(*words, "--help")
            assert shown.code == 0, command
            assert all(option in shown.out for option in options), command
