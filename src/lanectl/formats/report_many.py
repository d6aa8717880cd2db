"""The reports over many bundles: a line of JSON for each, or one SARIF log for all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lanectl.formats import report as formats
from lanectl.formats import sarif
from lanectl.model.display import display
from lanectl.model.names import Digest
from lanectl.model.report import Outcome, VerificationReport

if TYPE_CHECKING:
    from collections.abc import Iterable

_NOTHING = VerificationReport(
    digest=Digest("0" * 64), steps=(), trust=None, untrusted_because="", bundle=None,
    statement=None, signer=None, files=(),
)  # fmt: skip


def to_line(report: VerificationReport, place: bytes) -> str:
    """Return a report of docs/schemas/report.schema.json in one line of ASCII."""
    return json.dumps(formats.to_json(report, place))


def unjudged_line(place: bytes, why: str) -> str:
    """Return the same for what could not be read or judged at all: no digest, no step."""
    blank = formats.to_json(_NOTHING, place)
    blank |= {
        "outcome": Outcome.UNVERIFIED.value,
        "bundle": None,
        "unverified_because": display(why),
    }
    return json.dumps(blank)


def unjudged_sarif(artifact: str, why: str) -> dict[str, Any]:
    """Return a SARIF log that tells what could not be judged: a notification, no result."""
    log = sarif.to_sarif(_NOTHING, artifact)
    text = f"{display(artifact)}: {display(why)}"
    notice = {"level": "error", "message": {"text": text}}
    log["runs"][0]["invocations"] = [
        {"executionSuccessful": False, "toolExecutionNotifications": [notice]}
    ]
    return log


def join_sarif(logs: Iterable[dict[str, Any]], outcome: Outcome) -> dict[str, Any]:
    """Return one SARIF log of one run with what these logs say, and the outcome over all."""
    joined = sarif.to_sarif(_NOTHING, "")
    run = joined["runs"][0]
    rules: dict[str, dict[str, Any]] = {}
    notices: list[dict[str, Any]] = []
    for log in logs:
        (one,) = log["runs"]
        rules |= {rule["id"]: rule for rule in one["tool"]["driver"]["rules"]}
        run["results"] += one["results"]
        for invocation in one.get("invocations", ()):
            notices += invocation.get("toolExecutionNotifications", ())
    run["tool"]["driver"]["rules"] = list(rules.values())
    run["properties"] = {"outcome": outcome.value}
    if notices:
        run["invocations"] = [{"executionSuccessful": False, "toolExecutionNotifications": notices}]
    return joined
