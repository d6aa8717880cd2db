"""A report in its three forms: valid, complete, and safe to show whatever the bundle says."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from lanectl.checks import RULES
from lanectl.formats import report as formats
from lanectl.formats import statement
from lanectl.formats.annotations import to_annotations
from lanectl.formats.sarif import to_sarif
from lanectl.model.change import FileChange
from lanectl.model.decision import Decision, Kind, Subject
from lanectl.model.names import Digest, ObjectId, RepositoryId
from lanectl.model.report import Finding, Step, StepState, TrustSource, VerificationReport
from tests.assets import make_bundles
from tests.assets.bundles.workshop.bundle import Plan, make
from tests.checks.enforcer import Enforcer
from tests.strategies import made

FUZZ = settings(max_examples=50, deadline=None)
SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs/schemas/report.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = Draft202012Validator(SCHEMA)
SARIF = Draft202012Validator(json.loads((Path(__file__).parent / "sarif-part.json").read_text()))
LEVELS = {"block": "error", "hold": "error", "warn": "warning", "allow": "note"}

HOSTILE = st.text(max_size=40) | st.sampled_from(
    [
        "\x1b]0;x\x07", "\u202eabc", "a\r\n::error::b", "100%0A::warning::x", "\ud800", "\udcff",
        "\u2028", "\x9b31m", "a\u200b", "\U000e0041", "::set-output name=x::y", "]]>", "\0",
    ]
)  # fmt: skip
IDS = st.text("0123456789abcdef", min_size=40, max_size=40).map(ObjectId)
SUBJECTS = st.builds(made(Subject), st.sampled_from(Kind), st.binary(min_size=1, max_size=30))
FINDINGS = st.builds(
    made(Finding), st.sampled_from(list(RULES.values())), HOSTILE, HOSTILE, HOSTILE,
    st.just(Decision.BLOCK), st.none() | SUBJECTS, st.integers(0, 9),
)  # fmt: skip
CHANGES = st.builds(
    made(FileChange), path=st.binary(min_size=1, max_size=30), old_mode=st.sampled_from(["000000", "100644"]),
    new_mode=st.sampled_from(["000000", "100755", "120000"]), old_id=IDS, new_id=IDS, target=st.none(),
)  # fmt: skip


@st.composite
def reports(draw: st.DrawFn) -> VerificationReport:
    steps = tuple(
        Step(n + 1, f"step {n}", draw(st.sampled_from(StepState)), tuple(draw(st.lists(FINDINGS, max_size=2))))
        for n in range(12)
    )  # fmt: skip
    source = TrustSource(
        draw(HOSTILE), Digest("0" * 64), RepositoryId("a.test/b"), draw(HOSTILE), ObjectId("1" * 40)
    )
    return VerificationReport(
        digest=Digest("a" * 64), steps=steps, trust=draw(st.none() | st.just(source)),
        untrusted_because=draw(HOSTILE), bundle=None, statement=draw(st.none() | st.just(STATEMENT)),
        signer=None, files=tuple(draw(st.lists(CHANGES, max_size=3))),
    )  # fmt: skip


def _statement() -> Any:
    found: list[bytes] = []

    def step(predicate: Any) -> None:
        predicate["invocation"]["parameters"]["title"] = "\u001b[31m\u202e"

    make(Plan(predicate=step, payload=found.append))
    return statement.read(found[0])


STATEMENT = _statement()


def _finding(
    rule: str,
    *,
    decision: Decision = Decision.HOLD,
    where: str = "",
    subject: Subject | None = None,
    line: int = 0,
    allowed_by: str = "",
) -> Finding:
    return Finding(
        RULES[rule], where, "x", "y", decision, subject=subject, line=line, allowed_by=allowed_by
    )


def _report(*findings: Finding) -> VerificationReport:
    step = Step(1, "all", StepState.PASSED, findings)
    return VerificationReport(Digest("a" * 64), (step,), None, "", None, None, None, ())


def is_safe(text: str) -> bool:
    """Whether no character moves, hides or reorders anything, or cannot be encoded."""
    return not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in text)


def texts(value: Any) -> list[str]:
    """Return every text of plain data, keys too."""
    if isinstance(value, dict):
        return [t for k, v in value.items() for t in (k, *texts(v))]
    if isinstance(value, list):
        return [t for v in value for t in texts(v)]
    return [value] if isinstance(value, str) else []


# JSON ---------------------------------------------------------------------------------------------


def test_the_schema_itself_is_strict_and_explains_itself() -> None:
    Draft202012Validator.check_schema(SCHEMA)

    def check(node: Any) -> None:
        if isinstance(node, list):
            for item in node:
                check(item)
        if not isinstance(node, dict):
            return
        if node.get("type") == "object":
            assert node["additionalProperties"] is False
            assert sorted(node["required"]) == sorted(node["properties"])
            for name, field in node["properties"].items():
                assert "description" in field, name
        for item in node.values():
            check(item)

    check(SCHEMA)
    assert SCHEMA["$id"] == formats.SCHEMA == SCHEMA["properties"]["schema"]["const"]


@pytest.fixture(scope="module")
def enforcer(tmp_path_factory: pytest.TempPathFactory) -> Enforcer:
    return Enforcer(tmp_path_factory.mktemp("enforcer") / "root")


REAL = [
    "good/every-kind-of-change", "good/with-rollback", "envelope/missing", "archive/traversal",
    "gzip/bomb", "members/outer-extra-hostile-name", "paths/escape", "paths/newline",
    "paths/link-escape", "signature/revoked-key", "text/title-escape", "replay/other-context",
    "handoff/expired",
]  # fmt: skip


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("trusted", [True, False])
def test_a_real_report_is_valid_and_says_what_was_found(
    name: str, trusted: bool, enforcer: Enforcer
) -> None:
    plans = {d.name: d.plan for d in make_bundles.defects()}
    plan = plans[name]
    report = enforcer.verify(make(plan), enforcer.trust() if trusted else None)
    document = formats.to_json(report)
    assert json.loads(json.dumps(document)) == document
    VALIDATOR.validate(document)
    assert document["outcome"] == report.outcome.value
    assert (document["trust"] is None) is not trusted
    assert [f["rule"] for f in document["findings"]] == [f.rule.id for f in report.findings]
    assert [r for step in document["steps"] for r in step["rules"]] == [
        f.rule.id for f in report.findings
    ]
    assert len(document["files"]) == len(report.files)


def test_the_schema_refuses_what_is_not_in_it(enforcer: Enforcer) -> None:
    report = enforcer.verify(make(Plan()), enforcer.trust())
    document = formats.to_json(report)
    assert VALIDATOR.is_valid(document)
    for broken in (
        {**document, "extra": 1},
        {k: v for k, v in document.items() if k != "outcome"},
        {**document, "outcome": "good"},
        {**document, "bundle": "a" * 64},
        {**document, "unverified_because": "\x1b"},
        {**document, "steps": document["steps"][:3]},
        {**document, "signer": {**document["signer"], "role": "root"}},
        {**document, "handoff": {**document["handoff"], "attempt": "1"}},
    ):
        assert not VALIDATOR.is_valid(broken)


@FUZZ
@given(reports())
def test_no_hostile_text_reaches_any_form_unescaped(report: VerificationReport) -> None:
    document = formats.to_json(report)
    VALIDATOR.validate(document)
    log = to_sarif(report, "artifact.tar.gz")
    for text in (*texts(document), *texts(log)):
        assert all(is_safe(line) for line in text.split("\n")), text
    annotations = to_annotations(report.findings)
    assert all(is_safe(line) for line in annotations.split("\n"))


# SARIF --------------------------------------------------------------------------------------------


@FUZZ
@given(reports())
def test_a_sarif_log_holds_every_finding_with_its_rule_and_place(
    report: VerificationReport,
) -> None:
    log = to_sarif(report, "in box/artifact.tar.gz")
    SARIF.validate(log)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(rules) == len(set(rules))
    assert {f.rule.id for f in report.findings} == set(rules)
    assert sorted(r["ruleId"] for r in run["results"]) == sorted(f.rule.id for f in report.findings)
    marks = [r["partialFingerprints"]["primaryLocationLineHash"] for r in run["results"]]
    assert len(marks) == len(set(marks))
    for result in run["results"]:
        assert result["level"] == LEVELS[result["properties"]["decision"]]
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert bool(result["suppressions"]) is (result["level"] == "note")
        (location,) = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"].isascii()
    assert run["properties"]["outcome"] == report.outcome.value


def test_what_is_no_log_is_refused_by_the_schema_of_these_tests() -> None:
    good = to_sarif(_report(Finding(RULES["archive/digest"], "", "", "")), "a.tar.gz")
    assert SARIF.is_valid(good)
    for broken in (
        lambda run: run["results"][0].update(level="block"),
        lambda run: run["results"][0]["locations"][0]["physicalLocation"]["region"].update(startLine=0),
        lambda run: run["tool"]["driver"]["rules"][0].pop("id"),
        lambda run: run.update(extra=1),
        lambda run: run["results"][0].update(suppressions=[{"kind": "policy"}]),
    ):  # fmt: skip
        log = json.loads(json.dumps(good))
        broken(log["runs"][0])
        assert not SARIF.is_valid(log)


def test_a_result_stands_at_its_line_and_keeps_its_mark_when_lines_move() -> None:
    subject = Subject(Kind.PATH, b"src/a b.py")
    at = [_finding("text/bidi", subject=subject, line=n, where="src/a b.py") for n in (3, 7)]
    marks = []
    for finding in at:
        (result,) = to_sarif(_report(finding), "/in/artifact.tar.gz")["runs"][0]["results"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"] == {"uri": "src/a%20b.py", "uriBaseId": "%SRCROOT%"}
        assert place["region"]["startLine"] == finding.line
        marks.append(result["partialFingerprints"])
    assert marks[0] == marks[1]
    assert to_annotations(at[:1]).startswith("::error file=src/a b.py,line=3,title=text/bidi::")


def test_a_rule_explains_itself_and_an_allowance_is_a_suppression() -> None:
    allowed = _finding("text/bidi", decision=Decision.ALLOW, allowed_by="lanectl.toml allows x/**")
    run = to_sarif(_report(allowed), "/in/artifact.tar.gz")["runs"][0]
    rule = run["tool"]["driver"]["rules"][0]
    assert rule["defaultConfiguration"]["level"] == "error"
    assert f"Example: {RULES['text/bidi'].example}." in rule["help"]["markdown"]
    assert "security" in rule["properties"]["tags"]
    (result,) = run["results"]
    assert result["level"] == "note"
    assert result["suppressions"][0]["justification"] == "lanectl.toml allows x/**"
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert uri == {"uri": "file:///in/artifact.tar.gz"}
    assert to_annotations([allowed]).startswith("::notice title=text/bidi::")


def test_of_very_many_findings_the_strictest_are_shown_and_the_rest_is_counted() -> None:
    many = [_finding("words/markup", decision=Decision.WARN, where=str(n)) for n in range(5_002)]
    report = _report(*many, _finding("text/bidi", decision=Decision.HOLD))
    run = to_sarif(report, "a.tar.gz")["runs"][0]
    assert len(run["results"]) == 5_000
    assert run["results"][0]["ruleId"] == "text/bidi"
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"].startswith("3 more findings")
    lines = to_annotations(report.findings).splitlines()
    assert len(lines) == 51
    assert "title=text/bidi" in lines[0]
    assert lines[-1] == "::notice title=lanectl::and 4953 more findings: see the log"


def test_a_finding_points_at_its_path_or_else_at_the_bundle(enforcer: Enforcer) -> None:
    plans = {d.name: d.plan for d in make_bundles.defects()}
    trust = enforcer.trust()

    def uri(name: str, artifact: str = "a b.tar.gz") -> str:
        log = to_sarif(enforcer.verify(make(plans[name]), trust), artifact)
        place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
        return str(place["artifactLocation"]["uri"])

    assert uri("paths/trust-rules") == "lanectl.toml"
    assert unquote_to_bytes(uri("paths/newline")) == b"a\nb"
    assert uri("envelope/missing") == "a%20b.tar.gz"
    odd = uri("envelope/missing", "\udcff\x1b.tar.gz")  # a file name that is not UTF-8
    assert unquote_to_bytes(odd) == b"\xff\x1b.tar.gz"


# annotations --------------------------------------------------------------------------------------


@FUZZ
@given(st.lists(FINDINGS, max_size=4))
def test_one_finding_is_one_command_and_never_two(findings: list[Finding]) -> None:
    lines = to_annotations(findings).split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(findings)
    for line, finding in zip(lines, findings, strict=True):
        assert line.startswith(("::error title=", "::error file="))
        assert f"title={finding.rule.id}::" in line
        rest = line.replace("%25", "").replace("%0D", "").replace("%0A", "")
        assert "%" not in rest


def test_an_annotation_reads_well() -> None:
    rule = RULES["archive/digest"]
    text = to_annotations([Finding(rule, "a: b, 100%", "x", "y")])
    assert text == (
        f"::error title=archive/digest::a: b, 100%25: {rule.title} (got x, expected y). "
        f"{rule.remedy.text}\n"
    )
    only = to_annotations([Finding(rule, "", "", "y")])
    assert only == f"::error title=archive/digest::{rule.title} (expected y). {rule.remedy.text}\n"
    none = to_annotations([Finding(rule, "", "", "")])
    assert none == f"::error title=archive/digest::{rule.title}. {rule.remedy.text}\n"
