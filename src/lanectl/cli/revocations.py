"""What `lanectl keys list`, `revoke` and `impact` print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lanectl.cli import policies, render
from lanectl.errors import Remedy, UsageError
from lanectl.model.display import display
from lanectl.model.expiry import State, expiring, state_of

if TYPE_CHECKING:
    from datetime import datetime

    from lanectl.flows.impact import Impact, Suspect
    from lanectl.flows.policy import Warned
    from lanectl.flows.revoke import Revoked
    from lanectl.model.trust import Key, Keyring, Revocation

_DAY = "%Y-%m-%d"
_TIME = "%Y-%m-%d %H:%MZ"
_WORDS = {
    State.GOOD: "good",
    State.EXPIRING: "ends soon",
    State.NOT_YET: "not valid yet",
    State.EXPIRED: "expired",
}
_DIGITS = 16
"""Of a key's id; eight are enough to name it."""


def time_of(text: str | None, option: str) -> datetime | None:
    """Return the time that a person wrote, or None. Raises UsageError."""
    from lanectl.formats.statement import parse_time

    try:
        return parse_time(text) if text is not None else None
    except ValueError as error:
        raise UsageError(f"{option}: {display(str(error))}") from error


def show_ring(ring: Keyring, now: datetime, gpg: tuple[Warned, ...], *, as_json: bool) -> None:
    """Print the keys of a keyring, in its order; warn of those that end soon, without a successor.

    `gpg` are pinned GPG keys that end soon.
    """
    ending = expiring(ring.keys, now)
    if as_json:
        keys = [_key(k) | {"state": state_of(k, now).value} for k in ring.keys]
        render.document(
            {
                "keys": keys,
                "expiring": [k.public.id for k in ending],
                "warnings": [policies.warning_json(w) for w in gpg],
            }
        )
    else:
        rows = [
            (
                k.role.value, k.public.id[:_DIGITS], display(k.name), f"{k.not_before:{_DAY}}",
                f"{k.not_after:{_DAY}}", _state(k, now),
            )
            for k in ring.keys
        ]  # fmt: skip
        render.table(("role", "key", "name", "from", "to", "state"), rows)
    for key in ending:
        who = f"{display(key.name)} ({key.role.value}, key {key.public.id[:_DIGITS]})"
        render.talk(f"! the key of {who} ends {key.not_after:{_TIME}}, and no other follows it")
        render.remedy(Remedy("Rotate it in time.", ("lanectl", "keys", "rotate", key.public.id)))
    policies.warn(gpg)
    if gpg:
        render.remedy(
            Remedy("Its holder makes the next one.", ("lanectl", "keys", "rotate", "--gpg"))
        )


def _state(key: Key, now: datetime) -> str:
    if key.revoked is not None:
        return f"revoked {key.revoked.at:{_TIME}}, since {key.revoked.compromised_since:{_TIME}}"
    return _WORDS[state_of(key, now)]


def show_revoked(done: Revoked, top: str, *, has_root: bool, as_json: bool) -> None:
    """Print what was revoked, and what is left to do; under a root, that it must sign."""
    marked = done.file if done.file and done.file.changes else None
    if as_json:
        render.document(
            {
                "key": done.key,
                "revoked": _revocation(done.revocation),
                "event": done.recorded.record.id if done.recorded else None,
                "written": [marked.path] if marked else [],
            }
        )
        return
    who = f" of {display(done.known.name)} ({done.known.role.value})" if done.known else ""
    since = f"{done.revocation.compromised_since:{_TIME}}"
    render.data(f"revoked key {done.key}{who}, compromised since {since}")
    word = "recorded: every Enforcer refuses it from now on"
    render.talk(f"  ledger   {word if done.recorded else 'knew it already'}")
    if marked:
        render.talk(f"  keyring  marked in {marked.path} of {display(top)}")
        if has_root:
            render.remedy(render.ENDORSE)
        render.remedy(Remedy("Commit it on the target branch through an ordinary review.",
                             ("git", "add", "--", marked.path)))  # fmt: skip
    else:
        is_marked = "marked already" if done.file else "does not list the key in this work tree"
        render.talk(f"  keyring  {is_marked}")
    render.remedy(Remedy("See what depends on it.", ("lanectl", "keys", "impact", done.key)))


def show_impact(found: Impact, *, as_json: bool) -> None:
    """Print what depends on a key."""
    if as_json:
        render.document(
            {
                "key": found.id if found.is_key else None,
                "signer": display(found.id),
                "role": found.key.role.value if found.key else None,
                "name": display(found.key.name) if found.key else None,
                "revoked": _revocation(found.revocation),
                "since": found.since.isoformat() if found.since else None,
                "suspects": [_suspect(s) for s in found.suspects],
            }
        )
        return
    looked = f"looked at {f'since {found.since:{_TIME}}' if found.since else 'all'}"
    if found.is_key:
        known = found.key
        who = f"{display(known.name)} ({known.role.value})" if known else "not registered"
        state = f"revoked {found.revocation.at:{_TIME}}" if found.revocation else "not revoked"
        render.data(f"key {found.id}, {who}")
        render.data(f"{state}; {looked}")
    else:
        render.data(display(found.id))
        render.data(looked)
    for suspect in found.suspects:
        render.data(_line(suspect))
    render.data(f"{len(found.suspects)} to look at" if found.suspects else "nothing depends on it")


def _line(suspect: Suspect) -> str:
    said, row = suspect.event.event, suspect.handoff
    if row is not None:
        where = f"{row.slug}  commit {row.commit or '-'}  {display(row.url or row.branch)}"
        return f"{said.at:{_TIME}}  applied, now {row.state.value}  {where}"
    if suspect.counts:
        void = "counts" if suspect.counts == "counts" else f"void: {suspect.counts}"
        return f"{said.at:{_TIME}}  {said.kind.value}  {display(suspect.reason)}  ({void})"
    return f"{said.at:{_TIME}}  {said.kind.value}  {display(said.id)}"


def _suspect(suspect: Suspect) -> dict[str, Any]:
    said, row = suspect.event.event, suspect.handoff
    return {
        "event": display(said.id),
        "seq": suspect.event.seq,
        "kind": said.kind.value,
        "at": said.at.isoformat(),
        "handoff": said.handoff,
        "slug": row.slug if row else None,
        "state": row.state.value if row else None,
        "bundle": f"sha256:{row.bundle}" if row else None,
        "commit": row.commit if row else None,
        "url": display(row.url) if row else None,
        "counts": suspect.counts == "counts" if suspect.counts else None,
        "reason": display(suspect.reason),
    }


def _key(key: Key) -> dict[str, Any]:
    return {
        "role": key.role.value,
        "id": key.public.id,
        "name": display(key.name),
        "email": display(key.email),
        "not_before": key.not_before.isoformat(),
        "not_after": key.not_after.isoformat(),
        "revoked": _revocation(key.revoked),
    }


def _revocation(revoked: Revocation | None) -> dict[str, str] | None:
    if revoked is None:
        return None
    return {
        "at": revoked.at.isoformat(),
        "compromised_since": revoked.compromised_since.isoformat(),
        "reason": display(revoked.reason),
    }
