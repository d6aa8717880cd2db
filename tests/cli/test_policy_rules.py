"""`[rules]` of lanectl.toml: what it may say, what comes of it, and what `policy explain PATH` says."""

from __future__ import annotations

from pathlib import Path

import pytest

from lanectl import checks
from lanectl.checks import RULES
from lanectl.errors import UnreadableError
from lanectl.flows.explain_path import explain_path
from lanectl.flows.rules import read_rules
from lanectl.model.decision import Decision, Kind, Subject
from lanectl.model.report import Fault
from tests.cli.test_policy import add_rules, policy
from tests.world import World, lanectl, write

HOLD = "text/invisible"
FINGERPRINT = "0123456789abcdef" * 2
HIDDEN = b"is_\xe2\x80\x8badmin = False\n"


def rules(text: str) -> bytes:
    return f"version = 1\n{text}".encode()


# what is taken and what is refused ----------------------------------------------------------------


def test_what_is_said_holds() -> None:
    ruling = read_rules(
        rules(f"""
[rules]
secrets = ["{FINGERPRINT}"]
[rules."{HOLD}"]
allow = ["tests/unicode/**"]
[rules."words/markup"]
decision = "block"
""")
    ).ruling

    def decided(rule: str, kind: Kind, name: bytes, fingerprint: str = "") -> Decision:
        fault = Fault(rule, subject=Subject(kind, name), fingerprint=fingerprint)
        return ruling.decide(RULES[rule], fault)[0]

    assert decided(HOLD, Kind.PATH, b"tests/unicode/a.py") is Decision.ALLOW
    assert decided(HOLD, Kind.PATH, b"src/a.py") is Decision.HOLD
    assert decided("words/markup", Kind.WORDS, b"title") is Decision.BLOCK
    assert decided("secrets/token", Kind.PATH, b"a", FINGERPRINT) is Decision.ALLOW
    assert decided("secrets/token", Kind.PATH, b"a", "f" * 32) is Decision.BLOCK
    assert read_rules(rules("")).ruling.rules == {}


