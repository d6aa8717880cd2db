"""What `lanectl policy` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lanectl.cli import policy_paths, render
from lanectl.errors import Remedy
from lanectl.model.display import display
from lanectl.model.root import ROOT_PATH, SIGNATURES_PATH
from lanectl.model.settings import RULES_PATH
from lanectl.model.trust_policy import TRUST_FOLDER

if TYPE_CHECKING:
    from datetime import datetime

    from lanectl.flows.endorse import Endorsed, Standing
    from lanectl.flows.policy import Entry, Warned
    from lanectl.model.evidence import Trust

ENDORSE = Remedy(
    "Let enough holders of these keys, and of the keys of the root before, sign it.",
    ("lanectl", "policy", "endorse", "--key", "ROOTKEY"),
)
_DAY = "%Y-%m-%d"
_DIGITS = 16


def show(trust: Trust, warned: tuple[Warned, ...], *, as_json: bool) -> None:
    """Print whom the tip believes."""
    from lanectl.flows import policy as flow
    from lanectl.model.trust import Role

    found = flow.entries(trust)
    if as_json:
        policy = trust.policy
        render.document(
            {
                "schema": "urn:lanectl:policy:v1",
                "repository": trust.source.repository,
                "tip": trust.source.tip,
                "validity_days": policy.validity.days,
                "skew_seconds": int(policy.skew.total_seconds()),
                "accept": {"builder": [m.value for m in policy.accepted(Role.BUILDER)]},
                "entries": [_entry(e) for e in found],
                "root": _root(trust),
                "rules": policy_paths.rules_document(trust.rules.ruling),
                "warnings": [warning_json(w) for w in warned],
            }
        )
    else:
        rows = [
            (
                e.role.value, e.method.value, "" if e.is_accepted else "not enough",
                display(e.name), _short(e), _day(e.not_before), _day(e.not_after),
                "revoked" if e.is_revoked else "",
            )
            for e in found
        ]  # fmt: skip
        render.table(("role", "method", "", "name", "who", "from", "to", ""), rows)
        policy_paths.show_rules(trust.rules.ruling)
    warn(warned)


def explain(trust: Trust, now: datetime, warned: tuple[Warned, ...], *, as_json: bool) -> None:
    """Print in words who may do what."""
    from lanectl.flows import policy as flow

    lines = flow.explain(trust, now)
    if as_json:
        render.document({"lines": list(lines), "warnings": [warning_json(w) for w in warned]})
    else:
        for line in lines:
            render.data(line)
    warn(warned)


def endorsed(done: Endorsed, *, as_json: bool, dry_run: bool) -> None:
    """Print what was signed, how it differs from what was signed before, and who else must sign."""
    said = done.endorsement
    if as_json:
        render.document(
            {
                "written": [] if dry_run or not done.file.changes else [done.file.path],
                "version": said.version,
                "repository": said.repository,
                "changes": [display(change) for change in done.changes],
                "roots": [_standing(s) for s in done.standings],
            }
        )
        return
    for change in done.changes:
        digest = said.files.get(change[2:])
        render.data(f"{display(change)}{f'  sha256:{digest}' if digest else ''}")
    word = "would sign" if dry_run else "signed"
    render.talk(f"{word} version {said.version} of the trust files as {display(done.signer.name)}")
    for standing in done.standings:
        which = ROOT_PATH if standing.is_present else "the root before"
        names = ", ".join(display(key.name) for key in standing.signers) or "nobody"
        render.talk(f"  {which}: {len(standing.signers)} of {standing.root.threshold} ({names})")
    if all(s.is_met for s in done.standings):
        render.remedy(Remedy("Commit the files together, through an ordinary review.",
                             ("git", "add", "--", RULES_PATH, TRUST_FOLDER)))  # fmt: skip
    else:
        render.remedy(Remedy("Hand the files on: this many more must sign.",
                             ("git", "add", "--", SIGNATURES_PATH)))  # fmt: skip


def warn(warned: tuple[Warned, ...]) -> None:
    """Print what ends soon, or has ended."""
    for warning in warned:
        word = "ended" if warning.has_ended else "ends"
        render.talk(f"warning: {display(warning.what)} {word} {warning.ends:%Y-%m-%d %H:%M}Z")


def warning_json(warning: Warned) -> dict[str, str]:
    """Return it as plain data."""
    return {"what": display(warning.what), "ends": warning.ends.isoformat()}


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "role": entry.role.value,
        "method": entry.method.value,
        "accepted": entry.is_accepted,
        "name": display(entry.name),
        "email": display(entry.email),
        "who": display(entry.id),
        "detail": display(entry.detail),
        "not_before": entry.not_before.isoformat() if entry.not_before else None,
        "not_after": entry.not_after.isoformat() if entry.not_after else None,
        "revoked": entry.is_revoked,
    }


def _root(trust: Trust) -> dict[str, Any] | None:
    root = trust.root
    if root is None:
        return None
    keys = [{"name": display(key.name), "id": key.public.id} for key in root.keys]
    return {"threshold": root.threshold, "keys": keys}


def _standing(standing: Standing) -> dict[str, Any]:
    return {
        "present": standing.is_present,
        "threshold": standing.root.threshold,
        "signed": [display(key.name) for key in standing.signers],
        "met": standing.is_met,
    }


def _short(entry: Entry) -> str:
    return entry.id[:_DIGITS] if entry.method.value == "key" else display(entry.id)


def _day(at: datetime | None) -> str:
    return f"{at:{_DAY}}" if at else ""
