"""`lanectl verify DIR`: every bundle below a folder, each a line as it comes."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from lanectl.cli import render
from lanectl.cli.options import Format
from lanectl.errors import ExitCode, LaneError
from lanectl.flows.verify_many import Judged, worst
from lanectl.formats import annotations as github
from lanectl.formats import report_many, sarif
from lanectl.model.display import display, display_path
from lanectl.model.report import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable


class Said(msgspec.Struct, frozen=True):
    """What is told of one bundle: its part of the output, written in the wanted format."""

    outcome: Outcome
    code: ExitCode
    body: str


class BugError(LaneError):
    """Judging one bundle met a bug of lanectl; the others are judged all the same."""

    exit_code = ExitCode.BUG


def judge(
    folder: str, repo: str, operator: str | None, output: Format, *, replay: bool
) -> ExitCode:
    """Judge the bundles below a folder and write the result; return the worst exit code."""
    from lanectl.wiring import many

    told: list[Said] = []
    with many.session(folder, repo, operator, replay=replay) as session:
        for place in session.skipped:
            render.talk(f"{display_path(place)} is a symbolic link, and none is followed here")
        answers = session.answers(
            lambda place, judging: msgspec.msgpack.encode(say(place, judging, folder, output))
        )
        with contextlib.closing(answers), render.count(len(session.places)) as count:
            for place, answer in zip(session.places, answers, strict=True):
                said = _heard(place, answer, folder, output)
                if output is not Format.SARIF:
                    render.block(said.body)
                    sys.stdout.flush()  # who reads it sees each as it comes
                    said = msgspec.structs.replace(said, body="")
                told.append(said)
                count(len(told))
    _sum_up(told, output)
    if session.untrusted is not None:
        render.error(session.untrusted, as_json=False)
    return worst(said.code for said in told)


def say(place: bytes, judging: Callable[[], Judged], folder: str, output: Format) -> Said:
    """Return what is told of one bundle, whatever happens while it is judged."""
    try:
        judged = judging()
    except Exception as error:  # noqa: BLE001 - the boundary of one bundle: the others are judged
        judged = Judged(place, problem=BugError(render.bug_line(error)))
    return _written(judged, folder, output)


def _heard(place: bytes, answer: bytes | None, folder: str, output: Format) -> Said:
    if answer is not None:
        return msgspec.msgpack.decode(answer, type=Said)
    died = BugError("the process that judged it was killed")
    return _written(Judged(place, problem=died), folder, output)


def _written(judged: Judged, folder: str, output: Format) -> Said:
    path = os.path.join(folder, os.fsdecode(judged.place))
    if judged.report is None:
        body = _problem(judged, path, output)
    elif output is Format.JSON:
        body = report_many.to_line(judged.report, judged.place) + "\n"
    elif output is Format.SARIF:
        body = json.dumps(sarif.to_sarif(judged.report, path))
    elif output is Format.GITHUB:
        body = github.to_annotations(judged.report.findings, display(path))
    else:
        slug = judged.report.statement.handoff.slug if judged.report.statement else "-"
        rules = ", ".join(dict.fromkeys(f.rule.id for f in judged.report.findings))
        body = _line(judged, slug, f"sha256:{judged.report.digest}", rules)
    return Said(judged.outcome, judged.code, body)


def _problem(judged: Judged, path: str, output: Format) -> str:
    problem = judged.problem
    why = ": ".join(part for part in (problem.what, problem.why) if part) if problem else ""
    if output is Format.JSON:
        return report_many.unjudged_line(judged.place, why) + "\n"
    if output is Format.SARIF:
        return json.dumps(report_many.unjudged_sarif(path, why))
    if output is Format.GITHUB:
        return github.to_warning(f"{display(path)}: {why}")
    return _line(judged, "-", "-", display(why))


def _line(judged: Judged, slug: str, digest: str, why: str) -> str:
    columns = (f"{judged.outcome.value:<10}", f"{slug:<24}", digest, display_path(judged.place))
    return "  ".join((*columns, why) if why else columns) + "\n"


def _sum_up(told: list[Said], output: Format) -> None:
    counted = Counter(said.outcome for said in told)
    if output is Format.SARIF:
        found: list[dict[str, Any]] = [json.loads(said.body) for said in told]
        worst_first = (Outcome.REJECTED, Outcome.HELD, Outcome.UNVERIFIED, Outcome.ACCEPTED)
        render.document(report_many.join_sarif(found, next(o for o in worst_first if counted[o])))
    elif output is Format.TEXT:
        parts = ", ".join(f"{counted[o]} {o.value}" for o in Outcome)
        render.data(f"{len(told)} bundle{'s' if len(told) > 1 else ''}: {parts}")