REFUSED = {
    "unknown-rule": ('[rules."paths/none"]\n', 'rules."paths/none" is no rule'),
    "no-rule-id": ("[rules]\nsecret = []\n", "rules.secret is not a known key"),
    "unknown-key": (f'[rules."{HOLD}"]\nallowed = ["a"]\n', "allowed is not a known key"),
    "milder": (f'[rules."{HOLD}"]\ndecision = "warn"\n', "makes the rule milder: it is hold"),
    "milder-block": ('[rules."paths/link"]\ndecision = "hold"\n', "it is block, and hold is less"),
    "allow": (f'[rules."{HOLD}"]\ndecision = "allow"\n', "must be warn, hold or block"),
    "blocks": ('[rules."paths/link"]\nallow = ["a"]\n', "the rule blocks"),
    "made-to-block": (f'[rules."{HOLD}"]\ndecision = "block"\nallow = ["a"]\n', "the rule blocks"),
    "warns": ('[rules."text/reordered"]\nallow = ["a"]\n', "only warns"),
    "not-paths": (
        '[rules."words/markup"]\ndecision = "hold"\nallow = ["a"]\n', "is not about paths",
    ),
    "everything": (f'[rules."{HOLD}"]\nallow = ["**"]\n', "allows everything"),
    "every-file": (f'[rules."{HOLD}"]\nallow = ["a", "**/*"]\n', "allows everything"),
    "every-top": (f'[rules."{HOLD}"]\nallow = ["*"]\n', "allows everything"),
    "every-dot": (f'[rules."{HOLD}"]\nallow = ["**.*"]\n', "allows everything"),
    "absolute": (f'[rules."{HOLD}"]\nallow = ["/src/a"]\n', "from the top of the repository"),
    "folder": (f'[rules."{HOLD}"]\nallow = ["src/"]\n', "a folder as `dir/**`"),
    "text": (f'[rules."{HOLD}"]\nallow = "src/a"\n', "allow must be of type list"),
    "fingerprint": (f'[rules]\nsecrets = ["{FINGERPRINT[1:]}"]\n', "must be fingerprints"),
    "value": ('[rules]\nsecrets = ["hunter2"]\n', "must be fingerprints"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_loosen_or_mean_nothing_is_refused(name: str) -> None:
    text, why = REFUSED[name]
    with pytest.raises(UnreadableError) as caught:
        read_rules(rules(text))
    assert caught.value.what.startswith("lanectl.toml: rules")
    assert why in caught.value.what
    assert caught.value.remedies


def test_no_rule_that_blocks_can_be_made_milder() -> None:
    for rule in RULES.values():
        for decision in ("warn", "hold"):
            text = rules(f'[rules."{rule.id}"]\ndecision = "{decision}"\n')
            if rule.decision.strictness > Decision(decision).strictness:
                with pytest.raises(UnreadableError):
                    read_rules(text)
            else:
                assert read_rules(text)
        if rule.decision is Decision.BLOCK:
            with pytest.raises(UnreadableError):
                read_rules(rules(f'[rules."{rule.id}"]\nallow = ["src/a"]\n'))
    assert not checks.is_about_paths(RULES["archive/digest"])


def test_a_bad_policy_at_the_tip_judges_nothing(world: World) -> None:
    add_rules(world, '[rules."paths/none"]\n')
    world.commit("bad")
    world.fetch()
    shown = policy(world, "show")
    assert shown.code == 3
    assert 'lanectl.toml: rules."paths/none" is no rule of this lanectl' in shown.err
    assert "docs/rules.md" in shown.err


# what comes of it ---------------------------------------------------------------------------------


def test_a_hold_is_let_through_for_named_paths_and_tightened_elsewhere(world: World) -> None:
    add_rules(world, f'[rules."{HOLD}"]\nallow = ["tests/**"]\n')
    world.commit("rules")
    world.fetch()
    write(world.builder / "tests/a.py", HIDDEN)
    allowed = world.verify(world.pack("in-tests"))
    assert allowed.code == 0, allowed.err
    (finding,) = allowed.json["findings"]
    assert (finding["decision"], finding["allowed_by"]) == ("allow", "lanectl.toml allows tests/**")
    assert f"✓ allowed: {HOLD} tests/a.py:1 (lanectl.toml allows tests/**)" in allowed.err
    write(world.builder / "src/a.py", HIDDEN)
    assert world.verify(world.pack("in-src")).code == 4
    add_rules(world, '[rules."text/bidi"]\ndecision = "block"\n')
    world.commit("stricter")
    world.fetch()
    write(world.builder / "b.py", "x = 1  # \u202e\n".encode())
    refused = lanectl("pack", "--repo", world.builder, "--slug", "bidi")
    assert refused.code == 1
    assert "✗ text/bidi b.py:1" in refused.err


# what is said of it -------------------------------------------------------------------------------


def test_a_path_is_explained_before_it_is_changed(world: World) -> None:
    add_rules(world, f'[rules]\nsecrets = ["{FINGERPRINT}"]\n[rules."{HOLD}"]\nallow = ["t/**"]\n')
    world.commit("rules")
    world.fetch()
    said = policy(world, "explain", "lanectl.toml", "src/a.py", "db/migrations/1.sql")
    assert said.code == 0, said.err
    assert "lanectl.toml (added, modified, deleted): is refused" in said.out
    assert "rule    paths/trust: " in said.out
    assert "what blocks can be allowed by nobody" in said.out
    assert "src/a.py (added, modified, deleted): goes through" in said.out
    assert "no rule is about this name" in said.out
    assert "needs   a rollback in the same change" in said.out
    as_json = policy(world, "explain", "lanectl.toml", "--json").json
    assert [(p["change"], p["decision"], p["rule"]) for p in as_json["paths"]] == [
        (kind, "block", "paths/trust") for kind in ("added", "modified", "deleted")
    ]
    shown = policy(world, "show", "--json").json["rules"]
    assert shown["secrets"] == [FINGERPRINT]
    assert shown["entries"] == {HOLD: {"decision": None, "allow": ["t/**"]}}
    assert "t/**" in policy(world, "show").out


def test_an_explanation_is_what_the_rules_say_and_never_hostile(world: World) -> None:
    odd = policy(world, "explain", "a\x1b[31m/.git/x", "-", "\udcff")
    assert odd.code == 0
    assert "\x1b" not in odd.out
    assert "paths/dot-git" in odd.out
    trust, name = ["paths/trust"] * 3, ["paths/name", None, None]  # an odd name of the base may go
    for path, wanted in ((b".lanectl/x", trust), (b"a\nb", name), (b"ok", [None] * 3)):
        found = [one.finding for one in explain_path(path, read_rules(rules("")))]
        assert [f.rule.id if f else None for f in found] == wanted


def test_the_sample_of_the_documentation_is_taken() -> None:
    page = (Path(__file__).parents[2] / "docs/configuration.md").read_text()
    sample = page.partition("<!-- sample: lanectl.toml -->\n```toml\n")[2].partition("```")[0]
    assert read_rules(sample.encode()).ruling.rules[HOLD].allow == ("tests/unicode/**",)
