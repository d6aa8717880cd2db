"""`lanectl approve`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote_to_bytes

import typer

from lanectl.cli import options, render
from lanectl.cli import verify as verification
from lanectl.errors import UsageError
from lanectl.model.display import display, display_path

if TYPE_CHECKING:
    from lanectl.flows.approve import Approved, TakenBack
    from lanectl.model.authority import Counted


def command(
    bundle: options.BundleFile,
    rule: Annotated[
        str | None, typer.Option("--rule", metavar="ID", help="What holds it, as `apply` says.")
    ] = None,
    path: Annotated[
        str | None,
        typer.Option("--path", metavar="PATH", help="Only this path or part. [default: all]"),
    ] = None,
    reason: options.Reason = None,
    days: Annotated[int, typer.Option(min=1, max=90, help="How long it is good for.")] = 7,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Take approvals back, until the merge.")
    ] = False,
    key: options.OrderKey = None,
    signature: options.SignatureFile = None,
    repo: options.Repo = ".",
    _passphrase_fd: options.PassphraseFd = None,
    as_json: options.Json = False,
) -> int:
    """Let what a rule holds of a bundle pass (lane: claude; a lead). Recorded and signed."""
    from lanectl.flows.approve import Wanted, approve
    from lanectl.flows.approve import withdraw as take_back
    from lanectl.model.trust import Role
    from lanectl.wiring import authority as wiring
    from lanectl.wiring import neutral

    why = _check(rule, reason, withdraw=withdraw)
    submission, wanted = neutral.submission(bundle, signature), Wanted(rule, path)
    with wiring.desk(repo) as desk:
        signer, repository = wiring.signer(key, Role.LEAD), desk.side.require_repository()
        if withdraw:
            taken = take_back(
                desk.registry, signer, submission.artifact,
                wanted=wanted, reason=why, repository=repository, remote=desk.remote(),
            )  # fmt: skip
            return _show_withdrawn(taken, as_json=as_json)
        approved = approve(
            desk.registry, signer, submission,
            wanted=wanted, reason=why, days=days, repository=repository,
        )  # fmt: skip
    return _show(approved, as_json=as_json)


def _check(rule: str | None, reason: str | None, *, withdraw: bool) -> str:
    if not withdraw and rule is None:
        raise UsageError("name the rule that holds it: --rule ID")
    if not (reason or "").strip():
        raise UsageError("say why: --reason TEXT")
    return str(reason)


def _show(approved: Approved, *, as_json: bool) -> int:
    from lanectl.formats.report import finding_json
    from lanectl.model.report import Outcome

    outcome = approved.report.outcome
    is_judged = outcome in {Outcome.HELD, Outcome.ACCEPTED}
    if as_json:
        render.document(
            {
                "bundle": f"sha256:{approved.report.digest}",
                "outcome": outcome.value,
                "approved": [_order(one) for one in approved.given],
                "already": list(approved.already),
                "findings": [finding_json(f) for f in approved.report.findings],
            }
        )
    if not is_judged:
        render.talk(f"lanectl: {outcome.value}: there is nothing to approve")
        render.findings(approved.report.findings)
        return verification.exit_code(approved.report)
    if not as_json:
        for one in approved.given:
            render.data(f"approved by {display(one.signer.name)} (lead): {_what(one)}")
        if not approved.given:
            render.data("approved already; nothing was recorded")
    if approved.held:
        render.talk(f"held still: {len(approved.held)}")
        render.findings(approved.held)
    else:
        render.talk("nothing is held any more: apply it")
    return 0


def _show_withdrawn(taken: TakenBack, *, as_json: bool) -> int:
    if as_json:
        orders = [_order(one) for one in taken.withdrawn]
        render.document({"withdrawn": orders, "published": taken.is_published})
        return 0
    for one in taken.withdrawn:
        who = display(one.signer.name)
        render.data(f"withdrawn by {who} (lead): {one.record.subject['approval']}")
    if not taken.withdrawn:
        render.data("withdrawn already; nothing was recorded")
    if taken.is_published:
        render.talk("published with the bundle: let CI judge the pull request again")
    return 0


def _what(one: Counted) -> str:
    said, until = one.record.subject, one.record.expires
    path = display_path(unquote_to_bytes(said["path"]))
    return f"{said['rule']} {path}, until {until:%Y-%m-%d %H:%MZ}"


def _order(one: Counted) -> dict[str, Any]:
    from lanectl.formats.statement import format_time

    record = one.record
    return {
        "event": record.id,
        "by": display(one.signer.name),
        "key": one.signer.public.id,
        "reason": display(record.reason),
        "subject": dict(record.subject),
        "expires": format_time(record.expires) if record.expires else None,
    }
